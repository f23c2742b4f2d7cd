//! What a link led to before.

use std::collections::BTreeMap;
use std::ffi::CString;

use proptest::prelude::*;
use realdoc_core::fs::Fs;
use realdoc_core::history::{FORMER, SharedHistory};
use realdoc_core::record::{Entry, How, Identity};
use realdoc_core::resolve::Mode;
use realdoc_core::table::LinkTable;
use realdoc_core::{Micros, SECOND};

use crate::common::cases;
use crate::memory_fs::MemoryFs;
use crate::process::{CURRENT, Process, T, release, site};

/// A table with room for the histories of some links.
fn table() -> LinkTable {
    let histories = Vec::leak((0..4).map(|_| SharedHistory::free()).collect());
    LinkTable::private(8).with_histories(histories)
}

/// A former release by its name, and when it was left, in seconds after [`T`].
type Left = (String, Micros);

/// The former releases of `link`, which leads to `current`.
fn former_of(link: &str, table: LinkTable, current: &str, now: Micros) -> Vec<Left> {
    let [link, current] = [link, current].map(|path| CString::new(path).unwrap());
    let mut formers = table.former(&link, &Mode::Realpath, &current, now);
    let mut all = Vec::new();
    while let Some(former) = formers.next() {
        let name = former.target.to_str().unwrap();
        let name = name.strip_prefix("/srv/releases/").unwrap_or(name);
        all.push((name.to_owned(), (former.left - T) / SECOND));
    }
    all
}

/// The same of `/srv/current`.
fn former(table: LinkTable, current: u32, now: Micros) -> Vec<Left> {
    former_of(CURRENT, table, &release(current).unwrap(), now)
}

fn lefts(all: &[(u32, Micros)]) -> Vec<Left> {
    let all = all.iter();
    all.map(|(number, left)| (number.to_string(), *left))
        .collect()
}

fn at(seconds: Micros) -> Micros {
    T + seconds * SECOND
}

fn flip(fs: &MemoryFs, number: u32, seconds: Micros) {
    fs.now.set(at(seconds));
    fs.link(CURRENT, &format!("releases/{number}"));
}

#[test]
fn a_release_was_left_when_the_link_was_changed_however_late_that_is_seen() {
    let (fs, table) = (site(), table());
    let mut process = Process::new(&fs, table, CURRENT);
    process.request(T);
    assert_eq!(former(table, 1, T), []);
    flip(&fs, 2, 10);
    // The next request comes hours later.
    process.request(at(10_000));
    assert_eq!(former(table, 2, at(10_000)), lefts(&[(1, 10)]));
}

#[test]
fn another_process_need_not_have_seen_the_flip() {
    let (fs, table) = (site(), table());
    Process::new(&fs, table, CURRENT).request(T);
    flip(&fs, 2, 10);
    Process::new(&fs, table, CURRENT).request(at(20));
    assert_eq!(former(table, 2, at(20)), lefts(&[(1, 10)]));
}

#[test]
fn a_rollback_renews_an_entry() {
    let (fs, table) = (site(), table());
    let mut process = Process::new(&fs, table, CURRENT);
    process.request(T);
    for (number, seconds) in [(2, 10), (1, 20), (2, 30), (3, 40)] {
        flip(&fs, number, seconds);
        process.request(at(seconds + 5));
    }
    assert_eq!(former(table, 3, at(50)), lefts(&[(2, 40), (1, 30)]));
}

/// Flips between two ticks of the file system's clock, seen a while later.
#[test]
fn what_was_left_first_is_older_however_coarse_the_clock() {
    let (fs, table) = (site(), table());
    let mut process = Process::new(&fs, table, CURRENT);
    flip(&fs, 1, 10);
    process.request(at(10));
    for (number, seconds, seen) in [(2, 10, 16), (3, 14, 17)] {
        flip(&fs, number, seconds);
        process.request(at(seen));
    }
    assert_eq!(former(table, 3, at(20)), lefts(&[(2, 16), (1, 16)]));
}

/// Between the flip and the moment at which one process has noted it, another one may ask.
#[test]
fn what_nobody_has_noted_to_be_left_is_left_now() {
    let (fs, table) = (site(), table());
    Process::new(&fs, table, CURRENT).request(T);
    assert_eq!(former(table, 2, at(7)), lefts(&[(1, 7)]));
}

