//! Panics on demand, for the tests of what happens then: only with the feature `test-hooks`.

use std::env;
use std::sync::LazyLock;

/// `REALDOC_TEST_PANIC=place` in httpd's environment: every entry there panics. (A
/// directive would come too late for the places that run before one is read.)
static PANIC_IN: LazyLock<String> =
    LazyLock::new(|| env::var("REALDOC_TEST_PANIC").unwrap_or_default());

pub(super) fn panic_in(place: &str) {
    assert!(*PANIC_IN != place, "asked for by REALDOC_TEST_PANIC");
}
