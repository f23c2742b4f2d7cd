//! Locks: on the directories themselves, so there is no lock file to be planted or left behind.

use std::os::fd::OwnedFd;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::output::{Failure, Result, failed, say, show};
use crate::walk::Found;

/// The directories that no other run may work in.
#[derive(Debug, Default)]
pub(crate) struct Locks(Vec<Lock>);

#[derive(Debug)]
struct Lock {
    /// Device and inode.
    id: (u64, u64),
    /// Held for as long as it is open.
    _open: OwnedFd,
}

/// Enough for any honest change of the link while locks are waited for.
const ROUNDS: usize = 100;

/// Looks until what is found is in directories that no other run works in: the link's, and those
/// that `others` names. `dry`: nothing is locked.
pub(crate) fn look_locked<T>(
    link_dir: &Found,
    dry: bool,
    look: impl Fn() -> Result<T>,
    others: impl Fn(&T) -> Vec<&Found>,
) -> Result<(T, Locks)> {
    let mut locks = Locks::default();
    for _ in 0..ROUNDS {
        let seen = look()?;
        let mut dirs = others(&seen);
        dirs.push(link_dir);
        if dry || locks.cover(&dirs) {
            return Ok((seen, locks));
        }
        // The locks are let go before others are waited for.
        drop(std::mem::take(&mut locks));
        locks = Locks::take(&dirs)?;
    }
    Err(Failure::new("another process flips the link all the time"))
}

impl Locks {
    /// Waits until no other run works in one of these directories.
    fn take(dirs: &[&Found]) -> Result<Self> {
        let mut dirs = dirs.to_vec();
        // Every run takes them in one order, so that two never wait for each other.
        dirs.sort_by_key(|dir| id(dir));
        dirs.dedup_by_key(|dir| id(dir));
        let mut locks = Vec::new();
        for dir in dirs {
            let open = dir.open().map_err(failed(show(&dir.path)))?;
            match flock(&open, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => {
                    say(format_args!(
                        "waiting for another run in {}",
                        show(&dir.path)
                    ));
                    flock(&open, FlockOperation::LockExclusive)
                }
                other => other,
            }
            .map_err(failed(format!("cannot lock {}", show(&dir.path))))?;
            locks.push(Lock {
                id: id(dir),
                _open: open,
            });
        }
        Ok(Self(locks))
    }

    fn cover(&self, dirs: &[&Found]) -> bool {
        dirs.iter()
            .all(|dir| self.0.iter().any(|lock| lock.id == id(dir)))
    }
}

fn id(dir: &Found) -> (u64, u64) {
    (dir.stat.st_dev, dir.stat.st_ino)
}
