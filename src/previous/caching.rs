//! Answers that no cache is to keep.

use std::iter::successors;

use super::lost::is_meant;
use super::settings::Settings;
use crate::httpd::{Answer, Request};
use crate::module::Realdoc;
use crate::state::RequestState;

/// insert_error_filter: no cache is to keep that a file is missing which another release may have.
pub(crate) fn forbid_caching(r: Request<'_>) {
    let is_missing = [Answer::NOT_FOUND, Answer::GONE].contains(&r.status());
    if is_missing && is_of_lost(r) {
        r.set_missing_header(c"Cache-Control", c"no-store");
    }
}

/// Whether `r`, or the request that it is an internal redirect of, is lost and may be served from a
/// former release.
fn is_of_lost(r: Request<'_>) -> bool {
    let is_asked = |settings: Settings<'_>| settings.window().is_some() && is_meant(r, settings);
    if RequestState::of(r).is_some_and(|state| state.lost.get().is_some()) {
        return is_asked(Settings::of(r.dir_config()));
    }
    successors(r.previous(), |r| r.previous()).any(|r| {
        let is_lost = r.state::<Realdoc>().is_some_and(|state| state.is_lost);
        is_lost && is_asked(Settings::of(r.dir_config()))
    })
}
