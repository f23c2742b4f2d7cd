//! On a real file system: whatever becomes of the symlink, its held directory tells.

use std::cell::Cell;
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use proptest::prelude::*;
use proptest::sample::select;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

use super::*;
use crate::cell::Cells;
use crate::docroot::{Docroot, Policy};
use crate::fs::{Errno, Fs, OsFs, Stat};
use crate::resolve::Mode;
use crate::{Micros, SECOND};

/// Shorter than in earnest, for file systems that note nanoseconds; longer than a tick.
const REST: Duration = Duration::from_millis(20);

/// Longer than anything takes.
const LIMIT: Duration = Duration::from_secs(20);

/// The tests share what a process may hold.
static ALONE: Mutex<()> = Mutex::new(());

/// `current`, which leads to the first of two releases.
struct Site {
    dir: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Site {
    /// In the first of these directories that is on a local file system.
    fn new() -> Option<Self> {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = std::env::temp_dir();
        let local = [&temporary, Path::new("/dev/shm"), Path::new("/var/tmp")];
        let dir = local
            .into_iter()
            .filter_map(|dir| tempfile::tempdir_in(dir).ok())
            .find(|dir| {
                is_local(&open(dir.path(), OFlags::PATH, rustix::fs::Mode::empty()).unwrap())
            });
        let Some(dir) = dir else {
            println!("there is no local file system to try it on");
            return None;
        };
        let site = Site { dir, _alone };
        for release in ["1", "2"] {
            fs::create_dir(site.path(release)).unwrap();
        }
        fs::create_dir(site.path("app")).unwrap();
        symlink("../1", site.current()).unwrap();
        Some(site)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn current(&self) -> PathBuf {
        self.path("app/current")
    }

    fn name(&self) -> CString {
        c_string(&self.current())
    }

    fn try_to_hold(&self) -> Option<HeldDir> {
        HeldDir::of(&self.name(), b"../1", REST)
    }

    fn hold(&self) -> HeldDir {
        wait_for(|| self.try_to_hold())
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
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Replace,
    Exchange,
    ExchangeWithAnotherDirectory,
    Remove,
    MoveAway,
    MakeAnother,
    // The link stays what it is, and its directory changes:
    GiveAnotherName,
    OtherFile,
    // Its directory stays what it is:
    Release,
    Nothing,
}

const ALL: [Change; 10] = [
    Change::Replace,
    Change::Exchange,
    Change::ExchangeWithAnotherDirectory,
    Change::Remove,
    Change::MoveAway,
    Change::MakeAnother,
    Change::GiveAnotherName,
    Change::OtherFile,
    Change::Release,
    Change::Nothing,
];

impl Change {
    /// Names that it makes are `number`'s.
    fn make(self, site: &Site, number: usize) {
        let current = site.current();
        let other = site.path(&format!("app/{number}"));
        let beside = site.path(&format!("{number}.link"));
        let exchange = |other: &Path| {
            symlink("../2", other).unwrap();
            renameat_with(CWD, &current, CWD, other, RenameFlags::EXCHANGE).unwrap();
        };
        match self {
            Change::Replace => {
                symlink("../2", &beside).unwrap();
                fs::rename(&beside, &current).unwrap();
            }
            Change::Exchange => exchange(&other),
            Change::ExchangeWithAnotherDirectory => exchange(&beside),
            Change::Remove => fs::remove_file(&current).unwrap(),
            Change::MoveAway => fs::rename(&current, &other).unwrap(),
            Change::MakeAnother => {
                fs::remove_file(&current).unwrap();
                symlink("../2", &current).unwrap();
            }
            Change::GiveAnotherName => fs::hard_link(&current, &other).unwrap(),
            Change::OtherFile => fs::write(&other, "text").unwrap(),
            Change::Release => fs::write(site.path("1/file"), "text").unwrap(),
            Change::Nothing => {}
        }
    }
}

#[test]
fn what_becomes_of_the_link_is_seen() {
    for change in ALL {
        let Some(site) = Site::new() else { return };
        let held = site.hold();
        assert!(held.stands());
        // Looking at it changes nothing.
        fs::read_link(site.current()).unwrap();
        fs::read_dir(site.path("app")).unwrap().count();
        assert!(held.stands());
        change.make(&site, 0);
        let stands = [Change::Release, Change::Nothing].contains(&change);
        assert_eq!(held.stands(), stands, "{change:?}");
    }
}

#[test]
fn what_cannot_be_held() {
    let Some(site) = Site::new() else { return };
    let hold = |path: &str, text| HeldDir::of(&c_string(&site.path(path)), text, REST).is_some();
    drop(site.hold());
    assert!(hold("app/current", b"../1"), "the control");
    assert!(!hold("app/current", b"../2"), "another text");
    assert!(!hold("app/current", b""));
    assert!(!hold("app/", b""));
    assert!(!hold("1", b"1"), "a directory");
    assert!(!hold("app/nothing", b"../1"));
    assert!(!hold("nothing/current", b"../1"));
    // A file system that is not known.
    let text = fs::read_link("/proc/self").unwrap();
    assert!(HeldDir::of(c"/proc/self", text.as_os_str().as_encoded_bytes(), REST).is_none());
}

#[test]
fn a_directory_in_which_something_has_just_changed_is_not_held() {
    let rested = |changed, seconds, nanoseconds| {
        let now = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        has_rested(changed, now, AT_REST)
    };
    assert!(!rested((100, 1), 100, 1));
    assert!(!rested((100, 1), 102, 0));
    assert!(rested((100, 1), 102, 1));
    assert!(!rested((100, 1), 99, 0), "the clock went back");
    assert!(rested((0, 0), 102, 0));
    assert!(!rested((-1, 0), 102, 0));
    assert!(!rested((i64::MAX, 0), 102, 0));
}

/// A process holds few, however many links there are.
#[test]
fn there_is_an_end_to_what_is_held() {
    let Some(site) = Site::new() else { return };
    let mut all = vec![site.hold()];
    all.extend(std::iter::from_fn(|| site.try_to_hold()).take(1_000));
    assert_eq!(all.len(), MOST);
    all.pop();
    all.push(site.try_to_hold().expect("there is room again"));
    assert!(site.try_to_hold().is_none());
    assert!(all.iter().all(|held| held.stands()));
}

/// The real file system, and how often it was asked by a path.
#[derive(Default)]
struct Counting(Cell<usize>);

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
        let held = HeldDir::of(path, text, REST)?;
        Some(Box::new(held))
    }
}

/// A process that is busy with the site: 20 requests a second, by its own clock.
struct Process {
    docroot: Docroot,
    cells: Cells,
    fs: Counting,
    now: Cell<Micros>,
}

impl Process {
    fn new(docroot: CString, mode: Mode) -> Self {
        Process {
            docroot: Docroot::new(docroot, mode),
            cells: Cells::private(4),
            fs: Counting::default(),
            now: Cell::new(SECOND),
        }
    }