#[test]
fn the_oldest_are_forgotten() {
    let (fs, table) = (site(), table());
    let mut process = Process::new(&fs, table, CURRENT);
    process.request(T);
    for number in 2..30 {
        fs.dir(&release(number).unwrap());
        flip(&fs, number, number.into());
        process.request(at(number.into()));
    }
    let newest: Vec<_> = (0..FORMER as u32)
        .map(|n| (28 - n, (29 - n).into()))
        .collect();
    assert_eq!(former(table, 29, at(30)), lefts(&newest));
}

/// The link itself stays as it is where one behind it is flipped.
#[test]
fn a_flip_of_a_further_link_happens_when_it_is_seen() {
    let (fs, table) = (site(), table());
    fs.now.set(at(-100));
    fs.link("/srv/live", "current");
    let mut process = Process::new(&fs, table, "/srv/live");
    process.request(T);
    for (number, seconds) in [(2, 10), (3, 20)] {
        flip(&fs, number, seconds);
        process.request(at(seconds + 3));
    }
    let of_live = former_of("/srv/live", table, &release(3).unwrap(), at(30));
    assert_eq!(of_live, lefts(&[(2, 23), (1, 13)]));
}

/// One in the release is made long before that becomes current.
#[test]
fn a_link_on_the_path_of_another_is_flipped_for_both() {
    let (fs, table) = (site(), table());
    for (number, seconds) in [(1, -5), (2, 5)] {
        let release = release(number).unwrap();
        fs.dir(&format!("{release}/public"));
        fs.now.set(at(seconds));
        fs.link(&format!("{release}/html"), "public");
    }
    let mut process = Process::new(&fs, table, "/srv/current/html");
    flip(&fs, 1, 0);
    process.request(at(1));
    flip(&fs, 2, 10);
    process.request(at(20));
    let left = |name: &str| vec![(name.to_owned(), 10)];
    let html = former_of("/srv/current/html", table, "/srv/releases/2/public", T);
    assert_eq!(html, left("1/public"));
    assert_eq!(former(table, 2, T), left("1"));
}

#[test]
fn a_directory_that_takes_the_place_of_a_release_is_another() {
    let (fs, table) = (site(), table());
    let mut process = Process::new(&fs, table, CURRENT);
    let identity = |number| {
        let path = CString::new(release(number).unwrap()).unwrap();
        fs.inode(&path).unwrap().identity
    };
    let recorded = || {
        let mut formers = table.former(c"/srv/current", &Mode::Realpath, c"/", at(100));
        formers.next().expect("there is one").identity
    };
    process.request(T);
    let first = identity(1);
    assert_eq!(recorded(), first);

    // It is staged anew while another is current: what was current was the first one.
    flip(&fs, 2, 10);
    process.request(at(10));
    fs.remove("/srv/releases/1");
    fs.dir("/srv/releases/1");
    process.request(at(20));
    let mut formers = table.former(c"/srv/current", &Mode::Realpath, c"/srv/releases/2", T);
    assert_eq!(formers.next().map(|former| former.identity), Some(first));
    assert_ne!(identity(1), first);

    // It becomes current.
    flip(&fs, 1, 30);
    process.request(at(30));
    assert_eq!(recorded(), identity(1));
    // It is replaced while it is current, which is seen at the next full resolution.
    fs.remove("/srv/releases/1");
    fs.dir("/srv/releases/1");
    process.request(at(40));
    assert_eq!(recorded(), identity(1));
    assert_eq!(former(table, 1, at(50)), lefts(&[(2, 30)]));
}

/// What `realdoc` has recorded of [`CURRENT`].
fn record(fs: &MemoryFs, entries: &[(How, u32, Micros)]) {
    let entry = |&(how, number, until): &(How, u32, Micros)| {
        let path = release(number).unwrap();
        let inode = fs.inode(&CString::new(&*path).unwrap());
        let identity = inode.map(|inode| inode.identity);
        Entry {
            how,
            since: 0,
            until: at(until),
            identity: Identity {
                // The machine has started since.
                device: 77,
                ..identity.unwrap_or(Identity {
                    device: 0,
                    inode: 0,
                    born: 0,
                })
            },
            release_owner: 0,
            link_owner: 0,
            path: path.into_bytes(),
        }
    };
    fs.records
        .borrow_mut()
        .insert(CURRENT.into(), entries.iter().map(entry).collect());
}

