//! A release in a link's history, in the memory that all processes share.
//!
//! Anything may be found there: half of an entry, while another process writes or since one was
//! killed in the middle, or whatever a taken-over process has put there. So an entry has a
//! checksum, and what a taken-over process can make to match is still no more than a path in
//! canonical form.

use std::ffi::CStr;
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release as Publish};
use std::sync::atomic::{AtomicI64, AtomicU64};

use crate::Micros;
use crate::paths::is_canonical;
use crate::record::Identity;

/// A release with a longer path, its NUL included, is not remembered.
pub const MAX_PATH: usize = WORDS * size_of::<u64>();

const WORDS: usize = 128;

/// A path as it is read from shared memory.
pub(super) type PathBuffer = [u8; MAX_PATH];

/// Whether a release with this path can have an entry.
pub(super) fn can_be_remembered(path: &CStr) -> bool {
    path.to_bytes_with_nul().len() <= MAX_PATH && is_canonical(path.to_bytes())
}

/// A directory that a link led to, and the owners at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Release<'a> {
    pub(super) path: &'a CStr,
    pub(super) facts: Facts,
}

/// What is known of it besides its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) identity: Identity,
    pub(super) release_owner: u32,
    pub(super) link_owner: u32,
}

/// A whole entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) release: Release<'a>,
    /// When the link began to lead there.
    pub(super) since: Micros,
    /// When it ceased to; 0: it leads there.
    pub(super) left: Micros,
}

/// An entry in shared memory. All zeroes: none.
#[repr(C)]
pub(super) struct SharedEntry {
    /// Over all but the times, which change while others read.
    checksum: AtomicU64,
    since: AtomicI64,
    left: AtomicI64,
    facts: [AtomicU64; 4],
    /// Of the path, its NUL included.
    len: AtomicU64,
    path: [AtomicU64; WORDS],
}

impl SharedEntry {
    pub(super) fn none() -> Self {
        SharedEntry {
            checksum: AtomicU64::new(0),
            since: AtomicI64::new(0),
            left: AtomicI64::new(0),
            facts: std::array::from_fn(|_| AtomicU64::new(0)),
            len: AtomicU64::new(0),
            path: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Whether the link leads there, or there is no entry.
    pub(super) fn is_current(&self) -> bool {
        self.left.load(Acquire) == 0
    }

    /// The link has ceased to lead there, unless that was noted before.
    pub(super) fn leave(&self, at: Micros) {
        // It was noted before if this fails.
        let _ = self.left.compare_exchange(0, at, AcqRel, Acquire);
    }

    /// Other times for the same entry.
    pub(super) fn set_times(&self, since: Micros, left: Micros) {
        self.since.store(since, Publish);
        self.left.store(left, Publish);
    }

    /// The entry, if there is a whole one.
    pub(super) fn read<'b>(&self, buffer: &'b mut PathBuffer) -> Option<Found<'b>> {
        // A free place costs no more than this.
        if self.checksum.load(Acquire) == 0 {
            return None;
        }
        let facts = self.facts.each_ref().map(|word| word.load(Acquire));
        let len = usize::try_from(self.len.load(Acquire)).ok()?;
        let path = buffer.get_mut(..len)?;
        for (bytes, word) in path.chunks_mut(size_of::<u64>()).zip(&self.path) {
            bytes.copy_from_slice(&word.load(Acquire).to_ne_bytes()[..bytes.len()]);
        }
        let (since, left) = (self.since.load(Acquire), self.left.load(Acquire));
        // Last: the times are those of this entry only if no other has been begun in its place.
        if self.checksum.load(Acquire) != checksum(facts, path) {
            return None;
        }
        let path = CStr::from_bytes_with_nul(path).ok()?;
        let facts = Facts::from_words(facts);
        can_be_remembered(path).then_some(Found {
            release: Release { path, facts },
            since,
            left,
        })
    }

    /// Writes an entry that can be remembered. One thread at a time does.
    pub(super) fn write(&self, release: Release<'_>, since: Micros, left: Micros) {
        let path = release.path.to_bytes_with_nul();
        self.clear();
        self.set_times(since, left);
        let facts = release.facts.words();
        for (word, value) in self.facts.iter().zip(facts) {
            word.store(value, Publish);
        }
        self.len.store(path.len() as u64, Publish);
        for (bytes, word) in path.chunks(size_of::<u64>()).zip(&self.path) {
            let mut value = [0; size_of::<u64>()];
            value[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(value), Publish);
        }
        self.checksum.store(checksum(facts, path), Publish);
    }

    pub(super) fn clear(&self) {
        self.checksum.store(0, Publish);
    }
}

/// What a taken-over process may do.
#[cfg(test)]
pub(super) const ENTRY_WORDS: usize = size_of::<SharedEntry>() / size_of::<u64>();

#[cfg(test)]
impl SharedEntry {
    /// All words, the checksum first.
    pub(super) fn words(&self) -> Vec<u64> {
        let times = [&self.since, &self.left].map(|time| time.load(Acquire) as u64);
        let rest = self.facts.iter().chain([&self.len]).chain(&self.path);
        let checksum = self.checksum.load(Acquire);
        let rest = rest.map(|word| word.load(Acquire));
        [checksum].into_iter().chain(times).chain(rest).collect()
    }

    pub(super) fn scribble(&self, words: &[u64]) {
        self.checksum.store(words[0], Publish);
        self.set_times(words[1] as i64, words[2] as i64);
        let rest = self.facts.iter().chain([&self.len]).chain(&self.path);
        for (word, value) in rest.zip(&words[3..]) {
            word.store(*value, Publish);
        }
    }

    /// Makes the checksum match.
    pub(super) fn sign(&self) {
        let facts = self.facts.each_ref().map(|word| word.load(Acquire));
        let path: Vec<u8> = self
            .path
            .iter()
            .flat_map(|word| word.load(Acquire).to_ne_bytes())
            .collect();
        let len = self.len.load(Acquire) as usize;
        let path = path.get(..len).unwrap_or_default();
        self.checksum.store(checksum(facts, path), Publish);
    }
}

impl Facts {
    fn words(self) -> [u64; 4] {
        let Identity {
            device,
            inode,
            born,
        } = self.identity;
        let owners = u64::from(self.release_owner) << 32 | u64::from(self.link_owner);
        [device, inode, born as u64, owners]
    }

    fn from_words([device, inode, born, owners]: [u64; 4]) -> Self {
        Facts {
            identity: Identity {
                device,
                inode,
                born: born as i64,
            },
            release_owner: (owners >> 32) as u32,
            link_owner: owners as u32,
        }
    }
}

/// `DefaultHasher::new()` has fixed keys, so all processes agree. Never 0, which fresh memory
/// holds.
fn checksum(facts: [u64; 4], path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    facts.iter().for_each(|word| hasher.write_u64(*word));
    hasher.write(path);
    hasher.finish().max(1)
}
