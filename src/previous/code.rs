//! No code of a former release runs, and none is sent.

use std::ffi::CStr;

use realdoc_core::harmless::{is_harmless_filter, is_harmless_module};

use super::state::PreviousState;
use crate::httpd::{Answer, FilterGuard, Request};
use crate::site::Site;
use crate::state::RequestState;

/// Whether modules may run code for `r` that an .htaccess file names. They do so in hooks for each
/// request, as mod_lua does by `LuaHookFixups`, so it must not get so far.
pub(super) fn may_run<'r>(r: Request<'r>, state: &RequestState<'r>) -> bool {
    let may_run = |module: &CStr| !is_harmless_module(module.to_bytes());
    let module = r
        .htaccess_files()
        .find_map(|file| file.find_module(&may_run));
    if let Some(previous) = state.previous() {
        previous.runs.set(module);
    }
    module.is_some()
}

/// Whether httpd would send the file of `r` as it is.
pub(super) fn is_sent_as_it_is(r: Request<'_>, site: &Site) -> bool {
    let may_answer = || {
        let content_type = r.content_type().map(CStr::to_bytes);
        site.actions.may_answer(content_type, r.has_query())
    };
    let may_run = |filter: &[u8]| !is_harmless_filter(filter);
    r.has_default_handler() && !may_answer() && r.find_output_filter(may_run).is_none()
}

/// Server-side includes, which mod_filter may add when the type of the answer is known
/// (`AddOutputFilterByType INCLUDES`).
pub(crate) struct NoIncludes;

impl FilterGuard for NoIncludes {
    const FILTER: &'static CStr = c"INCLUDES";
    const BEHIND: &'static CStr = c"realdoc:includes";

    fn answer(r: Request<'_>) -> Answer {
        let previous = RequestState::of(r).and_then(|state| state.previous());
        match previous.and_then(PreviousState::current_pin) {
            Some(_) => Answer::NOT_FOUND,
            None => Answer::DECLINED,
        }
    }
}
