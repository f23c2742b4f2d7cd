//! `Docroot::take` with a file system in memory and a made-up clock: when it
//! looks, what it answers, what it tells, what it costs.

mod memory_fs;

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};

use memory_fs::MemoryFs;
use realdoc_core::cell::Cells;
use realdoc_core::docroot::{Docroot, Event, Policy};
use realdoc_core::figures::Reading;
use realdoc_core::fs::{Errno, Fs, OsFs, Stat};
use realdoc_core::resolve::Mode;
use realdoc_core::switch::Snapshot;
use realdoc_core::{Micros, SECOND};

/// A process that serves one docroot.
struct Process<'a, F> {
    fs: &'a F,
    docroot: Docroot,
    cells: Cells,
    policy: Policy,
    checks: usize,
    said: Vec<String>,
}

impl<'a, F: Fs> Process<'a, F> {
    /// With realpath, a check for each request and 10 s of grace.
    fn new(fs: &'a F, cells: Cells, docroot: &str) -> Self {
        Process::in_mode(fs, cells, docroot, Mode::Realpath)
    }

    fn in_mode(fs: &'a F, cells: Cells, docroot: &str, mode: Mode) -> Self {
        Process {
            fs,
            docroot: Docroot::new(CString::new(docroot).unwrap(), mode),
            cells,
            policy: Policy {
                check_every: 0,
                grace: 10 * SECOND,
            },
            checks: 0,
            said: Vec::new(),
        }
    }

    fn check_every(mut self, check_every: Micros) -> Self {
        self.policy.check_every = check_every;
        self
    }

    fn grace(mut self, grace: Micros) -> Self {
        self.policy.grace = grace;
        self
    }

    /// The resolved docroot that a request at `now` gets.
    fn request(&mut self, now: Micros) -> Option<String> {
        self.request_for(now, |snapshot| text(snapshot.docroot()))
    }

    fn request_for<T>(&mut self, now: Micros, take: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        let (checks, said) = (&mut self.checks, &mut self.said);
        let tell = &mut |event: Event<'_>| match event {
            Event::Checked { .. } => *checks += 1,
            Event::Flipped { from, to } => said.push(format!("{} -> {}", text(from), text(to))),
            Event::Failed {
                error,
                serving,
                linked,
            } => {
                let serving = serving.map_or("nothing".to_string(), text);
                let kind = if linked { "link" } else { "directory" };
                said.push(format!("{kind} failed: {error}, serving {serving}"));
            }
            Event::Recovered { resolved } => said.push(format!("recovered: {}", text(resolved))),
        };
        self.docroot
            .take(now, self.policy, self.cells, self.fs, tell, take)
    }

    /// The same for a request that has missed something.
    fn request_again(&mut self, now: Micros, is_lost: bool) -> Option<String> {
        let said = &mut self.said;
        let tell = &mut |event: Event<'_>| {
            if let Event::Failed { error, .. } = event {
                said.push(format!("failed: {error}"));
            }
        };
        let docroot = |snapshot: &Snapshot| text(snapshot.docroot());
        self.docroot.take_checked(
            now,
            self.policy,
            self.cells,
            self.fs,
            is_lost,
            tell,
            docroot,
        )
    }

    /// What was told since the last time.
    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }
}

fn text(path: &CStr) -> String {
    path.to_str().unwrap().to_string()
}

/// `current -> releases/1`, and two more releases.
fn site() -> MemoryFs {
    let fs = MemoryFs::with_dirs(&[
        "/srv/releases/1/web",
        "/srv/releases/2/web",
        "/srv/releases/3/web",
    ]);
    fs.link("/srv/current", "releases/1");
    fs
}

const CURRENT: &str = "/srv/current";

fn release(number: u32) -> Option<String> {
    Some(format!("/srv/releases/{number}"))
}

fn web(number: u32) -> Option<String> {
    Some(format!("/srv/releases/{number}/web"))
}

/// Any moment; the clock does not begin at 0.
const T: Micros = 1_700_000_000 * SECOND;

// When it looks.

#[test]
fn a_request_gets_docroot_and_links() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), "/srv/current/web");
    let links = process.request_for(T, |snapshot| {
        let links = snapshot.links().iter();
        links
            .map(|l| (text(&l.path), text(&l.target)))
            .collect::<Vec<_>>()
    });
    let link = ("/srv/current".to_string(), "/srv/releases/1".to_string());
    assert_eq!(links, Some(vec![link]));
    assert_eq!(process.request(T), web(1));
    assert_eq!(text(process.docroot.path()), "/srv/current/web");
    assert_eq!(*process.docroot.mode(), Mode::Realpath);
}

