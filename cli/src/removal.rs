//! Removes old releases in two steps: one rename sets a release aside, then it is deleted. So
//! nobody sees half a release by its name, and what a killed run leaves is known by its name.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use realdoc_core::record::Entry;
use rustix::fs::{Dir, renameat};
use rustix::io::Errno;

use crate::delete::delete;
use crate::history::{is_meant, name_of, path_of};
use crate::identity;
use crate::output::{Failure, Result, error, failed, say, show, words};
use crate::progress::Progress;
use crate::step::step;
use crate::walk::Found;

const SET_ASIDE: &str = ".realdoc-removed.";

/// Whether a directory of that name was set aside to be deleted.
pub(crate) fn is_set_aside(name: &OsStr) -> bool {
    name.as_bytes().starts_with(SET_ASIDE.as_bytes())
}

/// Sets these releases aside, and returns whether all could be. The locks must be held.
pub(crate) fn set_aside(releases: &Found, old: &[&Entry]) -> bool {
    let mut all = true;
    for entry in old {
        say(format_args!("removing {}", show(path_of(entry))));
        if let Err(failure) = set_one_aside(releases, entry) {
            error(&failure);
            all = false;
        }
    }
    all
}

fn set_one_aside(releases: &Found, entry: &Entry) -> Result<()> {
    let path = path_of(entry);
    let cannot = || failed(format!("cannot remove {}", show(path)));
    let name = path.file_name().ok_or(Errno::INVAL).map_err(cannot())?;
    let found = releases.child(name).map_err(cannot())?;
    if !is_meant(&found, &entry.identity) {
        return Err(Failure::new(format!(
            "{} is not the release that was deployed",
            show(path)
        )));
    }
    let aside = OsString::from(format!("{SET_ASIDE}{:x}", found.stat.st_ino));
    step();
    renameat(releases, name, releases, &aside).map_err(|errno| {
        identity::explain(cannot()(errno), errno, &releases.path, Some(releases.stat))
    })
}

/// Removing is done by the owner of the directory that holds the releases.
pub(crate) fn become_owner(releases: &Found) -> Result<()> {
    identity::become_user(releases.stat.st_uid, &show(&releases.path))
}

/// Deletes what is set aside, also by a run that was killed, and returns whether all is gone.
/// This may take long; no lock is needed.
pub(crate) fn delete_set_aside(releases: &Found) -> bool {
    let entries = match releases.open().and_then(Dir::new) {
        Ok(entries) => entries,
        Err(errno) => {
            error(&failed(show(&releases.path))(errno));
            return false;
        }
    };
    let names: Vec<OsString> = entries
        .flatten()
        .map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
        .filter(|name| is_set_aside(name))
        .collect();
    let mut all = true;
    for name in names {
        let path = releases.path.join(&name);
        let is_dir = releases.child(&name).is_ok_and(|found| found.is_dir());
        if !is_dir {
            continue;
        }
        let progress = Progress::start(format!("removing {}", name_of(&path)));
        let why = match delete(releases.as_fd(), &name, &progress) {
            Ok(()) => continue,
            Err(Errno::XDEV) => "something is mounted in it".to_owned(),
            Err(errno) => words(errno),
        };
        drop(progress);
        error(&Failure::new(format!(
            "cannot remove all of {}: {why}",
            show(&path)
        )));
        all = false;
    }
    all
}
