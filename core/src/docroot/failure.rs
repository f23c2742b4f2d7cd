//! The memory of what went wrong with a docroot.

use std::ffi::{CStr, CString};

use super::time::{NEVER, RESOLVE_EVERY, within};
use crate::fs::Fs;
use crate::resolve::ResolveError;
use crate::{Micros, SECOND};

/// How often a broken docroot is logged, at most.
const LOG_EVERY: Micros = 60 * SECOND;

#[derive(Clone, Copy)]
pub(super) struct Failure {
    /// Since when the docroot has been broken; [`NEVER`]: it is not.
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

    /// Notes that the docroot does not resolve; gives whether to log it. `since` is asked for when
    /// it is news.
    pub(super) fn note(
        &mut self,
        now: Micros,
        linked: bool,
        since: impl FnOnce() -> Micros,
    ) -> bool {
        if !linked {
            self.absent_at = now;
        }
        if self.since == NEVER {
            self.since = since();
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

/// Since when a docroot has been broken that resolved at `good_at` and does not `now`. All
/// processes see the same moment, however late: that of the last change to the link, or to the
/// directory where resolving stopped. Where that does not explain it, it has been broken since now.
pub(super) fn broken_since(
    error: &ResolveError,
    good_at: Micros,
    now: Micros,
    fs: &impl Fs,
) -> Micros {
    let path = error.path.to_bytes();
    let is_end = |end: &usize| path.get(*end).is_none_or(|byte| *byte == b'/');
    let mut above = (1..=path.len()).rev().filter(is_end);
    let changed_at = |path: &CStr| Some(fs.inode(path).ok()?.changed_at);
    let place = above.find_map(|end| changed_at(&CString::new(&path[..end]).ok()?));
    let link = error.link.as_ref().and_then(|link| changed_at(link));
    // Some file systems count in seconds.
    let explains =
        |changed_at: &Micros| (good_at.saturating_sub(SECOND)..=now).contains(changed_at);
    place.max(link).filter(explains).unwrap_or(now)
}