#[test]
fn between_checks_the_file_system_is_not_asked() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT).check_every(2 * SECOND);
    assert_eq!(process.request(T), release(1));
    fs.link(CURRENT, "releases/2");
    fs.calls();
    for now in [T, T + 1, T + SECOND, T + 2 * SECOND - 1] {
        assert_eq!(process.request(now), release(1));
    }
    assert_eq!((fs.calls(), process.checks), (0, 1));
    assert_eq!(process.request(T + 2 * SECOND), release(2));
    assert_ne!(fs.calls(), 0);
    // The next check is due so much later.
    fs.link(CURRENT, "releases/3");
    assert_eq!(process.request(T + 4 * SECOND - 1), release(2));
    assert_eq!(process.request(T + 4 * SECOND), release(3));
}

/// Where the check is a cheap one.
#[test]
fn an_interval_of_less_than_a_second() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT).check_every(SECOND / 5);
    assert_eq!(process.request(T), release(1));
    fs.calls();
    for (tenths, calls) in [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0)] {
        assert_eq!(process.request(T + tenths * SECOND / 10), release(1));
        assert_eq!(fs.calls(), calls, "after {tenths} tenths");
    }
}

#[test]
fn each_request_checks_with_a_call_or_two_a_link() {
    let fs = site();
    fs.link("/www", "/srv");
    // Behind it is another.
    fs.link("/srv/stage", "current");
    let readlink = Mode::Readlink { from: None };
    for (docroot, mode, calls) in [
        ("/srv/current", Mode::Realpath, 1),
        ("/www/current", Mode::Realpath, 2),
        ("/srv/stage", Mode::Realpath, 2),
        ("/www/stage", Mode::Realpath, 3),
        ("/www/current", readlink, 1),
    ] {
        let mut process = Process::in_mode(&fs, Cells::private(8), docroot, mode);
        assert!(process.request(T).is_some());
        fs.calls();
        for now in 1..10 {
            assert!(process.request(T + now).is_some());
            assert_eq!(fs.calls(), calls, "{docroot}");
        }
        assert_eq!(process.checks, 10);
    }
}

#[test]
fn each_request_sees_the_flip_before_it() {
    for mode in [Mode::Realpath, Mode::Readlink { from: None }] {
        let fs = site();
        let mut process = Process::in_mode(&fs, Cells::private(8), CURRENT, mode);
        for number in [1, 2, 3, 1, 1, 3, 2] {
            fs.link(CURRENT, &format!("releases/{number}"));
            assert_eq!(process.request(T), release(number));
        }
    }
}

/// So many looks make a docroot a busy one.
const BUSY: Micros = 16;

#[test]
fn the_links_of_a_busy_docroot_are_held() {
    let fs = site();
    fs.link("/www", "/srv");
    // Behind it is another, so that its text alone does not tell.
    fs.link("/srv/stage", "current");
    for (docroot, each, held) in [("/www/current", 2, 0), ("/www/stage", 3, 3)] {
        let mut process = Process::new(&fs, Cells::private(8), docroot);
        let mut calls = |now| {
            fs.calls();
            assert_eq!(process.request(now), release(1));
            fs.calls()
        };
        calls(T);
        for now in 1..BUSY {
            assert_eq!(calls(T + now), each, "{docroot}: not busy yet");
        }
        calls(T + BUSY);
        for now in 1..10 {
            assert_eq!(calls(T + BUSY + now), held, "{docroot}");
        }
        // Until it is resolved in full again.
        assert!(calls(T + SECOND) > each);
        assert_eq!(calls(T + SECOND), each, "{docroot}: not busy");
    }
}

/// A process that holds the docroot's link, at `T`.
fn busy<'a>(fs: &'a MemoryFs, docroot: &str) -> Process<'a, MemoryFs> {
    let mut process = Process::new(fs, Cells::private(8), docroot);
    for _ in 0..=BUSY {
        process.request(T);
    }
    fs.calls();
    assert!(process.request(T).is_some());
    assert_eq!(fs.calls(), 0, "it is held");
    process
}

#[test]
fn each_request_sees_the_flip_of_a_held_link() {
    let fs = site();
    let mut process = busy(&fs, CURRENT);
    for number in [2, 3, 3, 1] {
        fs.link(CURRENT, &format!("releases/{number}"));
        assert_eq!(process.request(T), release(number));
        // It is busy still: the new link is held soon.
        process.request(T);
        fs.calls();
        assert_eq!(process.request(T), release(number));
        assert_eq!(fs.calls(), 0);
    }
    fs.remove(CURRENT);
    process.policy.grace = 0;
    assert_eq!(process.request(T), None);
}

/// Who might have missed something asks by the path.
#[test]
fn what_must_be_certain_does_not_go_by_what_is_held() {
    let fs = site();
    let mut process = busy(&fs, CURRENT);
    for (is_lost, calls) in [(false, 1), (true, 2)] {
        assert_eq!(process.request_again(T, is_lost), release(1));
        assert_eq!(fs.calls(), calls);
    }
}

