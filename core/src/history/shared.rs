//! The history of a link in the memory that all processes share.

use std::ffi::CStr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release as Publish};
use std::sync::atomic::{AtomicI64, AtomicU64};

use super::asker::Asker;
use super::entry::{Found, MAX_PATH, PathBuffer, Release, SharedEntry};
use crate::{Micros, SECOND};

/// How many former releases are remembered, at most.
pub const FORMER: usize = 16;

/// The same, and the current one.
pub(super) const ENTRIES: usize = FORMER + 1;

/// After this time another process may write in the place of the one that began: it was killed or
/// has been stopped.
const WRITES_FOR: Micros = SECOND;

/// How many places are tried for a link.
const PROBES: usize = 64;

/// A link's history. All zeroes: a place that no link has taken.
#[repr(C)]
pub struct SharedHistory {
    key: AtomicU64,
    /// When the process began that writes; 0: none does.
    writer: AtomicI64,
    /// Not 0: the link has been found flipped, and the record beside it has not been read since.
    record_is_due: AtomicU64,
    pub(crate) asker: Asker,
    pub(super) entries: [SharedEntry; ENTRIES],
}

impl SharedHistory {
    /// A place that no link has taken.
    #[must_use]
    pub fn free() -> Self {
        SharedHistory {
            key: AtomicU64::new(0),
            writer: AtomicI64::new(0),
            record_is_due: AtomicU64::new(0),
            asker: Asker::none(),
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

    /// Frees the place unless it `is_kept`.
    pub(crate) fn free_unless(&self, is_kept: impl FnOnce(u64) -> bool) {
        let key = self.key.load(Acquire);
        if key != 0 && !is_kept(key) {
            self.entries.iter().for_each(SharedEntry::clear);
            self.key.store(0, Publish);
        }
    }

    pub(super) fn set_record_is_due(&self) {
        self.record_is_due.store(1, Publish);
    }

    /// Whether it is due. One process gets the answer that it is.
    pub(super) fn take_record_is_due(&self) -> bool {
        self.record_is_due.load(Acquire) != 0 && self.record_is_due.swap(0, AcqRel) != 0
    }

    /// What a taken-over process may do.
    #[cfg(test)]
    pub(super) fn scribble_writer(&self, began: Micros) {
        self.writer
            .store(began, std::sync::atomic::Ordering::Relaxed);
    }

    /// Begins to write; `None`: another process is writing. Then at most one entry is lost.
    pub(super) fn begin_to_write(&self, now: Micros) -> Option<Writing<'_>> {
        let began = self.writer.load(Acquire);
        if began.abs_diff(now) < WRITES_FOR.unsigned_abs() {
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
    /// The link leads to `release`.
    pub(super) fn enter(&self, release: Release<'_>, since: Micros) {
        let mut buffer: PathBuffer = [0; MAX_PATH];
        match self.find(release.path, &mut buffer) {
            Some((entry, found)) if found.release == release => entry.set_times(since, 0),
            Some((entry, _)) => entry.write(release, since, 0),
            None => self.oldest().0.write(release, since, 0),
        }
    }

    /// The entry with this path.
    pub(super) fn find<'b>(
        &self,
        path: &CStr,
        buffer: &'b mut PathBuffer,
    ) -> Option<(&SharedEntry, Found<'b>)> {
        let mut entries = self.history.entries.iter();
        let entry = entries.find(|entry| {
            let found = entry.read(buffer);
            found.is_some_and(|found| found.release.path == path)
        })?;
        Some((entry, entry.read(buffer)?))
    }

    /// A free place, or else the entry that was left first; and when that was.
    pub(super) fn oldest(&self) -> (&SharedEntry, Micros) {
        let mut buffer: PathBuffer = [0; MAX_PATH];
        let mut oldest = (&self.history.entries[0], Micros::MAX);
        for entry in &self.history.entries {
            let left = match entry.read(&mut buffer) {
                None => Micros::MIN,
                Some(Found { left: 0, .. }) => Micros::MAX,
                Some(found) => found.left,
            };
            if left < oldest.1 {
                oldest = (entry, left);
            }
        }
        oldest
    }
}
