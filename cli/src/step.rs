//! Faults on demand, for the tests: builds with debug assertions only.

/// Called before each system call that changes something.
#[cfg(not(debug_assertions))]
pub(crate) fn step() {}

/// Called before each system call that changes something. `REALDOC_KILL_AT=3`: the third call
/// kills this process. `REALDOC_JITTER=500`: each call waits for up to 500 microseconds.
#[cfg(debug_assertions)]
pub(crate) fn step() {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    static STEPS: AtomicU64 = AtomicU64::new(0);

    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let step = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
    if number("REALDOC_KILL_AT") == Some(step) {
        let me = rustix::process::getpid();
        let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    }
    if let Some(most) = number("REALDOC_JITTER") {
        let random = RandomState::new().hash_one(step);
        std::thread::sleep(Duration::from_micros(random % (most + 1)));
    }
}