/// What the held link does not tell.
#[test]
fn what_becomes_of_a_directory_above_a_held_link_is_seen_within_a_second() {
    let fs = site();
    let mut process = busy(&fs, CURRENT);
    fs.move_dir("/srv", "/srv.old");
    fs.dir("/srv/releases/1");
    fs.dir("/srv/releases/2");
    fs.link(CURRENT, "releases/2");
    assert_eq!(process.request(T + SECOND - 1), release(1));
    // A request that misses something looks at once.
    assert_eq!(process.request_again(T + SECOND - 1, false), release(2));
    assert_eq!(process.request(T + SECOND), release(2));
}

/// A directory under two names, as by a bind mount: comparing files cannot see the
/// flip from one name to the other.
#[test]
fn once_a_second_the_docroot_is_resolved_in_full() {
    let fs = site();
    let same = fs.stat(c"/srv/releases/1").unwrap();
    fs.dir_with_ino_of("/srv/releases/2", same);
    fs.link("/srv/stage", "current");
    let mut process = Process::new(&fs, Cells::private(8), "/srv/stage");
    assert_eq!(process.request(T), release(1));
    fs.link(CURRENT, "releases/2");
    assert_eq!(process.request(T + SECOND - 1), release(1));
    assert_eq!(process.request(T + SECOND), release(2));
}

/// What the link's text does not tell.
#[test]
fn what_became_of_the_directory_is_seen_within_a_second() {
    for is_removed in [true, false] {
        let fs = site();
        let mut process = Process::new(&fs, Cells::private(8), CURRENT);
        assert_eq!(process.request(T), release(1));
        fs.remove("/srv/releases/1");
        if !is_removed {
            fs.link("/srv/releases/1", "2");
        }
        assert_eq!(process.request(T + SECOND - 1), release(1));
        let then = if is_removed { None } else { release(2) };
        assert_eq!(process.request(T + SECOND), then);
    }
}

#[test]
fn what_stands_below_the_link_is_seen_within_a_second() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), "/srv/current/web").grace(0);
    assert_eq!(process.request(T), web(1));
    fs.remove("/srv/releases/1/web");
    assert_eq!(process.request(T + SECOND), None);
}

/// Requests do not come in the order of their times: that alone is no reason.
/// A clock that was set back is.
#[test]
fn a_clock_that_went_back() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT).check_every(2 * SECOND);
    assert_eq!(process.request(T), release(1));
    fs.calls();
    assert_eq!(process.request(T - SECOND), release(1));
    assert_eq!(fs.calls(), 0);
    fs.link(CURRENT, "releases/2");
    assert_eq!(process.request(T - 3600 * SECOND), release(2));
    // From there on it goes by the new time.
    fs.link(CURRENT, "releases/3");
    assert_eq!(process.request(T - 3599 * SECOND), release(2));
    assert_eq!(process.request(T - 3598 * SECOND), release(3));
}

/// The virtual hosts of a docroot may have different intervals.
#[test]
fn the_interval_is_the_requests_own() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT);
    process.request(T);
    fs.link(CURRENT, "releases/2");
    process.policy.check_every = 5 * SECOND;
    assert_eq!(process.request(T + 4 * SECOND), release(1));
    process.policy.check_every = 3 * SECOND;
    assert_eq!(process.request(T + 4 * SECOND), release(2));
}

// One switch for the whole server.

#[test]
fn a_process_switches_when_another_has() {
    let fs = site();
    let cells = Cells::private(8);
    let mut eager = Process::new(&fs, cells, CURRENT);
    let mut lazy = Process::new(&fs, cells, CURRENT).check_every(3600 * SECOND);
    let mut alone = Process::new(&fs, Cells::private(8), CURRENT).check_every(3600 * SECOND);
    for process in [&mut eager, &mut lazy, &mut alone] {
        assert_eq!(process.request(T), release(1));
    }
    // There and back again, and once more.
    for number in [2, 1, 2] {
        fs.link(CURRENT, &format!("releases/{number}"));
        assert_eq!(eager.request(T), release(number));
        assert_eq!(lazy.request(T), release(number));
        // Once is enough.
        fs.calls();
        assert_eq!(lazy.request(T), release(number));
        assert_eq!(fs.calls(), 0);
    }
    // Without the shared cells it would not have known.
    assert_eq!(alone.request(T), release(1));
}

/// Nobody takes a flip to be one because another has seen it only now.
#[test]
fn a_flip_is_counted_once() {
    let fs = site();
    let cells = Cells::private(8);
    let mut first = Process::new(&fs, cells, CURRENT).check_every(3600 * SECOND);
    let mut second = Process::new(&fs, cells, CURRENT).check_every(3600 * SECOND);
    assert_eq!(first.request(T), release(1));
    assert_eq!(second.request(T), release(1));
    fs.calls();
    assert_eq!(first.request(T), release(1));
    assert_eq!(fs.calls(), 0);
}

