//! When a process asks the file system, and what it answers.

use realdoc_core::SECOND;
use realdoc_core::fs::Fs;
use realdoc_core::resolve::Mode;
use realdoc_core::table::LinkTable;

use crate::process::{CURRENT, Process, T, release, site, text, web};

#[test]
fn a_request_gets_docroot_and_links() {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), "/srv/current/web");
    let links = process.request_for(T, |found| {
        let links = found.links.iter();
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
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT).check_every(2 * SECOND);
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
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT).check_every(SECOND / 5);
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
        let mut process = Process::in_mode(&fs, LinkTable::private(8), docroot, mode);
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
        let mut process = Process::in_mode(&fs, LinkTable::private(8), CURRENT, mode);
        for number in [1, 2, 3, 1, 1, 3, 2] {
            fs.link(CURRENT, &format!("releases/{number}"));
            assert_eq!(process.request(T), release(number));
        }
    }
}

/// A directory under two names, as by a bind mount: comparing files cannot see the
/// flip from one name to the other.
#[test]
fn once_a_second_the_docroot_is_resolved_in_full() {
    let fs = site();
    let same = fs.stat(c"/srv/releases/1").unwrap();
    fs.dir_with_ino_of("/srv/releases/2", same);
    fs.link("/srv/stage", "current");
    let mut process = Process::new(&fs, LinkTable::private(8), "/srv/stage");
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
        let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
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
    let mut process = Process::new(&fs, LinkTable::private(8), "/srv/current/web").grace(0);
    assert_eq!(process.request(T), web(1));
    fs.remove("/srv/releases/1/web");
    assert_eq!(process.request(T + SECOND), None);
}

/// Requests do not come in the order of their times: that alone is no reason.
/// A clock that was set back is.
#[test]
fn a_clock_that_went_back() {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT).check_every(2 * SECOND);
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
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
    process.request(T);
    fs.link(CURRENT, "releases/2");
    process.policy.check_every = 5 * SECOND;
    assert_eq!(process.request(T + 4 * SECOND), release(1));
    process.policy.check_every = 3 * SECOND;
    assert_eq!(process.request(T + 4 * SECOND), release(2));
}
