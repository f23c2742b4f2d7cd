//! The table of links in the memory that all processes of the server share.
//!
//! A taken-over process may write anything there. So nothing that is read from it is
//! used as an index, a length or an error number before it was checked.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::Micros;
use crate::chain::{Chain, SharedChain};
use crate::counters::{Counters, Counts};
use crate::fs::Fs;
use crate::history::{Asker, Formers, SharedHistory};
use crate::record::Entry;
use crate::resolve::{Link, Mode};
use crate::stamp::{SharedStamp, Stamp};
use crate::sync::AtomicU64;

/// A link's place in the table: its key (0: the slot is free), its stamp and its counters.
///
/// All zeroes is a valid, free slot, so fresh shared memory is an empty table.
#[repr(C)]
pub struct Slot {
    key: AtomicU64,
    stamp: SharedStamp,
    counters: OwnCacheLine<Counters>,
}

/// The counters change with each check. The stamp, in another cache line, is read for each
/// request and hardly ever changes.
#[repr(align(64))]
#[derive(Default)]
struct OwnCacheLine<T>(T);

impl Slot {
    /// A free slot.
    #[must_use]
    pub fn free() -> Self {
        Slot {
            key: AtomicU64::new(0),
            stamp: SharedStamp::unseen(),
            counters: OwnCacheLine::default(),
        }
    }

    /// What a taken-over process may do.
    #[cfg(test)]
    pub(crate) fn scribble(&self, words: [u64; 8]) {
        let [key, stamp, counters @ ..] = words;
        self.key.store(key, std::sync::atomic::Ordering::Relaxed);
        self.stamp.scribble(stamp);
        self.counters().scribble(counters);
    }

    pub(crate) fn stamp(&self) -> &SharedStamp {
        &self.stamp
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters.0
    }

    /// The link has been seen to lead to `target`, and not where the stamp `seen` says.
    /// From now on the stamp says so too.
    ///
    /// # Errors
    /// The present stamp, if that is no longer `seen`.
    pub(crate) fn change(&self, seen: Stamp, target: &CStr, now: Micros) -> Result<Stamp, Stamp> {
        let new = seen.next(target);
        self.stamp.replace(seen, new)?;
        // A link that nobody had seen was not flipped.
        if seen != Stamp::UNSEEN {
            self.counters().flipped(now);
        }
        Ok(new)
    }

    /// The same, whatever the stamp says.
    pub(crate) fn overrule(&self, target: &CStr, now: Micros) {
        let before = self.stamp.overrule(target);
        if before != Stamp::UNSEEN && !before.names(target) {
            self.counters().flipped(now);
        }
    }
}

/// The table of all slots, by link.
///
/// A link keeps its slot for the life of the table. Keys come from the
/// configuration (every link is a prefix of a docroot), never from a request. When a
/// neighbourhood is full, links share a slot: a flip of one then makes processes resolve
/// the others again too. That is slower, and never wrong.
#[derive(Clone, Copy)]
pub struct LinkTable {
    slots: &'static [Slot],
    /// One for each slot. Apart from those, since they are large and seldom touched.
    chains: &'static [SharedChain],
    /// Of those links that have found a place there.
    histories: &'static [SharedHistory],
}

impl LinkTable {
    /// How many slots are tried before one is shared.
    const PROBES: usize = 64;

    /// A table over `slots`, which must not be empty, and the `chains` of their links.
    #[must_use]
    pub fn new(slots: &'static [Slot], chains: &'static [SharedChain]) -> Self {
        assert!(!slots.is_empty(), "a table of links needs a slot");
        LinkTable {
            slots,
            chains,
            histories: &[],
        }
    }

    /// The same table, which also remembers where the links led before.
    #[must_use]
    pub fn with_histories(self, histories: &'static [SharedHistory]) -> Self {
        LinkTable { histories, ..self }
    }

    /// A table of this process alone, never freed: where memory cannot be shared,
    /// and for tests.
    #[must_use]
    pub fn private(slots: usize) -> Self {
        LinkTable::new(
            Vec::leak((0..slots).map(|_| Slot::free()).collect()),
            Vec::leak((0..slots).map(|_| SharedChain::unknown()).collect()),
        )
    }

    /// What has been counted of the link `name` of docroots that are resolved in `mode`.
    /// `None`: no process has ever known it as a link.
    #[must_use]
    pub fn counts(self, name: &CStr, mode: &Mode) -> Option<Counts> {
        Some(self.slots[self.find(name, mode)?].counters().read())
    }

    /// A request has not found its file behind the link `name`: a former release has answered it,
    /// or none has.
    pub fn count_lost(self, name: &CStr, mode: &Mode, is_served: bool) {
        if let Some(at) = self.find(name, mode) {
            self.slots[at].counters().lost(is_served);
        }
    }

    /// Where the link `name` of docroots that are resolved in `mode` leads, as the last process saw
    /// it that found it flipped. To be escaped: a taken-over process may have written it.
    #[must_use]
    pub fn chain(self, name: &CStr, mode: &Mode) -> Chain {
        self.chain_at(name, mode)
            .map_or(Chain::Unknown, |(chain, stamp)| chain.read(stamp))
    }

    /// Writes that `link` leads by these `steps` under the present stamp. Not in a slot that it
    /// shares with the link that came first.
    pub(crate) fn write_chain(self, link: &CStr, mode: &Mode, stamp: Stamp, steps: &[CString]) {
        if let Some((chain, _)) = self.chain_at(link, mode) {
            chain.write(stamp, steps);
        }
    }

