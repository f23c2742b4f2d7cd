//! A file system that does not answer.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{Error, Result};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A FUSE file system whose server never answers, until this is dropped. Whoever asks for a file on
/// it waits.
#[derive(Debug)]
pub struct HungMount {
    dir: PathBuf,
    device: Option<File>,
}

impl HungMount {
    /// Mounts it at the directory `dir`. That takes root's rights and `/dev/fuse`.
    ///
    /// # Errors
    ///
    /// Why it cannot be mounted here.
    pub fn at(dir: &Path) -> Result<Self> {
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0,allow_other",
            device.as_raw_fd()
        );
        let options = CString::new(options)?;
        let target = CString::new(dir.as_os_str().as_bytes())?;
        mount(
            c"hung",
            &*target,
            c"fuse",
            MountFlags::NODEV | MountFlags::NOSUID,
            &*options,
        )?;
        let mount = Self {
            dir: dir.into(),
            device: Some(device),
        };
        // Not every system that mounts it does as Linux.
        let file = dir.join("probe");
        let probe = thread::spawn(move || file.metadata().is_ok());
        thread::sleep(Duration::from_millis(300));
        if probe.is_finished() {
            return Err(Error::other("it does not hang"));
        }
        Ok(mount)
    }
}

impl Drop for HungMount {
    fn drop(&mut self) {
        // All who wait get an error.
        drop(self.device.take());
        // It may be gone already with the directory's file system.
        let _ = unmount(&self.dir, UnmountFlags::DETACH);
    }
}
