//! Noting where a link leads.

use std::ffi::{CStr, CString};

use super::entry::{Facts, MAX_PATH, PathBuffer, Release, SharedEntry, can_be_remembered};
use super::shared::{FORMER, SharedHistory};
use crate::fs::{Fs, Inode};
use crate::record::{Entry, How};
use crate::resolve::{Link, unchanged};
use crate::{Micros, SECOND};

impl SharedHistory {
    /// The last of `links` has been found to lead to its target. The others are on its path.
    pub(crate) fn note(&self, fs: &impl Fs, links: &[Link], now: Micros) {
        let Some(link) = links.last() else {
            return;
        };
        let Ok(target) = fs.inode(&link.target) else {
            return;
        };
        if self.says(link, &target) {
            return;
        }
        let symlinks = links.iter().map(|link| fs.inode(&link.path));
        let Ok(symlinks) = symlinks.collect::<Result<Vec<_>, _>>() else {
            return;
        };
        if !unchanged(fs, links) {
            // What was looked at may not be what was current. Whoever sees the next flip notes it.
            return;
        }
        let link_owner = symlinks.last().map_or(0, |symlink| symlink.owner);
        // It leads there since the last of them was changed, or later.
        let changed_at = symlinks.iter().map(|symlink| symlink.changed_at).max();
        let changed_at = changed_at.unwrap_or(now);
        self.leave_others(link, changed_at, now);
        if !can_be_remembered(&link.target) {
            return;
        }
        let release = Release {
            path: &link.target,
            facts: Facts {
                identity: target.identity,
                release_owner: target.owner,
                link_owner,
            },
        };
        let Some(writing) = self.begin_to_write(now) else {
            return;
        };
        if self.says(link, &target) {
            // Another process has been faster.
            return;
        }
        let is_since = is_past(changed_at, now);
        writing.enter(release, if is_since { changed_at } else { now });
        self.set_record_is_due();
    }

    /// After `link` has been found flipped: what `realdoc` has recorded of it. The releases that
    /// are recorded may lie on a file system that does not answer, so nothing must wait for this.
    pub(crate) fn recall(&self, fs: &impl Fs, link: &CStr, clock: fn() -> Micros) {
        if !self.take_record_is_due() {
            return;
        }
        let Ok(symlink) = fs.inode(link) else {
            return;
        };
        let record = fs.record(link, symlink.owner).unwrap_or_default();
        let record = on_disk(fs, record);
        let now = clock();
        if let Some(writing) = self.begin_to_write(now) {
            writing.merge(&record, now);
        }
    }

    /// Whether the history says already that `link` leads there, and nowhere else.
    fn says(&self, link: &Link, target: &Inode) -> bool {
        let mut buffer: PathBuffer = [0; MAX_PATH];
        let mut is_said = false;
        for entry in self.entries.iter().filter(|entry| entry.is_current()) {
            let Some(found) = entry.read(&mut buffer) else {
                continue;
            };
            let Release { path, facts } = found.release;
            if path != &*link.target
                || (facts.identity, facts.release_owner) != (target.identity, target.owner)
            {
                return false;
            }
            is_said = true;
        }
        is_said
    }

    /// The link has ceased to lead elsewhere: at `changed_at`, as far as that is why.
    fn leave_others(&self, link: &Link, changed_at: Micros, now: Micros) {
        let mut buffer: PathBuffer = [0; MAX_PATH];
        // What was left before was left earlier, although file systems have a coarse clock.
        let left = |entry: &SharedEntry| Some(entry.read(&mut buffer)?.left);
        let left = self.entries.iter().filter_map(left);
        let last = left.filter(|left| is_past(*left, now)).max().unwrap_or(0);
        for entry in self.entries.iter().filter(|entry| entry.is_current()) {
            let found = entry.read(&mut buffer);
            let other = found.filter(|found| found.release.path != &*link.target);
            if let Some(other) = other {
                let is_why = other.since < changed_at && is_past(changed_at, now);
                let at = if is_why { changed_at } else { now };
                entry.leave(at.max(last + 1));
            }
        }
    }
}

/// The entries whose releases are there, with their identities as they are now: a device may have
/// another number since they were written. And those that say what was withdrawn.
fn on_disk(fs: &impl Fs, mut record: Vec<Entry>) -> Vec<Entry> {
    // The newest come first. There is no room for many others.
    record.truncate(2 * FORMER);
    record.retain_mut(|entry| {
        if entry.how == How::Withdrawn {
            return true;
        }
        let path = CString::new(&*entry.path).unwrap_or_default();
        let inode = fs.inode(&path);
        let found = inode
            .ok()
            .filter(|inode| inode.identity.is(&entry.identity));
        if let Some(inode) = &found {
            entry.identity = inode.identity;
        }
        found.is_some()
    });
    record
}

/// Whether `at` is not after `now`. A thread's `now` may be some time ago.
pub(super) fn is_past(at: Micros, now: Micros) -> bool {
    at <= now.saturating_add(SECOND)
}