#[test]
fn flips_that_no_request_saw_come_from_the_record() {
    use How::{Replaced, RolledBack};
    let (fs, table) = (site(), table());
    fs.dir("/srv/releases/4");
    Process::new(&fs, table, CURRENT).request(T);
    flip(&fs, 2, 10);
    flip(&fs, 3, 20);
    // `realdoc` writes the record before the flip. Of what it leads to it says when it was left
    // before. What is not there any more, or was recorded long ago, does not count.
    flip(&fs, 4, 30);
    record(
        &fs,
        &[
            (Replaced, 3, 30),
            (RolledBack, 2, 20),
            (Replaced, 1, 10),
            (Replaced, 4, -50),
            (Replaced, 99, -60),
        ],
    );
    let mut process = Process::new(&fs, table, CURRENT);
    process.request(at(1000));
    assert_eq!(
        former(table, 4, at(1000)),
        lefts(&[(3, 30), (2, 20), (1, 10)])
    );
    // The identity is the one on disk, its device too.
    let mut formers = table.former(c"/srv/current", &Mode::Realpath, c"", T);
    while let Some(former) = formers.next() {
        assert_eq!(fs.inode(former.target).unwrap().identity, former.identity);
    }
}

#[test]
fn of_a_long_record_the_newest_count() {
    let (fs, table) = (site(), table());
    let mut entries = Vec::new();
    for number in (10..500).rev() {
        fs.dir(&release(number).unwrap());
        entries.push((How::Replaced, number, number.into()));
    }
    record(&fs, &entries);
    fs.calls();
    Process::new(&fs, table, CURRENT).request(at(1000));
    assert!(fs.calls() < 100);
    let newest: Vec<_> = (484..500).rev().map(|n| (n, n.into())).collect();
    assert_eq!(former(table, 1, at(1000)), lefts(&newest));
}

#[test]
fn what_was_withdrawn_is_forgotten_at_the_next_flip() {
    use How::{Replaced, Withdrawn};
    let (fs, table) = (site(), table());
    let mut process = Process::new(&fs, table, CURRENT);
    process.request(T);
    flip(&fs, 2, 10);
    process.request(at(10));
    flip(&fs, 3, 20);
    record(&fs, &[(Replaced, 2, 20), (Withdrawn, 1, 10)]);
    process.request(at(20));
    assert_eq!(former(table, 3, at(30)), lefts(&[(2, 20)]));

    // Deployed again by other means, it is a former release like any other.
    for (number, seconds) in [(1, 40), (2, 50)] {
        flip(&fs, number, seconds);
        process.request(at(seconds));
    }
    assert_eq!(former(table, 2, at(60)), lefts(&[(1, 50), (3, 40)]));
}

#[test]
fn what_was_remembered_before_a_start_is_restored() {
    let fs = site();
    let remembered = {
        let table = table();
        let mut process = Process::new(&fs, table, CURRENT);
        process.request(T);
        flip(&fs, 2, 10);
        process.request(at(10));
        table.remembered(c"/srv/current", at(20))
    };
    // The current one is left at the time of the stop; if the link leads there still, it is not.
    let month = 30 * 24 * 3600;
    for (now, is_flipped, expected) in [
        (30, false, lefts(&[(1, 10)])),
        (30, true, lefts(&[(2, 20), (1, 10)])),
        (month + 15, true, lefts(&[(2, 20)])),
    ] {
        flip(&fs, if is_flipped { 3 } else { 2 }, 25);
        let table = table();
        table.restore(c"/srv/current", &remembered, at(now));
        Process::new(&fs, table, CURRENT).request(at(now));
        let current = if is_flipped { 3 } else { 2 };
        assert_eq!(former(table, current, at(now)), expected);
    }
}

#[test]
fn a_clock_that_was_set_back_stops_nobody() {
    let (fs, table) = (site(), table());
    let mut process = Process::new(&fs, table, CURRENT);
    process.request(at(1000));
    flip(&fs, 2, 10);
    process.request(at(10));
    assert_eq!(former(table, 2, at(20)), lefts(&[(1, 10)]));
}

