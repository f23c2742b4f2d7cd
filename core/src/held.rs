//! A symlink that is held open: whether it has been flipped one quick question to the descriptor tells, at about a
//! quarter of what a question by its path takes.
//!
//! Replaced by rename(2) or removed, a symlink has one name less; moved away, its status has changed (`st_nlink` and
//! `st_ctime`, inode(7)). So it stands where it stood if neither is other than it was.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags, Stat, fstat, fstatfs, open, readlinkat_raw};
use rustix::io::Errno;

use crate::fs::{Held, PATH_MAX};

/// How many symlinks a process holds at most: few of the 1,024 descriptors that it has by default.
const MOST: usize = 64;

/// How many it holds.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The longest that the kernel's clock for file systems stands still: 100 ticks a second (time(7)).
const TICK: Duration = Duration::from_millis(10);

/// File systems that are this machine's own and change `st_ctime` of what rename(2) moves: ext2 to ext4, XFS, Btrfs,
/// tmpfs, F2FS (statfs(2)). Of a file on another machine what is known of an open file may be old.
const KNOWN_FILE_SYSTEMS: [u64; 5] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0xF2F5_2010];

/// An open symlink.
pub(crate) struct OpenLink {
    link: OwnedFd,
    status: Status,
    _place: Place,
}

/// What tells that a symlink stands where it stood.
#[derive(PartialEq, Eq)]
struct Status {
    names: u64,
    changed: (i64, i64),
}

impl Status {
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)] // The types differ between architectures.
    fn of(stat: &Stat) -> Self {
        Status {
            names: stat.st_nlink as u64,
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// Whether each change after `moment` will show: file systems note it by a clock that goes on in ticks, and a second
    /// change within one tick looks like the first. Some note seconds only.
    fn shows_changes_after(&self, moment: SystemTime) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let changed = u64::try_from(seconds)
            .ok()
            .zip(u32::try_from(nanoseconds).ok())
            .and_then(|(seconds, rest)| UNIX_EPOCH.checked_add(Duration::new(seconds, rest)));
        let age = changed.and_then(|changed| moment.duration_since(changed).ok());
        nanoseconds != 0 && age.is_some_and(|age| age >= TICK)
    }
}

impl OpenLink {
    /// The symlink at `path`, if it has this `text`.
    pub(crate) fn open(path: &CStr, text: &[u8]) -> Option<Self> {
        let place = Place::take()?;
        let before = SystemTime::now();
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let link = open(path, flags, Mode::empty()).ok()?;
        let status = Status::of(&fstat(&link).ok()?);
        // So it stood there when it was opened, and has not been moved since.
        let stands = status.names > 0 && status.shows_changes_after(before);
        (stands && is_local(&link) && has_text(&link, text) == Ok(true)).then(|| OpenLink {
            link,
            status,
            _place: place,
        })
    }
}

impl Held for OpenLink {
    fn stands(&self) -> bool {
        fstat(&self.link).is_ok_and(|stat| Status::of(&stat) == self.status)
    }
}

#[allow(clippy::unnecessary_cast)] // The type differs between architectures.
fn is_local(link: &OwnedFd) -> bool {
    fstatfs(link).is_ok_and(|of| KNOWN_FILE_SYSTEMS.contains(&(of.f_type as u64 & 0xFFFF_FFFF)))
}

fn has_text(link: &OwnedFd, text: &[u8]) -> Result<bool, Errno> {
    let mut buffer = [MaybeUninit::uninit(); PATH_MAX];
    let (found, _) = readlinkat_raw(link, c"", &mut buffer)?;
    Ok(found == text)
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
mod tests {
    use super::*;

    #[test]
    fn a_second_change_within_a_tick_would_not_show() {
        let shows = |changed, seconds, nanoseconds| {
            let moment = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
            Status { names: 1, changed }.shows_changes_after(moment)
        };
        assert!(!shows((100, 1), 100, 1), "just now");
        assert!(!shows((100, 1), 100, 10_000_000));
        assert!(shows((100, 1), 100, 10_000_001));
        assert!(!shows((100, 1), 99, 999_999_999), "the clock went back");
        // A file system that notes seconds only.
        assert!(!shows((100, 0), 200, 0));
    }
}
