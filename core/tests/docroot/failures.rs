//! What does not resolve: what is answered then, and told.

use realdoc_core::fs::{Errno, Fs};
use realdoc_core::table::LinkTable;
use realdoc_core::{Micros, SECOND};

use crate::memory_fs::MemoryFs;
use crate::process::{CURRENT, Process, T, release, site, web};

/// What a request gets when `break_it` was done after a good one.
fn after(break_it: impl FnOnce(&MemoryFs), grace: Micros) -> Option<String> {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT).grace(grace);
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

/// All processes go by the change that broke the link, whenever they see it.
#[test]
fn grace_counts_from_the_change_that_broke_the_link() {
    let breaks: [fn(&MemoryFs); 4] = [
        |fs| fs.remove(CURRENT),
        |fs| fs.link(CURRENT, "releases/none"),
        |fs| fs.file(CURRENT),
        |fs| fs.remove("/srv/releases/1/web"),
    ];
    for break_it in breaks {
        let fs = site();
        let table = LinkTable::private(8);
        let web_process = || Process::new(&fs, table, "/srv/current/web");
        let [mut early, mut late, mut later] = [(); 3].map(|()| web_process());
        let broken_at = T + 100 * SECOND;
        for process in [&mut early, &mut late, &mut later] {
            assert_eq!(process.request(T), web(1));
        }
        fs.now.set(broken_at);
        break_it(&fs);
        // What serves must be there: the directory itself is gone in the last case.
        let serves = fs.stat(c"/srv/releases/1/web").is_ok();
        let expected = |serves: bool| if serves { web(1) } else { None };
        assert_eq!(early.request(broken_at + SECOND), expected(serves));
        assert_eq!(late.request(broken_at + 9 * SECOND), expected(serves));
        assert_eq!(early.request(broken_at + 10 * SECOND), None);
        assert_eq!(later.request(broken_at + 14 * SECOND), None);
        assert_eq!(late.request(broken_at + 25 * SECOND), None);
    }
}

/// An error that nothing was changed for.
#[test]
fn grace_counts_from_the_first_failure_where_no_change_explains_it() {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
    let mut now = T;
    for _ in 0..3 {
        fs.fail(CURRENT, None);
        assert_eq!(process.request(now), release(1));
        fs.fail(CURRENT, Some(Errno::IO));
        now += 100 * SECOND;
        assert_eq!(process.request(now), release(1));
        assert_eq!(process.request(now + 10 * SECOND - 1), release(1));
        assert_eq!(process.request(now + 10 * SECOND), None);
        assert_eq!(process.request(now + 60 * SECOND), None);
        now += 100 * SECOND;
    }
}

/// A clock of a file server that is wrong does not end the grace before it begins.
#[test]
fn a_change_in_the_future_explains_nothing() {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
    assert_eq!(process.request(T), release(1));
    fs.now.set(T + 3600 * SECOND);
    fs.remove(CURRENT);
    assert_eq!(process.request(T + SECOND), release(1));
    assert_eq!(process.request(T + 11 * SECOND), None);
}

/// A request that was sent over more than 300 s is no reason to think that the clock was set.
#[test]
fn a_request_that_took_very_long_to_be_read() {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT).check_every(2 * SECOND);
    assert_eq!(process.request(T), release(1));
    let began = T - 1000 * SECOND;
    assert_eq!(process.request_sent_since(began, T), release(1));
    // It has not put off the next check, nor brought it forward.
    fs.calls();
    assert_eq!(process.request(T + SECOND), release(1));
    assert_eq!(fs.calls(), 0);

    fs.now.set(T + SECOND);
    fs.remove(CURRENT);
    for (began, now) in [(began, T + 2 * SECOND), (T + 5 * SECOND, T + 5 * SECOND)] {
        assert_eq!(process.request_sent_since(began, now), release(1));
    }
    assert_eq!(process.said().len(), 1, "once a minute");
    assert_eq!(process.request_sent_since(T, T + 11 * SECOND), None);
}

/// One that took long to be read comes with an old time.
#[test]
fn an_old_request_does_not_use_up_the_grace() {
    for old_one_first in [true, false] {
        let fs = site();
        let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
        assert_eq!(process.request(T), release(1));
        fs.remove(CURRENT);
        if !old_one_first {
            assert_eq!(process.request(T), release(1));
        }
        assert_eq!(process.request_sent_since(T - 15 * SECOND, T), release(1));
        assert_eq!(process.request(T + SECOND), release(1));
    }
}

/// Nobody knows then for how long the docroot has been broken.
#[test]
fn a_clock_that_is_set_back_ends_the_grace() {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
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
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
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
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
    assert_eq!(process.request(T), None);
    fs.link(CURRENT, "releases/1");
    assert_eq!(process.request(T), release(1));
}

/// As that of a virtual host which serves no files: it must cost next to nothing.
#[test]
fn a_docroot_that_is_not_there_is_looked_for_once_a_second() {
    let fs = site();
    fs.remove(CURRENT);
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
    assert_eq!(process.request(T), None);
    let failed = "directory failed: /srv/current: No such file or directory, serving nothing";
    assert_eq!(process.said(), [failed]);
    fs.link(CURRENT, "releases/1");
    assert_eq!(process.request(T + SECOND - 1), None);
    assert_eq!(process.request(T + SECOND), release(1));
    assert_eq!(process.said(), ["recovered: /srv/releases/1"]);
    // From then on it is there, also for a request that took long to be read.
    fs.link(CURRENT, "releases/2");
    assert_eq!(
        process.request_sent_since(T + SECOND / 2, T + SECOND),
        release(2)
    );
}

/// Whatever its interval: the link may just have been missing when it began.
#[test]
fn a_process_that_begins_without_its_link_finds_it_within_a_second() {
    let fs = site();
    fs.remove(CURRENT);
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT).check_every(3600 * SECOND);
    assert_eq!(process.request(T), None);
    fs.link(CURRENT, "releases/1");
    assert_eq!(process.request(T + SECOND), release(1));
}

#[test]
fn a_failure_is_told_once_a_minute_and_its_end_once() {
    let fs = site();
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
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
    let mut process = Process::new(&fs, LinkTable::private(8), CURRENT);
    process.request(T);
    let tenth = SECOND / 10;
    for tenths in 0..1190 {
        let now = T + tenths * tenth;
        fs.remove(CURRENT);
        process.request(now);
        process.request_sent_since(now - 20 * SECOND, now);
        process.request_sent_since(now - 100 * SECOND, now);
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
    let table = LinkTable::private(8);
    let mut first = Process::new(&fs, table, CURRENT);
    let mut second = Process::new(&fs, table, CURRENT).check_every(3600 * SECOND);
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
    let table = LinkTable::private(8);
    let mut processes = [0; 2].map(|_| Process::new(&fs, table, CURRENT));
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