#[test]
fn docroots_that_share_a_link_switch_together() {
    let fs = site();
    let cells = Cells::private(8);
    let mut eager = Process::new(&fs, cells, "/srv/current/web");
    let mut lazy = Process::new(&fs, cells, CURRENT).check_every(3600 * SECOND);
    eager.request(T);
    lazy.request(T);
    fs.link(CURRENT, "releases/2");
    assert_eq!(lazy.request(T), release(1));
    assert_eq!(eager.request(T), web(2));
    assert_eq!(lazy.request(T), release(2));
}

/// The two modes see different targets of one link: they have a cell each, or they
/// would keep contradicting each other.
#[test]
fn the_modes_do_not_disturb_each_other() {
    let fs = site();
    fs.link("/srv/stage", "current");
    let cells = Cells::private(1024);
    let readlink = Mode::Readlink { from: None };
    let mut by_readlink = Process::in_mode(&fs, cells, "/srv/stage", readlink);
    let mut by_realpath = Process::new(&fs, cells, "/srv/stage");
    by_readlink.policy.check_every = SECOND;
    by_realpath.policy.check_every = SECOND;
    for _ in 0..2 {
        assert_eq!(by_readlink.request(T).as_deref(), Some("/srv/current"));
        assert_eq!(by_realpath.request(T), release(1));
    }
    assert_eq!((by_readlink.checks, by_realpath.checks), (1, 1));
}

#[test]
fn a_chain_of_links_on_the_path() {
    let fs = site();
    let cells = Cells::private(64);
    fs.link("/www", "/srv");
    fs.dir("/srv/releases/2/public");
    fs.dir("/other/releases/7/web");
    fs.link("/other/current", "releases/7");
    let mut eager = Process::new(&fs, cells, "/www/current/web");
    let mut lazy = Process::new(&fs, cells, "/www/current/web").check_every(3600 * SECOND);
    let mut both = |expected: Option<String>| {
        assert_eq!(eager.request(T), expected);
        assert_eq!(lazy.request(T), expected);
    };
    both(web(1));
    fs.link("/srv/current", "releases/2");
    both(web(2));
    // A third link comes, within the release, with the next flip ...
    fs.remove("/srv/releases/3/web");
    fs.dir("/srv/releases/3/public");
    fs.link("/srv/releases/3/web", "public");
    fs.link("/srv/current", "releases/3");
    both(Some("/srv/releases/3/public".into()));
    // ... is flipped itself ...
    fs.dir("/srv/releases/3/new");
    fs.link("/srv/releases/3/web", "new");
    both(Some("/srv/releases/3/new".into()));
    // ... and goes.
    fs.link("/srv/current", "releases/1");
    both(web(1));
    // The outermost.
    fs.link("/www", "/other");
    both(Some("/other/releases/7/web".into()));
}

#[test]
fn without_a_symlink_there_is_nothing_to_ask() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), "/srv/releases/1/web");
    assert_eq!(process.request(T), web(1));
    fs.calls();
    assert_eq!(process.request(T + 1), web(1));
    assert_eq!(fs.calls(), 0);
    let links = process.request_for(T + 2, |snapshot| snapshot.links().len());
    assert_eq!(links, Some(0));
}

#[test]
fn a_docroot_that_becomes_a_symlink_is_seen_within_a_second() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), "/srv/app");
    fs.dir("/srv/app");
    assert_eq!(process.request(T).as_deref(), Some("/srv/app"));
    fs.remove("/srv/app");
    fs.link("/srv/app", "releases/2");
    assert_eq!(process.request(T + SECOND), release(2));
    fs.link("/srv/app", "releases/3");
    assert_eq!(process.request(T + SECOND), release(3));
}

/// There is no cell any more that would tell the others, but the one of the link
/// that was.
#[test]
fn a_link_that_becomes_a_directory_switches_the_whole_server() {
    let fs = site();
    let cells = Cells::private(64);
    let mut eager = Process::new(&fs, cells, CURRENT);
    let mut lazy = Process::new(&fs, cells, CURRENT).check_every(3600 * SECOND);
    eager.request(T);
    lazy.request(T);
    fs.remove(CURRENT);
    fs.dir(CURRENT);
    assert_eq!(lazy.request(T), release(1));
    assert_eq!(eager.request(T).as_deref(), Some(CURRENT));
    assert_eq!(lazy.request(T).as_deref(), Some(CURRENT));
}