    /// The former releases of `link`, which leads to `current` for the request that asks `now`.
    #[must_use]
    pub fn former<'c>(
        self,
        link: &CStr,
        mode: &Mode,
        current: &'c CStr,
        now: Micros,
    ) -> Formers<'c> {
        let history = SharedHistory::find(self.histories, key(link, mode));
        Formers::of(history, current, now)
    }

    /// Who asks for files in [`former`](Self::former) releases of `link`; `None`: it has none.
    #[must_use]
    pub fn asker(self, link: &CStr, mode: &Mode) -> Option<&'static Asker> {
        let history = SharedHistory::find(self.histories, key(link, mode))?;
        Some(&history.asker)
    }

    /// Whether anything is remembered of where links led before.
    #[must_use]
    pub fn has_histories(self) -> bool {
        !self.histories.is_empty()
    }

    /// What is remembered of `link`, the newest first. What it leads to now is left `now`.
    #[must_use]
    pub fn remembered(self, link: &CStr, now: Micros) -> Vec<Entry> {
        let history = SharedHistory::find(self.histories, key(link, &Mode::Realpath));
        history.map_or_else(Vec::new, |history| history.entries(now))
    }

    /// Adds to it what was remembered before.
    pub fn restore(self, link: &CStr, entries: &[Entry], now: Micros) {
        let key = key(link, &Mode::Realpath);
        if let Some(history) = SharedHistory::find_or_take(self.histories, key) {
            history.restore(entries, now);
        }
    }

    /// Forgets what is remembered of others than `links`: of those that are not configured any
    /// more, and in places that are said to be of no link at all.
    pub fn forget_others<'l>(self, links: impl Iterator<Item = &'l CStr>) {
        let keys: BTreeSet<u64> = links.map(|link| key(link, &Mode::Realpath)).collect();
        for history in self.histories {
            history.free_unless(|key| keys.contains(&key));
        }
    }

    /// Notes for [`former`](Self::former) that each of a docroot's `links` has been found to lead
    /// to its target. One step of a link is not remembered.
    pub(crate) fn note(self, links: &[Link], mode: &Mode, fs: &impl Fs, now: Micros) {
        if mode.is_readlink() {
            return;
        }
        for (n, link) in links.iter().enumerate() {
            let key = key(&link.path, mode);
            if let Some(history) = SharedHistory::find_or_take(self.histories, key) {
                history.note(fs, &links[..=n], now);
            }
        }
    }

    /// What [`note`](Self::note) leaves for when nobody waits for this thread.
    pub(crate) fn recall(self, links: &[Link], mode: &Mode, fs: &impl Fs, clock: fn() -> Micros) {
        for link in links {
            if let Some(history) = SharedHistory::find(self.histories, key(&link.path, mode)) {
                history.recall(fs, &link.path, clock);
            }
        }
    }

    fn chain_at(self, name: &CStr, mode: &Mode) -> Option<(&'static SharedChain, Stamp)> {
        if self.chains.is_empty() {
            return None;
        }
        let at = self.find(name, mode)?;
        Some((self.chains.get(at)?, self.slots[at].stamp.load()))
    }

    /// Where the slot of a link is that has one of its own.
    fn find(self, name: &CStr, mode: &Mode) -> Option<usize> {
        let key = key(name, mode);
        self.candidates(key)
            .find(|at| self.slots[*at].key.load(Acquire) == key)
    }

    /// Forgets all that has been counted.
    pub fn clear_counters(self) {
        for slot in self.slots {
            if slot.key.load(Acquire) != 0 {
                slot.counters().clear();
            }
        }
    }

    /// The slot of the link `name` of docroots that are resolved in `mode`, the same in
    /// every process that has this table.
    pub(crate) fn slot(self, name: &CStr, mode: &Mode) -> &'static Slot {
        let key = key(name, mode);
        for slot in self.candidates(key).map(|at| &self.slots[at]) {
            match slot.key.compare_exchange(0, key, AcqRel, Acquire) {
                Ok(_) => return slot,
                Err(taken) if taken == key => return slot,
                Err(_) => {}
            }
        }
        &self.slots[key as usize % self.slots.len()]
    }

    /// The slots that a link with this key may have.
    fn candidates(self, key: u64) -> impl Iterator<Item = usize> {
        let len = self.slots.len();
        let home = key as usize % len;
        (0..Self::PROBES.min(len)).map(move |i| (home + i) % len)
    }
}

/// A link's key, never 0. The two modes of resolving see different targets of one link.
fn key(name: &CStr, mode: &Mode) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, mode.is_readlink()).hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::ffi::CString;

    use super::*;

    #[test]
    fn each_link_has_a_slot_of_its_own_until_the_table_is_full() {
        let table = LinkTable::private(8);
        let slot = |n: &u32| {
            let name = CString::new(format!("/{n}")).unwrap();
            std::ptr::from_ref(table.slot(&name, &Mode::Realpath))
        };
        let links = Vec::from_iter(0..8);
        let all: Vec<_> = links.iter().map(slot).collect();
        for (i, of_link) in all.iter().enumerate() {
            assert!(!all[..i].contains(of_link), "link {i}");
        }
        // It keeps it, also when others find no room any more and share one.
        for n in 8..100 {
            assert!(all.contains(&slot(&n)));
        }
        assert_eq!(links.iter().map(slot).collect::<Vec<_>>(), all);
    }

    #[test]
    fn the_modes_have_a_slot_each() {
        let table = LinkTable::private(8);
        let slot = |mode| table.slot(c"/current", &mode);
        let realpath = slot(Mode::Realpath);
        let readlink = slot(Mode::Readlink { from: None });
        assert!(!std::ptr::eq(realpath, readlink));
        // Wherever the search begins.
        let from = Some(c"/".into());
        assert!(std::ptr::eq(readlink, slot(Mode::Readlink { from })));
    }
}
