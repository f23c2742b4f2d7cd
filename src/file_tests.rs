//! Rules outside of all sections that test files.
//!
//! In Link mode such a test looks through the link while the URL is translated, before the request
//! has a pin. Where the link has been flipped meanwhile, the tests and the pin may be of two
//! releases: the URL is then translated again.

use std::cell::Cell;

use realdoc_core::docroot::flips;

use crate::httpd::{Answer, Request};
use crate::state::{RequestState, Tested, site_of};

/// How often the URL of a request is translated again.
const AGAIN: u32 = 16;

/// Notes what the request is before its URL is translated for the first time.
pub(crate) fn note_request(r: Request<'_>) {
    if site_of(r.server()).is_some_and(|site| site.tests_files) && r.is_initial() {
        note(r);
    }
}

#[inline(never)]
fn note(r: Request<'_>) {
    let state = RequestState::or_new(r);
    if state.tested.get().is_none() {
        let tested = Tested {
            server: r.server().id(),
            was: r.untranslated(),
            flips: Cell::new(flips()),
            again: Cell::new(0),
        };
        state.tested.set(Some(r.pool().put(tested)));
    }
}

/// The request has its pin. If a link has been flipped since its URL was translated, that is done
/// again; what another answer than OK says ends the request. (The pin is the request's own look at
/// the link: a flip that no thread had seen by then came after it.)
pub(crate) fn translate_again(r: Request<'_>) -> Option<Answer> {
    let state = RequestState::of(r)?;
    let tested = state.tested.get()?;
    let now = flips();
    let is_flipped = tested.flips.replace(now) != now;
    let is_again = is_flipped && tested.again.get() < AGAIN && tested.server == r.server().id();
    is_again.then(|| {
        tested.again.set(tested.again.get() + 1);
        state.take_pin();
        state.name.set(None);
        state.roots.resolved.set(None);
        r.translate_again(&tested.was)
    })
}
