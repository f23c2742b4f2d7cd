//! Subrequests that are looked up to see what httpd would answer, and may take the place of their
//! main request.

use std::mem::{self, ManuallyDrop};
use std::ptr::{NonNull, null_mut};

use super::answer::Answer;
use super::raw;
use super::request::Request;
use super::state::Loaded;
use super::tables::{self, Env};

/// A subrequest that has been looked up, and not run.
pub(crate) struct Subrequest<'r> {
    raw: NonNull<raw::request_rec>,
    main: Request<'r>,
}

impl<'r> Request<'r> {
    /// Looks up what the client has asked for, once more, with `env` as the variables for scripts.
    pub(crate) fn look_up(self, env: Env<'r>) -> Subrequest<'r> {
        let r = self.as_ptr();
        // SAFETY: the request is alive, and httpd copies its variables and its URL for the
        // subrequest. Without a filter it asks no cache. It never answers with null.
        let raw = unsafe {
            let own = mem::replace(&mut (*r).subprocess_env, env.as_ptr());
            let url = self.sent_url().as_ptr();
            let found = raw::ap_sub_req_method_uri((*r).method, url, r, null_mut());
            (*r).subprocess_env = own;
            // It may have ended while that was hidden.
            (*found).main = r;
            NonNull::new_unchecked(found)
        };
        Subrequest { raw, main: self }
    }

    /// Lets modules read the headers by the configuration of the file, as httpd does for main
    /// requests alone.
    pub(crate) fn parse_headers(self) -> Answer {
        // SAFETY: the request is alive, and has its configuration.
        Answer(unsafe { raw::ap_run_header_parser(self.as_ptr()) })
    }
}

/// The main request of a subrequest, while httpd's record of the subrequest does not name it.
#[derive(Clone, Copy)]
pub(crate) struct HiddenMain<'r>(Request<'r>);

impl<'r> Request<'r> {
    /// Lets a subrequest look like a main request. `None`: it is one.
    pub(crate) fn hide_main(self) -> Option<HiddenMain<'r>> {
        let main = self.main_request()?;
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).main = null_mut() };
        Some(HiddenMain(main))
    }

    /// Gives a subrequest the protocol of its main request, in place of "INCLUDED".
    pub(crate) fn take_protocol(self) {
        let Some(main) = self.main_request() else {
            return;
        };
        // SAFETY: both are alive, and the string lives as long as the main request.
        unsafe {
            (*self.as_ptr()).protocol = (*main.as_ptr()).protocol;
            (*self.as_ptr()).proto_num = (*main.as_ptr()).proto_num;
        }
    }

    /// Lets a subrequest accept its file in whatever form that is. Rules that choose a compressed
    /// one then choose the file itself. (A client may do the same.)
    pub(crate) fn accept_any_form(self) {
        for name in [c"Accept", c"Accept-Encoding"] {
            // SAFETY: the request is alive; a subrequest has a table of its own.
            unsafe { raw::apr_table_unset((*self.as_ptr()).headers_in, name.as_ptr()) };
        }
    }

    /// It is a subrequest of `main` again.
    pub(crate) fn show_main(self, main: HiddenMain<'r>) {
        // SAFETY: both are alive, and `main` lives as long as the other.
        unsafe { (*self.as_ptr()).main = main.0.as_ptr() };
    }
}

impl<'r> Subrequest<'r> {
    /// The subrequest, while it exists.
    pub(crate) fn request(&self) -> Request<'_> {
        // SAFETY: httpd has set it up, and only `redirect` and `drop` end it.
        unsafe { Request::from_raw(self.raw) }
    }

    /// The main request becomes this one (ap_internal_fast_redirect). Returns what the module `M`
    /// has kept with the subrequest.
    pub(crate) fn redirect<M: Loaded>(self) -> Option<&'r M::Request<'r>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: both requests are alive. The subrequest is not destroyed, so that its pool, a
        // part of the main request's, lives as long as that, and with it what is kept there.
        unsafe {
            let (raw, main) = (this.raw.as_ptr(), this.main.as_ptr());
            // httpd gives the main request the headers of both. Rules that both have met, as those
            // of the virtual host that set a cookie, have set theirs twice.
            (*raw).headers_out = tables::without((*raw).headers_out, (*main).headers_out, main);
            let errors = (*main).err_headers_out;
            (*raw).err_headers_out = tables::without((*raw).err_headers_out, errors, main);
            raw::ap_internal_fast_redirect(raw, main);
            Request::<'r>::from_raw(this.raw).state::<M>()
        }
    }
}

impl Drop for Subrequest<'_> {
    fn drop(&mut self) {
        // SAFETY: nothing that was borrowed from it is in use.
        unsafe { raw::ap_destroy_sub_req(self.raw.as_ptr()) }
    }
}
