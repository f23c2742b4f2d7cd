//! Deletes a directory with all that is in it: by descriptors, without following a symlink and
//! without entering another file system, however deep it is.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, StatxAttributes, StatxFlags, chmod, fchmod, fstat,
    openat, renameat, statx, unlinkat,
};
use rustix::io::{Errno, Result};

use crate::progress::Progress;
use crate::step::step;

/// As many directories are held open at a time. What is deeper is moved up first.
const DEPTH: usize = 32;

const READ: OFlags = OFlags::RDONLY;
const DIRECTORY: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// What this user needs to empty a directory.
const RWX: u32 = 0o700;

/// A directory whose entries are being deleted.
struct Level {
    dir: OwnedFd,
    entries: Dir,
    /// Its name in the level above.
    name: CString,
    /// Whether something has gone since its entries were last read from the beginning.
    has_changed: bool,
}

/// Deletes `parent/name`. What is gone already is no error: another run may be at it too.
///
/// All that can be deleted is. The error is the first one met; `XDEV` where something is mounted.
pub(crate) fn delete(parent: BorrowedFd<'_>, name: &OsStr, progress: &Progress) -> Result<()> {
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    let mut levels = match Level::open(parent, &name) {
        Ok(level) => vec![level],
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let mut first_error = None;
    let mut moved: u64 = 0;
    while let Some(level) = levels.last_mut() {
        let done = match level.entries.read() {
            Some(Ok(entry)) => {
                let name = entry.file_name();
                if name == c"." || name == c".." {
                    continue;
                }
                progress.tick();
                level.delete_file(name, entry.file_type())
            }
            Some(Err(errno)) => {
                let _ = first_error.get_or_insert(errno);
                Ok(Done::All)
            }
            None => Ok(Done::All),
        };
        let done = match done {
            // There is no end to how deep a directory can be, but there is one to descriptors.
            Ok(Done::NotYet(name)) if levels.len() == DEPTH => {
                moved += 1;
                step();
                let (top, deep) = (&levels[0].dir, &levels[DEPTH - 1].dir);
                renameat(deep, &name, top, format!(".realdoc-moved.{moved}")).map(|()| {
                    levels[0].has_changed = true;
                    levels[DEPTH - 1].has_changed = true;
                })
            }
            Ok(Done::NotYet(name)) => {
                let level = levels
                    .last()
                    .map(|level| Level::open(level.dir.as_fd(), &name));
                level
                    .unwrap_or(Err(Errno::NOENT))
                    .map(|level| levels.push(level))
            }
            Ok(Done::All) => leave(&mut levels, parent),
            Ok(Done::Entry) => Ok(()),
            Err(errno) => Err(errno),
        };
        match done {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => {
                let _ = first_error.get_or_insert(errno);
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}

/// What was done with an entry of a directory.
enum Done {
    /// It is gone.
    Entry,
    /// It is a directory, and there it is still.
    NotYet(CString),
    /// There is no further entry.
    All,
}

impl Level {
    fn open(parent: BorrowedFd<'_>, name: &CStr) -> Result<Self> {
        let dir = match openat(parent, name, READ | DIRECTORY, Mode::empty()) {
            // A release that was withdrawn, for instance.
            Err(Errno::ACCESS) => {
                let path = openat(parent, name, OFlags::PATH | DIRECTORY, Mode::empty())?;
                step();
                chmod(
                    format!("/proc/self/fd/{}", path.as_raw_fd()),
                    Mode::from_raw_mode(RWX),
                )?;
                openat(&path, ".", READ | DIRECTORY, Mode::empty())?
            }
            other => other?,
        };
        let stat = fstat(&dir)?;
        if is_mounted(dir.as_fd(), parent)? {
            return Err(Errno::XDEV);
        }
        if stat.st_mode & RWX != RWX {
            step();
            // Where it fails, so does what needs it.
            let _ = fchmod(&dir, Mode::from_raw_mode(RWX));
        }
        Ok(Self {
            entries: Dir::read_from(&dir)?,
            dir,
            name: name.to_owned(),
            has_changed: false,
        })
    }

    fn delete_file(&mut self, name: &CStr, kind: FileType) -> Result<Done> {
        if kind == FileType::Directory {
            return Ok(Done::NotYet(name.to_owned()));
        }
        step();
        match unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) => {
                self.has_changed = true;
                Ok(Done::Entry)
            }
            // The file system did not say what it is.
            Err(Errno::ISDIR) => Ok(Done::NotYet(name.to_owned())),
            Err(errno) => Err(errno),
        }
    }
}

/// Deletes the last level's directory, which was emptied, from the one above.
fn leave(levels: &mut Vec<Level>, parent: BorrowedFd<'_>) -> Result<()> {
    let Some(mut level) = levels.pop() else {
        return Ok(());
    };
    let above = levels.last().map_or(parent, |above| above.dir.as_fd());
    step();
    match unlinkat(above, &level.name, AtFlags::REMOVEDIR) {
        // A directory that is changed while it is read may not show all of its entries.
        Err(Errno::NOTEMPTY | Errno::EXIST) if level.has_changed => {
            level.has_changed = false;
            level.entries.rewind();
            levels.push(level);
            Ok(())
        }
        other => {
            if let Some(above) = levels.last_mut() {
                above.has_changed |= other.is_ok();
            }
            other
        }
    }
}

/// Whether another file system begins there, or a part of this one that is mounted twice.
fn is_mounted(dir: BorrowedFd<'_>, parent: BorrowedFd<'_>) -> Result<bool> {
    let attributes = statx(dir, "", AtFlags::EMPTY_PATH, StatxFlags::empty());
    match attributes {
        Ok(known)
            if known
                .stx_attributes_mask
                .contains(StatxAttributes::MOUNT_ROOT) =>
        {
            Ok(known.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
        }
        _ => Ok(fstat(dir)?.st_dev != fstat(parent)?.st_dev),
    }
}
