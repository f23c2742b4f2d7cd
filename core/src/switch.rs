//! The switch of the whole server: what a process finds and what the links' cells
//! say are brought into agreement before a request goes by it. Where the link
//! has been flipped that changes the cell, so that no process goes back to the old
//! release once one has answered from the new. Model-checked in `tests/switch_model.rs`.

use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::SeqCst;

use crate::Micros;
use crate::cell::{Cells, Slot, Stamp};
use crate::fs::{Errno, Fs, Held};
use crate::resolve::{Link, Mode, ResolveError, Resolved, resolve, unchanged};
use crate::sync::fence;

/// How often a thread resolves while others keep changing the cells, before it
/// goes by what it saw last.
const ROUNDS: usize = 4;

/// A docroot's resolution that a process has settled on.
pub struct Snapshot {
    resolved: Resolved,
    /// For each link its slot, and what the cell there said when the link was looked at.
    stamps: Box<[(&'static Slot, Stamp)]>,
    /// The links' directories, held open since there are many looks at them; empty if that cannot be.
    held: OnceLock<Box<[Box<dyn Held>]>>,
}

impl Snapshot {
    fn new(resolved: Resolved, stamps: Box<[(&'static Slot, Stamp)]>) -> Self {
        Snapshot {
            resolved,
            stamps,
            held: OnceLock::new(),
        }
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

    /// Whether the links lead where they led: a look at the file system, as cheap as can be.
    pub(crate) fn is_unchanged(&self, fs: &impl Fs) -> bool {
        match self.held.get() {
            Some(held) if !held.is_empty() => held.iter().all(|dir| dir.stands()),
            _ => unchanged(fs, self.links()),
        }
    }

    /// Whether [`hold`](Self::hold) has been tried.
    pub(crate) fn has_held(&self) -> bool {
        self.held.get().is_some()
    }

    /// Holds the links' directories open, if the links' text alone tells where they lead.
    #[cold]
    pub(crate) fn hold(&self, fs: &impl Fs) {
        let hold = |link: &Link| fs.hold(&link.path, link.text.as_deref()?);
        let held: Option<Box<[_]>> = self.links().iter().map(hold).collect();
        // Another thread's are as good.
        let _ = self.held.set(held.unwrap_or_default());
    }

    /// Whether nobody has seen another target since.
    pub(crate) fn is_current(&self) -> bool {
        self.stamps
            .iter()
            .all(|(slot, stamp)| slot.cell().load() == *stamp)
    }

    /// The same after a look at the file system, which orders no memory: without the
    /// fences here and in [`look`] a process could see the newest link but
    /// a cell as it was before others looked.
    pub(crate) fn is_still_current(&self) -> bool {
        fence(SeqCst);
        self.is_current()
    }

    /// Makes all others look who still know a link that is none any more, as when
    /// a directory was put in its place: its cell would not tell them.
    pub(crate) fn give_up_links_unlike(&self, found: &Snapshot) {
        for (link, (slot, stamp)) in self.links().iter().zip(&self.stamps) {
            if !found.links().iter().any(|l| l.path == link.path) {
                // If the cell says something else by now, they look anyway.
                let _ = slot.cell().replace(*stamp, stamp.next(&link.target));
            }
        }
    }

    /// Counts so many looks at the links.
    pub(crate) fn count_checks(&self, times: u64) {
        for (slot, _) in &self.stamps {
            slot.figures().checked(times);
        }
    }

    /// Counts a look at the links that has failed.
    pub(crate) fn count_failure(&self, now: Micros, errno: Errno) {
        for (slot, _) in &self.stamps {
            slot.figures().failed(now, errno);
        }
    }
}

/// Resolves, and brings what was found and what the cells say into agreement.
///
/// What is returned was resolved after every response that another process
/// has sent from a newer target: such a response was preceded by a change
/// of the cell, and the cells did not change while this thread resolved.
pub(crate) fn settle(
    path: &CStr,
    mode: &Mode,
    latest: Option<&Snapshot>,
    now: Micros,
    cells: Cells,
    fs: &impl Fs,
) -> Result<Snapshot, ResolveError> {
    // What the cells said before the link was looked at.
    let mut before: Box<[(&'static Slot, Stamp)]> = latest
        .map_or(&[][..], |snapshot| &snapshot.stamps)
        .iter()
        .map(|(slot, _)| (*slot, slot.cell().load()))
        .collect();
    for _ in 0..ROUNDS {
        let Snapshot {
            resolved, stamps, ..
        } = look(path, mode, cells, fs)?;
        let same = before.len() == stamps.len()
            && before
                .iter()
                .zip(&stamps)
                .all(|(a, b)| std::ptr::eq(a.0, b.0) && a.1 == b.1);
        if !same {
            // Also the first look at a link: it shows only which cell to watch.
            before = stamps;
            continue;
        }

        let mut agreed = true;
        for (link, (slot, stamp)) in resolved.links.iter().zip(&mut before) {
            let target = link.target.as_c_str();
            if stamp.tells(target) && !is_news(latest, slot, *stamp, link) {
                continue;
            }
            agreed = false;
            // Either way it takes another look to confirm.
            *stamp = match slot.change(*stamp, target, now) {
                Ok(stamp) | Err(stamp) => stamp,
            };
        }
        if agreed {
            return Ok(Snapshot::new(resolved, stamps));
        }
    }
    // Flips and checks keep coming. This is as fresh as can be; make all others
    // look too, and look again for the next request.
    let found = look(path, mode, cells, fs)?;
    for (link, (slot, _)) in found.links().iter().zip(&found.stamps) {
        slot.overrule(&link.target, now);
    }
    Ok(found)
}

/// What the docroot leads to, and what the cells say after that.
fn look(path: &CStr, mode: &Mode, cells: Cells, fs: &impl Fs) -> Result<Snapshot, ResolveError> {
    fence(SeqCst);
    let resolved = resolve_certainly(fs, path, mode)?;
    fence(SeqCst);
    let stamps = resolved
        .links
        .iter()
        .map(|link| cells.of(&link.path, mode))
        .map(|slot| (slot, slot.cell().load()))
        .collect();
    Ok(Snapshot::new(resolved, stamps))
}

/// [`resolve`], which may fail since a release is removed as soon as the link leads to the next: it has failed if it
/// does so twice in the same way, or [`ROUNDS`] times.
fn resolve_certainly(fs: &impl Fs, path: &CStr, mode: &Mode) -> Result<Resolved, ResolveError> {
    let mut found = resolve(fs, path, mode);
    for _ in 1..ROUNDS {
        if found.is_ok() {
            break;
        }
        let again = resolve(fs, path, mode);
        if again == found {
            break;
        }
        found = again;
    }
    found
}

/// Whether `link` leads elsewhere than this process last saw under the very
/// same stamp: a flip between two targets whose hashes are equal.
fn is_news(latest: Option<&Snapshot>, slot: &Slot, stamp: Stamp, link: &Link) -> bool {
    latest.is_some_and(|latest| {
        let known = latest.resolved.links.iter().zip(&latest.stamps);
        known
            .filter(|(_, (known, s))| std::ptr::eq(*known, slot) && *s == stamp)
            .any(|(l, _)| l.path == link.path && l.target != link.target)
    })
}
