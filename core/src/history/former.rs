//! The former releases of a link, for a request.

use std::cmp::Reverse;
use std::ffi::CStr;

use super::entry::{Found, MAX_PATH, PathBuffer, SharedEntry};
use super::owners::Owners;
use super::shared::{ENTRIES, SharedHistory};
use crate::Micros;
use crate::record::Identity;

/// A release that a link led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former<'a> {
    /// Its canonical path.
    pub target: &'a CStr,
    /// What it was when it was current.
    pub identity: Identity,
    /// Who owned it then.
    pub release_owner: u32,
    /// Who owned the link then.
    pub link_owner: u32,
    /// When the link ceased to lead there.
    pub left: Micros,
}

impl Former<'_> {
    /// Whether it was left less than `span` ago. Requests do not come in the order of their times,
    /// so `now` may be the earlier one.
    #[must_use]
    pub fn was_left_within(&self, span: Micros, now: Micros) -> bool {
        self.left.abs_diff(now) < span.unsigned_abs()
    }

    /// Whether it counts ([`Owners::allow`]), by the owners as they are now and as they were.
    #[must_use]
    pub fn is_allowed(&self, now: Owners) -> bool {
        let recorded = Owners {
            link: self.link_owner,
            former: self.release_owner,
            ..now
        };
        now.allow() && recorded.allow()
    }
}

/// The former releases of a link, the one that was left last first.
pub struct Formers<'c> {
    /// The newest first. Those that have been handed out are taken out.
    entries: [Option<&'static SharedEntry>; ENTRIES],
    current: &'c CStr,
    now: Micros,
    text: PathBuffer,
}

impl<'c> Formers<'c> {
    /// Of a link that leads to `current`. What another process has yet to note is left `now`.
    pub(crate) fn of(
        history: Option<&'static SharedHistory>,
        current: &'c CStr,
        now: Micros,
    ) -> Self {
        let mut formers = Formers {
            entries: [None; ENTRIES],
            current,
            now,
            text: [0; MAX_PATH],
        };
        let shared = history.map_or(&[][..], |history| &history.entries);
        let mut newest_first = [(Micros::MIN, None); ENTRIES];
        for (place, entry) in newest_first.iter_mut().zip(shared) {
            let found = entry.read(&mut formers.text);
            *place = (
                found.map_or(Micros::MIN, |found| left(&found, now)),
                Some(entry),
            );
        }
        newest_first.sort_unstable_by_key(|(left, _)| Reverse(*left));
        formers.entries = newest_first.map(|(_, entry)| entry);
        formers
    }

    /// The next one. (Not an iterator: all are read into one place, one after the other.)
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Former<'_>> {
        let (facts, left, len) = self.entries.iter_mut().find_map(|entry| {
            let found = entry.take()?.read(&mut self.text)?;
            let path = found.release.path;
            let len = path.count_bytes() + 1;
            let left = left(&found, self.now);
            (path != self.current).then_some((found.release.facts, left, len))
        })?;
        Some(Former {
            target: CStr::from_bytes_with_nul(&self.text[..len]).ok()?,
            identity: facts.identity,
            release_owner: facts.release_owner,
            link_owner: facts.link_owner,
            left,
        })
    }
}

fn left(found: &Found<'_>, now: Micros) -> Micros {
    if found.left == 0 { now } else { found.left }
}