/// Two links of one docroot and one of another in the only slot there is: more
/// checks, but the same answers.
#[test]
fn links_that_share_a_slot() {
    let fs = site();
    fs.link("/www", "/srv");
    fs.link("/srv/stage", "releases/3");
    let cells = Cells::private(1);
    let mut two = Process::new(&fs, cells, "/www/current/web");
    let mut lazy = Process::new(&fs, cells, "/www/current/web").check_every(3600 * SECOND);
    let mut other = Process::new(&fs, cells, "/srv/stage").check_every(3600 * SECOND);
    for number in [1, 2, 2, 1, 3] {
        fs.link("/srv/current", &format!("releases/{number}"));
        assert_eq!(two.request(T), web(number));
        assert_eq!(lazy.request(T), web(number));
        assert_eq!(other.request(T), release(3));
    }
    fs.link("/srv/stage", "releases/1");
    let mut other_eager = Process::new(&fs, cells, "/srv/stage");
    assert_eq!(other_eager.request(T), release(1));
    assert_eq!(other.request(T), release(1));
}

/// Whenever a process reads the link, another has just answered from it and it has
/// been flipped since.
struct Storm<'a> {
    fs: &'a MemoryFs,
    other: RefCell<Process<'a, MemoryFs>>,
    flips: Cell<u32>,
}

impl Fs for Storm<'_> {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        self.fs.stat(path)
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        if text(path) == CURRENT {
            self.other.borrow_mut().request(T);
            self.flips.set(self.flips.get() + 1);
            let number = self.flips.get() % 3 + 1;
            self.fs.link(CURRENT, &format!("releases/{number}"));
        }
        self.fs.read_link(path, read)
    }
}

#[test]
fn flips_that_keep_coming_do_not_keep_a_request() {
    let fs = site();
    let cells = Cells::private(8);
    let storm = Storm {
        fs: &fs,
        other: RefCell::new(Process::new(&fs, cells, CURRENT)),
        flips: Cell::new(0),
    };
    let mut process = Process::new(&storm, cells, CURRENT).check_every(3600 * SECOND);
    let answer = process.request(T);
    // It has seen the last flip, which the other has not.
    let last = release(storm.flips.get() % 3 + 1);
    assert_eq!(answer, last);
    storm.other.borrow_mut().policy = process.policy;
    assert_eq!(storm.other.borrow_mut().request(T), last);
    // What it could not confirm it does not keep.
    process.request(T);
    assert_eq!(process.checks, 2);
}

/// A deploy in the middle of a request: the release that the link is just being followed to makes room for the next.
struct Deploy<'a> {
    fs: &'a MemoryFs,
    releases: RefCell<Vec<u32>>,
}

impl Fs for Deploy<'_> {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        self.fs.stat(path)
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        let mut releases = self.releases.borrow_mut();
        if let &[.., next, old] = &releases[..] {
            let old = format!("/srv/releases/{old}");
            if text(path) == old {
                self.fs.link(CURRENT, &format!("releases/{next}"));
                self.fs.remove(&old);
                releases.pop();
            }
        }
        self.fs.read_link(path, read)
    }
}

#[test]
fn a_release_that_is_removed_while_it_is_resolved_is_no_failure() {
    let fs = site();
    let deploy = Deploy {
        fs: &fs,
        releases: RefCell::new(vec![3, 2, 1]),
    };
    let mut process = Process::new(&deploy, Cells::private(8), CURRENT).grace(0);
    assert_eq!(process.request(T), release(3));
    assert!(process.said().is_empty());
}

#[test]
fn a_request_that_missed_something_looks_again() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT).check_every(3600 * SECOND);
    assert_eq!(process.request(T), release(1));
    fs.calls();
    for (is_lost, calls) in [(false, 1), (true, 2)] {
        assert_eq!(process.request_again(T, is_lost), release(1));
        assert_eq!(fs.calls(), calls);
    }
    fs.link(CURRENT, "releases/2");
    assert_eq!(process.request_again(T, false), release(2));
    // The link is as it was: who has found a file need not ask.
    fs.remove("/srv/releases/2");
    assert_eq!(process.request_again(T, false), release(2));
    process.said();
    assert_eq!(process.request_again(T, true), None);
    let said = process.said();
    assert!(said[0].contains("failed"), "{said:?}");
}

// Failures.

/// What a request gets when `break_it` was done after a good one.
fn after(break_it: impl FnOnce(&MemoryFs), grace: Micros) -> Option<String> {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT).grace(grace);
    assert_eq!(process.request(T), release(1));
    break_it(&fs);
    process.request(T + SECOND)
}

#[test]
fn the_last_target_stands_in_for_a_link_that_a_deploy_has_broken() {
    for grace in [10 * SECOND, 1] {
        assert_eq!(after(|fs| fs.remove(CURRENT), grace), release(1));
        assert_eq!(
            after(|fs| fs.link(CURRENT, "releases/4"), grace),
            release(1)
        );
        assert_eq!(after(|fs| fs.file(CURRENT), grace), release(1));
        for errno in [Errno::NOENT, Errno::NOTDIR, Errno::STALE, Errno::IO] {
            let target = after(|fs| fs.fail(CURRENT, Some(errno)), grace);
            assert_eq!(target, release(1), "{errno}");
        }
    }
}