#[test]
fn links_without_a_place_have_no_history() {
    let fs = site();
    let histories = Vec::leak(vec![SharedHistory::free()]);
    let table = LinkTable::private(8).with_histories(histories);
    fs.link("/srv/live", "current");
    let mut processes = ["/srv/live", CURRENT].map(|docroot| Process::new(&fs, table, docroot));
    for (number, seconds) in [(1, 0), (2, 10)] {
        flip(&fs, number, seconds);
        for process in &mut processes {
            assert_eq!(process.request(at(seconds)), release(number));
        }
    }
    let current = release(2).unwrap();
    let has_former = |link: &str| !former_of(link, table, &current, at(20)).is_empty();
    assert_eq!(["/srv/live", CURRENT].map(has_former), [true, false]);
}

/// Where nothing is to be remembered, nothing is asked; else a question with each resolution in
/// full, and none between them.
#[test]
fn what_it_asks() {
    let fs = site();
    let calls = |table: LinkTable| {
        let mut process = Process::new(&fs, table, CURRENT);
        process.request(T);
        [at(10), at(10) + 1, at(20)].map(|now| {
            fs.calls();
            process.request(now);
            fs.calls()
        })
    };
    let [without, with] = [LinkTable::private(8), table()].map(calls);
    assert_eq!(with, [without[0] + 1, without[1], without[2] + 1]);
}

#[test]
fn asking_what_a_link_led_to_allocates_nothing() {
    let (fs, table) = (site(), table());
    let mut process = Process::new(&fs, table, CURRENT);
    for number in [1, 2, 3] {
        flip(&fs, number, number.into());
        process.request(at(number.into()));
    }
    let mut found = 0;
    let used = allocation_counter::measure(|| {
        let mut formers = table.former(c"/srv/current", &Mode::Realpath, c"/srv/releases/3", T);
        while formers.next().is_some() {
            found += 1;
        }
    });
    assert_eq!((found, used.count_total), (2, 0));
}

/// What happens to a site.
#[derive(Clone, Debug)]
enum Step {
    Flip(u32),
    Request(usize),
    Recreate(u32),
    Wait(Micros),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..=4u32).prop_map(Step::Flip),
        4 => (0..3usize).prop_map(Step::Request),
        1 => (1..=4u32).prop_map(Step::Recreate),
        2 => (1..5_000i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(cases(256))]

    /// Whoever asks, what a process has served from is remembered, with the identity that it had
    /// then, as left when the link was last changed before another was seen. Nothing else is.
    #[test]
    fn just_what_was_current_is_remembered(steps in steps()) {
        let (fs, table) = (site(), table());
        fs.dir("/srv/releases/4");
        let mut processes = [(); 3].map(|()| Process::new(&fs, table, CURRENT));
        let identity = |path: &str| {
            let path = CString::new(path).unwrap();
            fs.inode(&path).unwrap().identity
        };
        let mut now = T;
        let mut flipped_at = T;
        let mut seen: Option<String> = None;
        let mut expected: BTreeMap<String, (Micros, Identity)> = BTreeMap::new();
        flip(&fs, 1, 0);
        for step in steps {
            // Each step has a time of its own.
            now += 1000;
            match step {
                Step::Wait(time) => now += time * 1000,
                Step::Recreate(number) => {
                    let path = release(number).unwrap();
                    fs.remove(&path);
                    fs.dir(&path);
                }
                Step::Flip(number) => {
                    fs.now.set(now);
                    fs.link(CURRENT, &format!("releases/{number}"));
                    flipped_at = now;
                }
                Step::Request(n) => {
                    // In full, also where the link is as it was.
                    now += SECOND;
                    let current = processes[n].request(now).unwrap();
                    if let Some(left) = seen.filter(|seen| *seen != current) {
                        expected.get_mut(&left).expect("it was seen").0 = flipped_at;
                    }
                    expected.insert(current.clone(), (0, identity(&current)));
                    seen = Some(current);
                }
            }
            let Some(current) = &seen else { continue };
            let current = CString::new(&**current).unwrap();
            let mut formers = table.former(c"/srv/current", &Mode::Realpath, &current, now);
            let mut found = BTreeMap::new();
            let mut last = Micros::MAX;
            while let Some(former) = formers.next() {
                prop_assert!(former.left <= last, "the newest come first");
                last = former.left;
                let path = former.target.to_str().unwrap().to_owned();
                found.insert(path, (former.left, former.identity));
            }
            let mut expected = expected.clone();
            expected.remove(current.to_str().unwrap());
            prop_assert_eq!(found, expected);
        }
    }
}
