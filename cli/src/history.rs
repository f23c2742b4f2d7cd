//! What a link led to, and which of it can go.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use realdoc_core::Micros;
use realdoc_core::record::{Entry, How, Identity};
use rustix::fs::{Dir, FileType};

use crate::args::Policy;
use crate::in_use::InUse;
use crate::link::Link;
use crate::output::show;
use crate::place::lead;
use crate::walk::{Found, is};

/// The former releases of a link, the newest first: those of the record that are still there.
#[derive(Debug, Default)]
pub(crate) struct History(pub(crate) Vec<Entry>);

/// What becomes of a former release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is one of those to be kept.
    Kept,
    /// `rollback` leads to it.
    RollbackTarget,
    /// Requests may still run in it.
    InGrace,
    /// It is not in the directory of the current release.
    Elsewhere,
    /// Something else needs it; why.
    InUse(String),
    /// It can go.
    CanGo,
}

impl History {
    /// Leaves out what the link leads to again, and what is gone.
    pub(crate) fn of(mut record: Vec<Entry>, current: Option<&Found>) -> Self {
        let current = current.map(|current| current.path.as_os_str().as_bytes());
        record.retain(|entry| Some(entry.path.as_slice()) != current && is_there(entry));
        Self(record)
    }

    /// The link leaves `current`.
    pub(crate) fn leave(&mut self, current: &Found, link: &Link, how: How, now: Micros) {
        let path = current.path.as_os_str().as_bytes().to_vec();
        self.0.retain(|entry| entry.path != path);
        let entry = Entry {
            how,
            since: link.since,
            until: now,
            identity: current.identity(),
            release_owner: current.stat.st_uid,
            link_owner: link.owner,
            path,
        };
        self.0.insert(0, entry);
    }

    /// What `rollback` leads to.
    pub(crate) fn rollback_target(&self) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.how == How::Replaced)
    }

    pub(crate) fn find(&self, path: &Path) -> Option<&Entry> {
        self.0.iter().find(|entry| path_of(entry) == path)
    }

    /// The newest release of that name.
    pub(crate) fn named(&self, name: &OsStr) -> Option<&Entry> {
        self.0
            .iter()
            .find(|entry| path_of(entry).file_name() == Some(name))
    }

    /// What becomes of each release while the link leads to one in `releases`.
    pub(crate) fn judge(
        &self,
        policy: Policy,
        now: Micros,
        releases: &Found,
        in_use: &InUse,
    ) -> Vec<Verdict> {
        let target = self.rollback_target().map(|entry| entry.path.clone());
        // The current one.
        let mut kept = 1;
        let mut judge = |entry: &Entry| {
            let path = path_of(entry);
            let is_over = policy.grace.0 == 0 || entry.until.saturating_add(policy.grace.0) <= now;
            let verdict = if kept < policy.keep {
                Verdict::Kept
            } else if target.as_ref() == Some(&entry.path) {
                Verdict::RollbackTarget
            } else if path.parent() != Some(&releases.path) {
                Verdict::Elsewhere
            } else if !is_over {
                Verdict::InGrace
            } else if let Some(why) = in_use.why(path) {
                Verdict::InUse(why)
            } else {
                Verdict::CanGo
            };
            kept += u32::from(verdict != Verdict::CanGo);
            verdict
        };
        self.0.iter().map(&mut judge).collect()
    }

    /// The directories in `releases` that are neither current nor of the record.
    pub(crate) fn unknown(&self, releases: &Found, current: &Found) -> Vec<Found> {
        let Ok(entries) = releases.open().and_then(Dir::new) else {
            return Vec::new();
        };
        let mut unknown: Vec<Found> = entries
            .flatten()
            .filter(|entry| matches!(entry.file_type(), FileType::Directory | FileType::Unknown))
            .filter(|entry| entry.file_name().to_bytes().first() != Some(&b'.'))
            .filter_map(|entry| {
                releases
                    .child(OsStr::from_bytes(entry.file_name().to_bytes()))
                    .ok()
            })
            .filter(|found| is(&found.stat, FileType::Directory) && !found.is_same(current))
            .filter(|found| self.find(&found.path).is_none())
            .collect();
        unknown.sort_by(|a, b| a.path.cmp(&b.path));
        unknown
    }
}

pub(crate) fn path_of(entry: &Entry) -> &Path {
    Path::new(OsStr::from_bytes(&entry.path))
}

/// Whether the directory is still the one that the record means: a later one of the same name
/// was not deployed by us.
pub(crate) fn is_meant(found: &Found, identity: &Identity) -> bool {
    found.is_dir() && found.identity().is(identity)
}

fn is_there(entry: &Entry) -> bool {
    let mut steps = Vec::new();
    let found = lead(path_of(entry), &mut steps);
    let is_direct = steps.iter().all(|step| !is(&step.stat, FileType::Symlink));
    is_direct && found.is_ok_and(|found| is_meant(&found, &entry.identity))
}

impl Verdict {
    /// In a list, beside the release.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Kept => "kept".to_owned(),
            Self::RollbackTarget => "kept for a rollback".to_owned(),
            Self::InGrace => "in its grace".to_owned(),
            Self::Elsewhere => "not beside the current one".to_owned(),
            Self::InUse(why) => why.clone(),
            Self::CanGo => "can go".to_owned(),
        }
    }
}

/// A release's name, as a user knows it.
pub(crate) fn name_of(path: &Path) -> String {
    show(path.file_name().unwrap_or(path.as_os_str()))
}