#[test]
fn without_grace_nothing_stands_in() {
    assert_eq!(after(|fs| fs.remove(CURRENT), 0), None);
    assert_eq!(after(|fs| fs.fail(CURRENT, Some(Errno::IO)), 0), None);
}

#[test]
fn nothing_stands_in_for_what_no_deploy_does() {
    for errno in [Errno::ACCESS, Errno::LOOP, Errno::NAMETOOLONG, Errno::NOMEM] {
        let target = after(|fs| fs.fail(CURRENT, Some(errno)), 10 * SECOND);
        assert_eq!(target, None, "{errno}");
    }
    assert_eq!(after(|fs| fs.link(CURRENT, "current"), 10 * SECOND), None);
}

#[test]
fn the_last_target_must_exist() {
    let gone = |fs: &MemoryFs| {
        fs.remove(CURRENT);
        fs.remove("/srv/releases/1");
    };
    assert_eq!(after(gone, 10 * SECOND), None);
    let no_directory = |fs: &MemoryFs| {
        gone(fs);
        fs.file("/srv/releases/1");
    };
    assert_eq!(after(no_directory, 10 * SECOND), None);
}

#[test]
fn grace_runs_out_and_begins_anew_with_the_next_failure() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT);
    let mut now = T;
    for _ in 0..3 {
        fs.link(CURRENT, "releases/1");
        assert_eq!(process.request(now), release(1));
        fs.remove(CURRENT);
        // It counts from the first failure, not from the last good check.
        now += 100 * SECOND;
        assert_eq!(process.request(now), release(1));
        assert_eq!(process.request(now + 10 * SECOND - 1), release(1));
        assert_eq!(process.request(now + 10 * SECOND), None);
        assert_eq!(process.request(now + 60 * SECOND), None);
        now += 100 * SECOND;
    }
}

/// One that took long to be read comes with an old time.
#[test]
fn an_old_request_does_not_use_up_the_grace() {
    for old_one_first in [true, false] {
        let fs = site();
        let mut process = Process::new(&fs, Cells::private(8), CURRENT);
        assert_eq!(process.request(T), release(1));
        fs.remove(CURRENT);
        if !old_one_first {
            assert_eq!(process.request(T), release(1));
        }
        assert_eq!(process.request(T - 15 * SECOND), release(1));
        assert_eq!(process.request(T + SECOND), release(1));
    }
}

/// Nobody knows then for how long the docroot has been broken.
#[test]
fn a_clock_that_is_set_back_ends_the_grace() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT);
    process.request(T);
    fs.remove(CURRENT);
    assert_eq!(process.request(T), release(1));
    assert_eq!(process.request(T - 3600 * SECOND), None);
    assert_eq!(process.said().len(), 2, "the log's minute is over too");
}

/// Not even for a virtual host with a longer interval.
#[test]
fn no_check_is_put_off_while_the_docroot_is_broken() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT);
    process.request(T);
    fs.remove(CURRENT);
    assert_eq!(process.request(T), release(1));
    fs.link(CURRENT, "releases/2");
    process.policy.check_every = 3600 * SECOND;
    assert_eq!(process.request(T), release(2));
}

#[test]
fn a_docroot_that_dangles_from_the_start() {
    let fs = site();
    fs.link(CURRENT, "releases/9");
    let mut process = Process::new(&fs, Cells::private(8), CURRENT);
    assert_eq!(process.request(T), None);
    fs.link(CURRENT, "releases/1");
    assert_eq!(process.request(T), release(1));
}

/// As that of a virtual host which serves no files: it must cost next to nothing.
#[test]
fn a_docroot_that_is_not_there_is_looked_for_once_a_second() {
    let fs = site();
    fs.remove(CURRENT);
    let mut process = Process::new(&fs, Cells::private(8), CURRENT);
    assert_eq!(process.request(T), None);
    let failed = "directory failed: /srv/current: No such file or directory, serving nothing";
    assert_eq!(process.said(), [failed]);
    fs.link(CURRENT, "releases/1");
    assert_eq!(process.request(T + SECOND - 1), None);
    assert_eq!(process.request(T + SECOND), release(1));
    assert_eq!(process.said(), ["recovered: /srv/releases/1"]);
    // From then on it is there, also for a request that took long to be read.
    fs.link(CURRENT, "releases/2");
    assert_eq!(process.request(T + SECOND / 2), release(2));
}

/// Whatever its interval: the link may just have been missing when it began.
#[test]
fn a_process_that_begins_without_its_link_finds_it_within_a_second() {
    let fs = site();
    fs.remove(CURRENT);
    let mut process = Process::new(&fs, Cells::private(8), CURRENT).check_every(3600 * SECOND);
    assert_eq!(process.request(T), None);
    fs.link(CURRENT, "releases/1");
    assert_eq!(process.request(T + SECOND), release(1));
}

