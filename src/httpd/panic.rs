//! No panic crosses from Rust into httpd.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use super::log::{LogOf, log};
use super::raw;

thread_local! {
    /// Where this thread panicked last. Only the panic hook is told.
    static LOCATION: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `f`. If it panics, logs one line that names `place`, and returns `on_panic`.
///
/// The line goes to the log of `server`, which must be alive, or null while the configuration is
/// read: then the line goes to httpd's stderr.
pub(super) fn catch_panic<T>(
    place: &'static str,
    server: *const raw::server_rec,
    on_panic: T,
    f: impl FnOnce() -> T,
) -> T {
    // Unwind safety: a panic may leave the request at hand half done. State that outlives the
    // request is atomics, values that are published whole, and flags that guards take back.
    let answer = panic::catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "test-hooks")]
        super::faults::panic_in(place);
        f()
    }));
    match answer {
        Ok(answer) => answer,
        Err(payload) => {
            log_panic(place, server, payload);
            on_panic
        }
    }
}

/// Keeps the panic's location for [`catch_panic`] instead of printing it to stderr.
pub(super) fn install_panic_hook() {
    panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string);
        // A thread at its end has no LOCATION any more, and must not panic here.
        let _ = LOCATION.try_with(|last| last.replace(location.unwrap_or_default()));
    }));
}

#[cold]
fn log_panic(place: &str, server: *const raw::server_rec, payload: Box<dyn Any + Send>) {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of an unknown kind");
    let location = LOCATION.try_with(RefCell::take).unwrap_or_default();
    log!(
        LogOf(server),
        Error,
        "RD01: panic in {place}: {message}, at {location}; please report it as a bug"
    );
    // Dropping a payload of an unknown kind could panic again, where nothing catches it.
    std::mem::forget(payload);
}
