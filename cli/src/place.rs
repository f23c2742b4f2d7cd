//! Where the link is: the directory that holds it, and its name there.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::identity;
use crate::mounts::{mounts, user_of};
use crate::output::{Failure, Result, failed, show};
use crate::walk::{Found, Step, is};

/// The directory that holds the link. This process is its owner from now on, if it was root.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) dir: Found,
    /// The same directory, opened to be read and locked.
    open: OwnedFd,
    pub(crate) name: OsString,
}

impl AsFd for Place {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.open.as_fd()
    }
}

impl Place {
    /// Finds the directory that holds `link`, and becomes its owner before anything in it is
    /// looked at.
    pub(crate) fn enter(link: &Path) -> Result<Self> {
        let (dir, name) = split(link)?;
        let mut steps = Vec::new();
        let cannot = || show(&dir);
        let dir = lead(&dir, &mut steps).map_err(failed(cannot()))?;
        if !dir.is_dir() {
            return Err(Failure::new(format!(
                "{}: not a directory",
                show(&dir.path)
            )));
        }
        if identity::is_root() {
            must_be_steady(&dir, &steps)?;
            identity::become_user(dir.stat.st_uid, &show(&dir.path))?;
        }
        let open = dir.open().map_err(failed(show(&dir.path)))?;
        Ok(Self { dir, open, name })
    }

    /// The link's absolute path.
    pub(crate) fn link(&self) -> PathBuf {
        self.dir.path.join(&self.name)
    }

    /// As a path of a name in this directory.
    pub(crate) fn shown(&self) -> String {
        show(self.link())
    }
}

/// Where a path leads that was typed by the caller.
pub(crate) fn lead(path: &Path, steps: &mut Vec<Step>) -> rustix::io::Result<Found> {
    let start = if path.is_absolute() {
        PathBuf::new()
    } else {
        let here = rustix::process::getcwd(Vec::new())?;
        PathBuf::from(OsStr::from_bytes(here.to_bytes()))
    };
    Found::root()?.walk(&start.join(path), steps)
}

/// A path's last component, and what is before it.
fn split(link: &Path) -> Result<(PathBuf, OsString)> {
    let path = link.as_os_str().as_bytes();
    let end = path
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |last| last + 1);
    let path = &path[..end];
    let start = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let (dir, name) = path.split_at(start);
    if matches!(name, b"" | b"." | b"..") {
        return Err(Failure::new(format!(
            "'{}' is not a name of a link",
            show(link)
        )));
    }
    let dir = if dir.is_empty() { b".".as_slice() } else { dir };
    Ok((
        PathBuf::from(OsStr::from_bytes(dir)),
        OsStr::from_bytes(name).to_owned(),
    ))
}

/// Root goes only by directories that nobody but root and the directory's owner can exchange for
/// others: whoever can do that chooses for which user root acts.
fn must_be_steady(dir: &Found, steps: &[Step]) -> Result<()> {
    const OTHERS: u32 = 0o022;
    const STICKY: u32 = 0o1000;

    let owner = dir.stat.st_uid;
    let mounts = mounts()?;
    let last = (&dir.path, &dir.stat, true);
    let steps = steps.iter().map(|step| (&step.path, &step.stat, false));
    for (path, stat, is_last) in steps.chain([last]) {
        if stat.st_uid != 0 && stat.st_uid != owner {
            let who = identity::name(stat.st_uid);
            return Err(refused(
                &dir.path,
                owner,
                format!("{} belongs to {who}", show(path)),
            ));
        }
        if let Some(user) = user_of(&mounts, stat.st_dev).filter(|user| ![0, owner].contains(user))
        {
            let who = identity::name(user);
            let why = format!(
                "{} is in a file system that is a program of {who}'s",
                show(path)
            );
            return Err(refused(&dir.path, owner, why));
        }
        // What the directory's owner can do to himself is his affair. Where root stays root,
        // nobody else may have a hand in it.
        let is_open = stat.st_mode & OTHERS != 0 && (is_last || stat.st_mode & STICKY == 0);
        if owner == 0 && is_open && !is(stat, FileType::Symlink) {
            let why = format!("others than root can write to {}", show(path));
            return Err(refused(&dir.path, owner, why));
        }
    }
    Ok(())
}

fn refused(dir: &Path, owner: u32, why: String) -> Failure {
    let advice = if owner == 0 {
        "Run realdoc as the user who deploys, or let nobody but root write there.".to_owned()
    } else {
        format!("Run realdoc as {}.", identity::name(owner))
    };
    Failure::new(format!("{}: not safe for root, since {why}", show(dir))).advice(advice)
}
