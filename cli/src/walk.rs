//! From a path to the directory that it leads to: component by component, holding each by its
//! descriptor, so that nobody can exchange one between two looks at it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use realdoc_core::record::Identity;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, StatxFlags, fstat, openat, readlinkat, statx,
};
use rustix::io::{Errno, Result};

/// As many symlinks in one path as Linux itself follows.
const MAX_LINKS: u32 = 40;

/// Opens nothing but the name, so neither a FIFO nor a device is waited for.
const NAME: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What a path leads to, held by a descriptor.
#[derive(Debug)]
pub(crate) struct Found {
    fd: OwnedFd,
    /// The absolute path, without symlinks.
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
}

/// A directory or a symlink that a path led through.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
}

impl AsFd for Found {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Found {
    pub(crate) fn root() -> Result<Self> {
        let fd = openat(CWD, "/", NAME | OFlags::DIRECTORY, Mode::empty())?;
        Self::new(fd, PathBuf::from("/"))
    }

    fn new(fd: OwnedFd, path: PathBuf) -> Result<Self> {
        let stat = fstat(&fd)?;
        Ok(Self { fd, path, stat })
    }

    pub(crate) fn is_dir(&self) -> bool {
        is(&self.stat, FileType::Directory)
    }

    /// What is in this directory by that name, a symlink itself and not what it leads to.
    pub(crate) fn child(&self, name: &OsStr) -> Result<Self> {
        let fd = openat(&self.fd, name, NAME, Mode::empty())?;
        Self::new(fd, self.path.join(name))
    }

    pub(crate) fn parent(&self) -> Result<Self> {
        let fd = openat(&self.fd, "..", NAME | OFlags::DIRECTORY, Mode::empty())?;
        let path = self.path.parent().unwrap_or(Path::new("/"));
        Self::new(fd, path.to_owned())
    }

    /// What a symlink contains.
    pub(crate) fn text(&self) -> Result<OsString> {
        let text = readlinkat(&self.fd, "", Vec::new())?;
        Ok(OsString::from_vec(text.into_bytes()))
    }

    /// The directory, opened to be read or locked.
    pub(crate) fn open(&self) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.fd, ".", flags, Mode::empty())
    }

    /// Where `path` leads from here. `steps` gets all directories and symlinks on the way, but
    /// not the last directory.
    pub(crate) fn walk(&self, path: &Path, steps: &mut Vec<Step>) -> Result<Self> {
        let mut at = Self::new(
            openat(&self.fd, ".", NAME, Mode::empty())?,
            self.path.clone(),
        )?;
        let mut rest = VecDeque::new();
        add(&mut rest, path.as_os_str());
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            let is_last = rest.iter().all(|name| name.is_empty() || name == ".");
            let next = match name.as_bytes() {
                b"/" => Self::root()?,
                b"" | b"." if at.is_dir() => continue,
                b"" | b"." => return Err(Errno::NOTDIR),
                b".." => at.parent()?,
                _ => at.child(&name)?,
            };
            if is(&next.stat, FileType::Symlink) {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::LOOP);
                }
                let text = next.text()?;
                steps.push(next.into_step());
                add(&mut rest, &text);
                continue;
            }
            if !is_last && !next.is_dir() {
                return Err(Errno::NOTDIR);
            }
            steps.push(std::mem::replace(&mut at, next).into_step());
        }
        Ok(at)
    }

    fn into_step(self) -> Step {
        Step {
            path: self.path,
            stat: self.stat,
        }
    }

    /// What tells this directory from a later one of the same path.
    pub(crate) fn identity(&self) -> Identity {
        let born = statx(&self.fd, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok();
        let born = born
            .filter(|born| StatxFlags::from_bits_retain(born.stx_mask).contains(StatxFlags::BTIME));
        Identity {
            device: self.stat.st_dev,
            inode: self.stat.st_ino,
            born: born.map_or(0, |born| {
                born.stx_btime.tv_sec * 1_000_000_000 + i64::from(born.stx_btime.tv_nsec)
            }),
        }
    }

    /// Whether both are the same file at this moment.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.stat.st_dev, self.stat.st_ino) == (other.stat.st_dev, other.stat.st_ino)
    }
}

pub(crate) fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

/// Puts a path's components in front of those that are still to be walked. `/` stands for the
/// root, "" for a slash at the end.
fn add(rest: &mut VecDeque<OsString>, path: &OsStr) {
    let path = path.as_bytes();
    let mut components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    if path.first() == Some(&b'/') {
        components[0] = b"/";
    }
    for component in components.into_iter().rev() {
        rest.push_front(OsStr::from_bytes(component).to_owned());
    }
}
