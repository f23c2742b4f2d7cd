//! The release that is to be deployed: found, and looked at before anything is changed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use crate::output::{Failure, Result, failed, show};
use crate::place::{Place, lead};
use crate::removal::is_set_aside;
use crate::walk::{Found, is};

/// The directory that `path` names, which must not be a symlink.
pub(crate) fn find(path: &Path, place: &Place, current: Option<&Found>) -> Result<Found> {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(1, |last| last + 1);
    let path = Path::new(OsStr::from_bytes(&bytes[..end]));
    let mut steps = Vec::new();
    let found = match lead(path, &mut steps) {
        Ok(found) => found,
        Err(errno) => return Err(not_found(path, errno, current)),
    };
    let named = lead(path.parent().unwrap_or(path), &mut Vec::new());
    if let (Ok(dir), Some(name)) = (named, path.file_name()) {
        if dir
            .child(name)
            .is_ok_and(|named| is(&named.stat, FileType::Symlink))
        {
            return Err(
                Failure::new(format!("{} is a symlink", show(path))).advice(format!(
                    "Name the directory that it leads to: {}",
                    show(&found.path)
                )),
            );
        }
    }
    if !found.is_dir() {
        return Err(Failure::new(format!("{} is not a directory", show(path))));
    }
    if place.dir.path.starts_with(&found.path) {
        return Err(Failure::new(format!(
            "{} contains {} itself",
            show(path),
            place.shown()
        )));
    }
    if found.path.file_name().is_some_and(is_set_aside) {
        return Err(Failure::new(format!(
            "{} is about to be deleted",
            show(path)
        )));
    }
    Ok(found)
}

/// An error with what the name may have meant.
fn not_found(path: &Path, errno: Errno, current: Option<&Found>) -> Failure {
    let failure = failed(show(path))(errno);
    let is_name = path.components().count() == 1;
    let beside = current
        .filter(|_| is_name)
        .and_then(|current| current.parent().ok());
    match beside.map(|releases| (releases.child(path.as_os_str()), releases)) {
        Some((Ok(_), releases)) => {
            failure.advice(format!("Did you mean {}?", show(releases.path.join(path))))
        }
        _ => failure,
    }
}

/// Whether it can be served: refused are a directory that the server cannot enter, and an empty
/// one.
pub(crate) fn must_be_servable(release: &Found, current: Option<&Found>) -> Result<()> {
    const SEARCH_BY_OTHERS: u32 = 0o001;
    const SEARCH_BY_GROUP: u32 = 0o010;

    let path = show(&release.path);
    let stat = &release.stat;
    // Where what serves now is for a group only, as with 0750 and the server's group, so may be
    // what comes.
    let by_group = current.is_some_and(|current| {
        let serves = current.stat.st_mode;
        serves & SEARCH_BY_OTHERS == 0
            && serves & stat.st_mode & SEARCH_BY_GROUP != 0
            && current.stat.st_gid == stat.st_gid
    });
    if stat.st_mode & SEARCH_BY_OTHERS == 0 && !by_group {
        let mode = stat.st_mode & 0o7777;
        return Err(Failure::new(format!(
            "{path}: others cannot enter it (its mode is {mode:04o})"
        ))
        .advice("chmod 755 it, if the server is to read it; or use --force."));
    }
    let dir = release.open().and_then(Dir::new).map_err(failed(&path))?;
    let is_entry = |name: &[u8]| name != b"." && name != b"..";
    let mut entries = dir.filter_map(|entry| entry.ok());
    if !entries.any(|entry| is_entry(entry.file_name().to_bytes())) {
        return Err(Failure::new(format!("{path} is empty"))
            .advice("Is the release complete? --force deploys it all the same."));
    }
    Ok(())
}

/// The release must hold these files or directories.
pub(crate) fn must_hold(release: &Found, required: &[PathBuf]) -> Result<()> {
    for path in required {
        if path
            .components()
            .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(Failure::new(format!(
                "--require {}: not a path within the release",
                show(path)
            )));
        }
        let held = release.walk(path, &mut Vec::new());
        held.map_err(failed(format!(
            "{} lacks {}",
            show(&release.path),
            show(path)
        )))?;
    }
    Ok(())
}
