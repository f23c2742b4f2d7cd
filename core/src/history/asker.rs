//! Asking for files of a link's former releases. These may lie on a file system that hangs, so one
//! thread of all processes asks at a time: under prefork each thread is a process of its own.

use std::process;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};

/// How often is looked whether the one that asks has ended.
const PAUSE: Duration = Duration::from_millis(1);

/// How many times, until it counts as hanging. (If the machine stood still, they do not pass.)
const PAUSES: u32 = 1_000;

/// How many times one waits in all, if others come first.
const MOST_PAUSES: u32 = 2 * PAUSES;

/// The number of a process's next question.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Who asks, in the memory that all processes share. All zeroes: nobody does.
#[repr(C)]
pub struct Asker {
    /// The process and the number of its question.
    asks: AtomicU64,
    /// The question that others have waited for in vain.
    hangs: AtomicU64,
}

impl Asker {
    pub(super) fn none() -> Self {
        Asker {
            asks: AtomicU64::new(0),
            hangs: AtomicU64::new(0),
        }
    }

    /// Asks. `None`: a thread that asks has not come back for a second.
    pub fn run<T>(&self, ask: impl FnOnce() -> T) -> Option<T> {
        let _asking = self.begin()?;
        Some(ask())
    }

    fn begin(&self) -> Option<Asking<'_>> {
        let own = u64::from(process::id()) << 32 | u64::from(NEXT.fetch_add(1, Relaxed));
        let (mut seen, mut pauses) = (0, 0);
        for _ in 0..MOST_PAUSES {
            let Err(other) = self.asks.compare_exchange(0, own, AcqRel, Acquire) else {
                return Some(Asking { asker: self, own });
            };
            if other != seen {
                (seen, pauses) = (other, 0);
            }
            if pauses == PAUSES || self.hangs.load(Acquire) == other {
                if is_alive(other) {
                    // No later caller waits for it again.
                    self.hangs.store(other, Release);
                    return None;
                }
                self.end(other);
                continue;
            }
            sleep(PAUSE);
            pauses += 1;
        }
        None
    }

    /// That question is over.
    fn end(&self, asks: u64) {
        // It was said to be over before if this fails.
        let _ = self.asks.compare_exchange(asks, 0, AcqRel, Acquire);
    }

    /// What a killed process leaves.
    #[cfg(test)]
    pub(super) fn scribble(&self, asks: u64, hangs: u64) {
        self.asks.store(asks, Relaxed);
        self.hangs.store(hangs, Relaxed);
    }
}

/// Whether the process that asks is there, and is one of this user's, as all of httpd's are.
fn is_alive(asks: u64) -> bool {
    let pid = i32::try_from(asks >> 32).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// The turn to ask.
struct Asking<'a> {
    asker: &'a Asker,
    own: u64,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.asker.end(self.own);
    }
}
