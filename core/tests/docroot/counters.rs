//! What all processes count together.

use std::ffi::CString;

use realdoc_core::SECOND;
use realdoc_core::chain::Chain;
use realdoc_core::counters::Counts;
use realdoc_core::fs::Errno;
use realdoc_core::resolve::Mode;
use realdoc_core::table::LinkTable;

use crate::process::{CURRENT, Process, T, site};

fn read(table: LinkTable, mode: &Mode) -> Counts {
    let link = CString::new(CURRENT).unwrap();
    table.counts(&link, mode).expect("it is known as a link")
}

/// What all processes count of `current`, as checks, flips and failures.
fn counts(table: LinkTable) -> (u64, u64, u64) {
    let counts = read(table, &Mode::Realpath);
    (counts.checks, counts.flips, counts.failures)
}

#[test]
fn a_flip_is_counted_once_however_many_see_it() {
    let fs = site();
    let table = LinkTable::private(8);
    let mut processes =
        [CURRENT, "/srv/current/web", CURRENT].map(|root| Process::new(&fs, table, root));
    let mut all_ask = |now| {
        processes
            .iter_mut()
            .for_each(|process| drop(process.request(now)))
    };
    all_ask(T);
    assert_eq!(counts(table), (3, 0, 0));
    for (number, second) in [(2, 1), (1, 2), (3, 3)] {
        fs.link(CURRENT, &format!("releases/{number}"));
        all_ask(T + second * SECOND);
    }
    assert_eq!(counts(table), (12, 3, 0));
    let flipped_at = || read(table, &Mode::Realpath).flipped_at;
    assert_eq!(flipped_at(), Some(T + 3 * SECOND));

    table.clear_counters();
    assert_eq!(counts(table), (0, 0, 0));
    assert_eq!(flipped_at(), None);
    all_ask(T + 4 * SECOND);
    assert_eq!(counts(table), (3, 0, 0));
}

/// Between checks nothing is counted.
#[test]
fn what_asks_nobody_is_not_counted() {
    let fs = site();
    let table = LinkTable::private(8);
    let mut process = Process::new(&fs, table, CURRENT).check_every(2 * SECOND);
    for tenth in 0..50 {
        process.request(T + tenth * SECOND / 10);
    }
    assert_eq!(counts(table), (3, 0, 0));
}

#[test]
fn failures_are_counted_with_the_last_cause() {
    let fs = site();
    let table = LinkTable::private(8);
    let failure = || read(table, &Mode::Realpath).failure;
    let mut process = Process::new(&fs, table, "/srv/current/web");
    process.request(T);
    assert_eq!(failure(), None);
    fs.remove(CURRENT);
    process.request(T + SECOND);
    assert_eq!(failure(), Some((T + SECOND, Errno::NOENT)));
    fs.link(CURRENT, "current");
    process.request(T + 2 * SECOND);
    assert_eq!(failure(), Some((T + 2 * SECOND, Errno::LOOP)));
    assert_eq!(counts(table), (3, 0, 2));
    // Recovered, in the same release: that was no flip.
    fs.link(CURRENT, "releases/1");
    process.request(T + 3 * SECOND);
    assert_eq!(counts(table), (4, 0, 2));

    // One that has never seen it resolve knows its name all the same, if there is a link.
    let table = LinkTable::private(8);
    fs.link(CURRENT, "releases/none");
    assert_eq!(table.counts(c"/srv/current", &Mode::Realpath), None);
    for mode in [Mode::Realpath, Mode::Readlink { from: None }] {
        let mut newcomer = Process::in_mode(&fs, table, "/srv/current/web", mode.clone());
        assert_eq!(newcomer.request(T), None);
        let counts = read(table, &mode);
        assert_eq!((counts.checks, counts.failures), (1, 1));
    }
}

/// Whoever is asked for the page shows where the link leads, also if it does not resolve by now.
#[test]
fn all_processes_show_where_the_link_leads() {
    let fs = site();
    fs.link("/srv/stage", "current");
    let table = LinkTable::private(8);
    let chain = |link| table.chain(link, &Mode::Realpath);
    assert_eq!(chain(c"/srv/stage"), Chain::Unknown);
    let mut process = Process::new(&fs, table, "/srv/stage");
    process.request(T);
    let steps = vec![c"/srv/current".to_owned(), c"/srv/releases/1".to_owned()];
    assert_eq!(chain(c"/srv/stage"), Chain::Paths(steps));

    // It asks for that only when there is news.
    fs.calls();
    process.request(T + SECOND);
    let calls = fs.calls();
    fs.link(CURRENT, "releases/2");
    process.request(T + 2 * SECOND);
    assert!(fs.calls() > calls);
    let steps = vec![c"/srv/current".to_owned(), c"/srv/releases/2".to_owned()];
    assert_eq!(chain(c"/srv/stage"), Chain::Paths(steps.clone()));
    process.request(T + 3 * SECOND);
    fs.calls();
    process.request(T + 4 * SECOND);
    assert_eq!(fs.calls(), calls);
    fs.remove(CURRENT);
    process.request(T + 5 * SECOND);
    assert_eq!(chain(c"/srv/stage"), Chain::Paths(steps));

    // A kibibyte of names.
    let long = format!("releases/{}", "x".repeat(1_020));
    fs.dir(&format!("/srv/{long}"));
    fs.link(CURRENT, &long);
    process.request(T + 6 * SECOND);
    assert_eq!(chain(c"/srv/stage"), Chain::TooLong);
}
