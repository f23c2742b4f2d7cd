//! Whatever is found in shared memory.

use std::ffi::{CStr, CString};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::thread;

use proptest::prelude::*;

use super::entry::{ENTRY_WORDS, Facts, MAX_PATH, PathBuffer, Release, SharedEntry};
use super::shared::ENTRIES;
use super::{Asker, FORMER, Formers, SharedHistory};
use crate::SECOND;
use crate::fs::{Errno, Fs, Inode, Stat};
use crate::paths::is_canonical;
use crate::record::Identity;
use crate::resolve::{Link, Mode};
use crate::table::LinkTable;

fn facts(n: u64) -> Facts {
    Facts {
        identity: Identity {
            device: n,
            inode: n + 1,
            born: n as i64,
        },
        release_owner: n as u32,
        link_owner: 7,
    }
}

fn release(path: &CStr, n: u64) -> Release<'_> {
    Release {
        path,
        facts: facts(n),
    }
}

#[test]
fn an_entry_is_what_was_written() {
    let mut buffer: PathBuffer = [0; MAX_PATH];
    let entry = SharedEntry::none();
    assert_eq!(entry.read(&mut buffer), None);
    for len in [1, 6, 7, 8, 100, MAX_PATH - 2] {
        let path = CString::new(format!("/{}", "x".repeat(len))).unwrap();
        entry.write(release(&path, 5), 10, 20);
        let found = entry.read(&mut buffer).expect("it was written");
        assert_eq!(found.release, release(&path, 5));
        assert_eq!((found.since, found.left), (10, 20));
    }
}

#[test]
fn what_cannot_be_remembered_is_left_out_and_takes_no_place() {
    let history: &'static SharedHistory = Box::leak(Box::new(SharedHistory::free()));
    let fits = CString::new(format!("/{}", "x".repeat(MAX_PATH - 2))).unwrap();
    let too_long = CString::new(format!("/{}", "x".repeat(MAX_PATH - 1))).unwrap();
    for n in 1..=FORMER {
        let target = CString::new(format!("/srv/{n}")).unwrap();
        history.note(&Fixed, &link(&target), n as i64 * SECOND);
    }
    history.note(&Fixed, &link(&fits), 20 * SECOND);
    let remembered = history.entries(30 * SECOND);
    assert_eq!(remembered[0].path, fits.to_bytes());
    assert_eq!(remembered.len(), ENTRIES);
    for target in [&too_long, c"/", &too_long] {
        history.note(&Fixed, &link(target), 30 * SECOND);
        assert_eq!(history.entries(30 * SECOND), remembered);
    }
}

#[test]
fn only_a_canonical_path_counts() {
    let mut buffer: PathBuffer = [0; MAX_PATH];
    let entry = SharedEntry::none();
    for (path, counts) in [
        (c"/srv/releases/42", true),
        (c"/srv/.releases/..42", true),
        (c"/\xff", true),
        (c"", false),
        (c"/", false),
        (c"srv/42", false),
        (c"/srv/42/", false),
        (c"/srv//42", false),
        (c"/srv/./42", false),
        (c"/srv/../etc", false),
        (c"/srv/..", false),
    ] {
        entry.write(release(path, 5), 10, 20);
        assert_eq!(entry.read(&mut buffer).is_some(), counts, "{path:?}");
    }
}

/// A link and a directory, which are always there.
struct Fixed;

impl Fs for Fixed {
    fn stat(&self, _: &CStr) -> Result<Stat, Errno> {
        Err(Errno::NOENT)
    }

    fn read_link<T>(&self, _: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        Ok(read(b"text"))
    }

    fn inode(&self, _: &CStr) -> Result<Inode, Errno> {
        Ok(Inode {
            identity: facts(1).identity,
            owner: 0,
            changed_at: 0,
        })
    }
}

fn link(target: &CStr) -> [Link; 1] {
    [Link {
        path: c"/srv/current".into(),
        target: target.into(),
        text: Some(b"text".as_slice().into()),
    }]
}

/// What a taken-over process may write: any words, and a checksum that matches or does not.
fn garbage() -> impl Strategy<Value = Vec<(Vec<u64>, bool)>> {
    let word = prop_oneof![
        Just(0),
        any::<u64>(),
        0..2 * MAX_PATH as u64,
        Just(u64::from_ne_bytes(*b"/srv/42\0")),
    ];
    // The two times, the checksum, the facts, the length, and a path that repeats itself.
    let entry = (prop::collection::vec(word, 11), any::<bool>());
    prop::collection::vec(entry, ENTRIES)
}

