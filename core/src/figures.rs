//! What is counted of a link, for the status page: by all processes together, and only where one of them has
//! asked the file system.
//!
//! Nothing is decided by these figures, so they are no part of the model of the switch: std's atomics.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64};

use crate::Micros;
use crate::fs::Errno;

/// A link's figures. All zeroes: nothing has happened.
#[derive(Default)]
pub(crate) struct Figures {
    checks: AtomicU64,
    flips: AtomicU64,
    flipped_at: AtomicI64,
    failures: AtomicU64,
    failed_at: AtomicI64,
    errno: AtomicI32,
}

/// A link's figures at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// How often a process asked the file system for a docroot behind the link. (Of the last looks of a busy process
    /// some may be missing.)
    pub checks: u64,
    /// How often the link was found to lead elsewhere; counted once, however many processes see it.
    pub flips: u64,
    /// When that was last.
    pub flipped_at: Option<Micros>,
    /// How many of the checks found that the docroot does not resolve.
    pub failures: u64,
    /// When that was last, and what the system said.
    pub failure: Option<(Micros, Errno)>,
}

impl Figures {
    pub(crate) fn checked(&self, times: u64) {
        self.checks.fetch_add(times, Relaxed);
    }

    pub(crate) fn flipped(&self, now: Micros) {
        self.flips.fetch_add(1, Relaxed);
        self.flipped_at.store(now, Relaxed);
    }

    pub(crate) fn failed(&self, now: Micros, errno: Errno) {
        self.checked(1);
        self.failures.fetch_add(1, Relaxed);
        self.failed_at.store(now, Relaxed);
        self.errno.store(errno.raw_os_error(), Relaxed);
    }

    pub(crate) fn read(&self) -> Reading {
        let flips = self.flips.load(Relaxed);
        let failures = self.failures.load(Relaxed);
        let failure = || {
            let errno = Errno::from_raw_os_error(self.errno.load(Relaxed));
            (self.failed_at.load(Relaxed), errno)
        };
        Reading {
            checks: self.checks.load(Relaxed),
            flips,
            flipped_at: (flips > 0).then(|| self.flipped_at.load(Relaxed)),
            failures,
            failure: (failures > 0).then(failure),
        }
    }

    /// As if nothing had happened.
    pub(crate) fn clear(&self) {
        self.checks.store(0, Relaxed);
        self.flips.store(0, Relaxed);
        self.failures.store(0, Relaxed);
    }
}
