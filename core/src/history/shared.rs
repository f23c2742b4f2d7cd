//! The history of a link in the memory that all processes share.

use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::atomic::{AtomicI64, AtomicU64};

use super::entry::{MAX_PATH, PathBuffer, Release, SharedEntry};
use crate::{Micros, SECOND};

/// How many former releases are remembered, at most.
pub const FORMER: usize = 16;

/// The same, and the current one.
pub(super) const ENTRIES: usize = FORMER + 1;

/// How long a process may write until another one does in its place: it was killed, or it stands
/// still.
const WRITES_FOR: Micros = SECOND;

/// How many places are tried for a link.
const PROBES: usize = 64;

/// A link's history. All zeroes: a place that no link has taken.
#[repr(C)]
pub struct SharedHistory {
    key: AtomicU64,
    /// When the process began that writes; 0: none does.
    writer: AtomicI64,
    pub(super) entries: [SharedEntry; ENTRIES],
}

impl SharedHistory {
    /// A place that no link has taken.
    #[must_use]
    pub fn free() -> Self {
        SharedHistory {
            key: AtomicU64::new(0),
            writer: AtomicI64::new(0),
            entries: std::array::from_fn(|_| SharedEntry::none()),
        }
    }

    /// That of the link with this `key`.
    pub(crate) fn find(all: &'static [Self], key: u64) -> Option<&'static Self> {
        candidates(all, key).find(|history| history.key.load(Acquire) == key)
    }

    /// The same; the link takes a free place if it has none. `None`: there is none near.
    pub(crate) fn find_or_take(all: &'static [Self], key: u64) -> Option<&'static Self> {
        candidates(all, key).find(|history| {
            match history.key.compare_exchange(0, key, AcqRel, Acquire) {
                Ok(_) => true,
                Err(taken) => taken == key,
            }
        })
    }

    /// Begins to write; `None`: another process does. What is lost so is an entry at most.
    pub(super) fn begin_to_write(&self, now: Micros) -> Option<Writing<'_>> {
        let began = self.writer.load(Acquire);
        if began != 0 && began.abs_diff(now) < WRITES_FOR.unsigned_abs() {
            return None;
        }
        let now = now.max(1);
        let writer = self.writer.compare_exchange(began, now, AcqRel, Acquire);
        writer.ok().map(|_| Writing {
            history: self,
            began: now,
        })
    }
}

fn candidates(
    all: &'static [SharedHistory],
    key: u64,
) -> impl Iterator<Item = &'static SharedHistory> {
    let home = key as usize % all.len().max(1);
    let around = all[home.min(all.len())..].iter().chain(all);
    around.take(PROBES.min(all.len()))
}

/// The turn to write.
pub(super) struct Writing<'h> {
    history: &'h SharedHistory,
    began: Micros,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        // If another process writes by now, that is its own turn.
        let writer = &self.history.writer;
        let _ = writer.compare_exchange(self.began, 0, AcqRel, Acquire);
    }
}

impl Writing<'_> {
    /// The entry of the release with the path of `release`, and whether it says just that.
    pub(super) fn find(&self, release: Release<'_>) -> Option<(&SharedEntry, bool)> {
        let mut buffer: PathBuffer = [0; MAX_PATH];
        self.history.entries.iter().find_map(|entry| {
            let found = entry.read(&mut buffer)?;
            (found.path == release.path).then_some((entry, found.facts == release.facts))
        })
    }

    /// The place for a new entry: a free one, else that of the release that was left first.
    pub(super) fn place(&self) -> &SharedEntry {
        let mut buffer: PathBuffer = [0; MAX_PATH];
        let entries = self.history.entries.iter();
        let left = |entry: &&SharedEntry| match (entry.read(&mut buffer), entry.left()) {
            (None, _) => Micros::MIN,
            (Some(_), 0) => Micros::MAX,
            (Some(_), left) => left,
        };
        let mut left = left;
        entries
            .min_by_key(|entry| left(entry))
            .expect("there are places")
    }
}
