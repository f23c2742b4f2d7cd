//! A request as httpd knows it.

use std::ffi::{CStr, c_int, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{NonNull, null};

use super::answer::Answer;
use super::dir_config::DirConfig;
use super::log::{Level, Log, c_string};
use super::pool::Pool;
use super::raw;
use super::server::Server;
use super::state::{self, Loaded};

/// Core's handler (AP_DEFAULT_HANDLER_NAME, server/config.c).
const DEFAULT_HANDLER: &CStr = c"default-handler";

/// How content types begin that name a handler, besides those without a slash.
const HANDLER_TYPES: [&[u8]; 6] = [
    b"application/x-httpd-",
    b"application/x-type-map",
    b"httpd/",
    b"magnus-internal/",
    b"proxy:",
    b"text/x-server-parsed-html",
];

/// A request that lives for `'r`, with its pool.
#[derive(Clone, Copy)]
pub(crate) struct Request<'r> {
    raw: NonNull<raw::request_rec>,
    life: PhantomData<fn(&'r ()) -> &'r ()>,
}

/// Whether httpd takes a file of this type for one that a handler is to answer for.
pub(crate) fn names_handler(content_type: &CStr) -> bool {
    let content_type = content_type.to_bytes();
    let begins = |start: &&[u8]| {
        let beginning = content_type.get(..start.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    };
    !content_type.contains(&b'/') || HANDLER_TYPES.iter().any(begins)
}

impl<'r> Request<'r> {
    /// # Safety
    /// `raw` is a request that httpd has set up as far as its create_request hook
    /// demands (server, pool and request_config), that lives for `'r`, and that no
    /// other thread uses meanwhile.
    pub(super) unsafe fn from_raw(raw: NonNull<raw::request_rec>) -> Self {
        let life = PhantomData;
        Request { raw, life }
    }

    pub(super) fn as_ptr(self) -> *mut raw::request_rec {
        self.raw.as_ptr()
    }

    /// The virtual host that answers.
    pub(crate) fn server(self) -> Server<'r> {
        // SAFETY: a request always has a server; it was there before the request
        // and stays as long.
        unsafe { Server::from_raw((*self.as_ptr()).server) }
    }

    /// The main server, of the configuration that the request runs under.
    pub(crate) fn main_server(self) -> Server<'r> {
        // SAFETY: httpd sets it before it serves, and this process reads no other configuration.
        unsafe { Server::from_raw(raw::ap_server_conf) }
    }

    /// When httpd began to read the request, in microseconds since 1970.
    pub(crate) fn time(self) -> i64 {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).request_time }
    }

    /// The request that this one is an internal redirect of. For `Parent`, which hides that it can
    /// be written.
    pub(super) fn redirected_from(self) -> Option<Request<'r>> {
        // SAFETY: the request is alive; the requests that it came from live at least
        // as long, and are set up.
        unsafe { NonNull::new((*self.as_ptr()).prev).map(|r| Request::from_raw(r)) }
    }

    /// The request that this one is a subrequest of. For `Parent`, as above.
    pub(super) fn main_request(self) -> Option<Request<'r>> {
        // SAFETY: as above.
        unsafe { NonNull::new((*self.as_ptr()).main).map(|r| Request::from_raw(r)) }
    }

    /// The pool of the request.
    pub(crate) fn pool(self) -> Pool<'r> {
        // SAFETY: the pool lives as long as the request, and is used by its thread.
        unsafe { Pool::from_raw((*self.as_ptr()).pool) }
    }

    /// What the module `M` keeps with the request.
    pub(crate) fn state<M: Loaded>(self) -> Option<&'r M::Request<'r>> {
        // SAFETY: only `set_state` writes this slot of a request's vector, with what
        // lives as long as this request.
        unsafe {
            let slot = state::slot::<M>((*self.as_ptr()).request_config);
            (*slot).cast::<M::Request<'r>>().as_ref()
        }
    }

    /// Gives the request what the module `M` keeps with it.
    pub(crate) fn set_state<M: Loaded>(self, state: &'r M::Request<'r>) {
        // SAFETY: the slot is the module's. httpd takes a mutable pointer, nobody writes by it.
        unsafe {
            let slot = state::slot::<M>((*self.as_ptr()).request_config);
            *slot = std::ptr::from_ref(state).cast::<c_void>().cast_mut();
        }
    }

    /// Whether it is a part of another request's answer.
    pub(crate) fn is_subrequest(self) -> bool {
        // SAFETY: the request is alive.
        unsafe { !(*self.as_ptr()).main.is_null() }
    }

    /// Whether it came from a client, and not from another request.
    pub(crate) fn is_initial(self) -> bool {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).main.is_null() && (*self.as_ptr()).prev.is_null() }
    }

    /// The handler that a mapping has set.
    pub(crate) fn handler(self) -> Option<&'r CStr> {
        // SAFETY: null, or a string that lives as long as the request.
        unsafe {
            let handler = (*self.as_ptr()).handler;
            (!handler.is_null()).then(|| CStr::from_ptr(handler))
        }
    }

    /// Sets what [`handler`](Self::handler) gives.
    pub(crate) fn set_handler(self, handler: Option<&'r CStr>) {
        // SAFETY: the request is alive, and the string lives as long.
        unsafe { (*self.as_ptr()).handler = handler.map_or(null(), CStr::as_ptr) };
    }

    /// Lets core send the file as it is. Else a type may name a handler, as that of `AddType
    /// application/x-httpd-php` does (server/config.c, ap_invoke_handler).
    pub(crate) fn set_default_handler(self) {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).handler = DEFAULT_HANDLER.as_ptr() };
    }

    /// The content type that is known so far.
    pub(crate) fn content_type(self) -> Option<&'r CStr> {
        // SAFETY: null, or a string that lives as long as the request.
        unsafe {
            let content_type = (*self.as_ptr()).content_type;
            (!content_type.is_null()).then(|| CStr::from_ptr(content_type))
        }
    }

    /// Whether the URL has a query.
    pub(crate) fn has_query(self) -> bool {
        // SAFETY: the request is alive.
        unsafe { !(*self.as_ptr()).args.is_null() }
    }

    /// Whether core is to send the file as it is, as far as is known.
    pub(crate) fn has_default_handler(self) -> bool {
        match self.handler() {
            Some(handler) => handler == DEFAULT_HANDLER,
            // httpd takes the type for the handler (ap_invoke_handler).
            None => !self.content_type().is_some_and(names_handler),
        }
    }

    /// Whether the method is GET or HEAD.
    pub(crate) fn is_get(self) -> bool {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).method_number == raw::M_GET as c_int }
    }

    /// Whether it is `OPTIONS *` or `TRACE`, which httpd answers at map_to_storage, without a file.
    pub(crate) fn is_for_no_file(self) -> bool {
        // SAFETY: the request is alive; null, or a string that lives as long.
        unsafe {
            let r = self.as_ptr();
            match (*r).method_number as u32 {
                raw::M_TRACE => true,
                raw::M_OPTIONS => !(*r).uri.is_null() && CStr::from_ptr((*r).uri) == c"*",
                _ => false,
            }
        }
    }

    /// The answer's status, as far as it is known.
    pub(crate) fn status(self) -> Answer {
        // SAFETY: the request is alive.
        Answer(unsafe { (*self.as_ptr()).status })
    }

    /// Whether mod_proxy is to answer.
    pub(crate) fn is_proxied(self) -> bool {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).proxyreq != raw::PROXYREQ_NONE as c_int }
    }

    /// Sets the type of the response.
    pub(crate) fn set_content_type(self, content_type: &'static CStr) {
        // SAFETY: the request is alive and being answered; the type lives as long.
        unsafe { raw::ap_set_content_type(self.as_ptr(), content_type.as_ptr()) };
    }

    /// Adds to the answer's body.
    pub(crate) fn write(self, text: &str) {
        // In pieces whose length fits; who cannot be sent any more is gone, which httpd notices by
        // itself.
        for piece in text.as_bytes().chunks(1 << 20) {
            // SAFETY: the request is alive and being answered; httpd copies the bytes.
            unsafe { raw::ap_rwrite(piece.as_ptr().cast(), piece.len() as c_int, self.as_ptr()) };
        }
    }

    /// The per-directory configuration in force so far.
    pub(crate) fn dir_config(self) -> DirConfig<'r> {
        // SAFETY: a request always has one: the server's defaults, or one merged from it.
        unsafe { DirConfig::from_raw(NonNull::new_unchecked((*self.as_ptr()).per_dir_config)) }
    }

    pub(crate) fn set_dir_config(self, config: DirConfig<'r>) {
        // SAFETY: the request is alive, and the configuration lives as long.
        unsafe { (*self.as_ptr()).per_dir_config = config.as_ptr() }
    }

    /// The request ends with this answer.
    pub(crate) fn refuse(self) -> Answer {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).status = Answer::FORBIDDEN.0 };
        Answer::FORBIDDEN
    }
}

impl Log for Request<'_> {
    fn logs(&self, level: Level) -> bool {
        // SAFETY: the request is alive, and only read.
        unsafe { raw::realdoc_logs_request(self.as_ptr(), level as c_int) != 0 }
    }

    fn write(&self, file: &'static CStr, line: u32, level: Level, message: fmt::Arguments<'_>) {
        let message = c_string(message);
        // SAFETY: the request is alive; both strings end with a NUL and are copied.
        unsafe {
            raw::realdoc_log_request(
                file.as_ptr(),
                line as c_int,
                level as c_int,
                self.as_ptr(),
                message.as_ptr(),
            );
        }
    }
}
