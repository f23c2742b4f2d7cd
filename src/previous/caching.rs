//! Answers that no cache is to keep.

use std::iter::successors;

use super::settings::Settings;
use super::state::Lost;
use crate::httpd::{Answer, DirConfig, Request};
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
    let is_asked = |lost: Lost<'_>, config: DirConfig<'_>| {
        let settings = Settings::of(config);
        settings.window().is_some() && settings.is_for(lost.url_path)
    };
    if let Some(lost) = RequestState::of(r).and_then(|state| state.previous()?.lost()) {
        return is_asked(lost, r.dir_config());
    }
    successors(r.previous(), |r| r.previous()).any(|r| {
        let lost = r.state::<Realdoc>().and_then(|state| state.lost);
        lost.is_some_and(|lost| is_asked(lost, r.dir_config()))
    })
}
