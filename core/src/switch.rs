//! The switch of the whole server. What a process finds and what the links' stamps
//! say are brought into agreement before a request uses it. Where the link has been
//! flipped that changes the stamp, so that no process goes back to the old release
//! once one has answered from the new. Model-checked in `tests/switch_model.rs`.

use std::ffi::{CStr, CString};
use std::sync::atomic::Ordering::SeqCst;

use crate::Micros;
use crate::chain::Chain;
use crate::fs::{Errno, Fs};
use crate::resolve::{Link, Mode, ResolveError, Resolved, chain, resolve, unchanged};
use crate::stamp::Stamp;
use crate::sync::fence;
use crate::table::{LinkTable, Slot};

/// How often a thread resolves while others keep changing the stamps, before it
/// uses what it saw last.
const ROUNDS: usize = 4;

/// A docroot's resolution that a process has settled on.
pub struct Snapshot {
    resolved: Resolved,
    /// For each link its slot, and the stamp there when the link was resolved.
    stamps: Box<[(&'static Slot, Stamp)]>,
}

impl Snapshot {
    /// What the docroot resolves to.
    #[must_use]
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// The resolved docroot: canonical, without a trailing slash.
    #[must_use]
    pub fn docroot(&self) -> &CStr {
        &self.resolved.docroot
    }

    /// The symlinks on the docroot's path and their targets.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.resolved.links
    }

    /// Whether the links lead where they led: asks the file system as cheaply as can be.
    pub(crate) fn is_unchanged(&self, fs: &impl Fs) -> bool {
        unchanged(fs, self.links())
    }

    /// Whether no process has seen another target since.
    pub(crate) fn is_current(&self) -> bool {
        self.stamps
            .iter()
            .all(|(slot, stamp)| slot.stamp().load() == *stamp)
    }

    /// The same after a question to the file system, which orders no memory. Without the
    /// fences here and in [`Resolver::resolve_once`] a process could see the newest link, but a
    /// stamp as it was before others saw that link.
    pub(crate) fn is_still_current(&self) -> bool {
        fence(SeqCst);
        self.is_current()
    }

    /// Makes all processes resolve again that know a link which is not one any more, as
    /// when a directory has taken its place: its stamp alone would not tell them.
    pub(crate) fn give_up_links_unlike(&self, found: &Snapshot) {
        for (link, (slot, stamp)) in self.links().iter().zip(&self.stamps) {
            if !found.links().iter().any(|l| l.path == link.path) {
                // If the stamp is another by now, they resolve anyway.
                let _ = slot.stamp().replace(*stamp, stamp.next(&link.target));
            }
        }
    }

    /// Counts a check of the links.
    pub(crate) fn count_check(&self) {
        for (slot, _) in &self.stamps {
            slot.counters().checked();
        }
    }

    /// Counts a check of the links that has failed.
    pub(crate) fn count_failure(&self, now: Micros, errno: Errno) {
        for (slot, _) in &self.stamps {
            slot.counters().failed(now, errno);
        }
    }
}

/// A docroot as it is asked for.
pub(crate) struct Resolver<'a, F> {
    pub(crate) path: &'a CStr,
    pub(crate) mode: &'a Mode,
    pub(crate) table: LinkTable,
    pub(crate) fs: &'a F,
}

impl<F: Fs> Resolver<'_, F> {
    /// Resolves, and brings what was found and what the stamps say into agreement.
    ///
    /// What is returned was resolved after every response that another process
    /// has sent from a newer target: such a response was preceded by a change
    /// of the stamp, and the stamps did not change while this thread resolved.
    pub(crate) fn resolve_consistently(
        &self,
        latest: Option<&Snapshot>,
        now: Micros,
    ) -> Result<Snapshot, ResolveError> {
        // The stamps before the links were resolved.
        let mut before: Box<[(&'static Slot, Stamp)]> = latest
            .map_or(&[][..], |snapshot| &snapshot.stamps)
            .iter()
            .map(|(slot, _)| (*slot, slot.stamp().load()))
            .collect();
        for _ in 0..ROUNDS {
            let Snapshot { resolved, stamps } = self.resolve_once()?;
            let same = before.len() == stamps.len()
                && before
                    .iter()
                    .zip(&stamps)
                    .all(|(a, b)| std::ptr::eq(a.0, b.0) && a.1 == b.1);
            if !same {
                // Also at the first time: that only shows which stamps to watch.
                before = stamps;
                continue;
            }

            let mut agreed = true;
            for (link, (slot, stamp)) in resolved.links.iter().zip(&mut before) {
                let target = link.target.as_c_str();
                if stamp.names(target) && !is_news(latest, slot, *stamp, link) {
                    continue;
                }
                agreed = false;
                // Either way another round has to confirm it.
                *stamp = match slot.change(*stamp, target, now) {
                    Ok(stamp) | Err(stamp) => stamp,
                };
            }
            if agreed {
                let found = Snapshot { resolved, stamps };
                self.show(&found);
                self.table.note(found.links(), self.mode, self.fs, now);
                return Ok(found);
            }
        }
        // Flips and checks keep coming. This is as fresh as can be. All processes, this
        // one too, resolve again for the next request.
        let found = self.resolve_once()?;
        for (link, (slot, _)) in found.links().iter().zip(&found.stamps) {
            slot.overrule(&link.target, now);
        }
        Ok(found)
    }

    /// Sees to it that the status page of any process can show where the links lead.
    fn show(&self, found: &Snapshot) {
        for (link, (_, stamp)) in found.links().iter().zip(&found.stamps) {
            let leads_there = |steps: &[CString]| steps.last() == Some(&link.target);
            let is_shown = match self.table.chain(&link.path, self.mode) {
                Chain::Unknown => false,
                Chain::TooLong => true,
                Chain::Paths(steps) => leads_there(&steps),
            };
            if is_shown {
                continue;
            }
            // If it was flipped again, that is for the next time.
            if let Some(steps) = chain(self.fs, link).ok().filter(|steps| leads_there(steps)) {
                self.table
                    .write_chain(&link.path, self.mode, *stamp, &steps);
            }
        }
    }

    /// What the docroot resolves to, and the stamps after that.
    fn resolve_once(&self) -> Result<Snapshot, ResolveError> {
        fence(SeqCst);
        let resolved = self.resolve_certainly()?;
        fence(SeqCst);
        let stamps = resolved
            .links
            .iter()
            .map(|link| self.table.slot(&link.path, self.mode))
            .map(|slot| (slot, slot.stamp().load()))
            .collect();
        Ok(Snapshot { resolved, stamps })
    }

    /// [`resolve`], which may fail because a release is removed as soon as the link leads
    /// to the next one. It has failed if it does so twice in the same way, or [`ROUNDS`]
    /// times.
    fn resolve_certainly(&self) -> Result<Resolved, ResolveError> {
        let resolve = || resolve(self.fs, self.path, self.mode);
        let mut found = resolve();
        for _ in 1..ROUNDS {
            if found.is_ok() {
                break;
            }
            let again = resolve();
            if again == found {
                break;
            }
            found = again;
        }
        found
    }
}

/// Whether `link` leads elsewhere than this process last saw under the very
/// same stamp: it was flipped between two targets whose hashes are equal.
fn is_news(latest: Option<&Snapshot>, slot: &Slot, stamp: Stamp, link: &Link) -> bool {
    latest.is_some_and(|latest| {
        let known = latest.resolved.links.iter().zip(&latest.stamps);
        known
            .filter(|(_, (known, s))| std::ptr::eq(*known, slot) && *s == stamp)
            .any(|(l, _)| l.path == link.path && l.target != link.target)
    })
}
