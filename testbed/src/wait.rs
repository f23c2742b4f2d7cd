//! Waiting for a condition, never for a time.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long to wait for something that should happen at once. It is long enough for a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Waits until `condition` holds.
///
/// # Panics
///
/// When it does not within `limit`; the message names `what` was awaited.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, condition: impl FnMut() -> bool) {
    assert!(
        holds_within(limit, condition),
        "waited {limit:?} in vain until {what}"
    );
}

/// Whether `condition` comes to hold within `limit`.
pub(crate) fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    const PAUSE: Duration = Duration::from_millis(5);
    let start = Instant::now();
    loop {
        // The time is taken before: a slow condition that holds is never a timeout.
        let late = start.elapsed() >= limit;
        if condition() {
            return true;
        }
        if late {
            return false;
        }
        sleep(PAUSE);
    }
}
