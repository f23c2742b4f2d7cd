//! A symlink that is held open, on a real file system: it is seen that it is not where it was, whatever
//! was done to it.

use std::ffi::{CStr, CString};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::select;
use realdoc_core::cell::Cells;
use realdoc_core::docroot::{Docroot, Policy};
use realdoc_core::fs::{Errno, Fs, Held, OsFs, Stat};
use realdoc_core::resolve::Mode;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

/// The tests share what a process may hold.
static ALONE: Mutex<()> = Mutex::new(());

/// Longer than anything takes.
const LIMIT: Duration = Duration::from_secs(10);

/// A directory with two releases and `current`, which leads to the first.
struct Site {
    dir: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Site {
    fn new() -> Self {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        for release in ["1", "2"] {
            fs::create_dir(dir.path().join(release)).unwrap();
        }
        symlink("1", dir.path().join("current")).unwrap();
        Site { dir, _alone }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn current(&self) -> PathBuf {
        self.path("current")
    }

    fn flip(&self, text: &str) {
        symlink(text, self.path("new")).unwrap();
        fs::rename(self.path("new"), self.current()).unwrap();
    }

    /// A link that was just made cannot be held: it waits.
    fn hold(&self) -> Box<dyn Held> {
        let name = c_string(&self.current());
        let text = fs::read_link(self.current()).unwrap();
        let text = text.as_os_str().as_encoded_bytes();
        wait_for(|| OsFs.hold(&name, text))
    }
}

fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(got) = attempt() {
            return got;
        }
        assert!(began.elapsed() < LIMIT, "it does not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn c_string(path: &Path) -> CString {
    CString::new(path.as_os_str().as_encoded_bytes()).unwrap()
}

/// What may become of the link, or of its surroundings.
#[derive(Clone, Copy, Debug)]
enum Change {
    Replace,
    Exchange,
    Remove,
    MoveAway,
    MoveAwayAndBack,
    MakeAnother,
    GiveAnotherName,
    // The link stays what it is:
    OtherFile,
    Release,
    Parent,
}

const ALL: [Change; 10] = [
    Change::Replace,
    Change::Exchange,
    Change::Remove,
    Change::MoveAway,
    Change::MoveAwayAndBack,
    Change::MakeAnother,
    Change::GiveAnotherName,
    Change::OtherFile,
    Change::Release,
    Change::Parent,
];

impl Change {
    fn make(self, site: &Site) {
        let (current, other) = (site.current(), site.path("other"));
        match self {
            Change::Replace => site.flip("2"),
            Change::Exchange => {
                symlink("2", &other).unwrap();
                renameat_with(CWD, &current, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                fs::remove_file(&other).unwrap();
            }
            Change::Remove => fs::remove_file(&current).unwrap(),
            Change::MoveAway => fs::rename(&current, &other).unwrap(),
            Change::MoveAwayAndBack => {
                fs::rename(&current, &other).unwrap();
                fs::rename(&other, &current).unwrap();
            }
            Change::MakeAnother => {
                fs::remove_file(&current).unwrap();
                symlink("2", &current).unwrap();
            }
            Change::GiveAnotherName => fs::hard_link(&current, &other).unwrap(),
            Change::OtherFile => fs::write(&other, "text").unwrap(),
            Change::Release => fs::write(site.path("1/file"), "text").unwrap(),
            Change::Parent => {
                let mode = fs::Permissions::from_mode(0o711);
                fs::set_permissions(site.dir.path(), mode).unwrap();
            }
        }
    }

    /// Whether the link has been touched at all; that it leads elsewhere is not said.
    fn touches(self) -> bool {
        !matches!(self, Change::OtherFile | Change::Release | Change::Parent)
    }
}

#[test]
fn what_becomes_of_the_link_is_seen() {
    for change in ALL {
        let site = Site::new();
        let held = site.hold();
        assert!(held.stands());
        change.make(&site);
        assert_eq!(held.stands(), !change.touches(), "{change:?}");
    }
}

/// In the memory file system as well, where there is one.
#[test]
fn a_link_in_memory() {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
        println!("there is no /dev/shm");
        return;
    };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let site = Site { dir, _alone };
    for moves_away in [true, false] {
        symlink("1", site.path("new")).unwrap();
        fs::rename(site.path("new"), site.current()).unwrap();
        let held = site.hold();
        assert!(held.stands());
        if moves_away {
            fs::rename(site.current(), site.path("other")).unwrap();
        } else {
            site.flip("2");
        }
        assert!(!held.stands());
    }
}

#[test]
fn what_cannot_be_held() {
    let site = Site::new();
    let name = c_string(&site.current());
    drop(site.hold());
    assert!(OsFs.hold(&name, b"2").is_none(), "another text");
    assert!(OsFs.hold(&name, b"").is_none());
    let release = c_string(&site.path("1"));
    assert!(OsFs.hold(&release, b"1").is_none(), "a directory");
    let nothing = c_string(&site.path("nothing"));
    assert!(OsFs.hold(&nothing, b"1").is_none());
    // A file system of which it is not known how it tells what was moved.
    let text = fs::read_link("/proc/self/cwd").unwrap();
    let text = text.as_os_str().as_encoded_bytes();
    assert!(OsFs.hold(c"/proc/self/cwd", text).is_none());
}

/// A process holds few, however many links there are.
#[test]
fn there_is_an_end_to_what_is_held() {
    let site = Site::new();
    let mut all = vec![site.hold()];
    let name = c_string(&site.current());
    all.extend(std::iter::from_fn(|| OsFs.hold(&name, b"1")).take(1_000));
    assert_eq!(all.len(), 64);
    all.pop();
    all.push(OsFs.hold(&name, b"1").expect("there is room again"));
    assert!(OsFs.hold(&name, b"1").is_none());
    assert!(all.iter().all(|held| held.stands()));
}

/// The real file system, and how often it was asked by a path.
#[derive(Default)]
struct Counting(std::cell::Cell<usize>);

impl Fs for Counting {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        self.0.set(self.0.get() + 1);
        OsFs.stat(path)
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        self.0.set(self.0.get() + 1);
        OsFs.read_link(path, read)
    }

    fn hold(&self, path: &CStr, text: &[u8]) -> Option<Box<dyn Held>> {
        OsFs.hold(path, text)
    }
}

fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    since.as_micros().try_into().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A busy docroot goes by the held link, and each request after a change gets what realpath(3) says.
    #[test]
    fn a_busy_docroot_leads_where_realpath_says(changes in prop::collection::vec(select(&ALL[..]), 1..6)) {
        let site = Site::new();
        let docroot = Docroot::new(c_string(&site.current()), Mode::Realpath);
        let (fs, cells) = (Counting::default(), Cells::private(4));
        let policy = Policy { check_every: 0, grace: 0 };
        let ask = || docroot.take(now(), policy, cells, &fs, &mut |_| {}, |s| s.docroot().to_owned());
        for change in changes {
            if site.current().exists() {
                wait_for(|| {
                    fs.0.set(0);
                    ask().filter(|_| fs.0.get() == 0)
                });
            } else {
                site.flip("1");
            }
            change.make(&site);
            let real = site.current().canonicalize().ok();
            prop_assert_eq!(ask(), real.as_deref().map(c_string), "after {:?}", change);
            let _ = fs::remove_file(site.path("other"));
        }
    }
}
