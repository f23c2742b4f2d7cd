//! The few questions that resolving asks a file system. An interface, so that
//! tests can put a file system of their own in its place.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, StatxTimestamp};
pub use rustix::io::Errno;

use crate::paths::{PATH_MAX, strip_dir};
use crate::record::{Entry, Identity};
use crate::{Micros, SECOND, record_file};

/// Which file a name leads to, and whether that is a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The device that holds the file.
    pub dev: u64,
    /// The file's number on that device. It names the file only while the file
    /// exists: file systems give it to the next one at once.
    pub ino: u64,
    /// Whether the file is a directory.
    pub is_dir: bool,
}

/// A file itself: if it is a symlink, it is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inode {
    /// Which file it is.
    pub identity: Identity,
    /// The user id that owns it.
    pub owner: u32,
    /// When it was last changed (`st_ctime`). A directory is changed when a name in it is made,
    /// replaced or removed.
    pub changed_at: Micros,
}

/// A file system, as far as resolving needs one.
pub trait Fs {
    /// Follows every symlink, as stat(2).
    ///
    /// # Errors
    /// Those of stat(2).
    fn stat(&self, path: &CStr) -> Result<Stat, Errno>;

    /// Hands the text of the symlink at `path` to `read`; the last component is
    /// not followed, as readlink(2).
    ///
    /// # Errors
    /// Those of readlink(2): `EINVAL` says that `path` exists and is not a symlink.
    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno>;

    /// The file `path` itself, as lstat(2).
    ///
    /// # Errors
    /// Those of lstat(2). Here, by default: nobody knows.
    fn inode(&self, path: &CStr) -> Result<Inode, Errno> {
        let _ = path;
        Err(Errno::NOSYS)
    }

    /// What `realdoc` has recorded of `link`, which belongs to `owner`. Here, by default: nothing.
    fn record(&self, link: &CStr, owner: u32) -> Option<Vec<Entry>> {
        let _ = (link, owner);
        None
    }
}

/// The file system of the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFs;

impl OsFs {
    /// The owner of the symlink at `path` if that leads to `target`, else `None`. Both answers
    /// are about one symlink, however often another takes its place meanwhile.
    ///
    /// # Errors
    /// Those of open(2), readlink(2) and stat(2).
    pub fn owner_of_link_to(self, path: &CStr, target: &CStr) -> Result<Option<u32>, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let link = rustix::fs::open(path, flags, Mode::empty())?;
        let owner = rustix::fs::fstat(&link)?.st_uid;
        let mut buffer = [MaybeUninit::uninit(); PATH_MAX];
        let (text, _) = rustix::fs::readlinkat_raw(&link, c"", &mut buffer)?;
        let dir = match path.to_bytes().iter().rposition(|&byte| byte == b'/') {
            Some(slash) if !text.starts_with(b"/") => &path.to_bytes()[..=slash],
            _ => &[],
        };
        let leads_to = CString::new([dir, text].concat()).map_err(|_| Errno::INVAL)?;
        let is_there = self.stat(&leads_to)? == self.stat(target)?;
        Ok(is_there.then_some(owner))
    }
}

impl Fs for OsFs {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        let st = rustix::fs::stat(path)?;
        let kind = rustix::fs::FileType::from_raw_mode(st.st_mode);
        Ok(Stat {
            dev: st.st_dev,
            ino: st.st_ino,
            is_dir: kind.is_dir(),
        })
    }

    // A call of its own, so that only those who need the buffer pay for the stack.
    #[inline(never)]
    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        let mut buffer = [MaybeUninit::uninit(); PATH_MAX];
        let (text, _) = rustix::fs::readlinkat_raw(rustix::fs::CWD, path, &mut buffer)?;
        Ok(read(text))
    }

    fn inode(&self, path: &CStr) -> Result<Inode, Errno> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let found = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, wanted)?;
        let has = StatxFlags::from_bits_retain(found.stx_mask);
        let nanoseconds =
            |at: StatxTimestamp| at.tv_sec.saturating_mul(1_000_000_000) + i64::from(at.tv_nsec);
        Ok(Inode {
            identity: Identity {
                device: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
                inode: found.stx_ino,
                born: if has.contains(StatxFlags::BTIME) {
                    nanoseconds(found.stx_btime)
                } else {
                    0
                },
            },
            owner: found.stx_uid,
            changed_at: found.stx_ctime.tv_sec * SECOND
                + Micros::from(found.stx_ctime.tv_nsec) / 1_000,
        })
    }

    fn record(&self, link: &CStr, owner: u32) -> Option<Vec<Entry>> {
        record_file::read(link, owner)
    }
}

/// Does not ask again about the path that it last found to hold no symlink: for many
/// docroots that begin alike, one after the other, while the file system stays as it is.
#[derive(Debug)]
pub struct CachedFs<'f, F> {
    fs: &'f F,
    /// Neither this path nor a directory above it is a symlink.
    known: RefCell<Vec<u8>>,
}

impl<'f, F: Fs> CachedFs<'f, F> {
    /// `fs`, of which nothing is known yet.
    pub fn new(fs: &'f F) -> Self {
        let known = RefCell::default();
        CachedFs { fs, known }
    }

    fn knows(&self, path: &[u8]) -> bool {
        !path.is_empty() && strip_dir(&self.known.borrow(), path).is_some()
    }
}

impl<F: Fs> Fs for CachedFs<'_, F> {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        self.fs.stat(path)
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        let name = path.to_bytes();
        if self.knows(name) {
            return Err(Errno::INVAL);
        }
        let answer = self.fs.read_link(path, read);
        let parent = name.iter().rposition(|&byte| byte == b'/');
        if matches!(answer, Err(Errno::INVAL))
            && parent.is_some_and(|end| end == 0 || self.knows(&name[..end]))
        {
            let mut known = self.known.borrow_mut();
            known.clear();
            known.extend_from_slice(name);
        }
        answer
    }
}
