//! The word that all processes of the server share for a link.
//!
//! Every process keeps its own idea of where a link leads. So that they change
//! it together, each link has a cell in memory that they share: it tells what
//! the link was last seen to lead to (a hash of the target) and how often that
//! changed (an epoch). A process whose idea was formed under another
//! [`Stamp`] than the cell's resolves anew before it serves.
//!
//! Neither alone would do: with an epoch only, a process that is late in seeing
//! a change that was already counted would count it again; with a hash only, a
//! rollback A → B → A would leave what was formed during the first A in force.

use std::ffi::CStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::Micros;
use crate::figures::{Figures, Reading};
use crate::resolve::Mode;
use crate::sync::AtomicU64;

/// What a cell says: `epoch << 32 | hash of the target`. 0: nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// Whether the stamp was set by somebody who saw the link lead to `target`
    /// (or to one with the same hash).
    pub(crate) fn tells(self, target: &CStr) -> bool {
        self.0 as u32 == hash32(target)
    }

    /// Whether it was set by somebody who saw the link lead elsewhere.
    fn tells_otherwise(self, target: &CStr) -> bool {
        self.0 != 0 && !self.tells(target)
    }

    /// The stamp that follows this one when the link leads to `target` now.
    pub(crate) fn next(self, target: &CStr) -> Stamp {
        let epoch = ((self.0 >> 32) as u32).wrapping_add(1);
        Stamp(u64::from(epoch) << 32 | u64::from(hash32(target)))
    }
}

/// A link's shared word.
#[repr(transparent)]
pub struct Cell(AtomicU64);

impl Cell {
    pub(crate) fn load(&self) -> Stamp {
        Stamp(self.0.load(Acquire))
    }

    /// Replaces `seen` by `new`; if the cell says something else by now, that.
    pub(crate) fn replace(&self, seen: Stamp, new: Stamp) -> Result<(), Stamp> {
        match self.0.compare_exchange(seen.0, new.0, AcqRel, Acquire) {
            Ok(_) => Ok(()),
            Err(now) => Err(Stamp(now)),
        }
    }

    /// Whatever the cell says, from now on it says that the link leads to `target`; what it said before.
    fn overrule(&self, target: &CStr) -> Stamp {
        let next = |now| Some(Stamp(now).next(target).0);
        match self.0.fetch_update(AcqRel, Acquire, next) {
            // The closure never declines.
            Ok(before) | Err(before) => Stamp(before),
        }
    }
}

/// A place in the shared table: a link's key (0: free), its cell and its figures.
///
/// All zeroes is a valid, free slot, so fresh shared memory is an empty table.
#[repr(C)]
pub struct Slot {
    key: AtomicU64,
    cell: Cell,
    figures: Apart,
}

/// The figures change with each check; the cell, in another cache line, is read for each request and hardly ever
/// changes.
#[repr(align(64))]
#[derive(Default)]
struct Apart(Figures);

impl Slot {
    /// A free slot.
    #[must_use]
    pub fn free() -> Self {
        Slot {
            key: AtomicU64::new(0),
            cell: Cell(AtomicU64::new(0)),
            figures: Apart::default(),
        }
    }

    pub(crate) fn cell(&self) -> &Cell {
        &self.cell
    }

    pub(crate) fn figures(&self) -> &Figures {
        &self.figures.0
    }

    /// The link has been seen to lead to `target`, and not where the cell says, `seen`: from now on the
    /// cell says so too. If it says something else by now, that.
    pub(crate) fn change(&self, seen: Stamp, target: &CStr, now: Micros) -> Result<Stamp, Stamp> {
        let new = seen.next(target);
        self.cell.replace(seen, new)?;
        // What nobody had looked at has not been flipped.
        if seen.0 != 0 {
            self.figures().flipped(now);
        }
        Ok(new)
    }

    /// The same, whatever the cell says.
    pub(crate) fn overrule(&self, target: &CStr, now: Micros) {
        if self.cell.overrule(target).tells_otherwise(target) {
            self.figures().flipped(now);
        }
    }
}