proptest! {
    /// A writer was killed, or two wrote at once: some words are of one entry and some of another.
    #[test]
    fn a_mixture_of_two_entries_is_neither(
        of_other in prop::collection::vec(any::<bool>(), ENTRY_WORDS),
        names in any::<[u8; 2]>(),
    ) {
        let paths = names.map(|name| CString::new(format!("/srv/releases/{name}")).unwrap());
        let whole = [0, 1].map(|n| {
            let entry = SharedEntry::none();
            entry.write(release(&paths[n], n as u64), 10, 20);
            entry
        });
        let mixed = SharedEntry::none();
        let [one, other] = whole.each_ref().map(SharedEntry::words);
        let words = one.iter().zip(&other).zip(&of_other);
        mixed.scribble(&words.map(|((a, b), of_other)| if *of_other { *b } else { *a }).collect::<Vec<_>>());
        let mut buffer: PathBuffer = [0; MAX_PATH];
        if let Some(found) = mixed.read(&mut buffer) {
            let is_whole = [0, 1].map(|n| found.release == release(&paths[n], n as u64));
            prop_assert!(is_whole.contains(&true), "{found:?}");
        }
    }

    /// No memory makes a reader or writer panic, or go on for ever, and none keeps a release from
    /// being remembered that is left later: the newest of all, as far as times are not forged.
    #[test]
    fn whatever_is_there_a_flip_is_noted(garbage in garbage(), writer: i64) {
        let history: &'static SharedHistory = Box::leak(Box::new(SharedHistory::free()));
        for (entry, (words, is_right)) in history.entries.iter().zip(&garbage) {
            let repeated = words.iter().chain(words[10..].iter().cycle());
            entry.scribble(&Vec::from_iter(repeated.copied().take(ENTRY_WORDS)));
            if *is_right {
                entry.sign();
            }
        }
        history.scribble_writer(writer);
        let now = 1_700_000_000 * SECOND;
        // Whoever forges the time of a writer stops the others for a while.
        let later = now + if now.abs_diff(writer) < 2 * SECOND as u64 { 5 * SECOND } else { 0 };
        let all = |current| {
            let mut formers = Formers::of(Some(history), current, later);
            let mut all = Vec::new();
            while let Some(former) = formers.next() {
                assert!(is_canonical(former.target.to_bytes()));
                all.push(former.target.to_owned());
            }
            all
        };
        prop_assert!(all(c"/").len() <= ENTRIES);
        let _ = history.entries(now);
        for target in [c"/srv/a", c"/srv/b"] {
            history.note(&Fixed, &link(target), later);
        }
        let found = all(c"/srv/b");
        prop_assert!(found.iter().any(|path| &**path == c"/srv/a"), "{found:?}");
        prop_assert!(found.len() < ENTRIES);
    }
}

/// While another process changes the history, a release that was left long ago is always found, and
/// nothing that was not written.
#[test]
fn a_reader_finds_what_is_there_while_others_write() {
    let history: &'static SharedHistory = Box::leak(Box::new(SharedHistory::free()));
    for target in [c"/srv/0", c"/srv/1"] {
        history.note(&Fixed, &link(target), SECOND);
    }
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in (2..10).cycle().take(1_000) {
                let target = CString::new(format!("/srv/{n}")).unwrap();
                history.note(&Fixed, &link(&target), n * SECOND);
            }
            ends.store(true, Relaxed);
        });
        while !ends.load(Relaxed) {
            let mut formers = Formers::of(Some(history), c"/none", 99 * SECOND);
            let mut found = Vec::new();
            while let Some(former) = formers.next() {
                found.push(former.target.to_str().unwrap().to_owned());
            }
            assert!(found.iter().any(|path| path == "/srv/0"), "{found:?}");
            assert!(
                found
                    .iter()
                    .all(|path| path.starts_with("/srv/") && path.len() == 6)
            );
        }
    });
}

#[test]
fn one_thread_at_a_time_asks_for_files() {
    let asker = &Asker::none();
    assert_eq!(asker.run(|| 42), Some(42));
    let (end, ended) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    thread::scope(|scope| {
        let hangs = scope.spawn(move || {
            asker.run(|| {
                begin.send(()).unwrap();
                ended.recv().unwrap();
            })
        });
        begun.recv().unwrap();
        assert_eq!(asker.run(|| 42), None);
        assert_eq!(asker.run(|| 42), None);
        end.send(()).unwrap();
        assert_eq!(hangs.join().unwrap(), Some(()));
    });
    assert_eq!(asker.run(|| 42), Some(42));
}

/// Whether others have waited for it or not; and so it is with garbage.
#[test]
fn one_that_was_killed_does_not_ask_any_more() {
    let mut child = Command::new("true").spawn().expect("it is there");
    let killed = u64::from(child.id()) << 32;
    child.wait().expect("it has ended");
    let asker = Asker::none();
    for asks in [killed, u64::MAX, 1] {
        for hangs in [0, asks] {
            asker.scribble(asks, hangs);
            assert_eq!(asker.run(|| 42), Some(42));
        }
    }
}

#[test]
fn links_that_are_not_configured_any_more_have_no_place() {
    let histories: &'static [SharedHistory] =
        Vec::leak((0..2).map(|_| SharedHistory::free()).collect());
    let table = LinkTable::private(8).with_histories(histories);
    let now = 1_000 * SECOND;
    let note = |link: &CStr| {
        let [mut known] = self::link(c"/srv/a");
        known.path = link.into();
        table.note(&[known], &Mode::Realpath, &Fixed, now);
        !table.remembered(link, now).is_empty()
    };
    assert!(note(c"/srv/1") && note(c"/srv/2") && !note(c"/srv/3"));
    table.forget_others([c"/srv/2", c"/srv/3"].into_iter());
    assert!(table.remembered(c"/srv/1", now).is_empty());
    assert!(!table.remembered(c"/srv/2", now).is_empty());
    assert!(note(c"/srv/3"));
}

#[test]
fn another_process_writes_in_the_place_of_one_that_was_killed() {
    let history = SharedHistory::free();
    let began = 1_000 * SECOND;
    std::mem::forget(history.begin_to_write(began).expect("nobody writes"));
    for later in [began, began + SECOND / 2, began - SECOND / 2] {
        assert!(history.begin_to_write(later).is_none());
    }
    for much_later in [began + SECOND, began - SECOND, 0] {
        let writing = history.begin_to_write(much_later);
        drop(writing.expect("the writer was killed"));
        history.scribble_writer(began);
    }
    drop(
        history
            .begin_to_write(began + 5 * SECOND)
            .expect("the writer was killed"),
    );
    assert!(
        history.begin_to_write(began + 5 * SECOND).is_some(),
        "its turn is over"
    );
}
