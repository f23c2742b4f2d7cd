//! A file system that hangs, and requests that wait, for the tests of what happens then: only with
//! the feature `test-hooks`. Panics on demand: `httpd/faults.rs`.

use std::env;
use std::ffi::CStr;
use std::fs::File;
use std::path::PathBuf;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use realdoc_core::fs::{Errno, Fs, Inode, OsFs, Stat};
use realdoc_core::record::Entry;

/// `REALDOC_TEST_HANG=link` in httpd's environment: whoever asks the file system for this link
/// waits while there is a file `link.hangs` beside it.
static HANGS_AT: LazyLock<Option<(String, PathBuf)>> = LazyLock::new(|| {
    let link = env::var("REALDOC_TEST_HANG").ok()?;
    let sign = PathBuf::from(format!("{link}.hangs"));
    Some((link, sign))
});

/// The file system of the process, which may hang.
pub(crate) struct HangingFs;

impl Fs for HangingFs {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        hang_at(path);
        OsFs.stat(path)
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        hang_at(path);
        OsFs.read_link(path, read)
    }

    fn inode(&self, path: &CStr) -> Result<Inode, Errno> {
        hang_at(path);
        OsFs.inode(path)
    }

    fn record(&self, link: &CStr, owner: u32) -> Option<Vec<Entry>> {
        hang_at(link);
        OsFs.record(link, owner)
    }
}

fn hang_at(path: &CStr) {
    if let Some((link, sign)) = &*HANGS_AT {
        while path.to_bytes() == link.as_bytes() && sign.exists() {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// `REALDOC_TEST_GATE=directory` in httpd's environment.
static GATE: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| env::var_os("REALDOC_TEST_GATE").map(PathBuf::from));

/// A walk down to a file begins: while the directory of `REALDOC_TEST_GATE` is there and holds no
/// file `open`, it makes a file in it, and goes on when somebody has taken that away.
pub(crate) fn wait_at_gate() {
    static WAITED: AtomicUsize = AtomicUsize::new(0);
    let Some(gate) = &*GATE else {
        return;
    };
    let sign = format!("waits.{}.{}", process::id(), WAITED.fetch_add(1, Relaxed));
    let sign = gate.join(sign);
    if gate.join("open").exists() || File::create(&sign).is_err() {
        return;
    }
    while sign.exists() && !gate.join("open").exists() {
        thread::sleep(Duration::from_millis(2));
    }
}
