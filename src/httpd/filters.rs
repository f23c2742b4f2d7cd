//! Output filters: those that see the answer to a request, and one that asks first.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use super::answer::Answer;
use super::hooks::Hooks;
use super::panic::catch_panic;
use super::raw;
use super::request::Request;
use super::state::Loaded;

impl<'r> Request<'r> {
    /// A filter whose name `is_it` is true of, and that is to see the answer: one that has been
    /// added, or one of `SetOutputFilter`. (Those of mod_filter are added later.)
    pub(crate) fn find_output_filter(self, is_it: impl Fn(&[u8]) -> bool) -> Option<&'r [u8]> {
        let set = self.dir_config().output_filters();
        let mut set = set.into_iter().flat_map(|text| {
            let names = text.to_bytes().split(|byte| *byte == b';');
            names.filter(|name| !name.is_empty())
        });
        set.find(|name| is_it(name)).or_else(|| {
            // SAFETY: the filters are alive, and each has a record with a name that lives as long
            // as the configuration. The rest of the list is of the protocol.
            unsafe {
                let mut filter = (*self.as_ptr()).output_filters;
                while !filter.is_null() && filter != (*self.as_ptr()).proto_output_filters {
                    let name = CStr::from_ptr((*(*filter).frec).name).to_bytes();
                    if is_it(name) {
                        return Some(name);
                    }
                    filter = (*filter).next;
                }
                None
            }
        })
    }
}

/// Decides whether a filter of another module may see an answer.
pub(crate) trait FilterGuard: 'static {
    /// The filter's name.
    const FILTER: &'static CStr;

    /// The name by which the filter is found from then on.
    const BEHIND: &'static CStr;

    /// `DECLINED`: the filter sees the answer to `r`. Else that is this error instead.
    fn answer(r: Request<'_>) -> Answer;
}

impl<M: Loaded> Hooks<'_, M> {
    /// Lets `G` decide what the filter sees, if there is one. To be called in
    /// [`pre_config`](Self::pre_config), when all modules are loaded. Whoever has the filter's
    /// record, as mod_filter, has `G`'s.
    pub(crate) fn guard_output_filter<G: FilterGuard>(&self) {
        // SAFETY: httpd keeps one record for each name, which lives as long as the configuration.
        // It registers all filters anew when it reads its configuration again.
        unsafe {
            let Some(filter) = raw::ap_get_output_filter_handle(G::FILTER.as_ptr()).as_ref() else {
                return;
            };
            let register = |name: &CStr, function: raw::ap_out_filter_func| {
                raw::ap_register_output_filter_protocol(
                    name.as_ptr(),
                    function,
                    filter.filter_init_func,
                    filter.ftype,
                    filter.proto_flags,
                )
            };
            register(G::BEHIND, filter.filter_func.out_func);
            register(G::FILTER, Some(guarded::<G>));
        }
    }
}

/// The filter's function, where it has a guard.
unsafe extern "C" fn guarded<G: FilterGuard>(
    f: *mut raw::ap_filter_t,
    brigade: *mut raw::apr_bucket_brigade,
) -> raw::apr_status_t {
    // SAFETY: httpd calls a filter of content with itself, which has a request with a server. The
    // request is this thread's until the filter's end. The record was registered above, under
    // another name; httpd only reads its list now.
    unsafe {
        let answer = NonNull::new((*f).r).map_or(Answer::DECLINED, |r| {
            catch_panic(
                "output_filter",
                r.as_ref().server,
                Answer::SERVER_ERROR,
                || G::answer(Request::from_raw(r)),
            )
        });
        let behind = raw::ap_get_output_filter_handle(G::BEHIND.as_ptr());
        let behind = behind
            .as_ref()
            .and_then(|filter| filter.filter_func.out_func);
        match behind {
            Some(function) if answer == Answer::DECLINED => function(f, brigade),
            Some(_) => raw::realdoc_end_with(f, brigade, answer.0),
            None => raw::realdoc_end_with(f, brigade, Answer::SERVER_ERROR.0 as c_int),
        }
    }
}
