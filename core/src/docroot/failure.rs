//! The memory of what went wrong with a docroot.

use super::time::{NEVER, RESOLVE_EVERY, within};
use crate::{Micros, SECOND};

/// How often a broken docroot is logged, at most.
const LOG_EVERY: Micros = 60 * SECOND;

#[derive(Clone, Copy)]
pub(super) struct Failure {
    /// When the docroot was first found broken; [`NEVER`]: it is not.
    since: Micros,
    /// When that was last logged; [`NEVER`]: not yet.
    logged_at: Micros,
    /// A failure was logged, and its end was not.
    is_logged: bool,
    /// When there was no such directory, and no symlink on the way to it: the docroot of
    /// a virtual host that serves no files. Not every request looks for it.
    absent_at: Micros,
}

impl Failure {
    pub(super) fn none() -> Self {
        Failure {
            since: NEVER,
            logged_at: NEVER,
            is_logged: false,
            absent_at: NEVER,
        }
    }

    /// Notes that the docroot does not resolve; gives whether to log it.
    pub(super) fn note(&mut self, now: Micros, linked: bool) -> bool {
        if !linked {
            self.absent_at = now;
        }
        if self.since == NEVER {
            self.since = now;
        }
        let is_news = !within(self.logged_at, now, LOG_EVERY);
        if is_news {
            self.logged_at = now;
            self.is_logged = true;
        }
        is_news
    }

    /// For how long the docroot has not resolved. After a clock was set back, nobody knows: long.
    pub(super) fn lasts(&self, now: Micros) -> u64 {
        self.since.abs_diff(now)
    }

    /// Whether the directory was not there less than a second ago.
    pub(super) fn is_absent(&self, now: Micros) -> bool {
        within(self.absent_at, now, RESOLVE_EVERY)
    }

    /// The docroot resolves; gives whether a failure was logged.
    pub(super) fn end(&mut self) -> bool {
        self.since = NEVER;
        std::mem::take(&mut self.is_logged)
    }
}
