//! Faults on demand, for the tests of what happens then. Not in the product: only
//! with the feature `test-hooks`.

use std::sync::Mutex;

static PANIC_IN: Mutex<String> = Mutex::new(String::new());

/// `RealdocTestPanic place`: from now on every entry there panics.
pub(crate) fn set_panic_in(place: &str) {
    *PANIC_IN.lock().unwrap_or_else(|e| e.into_inner()) = place.into();
}

pub(super) fn panic_in(place: &str) {
    let here = *PANIC_IN.lock().unwrap_or_else(|e| e.into_inner()) == place;
    assert!(!here, "asked for by RealdocTestPanic");
}
