//! One switch for the whole server.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;

use realdoc_core::SECOND;
use realdoc_core::fs::{Errno, Fs, Stat};
use realdoc_core::resolve::Mode;
use realdoc_core::table::LinkTable;

use crate::memory_fs::MemoryFs;
use crate::process::{CURRENT, Process, T, release, site, text, web};

#[test]
fn a_process_switches_when_another_has() {
    let fs = site();
    let table = LinkTable::private(8);
    let mut eager = Process::new(&fs, table, CURRENT);
    let mut lazy = Process::new(&fs, table, CURRENT).check_every(3600 * SECOND);
    let mut alone = Process::new(&fs, LinkTable::private(8), CURRENT).check_every(3600 * SECOND);
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
    // Without the shared table it would not have known.
    assert_eq!(alone.request(T), release(1));
}

/// Nobody takes a flip to be one because another has seen it only now.
#[test]
fn a_flip_is_counted_once() {
    let fs = site();
    let table = LinkTable::private(8);
    let mut first = Process::new(&fs, table, CURRENT).check_every(3600 * SECOND);
    let mut second = Process::new(&fs, table, CURRENT).check_every(3600 * SECOND);
    assert_eq!(first.request(T), release(1));
    assert_eq!(second.request(T), release(1));
    fs.calls();
    assert_eq!(first.request(T), release(1));
    assert_eq!(fs.calls(), 0);
}

#[test]
fn docroots_that_share_a_link_switch_together() {
    let fs = site();
    let table = LinkTable::private(8);
    let mut eager = Process::new(&fs, table, "/srv/current/web");
    let mut lazy = Process::new(&fs, table, CURRENT).check_every(3600 * SECOND);
    eager.request(T);
    lazy.request(T);
    fs.link(CURRENT, "releases/2");
    assert_eq!(lazy.request(T), release(1));
    assert_eq!(eager.request(T), web(2));
    assert_eq!(lazy.request(T), release(2));
}

/// The two modes see different targets of one link: they have a stamp each, or they
/// would keep contradicting each other.
#[test]
fn the_modes_do_not_disturb_each_other() {
    let fs = site();
    fs.link("/srv/stage", "current");
    let table = LinkTable::private(1024);
    let readlink = Mode::Readlink { from: None };
    let mut by_readlink = Process::in_mode(&fs, table, "/srv/stage", readlink);
    let mut by_realpath = Process::new(&fs, table, "/srv/stage");
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
    let table = LinkTable::private(64);
    fs.link("/www", "/srv");
    fs.dir("/srv/releases/2/public");
    fs.dir("/other/releases/7/web");
    fs.link("/other/current", "releases/7");
    let mut eager = Process::new(&fs, table, "/www/current/web");
    let mut lazy = Process::new(&fs, table, "/www/current/web").check_every(3600 * SECOND);
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
    let mut process = Process::new(&fs, LinkTable::private(8), "/srv/releases/1/web");
    assert_eq!(process.request(T), web(1));
    fs.calls();
    assert_eq!(process.request(T + 1), web(1));
    assert_eq!(fs.calls(), 0);
    let links = process.request_for(T + 2, |found| found.links.len());
    assert_eq!(links, Some(0));
}

#[test]
fn a_docroot_that_becomes_a_symlink_is_seen_within_a_second() {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), "/srv/app");
    fs.dir("/srv/app");
    assert_eq!(process.request(T).as_deref(), Some("/srv/app"));
    fs.remove("/srv/app");
    fs.link("/srv/app", "releases/2");
    assert_eq!(process.request(T + SECOND), release(2));
    fs.link("/srv/app", "releases/3");
    assert_eq!(process.request(T + SECOND), release(3));
}

/// There is no stamp any more that would tell the others, but the one of the link
/// that was.
#[test]
fn a_link_that_becomes_a_directory_switches_the_whole_server() {
    let fs = site();
    let table = LinkTable::private(64);
    let mut eager = Process::new(&fs, table, CURRENT);
    let mut lazy = Process::new(&fs, table, CURRENT).check_every(3600 * SECOND);
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
    let table = LinkTable::private(1);
    let mut two = Process::new(&fs, table, "/www/current/web");
    let mut lazy = Process::new(&fs, table, "/www/current/web").check_every(3600 * SECOND);
    let mut other = Process::new(&fs, table, "/srv/stage").check_every(3600 * SECOND);
    for number in [1, 2, 2, 1, 3] {
        fs.link("/srv/current", &format!("releases/{number}"));
        assert_eq!(two.request(T), web(number));
        assert_eq!(lazy.request(T), web(number));
        assert_eq!(other.request(T), release(3));
    }
    fs.link("/srv/stage", "releases/1");
    let mut other_eager = Process::new(&fs, table, "/srv/stage");
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
    let table = LinkTable::private(8);
    let storm = Storm {
        fs: &fs,
        other: RefCell::new(Process::new(&fs, table, CURRENT)),
        flips: Cell::new(0),
    };
    let mut process = Process::new(&storm, table, CURRENT).check_every(3600 * SECOND);
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

/// A deploy in the middle of a request: the release that the link is just being followed to makes
/// room for the next.
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
    let mut process = Process::new(&deploy, LinkTable::private(8), CURRENT).grace(0);
    assert_eq!(process.request(T), release(3));
    assert!(process.said().is_empty());
}

#[test]
fn a_request_that_missed_something_looks_again() {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT).check_every(3600 * SECOND);
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
