//! Noting where a link leads.

use std::slice::from_ref;

use super::entry::{Facts, MAX_PATH, PathBuffer, Release};
use super::shared::SharedHistory;
use crate::fs::{Fs, Inode};
use crate::resolve::{Link, unchanged};
use crate::{Micros, SECOND};

impl SharedHistory {
    /// `link` has been found to lead to its target.
    pub(crate) fn note(&self, fs: &impl Fs, link: &Link, now: Micros) {
        let Ok(release) = fs.inode(&link.target) else {
            return;
        };
        if self.says(link, &release) {
            return;
        }
        let Ok(symlink) = fs.inode(&link.path) else {
            return;
        };
        if !unchanged(fs, from_ref(link)) {
            // What was looked at may not be what was current. Whoever sees the next flip notes it.
            return;
        }
        self.leave_others(link, symlink.changed_at, now);
        let release = Release {
            path: &link.target,
            facts: Facts {
                identity: release.identity,
                release_owner: release.owner,
                link_owner: symlink.owner,
            },
        };
        let Some(writing) = self.begin_to_write(now) else {
            return;
        };
        let since = if is_past(symlink.changed_at, now) {
            symlink.changed_at
        } else {
            now
        };
        match writing.find(release) {
            Some((entry, true)) => entry.enter(since),
            Some((entry, false)) => entry.write(release, since, 0),
            None => writing.place().write(release, since, 0),
        }
    }

    /// Whether the history says already that `link` leads there, and nowhere else.
    fn says(&self, link: &Link, release: &Inode) -> bool {
        let mut buffer: PathBuffer = [0; MAX_PATH];
        let mut is_current = false;
        for entry in self.entries.iter().filter(|entry| entry.left() == 0) {
            let Some(found) = entry.read(&mut buffer) else {
                continue;
            };
            let Facts {
                identity,
                release_owner,
                ..
            } = found.facts;
            if found.path != &*link.target
                || !identity.is(&release.identity)
                || release_owner != release.owner
            {
                return false;
            }
            is_current = true;
        }
        is_current
    }

    /// The link has ceased to lead elsewhere: when it was changed, as far as that is why.
    fn leave_others(&self, link: &Link, changed_at: Micros, now: Micros) {
        let mut buffer: PathBuffer = [0; MAX_PATH];
        for entry in self.entries.iter().filter(|entry| entry.left() == 0) {
            let found = entry.read(&mut buffer);
            if found.is_some_and(|found| found.path != &*link.target) {
                let is_why = entry.since() < changed_at && is_past(changed_at, now);
                entry.leave(if is_why { changed_at } else { now });
            }
        }
    }
}

/// Whether `at` is not after `now`. A thread's `now` may be some time ago.
fn is_past(at: Micros, now: Micros) -> bool {
    at <= now.saturating_add(SECOND)
}
