//! Per-link counters for the status page, shared by all processes. They change only
//! where a process has asked the file system.
//!
//! Nothing is decided by them, so they are not part of the model of the switch: they use std's
//! atomics.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64};

use crate::fs::Errno;
use crate::{Micros, SECOND};

/// The last error number that the kernel may return (`MAX_ERRNO`, linux/err.h).
const MAX_ERRNO: i32 = 4095;

/// The end of the year 9999: no later time can be printed.
const LATEST: Micros = 253_402_300_799 * SECOND;

/// A link's counters. All zeroes: nothing has happened.
#[derive(Default)]
pub(crate) struct Counters {
    checks: AtomicU64,
    flips: AtomicU64,
    flipped_at: AtomicI64,
    failures: AtomicU64,
    failed_at: AtomicI64,
    errno: AtomicI32,
    /// 1 from a failure on until a check succeeds.
    is_broken: AtomicI32,
    served: AtomicU64,
    lost: AtomicU64,
}

/// A link's counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often a process asked the file system for a docroot behind the link.
    pub checks: u64,
    /// How often the link was found to lead elsewhere; once for each flip, however many
    /// processes see it.
    pub flips: u64,
    /// The time of the last flip.
    pub flipped_at: Option<Micros>,
    /// How many of the checks found that the docroot does not resolve.
    pub failures: u64,
    /// The time of the last failure, and the system's error.
    pub failure: Option<(Micros, Errno)>,
    /// Whether the last check failed.
    pub is_broken: bool,
    /// How many requests for hashed files were answered from a former release.
    pub served: u64,
    /// How many found such a file in no release.
    pub lost: u64,
}

impl Counters {
    #[cfg(test)]
    pub(crate) fn scribble(&self, words: [u64; 6]) {
        let [checks, flips, flipped_at, failures, failed_at, errno] = words;
        self.checks.store(checks, Relaxed);
        self.flips.store(flips, Relaxed);
        self.flipped_at.store(flipped_at as i64, Relaxed);
        self.failures.store(failures, Relaxed);
        self.failed_at.store(failed_at as i64, Relaxed);
        self.errno.store(errno as i32, Relaxed);
    }

    pub(crate) fn checked(&self) {
        self.checks.fetch_add(1, Relaxed);
        if self.is_broken.load(Relaxed) != 0 {
            self.is_broken.store(0, Relaxed);
        }
    }

    pub(crate) fn flipped(&self, now: Micros) {
        self.flipped_at.store(now, Relaxed);
        self.flips.fetch_add(1, Relaxed);
    }

    pub(crate) fn failed(&self, now: Micros, errno: Errno) {
        self.checks.fetch_add(1, Relaxed);
        self.is_broken.store(1, Relaxed);
        self.failed_at.store(now, Relaxed);
        self.errno.store(errno.raw_os_error(), Relaxed);
        self.failures.fetch_add(1, Relaxed);
    }

    /// A request has not found its file in the current release.
    pub(crate) fn lost(&self, is_served: bool) {
        let counter = if is_served { &self.served } else { &self.lost };
        counter.fetch_add(1, Relaxed);
    }

    /// Whatever the shared memory holds, the times can be printed and the error is one.
    pub(crate) fn read(&self) -> Counts {
        let time = |at: &AtomicI64| at.load(Relaxed).clamp(0, LATEST);
        let flips = self.flips.load(Relaxed);
        let failures = self.failures.load(Relaxed);
        // A page may be made between the two stores of the first failure.
        let errno = Some(self.errno.load(Relaxed)).filter(|errno| (1..=MAX_ERRNO).contains(errno));
        let errno = errno.map(Errno::from_raw_os_error);
        Counts {
            checks: self.checks.load(Relaxed),
            flips,
            flipped_at: (flips > 0).then(|| time(&self.flipped_at)),
            failures,
            failure: errno
                .filter(|_| failures > 0)
                .map(|errno| (time(&self.failed_at), errno)),
            is_broken: self.is_broken.load(Relaxed) != 0,
            served: self.served.load(Relaxed),
            lost: self.lost.load(Relaxed),
        }
    }

    /// As if nothing had happened.
    pub(crate) fn clear(&self) {
        self.checks.store(0, Relaxed);
        self.flips.store(0, Relaxed);
        self.failures.store(0, Relaxed);
        self.is_broken.store(0, Relaxed);
        self.served.store(0, Relaxed);
        self.lost.store(0, Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_failure_without_its_error_yet_is_none() {
        let counters = Counters::default();
        counters.failures.store(1, Relaxed);
        assert_eq!(counters.read().failure, None);
        counters.failed(SECOND, Errno::NOENT);
        assert_eq!(counters.read().failure, Some((SECOND, Errno::NOENT)));
        for no_errno in [0, -1, 4096, 1_000_000, i32::MIN, i32::MAX] {
            counters.errno.store(no_errno, Relaxed);
            assert_eq!(counters.read().failure, None, "{no_errno}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_there_can_be_shown(words in any::<[u64; 6]>()) {
            let counters = Counters::default();
            counters.scribble(words);
            let counts = counters.read();
            let times = counts.flipped_at.into_iter().chain(counts.failure.map(|(at, _)| at));
            prop_assert!(times.into_iter().all(|at| (0..=LATEST).contains(&at)));
        }
    }
}
