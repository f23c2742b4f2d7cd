//! What a link led to before.

use std::ffi::CString;

use realdoc_core::history::SharedHistory;
use realdoc_core::resolve::Mode;
use realdoc_core::table::LinkTable;
use realdoc_core::{Micros, SECOND};

use crate::memory_fs::MemoryFs;
use crate::process::{CURRENT, Process, T, site};

fn table() -> LinkTable {
    let histories = Vec::leak(vec![SharedHistory::free()]);
    LinkTable::private(8).with_histories(histories)
}

/// The former releases by their numbers, and when each was left, in seconds after `T`.
fn former(table: LinkTable, current: &str, now: Micros) -> Vec<(String, Micros)> {
    let current = CString::new(current).unwrap();
    let mut formers = table.former(c"/srv/current", &Mode::Realpath, &current, now);
    let mut all = Vec::new();
    while let Some(former) = formers.next() {
        let name = former.target.to_str().unwrap();
        all.push((
            name.replace("/srv/releases/", ""),
            (former.left - T) / SECOND,
        ));
    }
    all
}

fn numbers(all: &[(&str, Micros)]) -> Vec<(String, Micros)> {
    all.iter()
        .map(|(name, left)| ((*name).to_owned(), *left))
        .collect()
}

fn flip(fs: &MemoryFs, number: u32, at: Micros) {
    fs.now.set(at);
    fs.link(CURRENT, &format!("releases/{number}"));
}

#[test]
fn a_release_was_left_when_the_link_was_changed_however_late_that_is_seen() {
    let (fs, table) = (site(), table());
    let mut process = Process::new(&fs, table, CURRENT);
    process.request(T);
    assert_eq!(former(table, "/srv/releases/1", T), []);
    flip(&fs, 2, T + 10 * SECOND);
    // The next request comes hours later.
    let now = T + 10_000 * SECOND;
    process.request(now);
    assert_eq!(former(table, "/srv/releases/2", now), numbers(&[("1", 10)]));
}