#[test]
fn a_failure_is_told_once_a_minute_and_its_end_once() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT);
    process.request(T);
    fs.link(CURRENT, "releases/4");
    let failed = "link failed: /srv/releases/4: No such file or directory";
    for second in 0..130 {
        process.request(T + second * SECOND);
        let said = process.said();
        match second {
            0 => assert_eq!(said, [format!("{failed}, serving /srv/releases/1")]),
            60 | 120 => assert_eq!(said, [format!("{failed}, serving nothing")]),
            _ => assert_eq!(said, [""; 0], "after {second} s"),
        }
    }
    fs.link(CURRENT, "releases/2");
    process.request(T + 130 * SECOND);
    process.request(T + 130 * SECOND);
    let switched = "/srv/releases/1 -> /srv/releases/2";
    assert_eq!(process.said(), [switched, "recovered: /srv/releases/2"]);
}

/// Also when requests come in any order of their times.
#[test]
fn flapping_is_told_once_a_minute() {
    let fs = site();
    let mut process = Process::new(&fs, Cells::private(8), CURRENT);
    process.request(T);
    let tenth = SECOND / 10;
    for tenths in 0..1190 {
        let now = T + tenths * tenth;
        fs.remove(CURRENT);
        process.request(now);
        process.request(now - 20 * SECOND);
        process.request(now - 100 * SECOND);
        fs.link(CURRENT, "releases/1");
        process.request(now);
    }
    let said = process.said();
    let failed = said.iter().filter(|s| s.contains("failed")).count();
    let recovered = said.iter().filter(|s| s.contains("recovered")).count();
    assert_eq!((failed, recovered, said.len()), (2, 2, 4), "{said:?}");
}

/// It has no way to know better, and says so.
#[test]
fn a_process_that_cannot_resolve_stays_where_it_is() {
    let fs = site();
    let cells = Cells::private(8);
    let mut first = Process::new(&fs, cells, CURRENT);
    let mut second = Process::new(&fs, cells, CURRENT).check_every(3600 * SECOND);
    first.request(T);
    second.request(T);
    fs.link(CURRENT, "releases/2");
    assert_eq!(first.request(T), release(2));
    fs.fail(CURRENT, Some(Errno::IO));
    assert_eq!(second.request(T), release(1));
    let failed = "link failed: /srv/current: Input/output error, serving /srv/releases/1";
    assert_eq!(second.said(), [failed]);
    fs.fail(CURRENT, None);
    assert_eq!(second.request(T), release(2));
}

#[test]
fn a_flip_is_told_once_a_process() {
    let fs = site();
    let cells = Cells::private(8);
    let mut processes = [0; 2].map(|_| Process::new(&fs, cells, CURRENT));
    for process in &mut processes {
        process.request(T);
        assert_eq!(process.said(), [""; 0]);
    }
    fs.link(CURRENT, "releases/2");
    for process in &mut processes {
        for now in 0..3 {
            process.request(T + now * SECOND);
        }
        assert_eq!(process.said(), ["/srv/releases/1 -> /srv/releases/2"]);
    }
}

// What it costs.

/// On the real file system, whose calls are part of it.
#[test]
fn a_request_allocates_nothing_unless_something_changed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("1")).unwrap();
    std::os::unix::fs::symlink("1", dir.path().join("current")).unwrap();
    let path = dir.path().join("current").into_os_string();
    let path = CString::new(path.into_encoded_bytes()).unwrap();
    for mode in [Mode::Realpath, Mode::Readlink { from: None }] {
        for check_every in [0, SECOND] {
            let docroot = Docroot::new(path.clone(), mode.clone());
            let policy = Policy {
                check_every,
                grace: 0,
            };
            let cells = Cells::private(8);
            let mut checks = 0;
            let mut take = |now| {
                let tell = &mut |_: Event<'_>| checks += 1;
                docroot.take(now, policy, cells, &OsFs, tell, |s| s.links().len())
            };
            assert_eq!(take(T), Some(1));
            let used = allocation_counter::measure(|| {
                for now in 0..100 {
                    assert_eq!(take(T + now), Some(1));
                }
            });
            assert_eq!(used.count_total, 0, "{mode:?} every {check_every}");
            assert_eq!(checks, if check_every == 0 { 101 } else { 1 });
        }
    }
}

/// A symlink and nothing else, so that a great many flips take little time.
struct OneLink(Cell<Option<&'static CStr>>);

impl Fs for OneLink {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        let target = match path.to_str() {
            Ok(CURRENT) => self.0.get().ok_or(Errno::NOENT)?,
            _ => path,
        };
        Ok(Stat {
            dev: 1,
            ino: u64::from(target.to_bytes()[1]),
            is_dir: true,
        })
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        match path.to_str() {
            Ok(CURRENT) => Ok(read(self.0.get().ok_or(Errno::NOENT)?.to_bytes())),
            _ => Err(Errno::INVAL),
        }
    }
}

