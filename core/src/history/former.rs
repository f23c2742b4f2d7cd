//! The former releases of a link, for a request.

use std::ffi::CStr;

use super::entry::{MAX_PATH, PathBuffer, SharedEntry};
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
    /// With the time when each was left. Those that have been handed out are free again.
    entries: [Option<(Micros, &'static SharedEntry)>; ENTRIES],
    current: &'c CStr,
    text: PathBuffer,
}

impl<'c> Formers<'c> {
    /// Of a link that leads to `current`. What nobody has noted yet to be left, is left `now`.
    pub(crate) fn of(
        history: Option<&'static SharedHistory>,
        current: &'c CStr,
        now: Micros,
    ) -> Self {
        let mut entries = [None; ENTRIES];
        let shared = history.map_or(&[][..], |history| &history.entries);
        for (place, entry) in entries.iter_mut().zip(shared) {
            let left = match entry.left() {
                0 => now,
                left => left,
            };
            *place = Some((left, entry));
        }
        // The newest first, and those that are none last.
        entries.sort_unstable_by_key(|entry| entry.map_or(Micros::MAX, |(left, _)| !left));
        Formers {
            entries,
            current,
            text: [0; MAX_PATH],
        }
    }

    /// The next one. (Not an iterator: each lies in the same place.)
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Former<'_>> {
        let (facts, len, left) = self.entries.iter_mut().find_map(|entry| {
            let (left, entry) = entry.take()?;
            let found = entry.read(&mut self.text)?;
            // Else another one has taken its place meanwhile.
            let is_it = entry.left() == left || entry.left() == 0;
            let is_former = found.path != self.current;
            let len = found.path.count_bytes() + 1;
            (is_it && is_former).then_some((found.facts, len, left))
        })?;
        let target = CStr::from_bytes_with_nul(&self.text[..len]).ok()?;
        Some(Former {
            target,
            identity: facts.identity,
            release_owner: facts.release_owner,
            link_owner: facts.link_owner,
            left,
        })
    }
}
