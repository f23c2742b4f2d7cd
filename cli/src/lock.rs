//! Locks: on the directories themselves, so there is no lock file to be planted or left behind.

use std::os::fd::OwnedFd;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::output::{Result, failed, say, show};
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

impl Locks {
    /// Waits until no other run works in one of these directories.
    pub(crate) fn take(dirs: &[&Found]) -> Result<Self> {
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

    pub(crate) fn cover(&self, dirs: &[&Found]) -> bool {
        dirs.iter()
            .all(|dir| self.0.iter().any(|lock| lock.id == id(dir)))
    }
}

fn id(dir: &Found) -> (u64, u64) {
    (dir.stat.st_dev, dir.stat.st_ino)
}
