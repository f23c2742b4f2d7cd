//! The word that all processes of the server share for a link.
//!
//! Every process keeps its own idea of where a link leads. So that they change
//! it together, each link has a stamp in memory that they share. It holds what
//! the link was last seen to lead to (a hash of the target) and how often that
//! has changed (an epoch). A process whose idea was formed under another
//! [`Stamp`] resolves the link again before it serves.
//!
//! Neither half would do alone. With only an epoch, a process that sees a change
//! late, after it was counted, would count it again. With only a hash, a rollback
//! A → B → A would leave in force what was formed during the first A.

use std::ffi::CStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::sync::AtomicU64;

/// A value of the word: `epoch << 32 | hash of the target`. 0: nobody has seen the link yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    /// The stamp of a link that nobody has seen.
    pub const UNSEEN: Stamp = Stamp(0);

    /// The value itself.
    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// Whether the stamp was set by a process that saw the link lead to `target`
    /// (or to a target with the same hash).
    pub(crate) fn names(self, target: &CStr) -> bool {
        self.0 as u32 == hash32(target)
    }

    /// The stamp that follows this one when the link leads to `target` now.
    pub(crate) fn next(self, target: &CStr) -> Stamp {
        let epoch = ((self.0 >> 32) as u32).wrapping_add(1);
        Stamp(u64::from(epoch) << 32 | u64::from(hash32(target)))
    }
}

/// The shared word. All zeroes is a valid one: [`Stamp::UNSEEN`].
#[repr(transparent)]
pub struct SharedStamp(AtomicU64);

impl SharedStamp {
    pub(crate) fn unseen() -> Self {
        SharedStamp(AtomicU64::new(Stamp::UNSEEN.0))
    }

    #[cfg(test)]
    pub(crate) fn scribble(&self, word: u64) {
        self.0.store(word, std::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Stamp {
        Stamp(self.0.load(Acquire))
    }

    /// Replaces `seen` by `new`.
    ///
    /// # Errors
    /// What the word holds by now, if that is another stamp.
    pub(crate) fn replace(&self, seen: Stamp, new: Stamp) -> Result<(), Stamp> {
        match self.0.compare_exchange(seen.0, new.0, AcqRel, Acquire) {
            Ok(_) => Ok(()),
            Err(now) => Err(Stamp(now)),
        }
    }

    /// Replaces whatever the word holds by the stamp that follows when the link
    /// leads to `target`; gives the stamp before.
    pub(crate) fn overrule(&self, target: &CStr) -> Stamp {
        let next = |now| Some(Stamp(now).next(target).0);
        match self.0.fetch_update(AcqRel, Acquire, next) {
            // The closure never declines.
            Ok(before) | Err(before) => Stamp(before),
        }
    }
}

/// `DefaultHasher::new()` has fixed keys, so all processes agree. Never 0, which
/// [`Stamp::UNSEEN`] holds.
fn hash32(target: &CStr) -> u32 {
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    (hasher.finish() as u32).max(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_names_its_target_and_is_never_the_same_again() {
        assert!(!Stamp::UNSEEN.names(c"/a") && !Stamp::UNSEEN.names(c"/b"));
        let mut stamp = Stamp::UNSEEN;
        let mut seen = Vec::new();
        for target in [c"/a", c"/b", c"/a", c"/a"] {
            stamp = stamp.next(target);
            assert!(stamp.names(target));
            assert!(!seen.contains(&stamp));
            seen.push(stamp);
        }
        assert!(!stamp.names(c"/b"));
        // The epoch goes round.
        assert!(Stamp(u64::MAX).next(c"/a").names(c"/a"));
    }

    #[test]
    fn a_stamp_is_replaced_only_if_it_is_the_one_that_was_seen() {
        let shared = SharedStamp::unseen();
        let (a, b) = (Stamp::UNSEEN.next(c"/a"), Stamp::UNSEEN.next(c"/b"));
        assert_eq!(shared.replace(Stamp::UNSEEN, a), Ok(()));
        assert_eq!(shared.replace(Stamp::UNSEEN, b), Err(a));
        assert_eq!(shared.load(), a);
        shared.overrule(c"/b");
        assert!(shared.load().names(c"/b"));
        assert_ne!(shared.load(), b, "the epoch went on");
    }
}
