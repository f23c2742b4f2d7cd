//! Spans and moments of a docroot's clock.

use crate::{Micros, SECOND};

/// How often a docroot is resolved in full although the cheap check finds
/// nothing: it sees what comparing links cannot (see [`unchanged`](crate::resolve::unchanged)).
pub(super) const RESOLVE_EVERY: Micros = SECOND;

/// Stands for "at no time": later than every moment.
pub(super) const NEVER: Micros = Micros::MAX;

/// Whether `then` and `now` are less than `span` apart. Requests do not come in the
/// order of their times (one may take long to be read), so `now` may be the
/// earlier one; a clock that was set back by more counts as passed.
pub(super) fn within(then: Micros, now: Micros, span: Micros) -> bool {
    then.abs_diff(now) < span.unsigned_abs()
}