/// The table of all cells, by link.
///
/// A link keeps its slot for the life of the table. Keys come from the
/// configuration (every link is a prefix of a docroot), never from a request. When a
/// neighbourhood is full a slot is shared: what is seen of one of its links then
/// makes processes resolve the others anew too. That is slower, and never wrong.
#[derive(Clone, Copy)]
pub struct Cells(&'static [Slot]);

impl Cells {
    /// How many slots are tried before one is shared.
    const PROBES: usize = 64;

    /// A table over `slots`, which must not be empty.
    #[must_use]
    pub fn new(slots: &'static [Slot]) -> Self {
        assert!(!slots.is_empty(), "a table of cells needs a slot");
        Cells(slots)
    }

    /// A table of this process alone, never freed: where memory cannot be shared,
    /// and for tests.
    #[must_use]
    pub fn private(slots: usize) -> Self {
        Cells::new(Vec::leak((0..slots).map(|_| Slot::free()).collect()))
    }

    /// What has been counted of the link `name` of docroots that are resolved in `mode`. `None`: nobody has ever
    /// known it as a link.
    #[must_use]
    pub fn read(self, name: &CStr, mode: &Mode) -> Option<Reading> {
        let key = key(name, mode);
        let slot = self
            .candidates(key)
            .find(|slot| slot.key.load(Acquire) == key);
        slot.map(|slot| slot.figures().read())
    }

    /// Forgets all that has been counted.
    pub fn clear_figures(self) {
        for slot in self.0 {
            if slot.key.load(Acquire) != 0 {
                slot.figures().clear();
            }
        }
    }

    /// The slot of the link `name` of docroots that are resolved in `mode`, the same in every process that has
    /// this table.
    pub(crate) fn of(self, name: &CStr, mode: &Mode) -> &'static Slot {
        let key = key(name, mode);
        for slot in self.candidates(key) {
            match slot.key.compare_exchange(0, key, AcqRel, Acquire) {
                Ok(_) => return slot,
                Err(taken) if taken == key => return slot,
                Err(_) => {}
            }
        }
        &self.0[key as usize % self.0.len()]
    }

    /// The slots that a link with this key may have.
    fn candidates(self, key: u64) -> impl Iterator<Item = &'static Slot> {
        let slots = self.0;
        let home = key as usize % slots.len();
        (0..Self::PROBES.min(slots.len())).map(move |i| &slots[(home + i) % slots.len()])
    }
}

/// A link's key, never 0. The two modes of resolving see different targets of one link.
fn key(name: &CStr, mode: &Mode) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, mode.is_readlink()).hash(&mut hasher);
    hasher.finish().max(1)
}

/// `DefaultHasher::new()` has fixed keys, so all processes agree; never 0, which
/// an untouched cell holds.
fn hash32(target: &CStr) -> u32 {
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    (hasher.finish() as u32).max(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::ffi::CString;

    use super::*;

    #[test]
    fn each_link_has_a_cell_of_its_own_until_the_table_is_full() {
        let cells = Cells::private(8);
        let of = |n: &u32| {
            let name = CString::new(format!("/{n}")).unwrap();
            std::ptr::from_ref(cells.of(&name, &Mode::Realpath))
        };
        let links = Vec::from_iter(0..8);
        let all: Vec<_> = links.iter().map(of).collect();
        for (i, cell) in all.iter().enumerate() {
            assert!(!all[..i].contains(cell), "link {i}");
        }
        // It keeps it, also when others find no room any more and share one.
        for n in 8..100 {
            assert!(all.contains(&of(&n)));
        }
        assert_eq!(links.iter().map(of).collect::<Vec<_>>(), all);
    }

    #[test]
    fn the_modes_have_a_cell_each() {
        let cells = Cells::private(8);
        let of = |mode| cells.of(c"/current", &mode);
        let realpath = of(Mode::Realpath);
        let readlink = of(Mode::Readlink { from: None });
        assert!(!std::ptr::eq(realpath, readlink));
        // Wherever the looking begins.
        let from = Some(c"/".into());
        assert!(std::ptr::eq(readlink, of(Mode::Readlink { from })));
    }

    #[test]
    fn a_stamp_tells_its_target_and_is_never_the_same_again() {
        let blank = Stamp(0);
        assert!(!blank.tells(c"/a") && !blank.tells(c"/b"));
        let mut stamp = blank;
        let mut seen = Vec::new();
        for target in [c"/a", c"/b", c"/a", c"/a"] {
            stamp = stamp.next(target);
            assert!(stamp.tells(target));
            assert!(!seen.contains(&stamp));
            seen.push(stamp);
        }
        assert!(!stamp.tells(c"/b"));
        // The epoch goes round.
        assert!(Stamp(u64::MAX).next(c"/a").tells(c"/a"));
    }

    #[test]
    fn a_cell_is_replaced_only_if_it_says_what_was_seen() {
        let cell = Cell(AtomicU64::new(0));
        let blank = cell.load();
        let (a, b) = (blank.next(c"/a"), blank.next(c"/b"));
        assert_eq!(cell.replace(blank, a), Ok(()));
        assert_eq!(cell.replace(blank, b), Err(a));
        assert_eq!(cell.load(), a);
        cell.overrule(c"/b");
        assert!(cell.load().tells(c"/b"));
        assert_ne!(cell.load(), b, "the epoch went on");
    }
}
