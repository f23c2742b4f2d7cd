//! How long it takes to look where a docroot leads, in microseconds; `benches/cost` runs it.
//!
//! `cargo run --release -p realdoc-core --example check -- /srv/app/current/web`

use std::ffi::{CStr, CString};
use std::fs;
use std::hint::black_box;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::thread::sleep;
use std::time::{Duration, Instant};

use realdoc_core::SECOND;
use realdoc_core::cell::Cells;
use realdoc_core::docroot::{Docroot, Policy};
use realdoc_core::fs::{Errno, Fs, OsFs, Stat};
use realdoc_core::resolve::{Mode, resolve};
use realdoc_core::switch::Snapshot;

/// In turn, so that what else goes on on the machine concerns all.
const TURNS: usize = 101;
const CALLS: u32 = 500;
/// Longer than a directory has to be at rest.
const AT_REST: Duration = Duration::from_millis(2_500);

/// The file system of the process, where no directory is held open.
struct ByPath;

impl Fs for ByPath {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        OsFs.stat(path)
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        OsFs.read_link(path, read)
    }
}

fn main() -> io::Result<()> {
    let argument = std::env::args_os().nth(1);
    let path = argument.ok_or_else(|| io::Error::other("a docroot's path is missing"))?;
    let name = CString::new(path.as_bytes())?;
    let real = CString::new(fs::canonicalize(&path)?.into_os_string().into_vec())?;
    let cells = Cells::private(1);
    let [docroot, busy] = [(); 2].map(|()| Docroot::new(name.clone(), Mode::Realpath));
    let is_real = |found: &Snapshot| found.docroot() == &*real;
    let policy = |check_every| Policy {
        check_every,
        grace: 0,
    };
    let take = |check_every| {
        let policy = policy(check_every);
        docroot.take(0, policy, cells, &ByPath, &mut |_| {}, is_real) == Some(true)
    };
    let take_busy = || busy.take(0, policy(0), cells, &OsFs, &mut |_| {}, is_real) == Some(true);
    // Of this one there are many looks, and nothing changes in its link's directory: that is held open.
    sleep(AT_REST);
    assert!((0..100).all(|_| take_busy()));
    let questions: [(&str, &dyn Fn() -> bool); 6] = [
        ("realpath", &|| fs::canonicalize(&path).is_ok()),
        ("resolve", &|| {
            resolve(&OsFs, &name, &Mode::Realpath).is_ok()
        }),
        ("check", &|| take(0)),
        ("busy", &take_busy),
        ("none", &|| take(SECOND)),
        ("empty", &|| rustix::process::getppid().is_some()),
    ];
    let mut times = questions.map(|_| Vec::with_capacity(TURNS));
    for _ in 0..TURNS {
        for ((_, ask), times) in questions.iter().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..CALLS {
                assert!(black_box(ask()), "it leads where realpath says");
            }
            times.push(start.elapsed() / CALLS);
        }
    }
    for ((what, _), times) in questions.iter().zip(&mut times) {
        times.sort();
        println!("{what} {:.3}", times[TURNS / 2].as_secs_f64() * 1e6);
    }
    Ok(())
}