#[test]
fn memory_is_flat() {
    let link = OneLink(Cell::new(None));
    let mut process = Process::new(&link, Cells::private(8), CURRENT);
    let mut flips = |count: usize| {
        for i in 0..count {
            let release = [c"/1", c"/2", c"/3"][i % 3];
            link.0.set(Some(release));
            assert_eq!(process.request(T), Some(text(release)));
            if i % 10 == 0 {
                link.0.set(None);
                assert_eq!(process.request(T), Some(text(release)));
            }
            process.said.clear();
        }
    };
    flips(30);
    let used = allocation_counter::measure(|| flips(100_000));
    assert_eq!((used.count_current, used.bytes_current), (0, 0));
}

// What is counted.

fn read(cells: Cells, mode: &Mode) -> Reading {
    let link = CString::new(CURRENT).unwrap();
    cells.read(&link, mode).expect("it is known as a link")
}

/// What all processes count of `current`, as checks, flips and failures.
fn figures(cells: Cells) -> (u64, u64, u64) {
    let figures = read(cells, &Mode::Realpath);
    (figures.checks, figures.flips, figures.failures)
}

#[test]
fn a_flip_is_counted_once_however_many_see_it() {
    let fs = site();
    let cells = Cells::private(8);
    let mut processes =
        [CURRENT, "/srv/current/web", CURRENT].map(|root| Process::new(&fs, cells, root));
    let mut all_ask = |now| {
        processes
            .iter_mut()
            .for_each(|process| drop(process.request(now)))
    };
    all_ask(T);
    assert_eq!(figures(cells), (3, 0, 0));
    for (number, second) in [(2, 1), (1, 2), (3, 3)] {
        fs.link(CURRENT, &format!("releases/{number}"));
        all_ask(T + second * SECOND);
    }
    assert_eq!(figures(cells), (12, 3, 0));
    let flipped_at = || read(cells, &Mode::Realpath).flipped_at;
    assert_eq!(flipped_at(), Some(T + 3 * SECOND));

    cells.clear_figures();
    assert_eq!(figures(cells), (0, 0, 0));
    assert_eq!(flipped_at(), None);
    all_ask(T + 4 * SECOND);
    assert_eq!(figures(cells), (3, 0, 0));
}

/// The looks at a busy docroot, by the hundred.
#[test]
fn many_looks_are_counted_at_once() {
    let fs = site();
    let cells = Cells::private(8);
    let mut process = Process::new(&fs, cells, CURRENT);
    let mut counted = 0;
    for number in 0..1_000 {
        process.request(T + number);
        let (checks, ..) = figures(cells);
        assert!(checks >= counted && checks <= number as u64 + 1);
        assert!(number as u64 + 1 - checks < 256);
        assert!(number >= BUSY || checks == number as u64 + 1);
        counted = checks;
    }
    assert!(counted < 1_000);
    process.request(T + SECOND);
    assert_eq!(figures(cells), (1_001, 0, 0));
}

/// Between checks nothing is counted.
#[test]
fn what_asks_nobody_is_not_counted() {
    let fs = site();
    let cells = Cells::private(8);
    let mut process = Process::new(&fs, cells, CURRENT).check_every(2 * SECOND);
    for tenth in 0..50 {
        process.request(T + tenth * SECOND / 10);
    }
    assert_eq!(figures(cells), (3, 0, 0));
}

#[test]
fn failures_are_counted_with_the_last_cause() {
    let fs = site();
    let cells = Cells::private(8);
    let failure = || read(cells, &Mode::Realpath).failure;
    let mut process = Process::new(&fs, cells, "/srv/current/web");
    process.request(T);
    assert_eq!(failure(), None);
    fs.remove(CURRENT);
    process.request(T + SECOND);
    assert_eq!(failure(), Some((T + SECOND, Errno::NOENT)));
    fs.link(CURRENT, "current");
    process.request(T + 2 * SECOND);
    assert_eq!(failure(), Some((T + 2 * SECOND, Errno::LOOP)));
    assert_eq!(figures(cells), (3, 0, 2));
    // Recovered, in the same release: that was no flip.
    fs.link(CURRENT, "releases/1");
    process.request(T + 3 * SECOND);
    assert_eq!(figures(cells), (4, 0, 2));

    // One that has never seen it resolve knows its name all the same, if there is a link.
    let cells = Cells::private(8);
    fs.link(CURRENT, "releases/none");
    assert_eq!(cells.read(c"/srv/current", &Mode::Realpath), None);
    for mode in [Mode::Realpath, Mode::Readlink { from: None }] {
        let mut newcomer = Process::in_mode(&fs, cells, "/srv/current/web", mode.clone());
        assert_eq!(newcomer.request(T), None);
        let figures = read(cells, &mode);
        assert_eq!((figures.checks, figures.failures), (1, 1));
    }
}