    fn request(&self) -> Option<CString> {
        let policy = Policy {
            check_every: 0,
            grace: 0,
        };
        let (now, cells) = (self.now.get(), self.cells);
        let docroot = &self.docroot;
        docroot.take(now, policy, cells, &self.fs, &mut |_| {}, |found| {
            found.docroot().to_owned()
        })
    }

    /// Whether the next request asks no path.
    fn goes_by_what_is_held(&self) -> bool {
        self.now.set(self.now.get() + SECOND / 20);
        self.fs.0.set(0);
        self.request().is_some() && self.fs.0.get() == 0
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// A process that goes by what it holds: each request after a change gets what realpath(3) says.
    #[test]
    fn a_busy_docroot_leads_where_realpath_says(changes in prop::collection::vec(select(&ALL[..]), 1..5)) {
        let Some(site) = Site::new() else { return Ok(()) };
        let process = Process::new(site.name(), Mode::Realpath);
        for (number, change) in changes.into_iter().enumerate() {
            if !site.current().exists() {
                symlink("../1", site.current()).unwrap();
            }
            wait_for(|| process.goes_by_what_is_held().then_some(()));
            change.make(&site, number);
            let real = site.current().canonicalize().ok();
            prop_assert_eq!(process.request(), real.as_deref().map(c_string), "after {:?}", change);
        }
    }
}

/// Several links, each in a directory that the one before it leads to.
#[test]
fn links_behind_links() {
    let Some(site) = Site::new() else { return };
    for (release, to) in [("1", "a"), ("2", "b")] {
        fs::create_dir(site.path(&format!("{release}/{to}"))).unwrap();
        symlink(to, site.path(&format!("{release}/web"))).unwrap();
    }
    let docroot = site.current().join("web");
    let process = Process::new(c_string(&docroot), Mode::Realpath);
    let flip = |link: &str, text: &str| {
        symlink(text, site.path("new")).unwrap();
        fs::rename(site.path("new"), site.path(link)).unwrap();
    };
    for (link, text) in [
        ("app/current", "../2"),
        ("2/web", "."),
        ("app/current", "../1"),
    ] {
        wait_for(|| process.goes_by_what_is_held().then_some(()));
        flip(link, text);
        let real = docroot.canonicalize().unwrap();
        assert_eq!(process.request(), Some(c_string(&real)), "{link} -> {text}");
    }
}

/// What stands before the component that `UseReadlink` names may be a symlink that is nobody's link.
#[test]
fn a_symlink_before_the_one_that_counts() {
    let Some(site) = Site::new() else { return };
    fs::create_dir(site.path("other")).unwrap();
    symlink("../2", site.path("other/current")).unwrap();
    symlink("app", site.path("www")).unwrap();
    let from = c_string(&site.path("www/current"));
    let mode = |from| Mode::Readlink { from };
    let (named, unnamed) = (mode(Some(from.clone())), mode(None));
    let process = Process::new(from.clone(), named);
    let control = Process::new(site.name(), unnamed);
    wait_for(|| {
        assert!(!process.goes_by_what_is_held());
        control.goes_by_what_is_held().then_some(())
    });
    fs::remove_file(site.path("www")).unwrap();
    symlink("other", site.path("www")).unwrap();
    let real = site.path("www/current").canonicalize().unwrap();
    let got = process.request().expect("it leads somewhere");
    assert_eq!(
        Path::new(got.to_str().unwrap()).canonicalize().unwrap(),
        real
    );
}
