//! A directory that is held open: whether a symlink in it has been flipped one quick question to the descriptor tells, at
//! about a quarter of what a question by the symlink's path takes.
//!
//! Whoever makes, replaces, exchanges, moves or removes a name changes the status of the directory that the name is in
//! (POSIX, rename() and unlink(): the parent directory's `st_ctime` is marked for update). While that is what it was, so is
//! each symlink in the directory.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags, fstat, fstatfs, open, readlinkat_raw};

use crate::fs::{Held, PATH_MAX};

/// How many directories a process holds at most: few of the 1,024 descriptors that it has by default.
const MOST: usize = 64;

/// How many it holds.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// For so long nothing must have changed in a directory that is to be held. A second change just after another may have the
/// same time: it is told in ticks of a clock, on some file systems in seconds. And a rename that has noted its
/// time already may have yet to be done.
pub(crate) const AT_REST: Duration = Duration::from_secs(2);

/// File systems that are this machine's own: ext2 to ext4, XFS, Btrfs, tmpfs (statfs(2)). Of a directory of another
/// machine what is known of an open one may be old.
const LOCAL: [u64; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994];

/// An open directory.
pub(crate) struct HeldDir {
    dir: OwnedFd,
    changed: Changed,
    _place: Place,
}

/// When the status last changed: seconds and nanoseconds (`st_ctime`).
type Changed = (i64, i64);

impl HeldDir {
    /// The directory of the symlink at `path`, if that has this `text`, and if nothing has changed there for as long as
    /// `rest`.
    pub(crate) fn of(path: &CStr, text: &[u8], rest: Duration) -> Option<Self> {
        let place = Place::take()?;
        let now = SystemTime::now();
        let slash = path.to_bytes().iter().rposition(|&byte| byte == b'/')?;
        let (above, name) = path.to_bytes().split_at(slash + 1);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = open(above, flags, Mode::empty()).ok()?;
        let changed = changed(&dir)?;
        // What changes from here on will show.
        let holds = has_rested(changed, now, rest) && is_local(&dir) && has_text(&dir, name, text);
        holds.then_some(HeldDir {
            dir,
            changed,
            _place: place,
        })
    }
}

impl Held for HeldDir {
    fn stands(&self) -> bool {
        changed(&self.dir) == Some(self.changed)
    }
}

#[allow(clippy::unnecessary_cast)] // The types differ between architectures.
fn changed(dir: &OwnedFd) -> Option<Changed> {
    let stat = fstat(dir).ok()?;
    Some((stat.st_ctime as i64, stat.st_ctime_nsec as i64))
}

fn has_rested(changed: Changed, now: SystemTime, rest: Duration) -> bool {
    let since_epoch = || {
        Some(Duration::new(
            changed.0.try_into().ok()?,
            changed.1.try_into().ok()?,
        ))
    };
    since_epoch()
        .and_then(|time| UNIX_EPOCH.checked_add(time)?.checked_add(rest))
        .is_some_and(|end| end <= now)
}

#[allow(clippy::unnecessary_cast)] // As above.
fn is_local(dir: &OwnedFd) -> bool {
    fstatfs(dir).is_ok_and(|of| LOCAL.contains(&(of.f_type as u64 & 0xFFFF_FFFF)))
}

fn has_text(dir: &OwnedFd, name: &[u8], text: &[u8]) -> bool {
    let mut buffer = [MaybeUninit::uninit(); PATH_MAX];
    readlinkat_raw(dir, name, &mut buffer).is_ok_and(|(found, _)| found == text)
}

/// One of the [`MOST`].
struct Place(());

impl Place {
    fn take() -> Option<Self> {
        let place = Place(());
        // What was one too many goes back with the guard.
        (HELD.fetch_add(1, Relaxed) < MOST).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
