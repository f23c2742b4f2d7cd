//! A file system that does not answer.

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};
use std::thread::{scope, yield_now};
use std::time::{Duration, Instant};

use realdoc_core::SECOND;
use realdoc_core::docroot::{Check, Docroot, Event, NoAnswer, Policy, When};
use realdoc_core::fs::{Errno, Fs, Stat};
use realdoc_core::resolve::Mode;
use realdoc_core::table::LinkTable;

/// `/current`, a symlink that threads can hang at.
struct Link {
    target: Mutex<CString>,
    hangs: Mutex<bool>,
    answers: Condvar,
    waiting: AtomicUsize,
}

impl Link {
    fn to(target: &CStr) -> Self {
        Link {
            target: Mutex::new(target.into()),
            hangs: Mutex::new(false),
            answers: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    fn flip(&self, target: &CStr) {
        *self.target.lock().unwrap() = target.into();
    }

    fn hang(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
        self.answers.notify_all();
    }

    fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }

    fn wait(&self) {
        self.waiting.fetch_add(1, SeqCst);
        let hangs = self.hangs.lock().unwrap();
        drop(self.answers.wait_while(hangs, |hangs| *hangs).unwrap());
        self.waiting.fetch_sub(1, SeqCst);
    }
}

/// The file system of a process for which the link may hang, or not.
struct View<'a>(&'a Link, bool);

impl Fs for View<'_> {
    fn stat(&self, _: &CStr) -> Result<Stat, Errno> {
        let ino = 1;
        Ok(Stat {
            dev: 1,
            ino,
            is_dir: true,
        })
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        if path != c"/current" {
            return Err(Errno::INVAL);
        }
        if self.1 {
            self.0.wait();
        }
        let target = self.0.target.lock().unwrap().clone();
        Ok(read(target.to_bytes()))
    }
}

/// A process, whose requests may run in many threads.
struct Process<'a> {
    docroot: Docroot,
    table: LinkTable,
    fs: View<'a>,
    said: Mutex<Vec<&'static str>>,
}

type Answer = Result<Option<CString>, NoAnswer>;

impl<'a> Process<'a> {
    fn new(link: &'a Link, hangs: bool, table: LinkTable) -> Self {
        Process {
            docroot: Docroot::new(c"/current".into(), Mode::Realpath),
            table,
            fs: View(link, hangs),
            said: Mutex::default(),
        }
    }

    fn request(&self, when: When) -> Answer {
        let check = Check {
            began: 0,
            clock: || 0,
            policy: Policy {
                check_every: 0,
                grace: 10 * SECOND,
            },
            table: self.table,
            fs: &self.fs,
            when,
            pinned: None,
        };
        let log = &mut |event: Event<'_>| {
            let said = match event {
                Event::Hangs { serving: None } => "hangs",
                Event::Hangs { .. } => "hangs, serving",
                Event::Recovered { .. } => "recovered",
                _ => return,
            };
            self.said.lock().unwrap().push(said);
        };
        self.docroot.pin(&check, log, |found| found.docroot.clone())
    }

    fn said(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

fn release(target: &CStr) -> Answer {
    Ok(Some(target.into()))
}

const NOW: When = When::Now { is_lost: false };

/// What happens `meanwhile`, while one thread of the process hangs; then what that thread gets.
fn while_it_hangs(
    process: &Process<'_>,
    link: &Link,
    when: When,
    meanwhile: impl FnOnce(),
) -> Answer {
    scope(|scope| {
        link.hang(true);
        let hangs = scope.spawn(move || process.request(when));
        while link.waiting() == 0 {
            yield_now();
        }
        meanwhile();
        assert_eq!(link.waiting(), 1, "one thread waits for the file system");
        link.hang(false);
        hangs.join().unwrap()
    })
}

/// Many requests, each of which would take a second if it waited.
fn many(ask: impl Fn()) {
    let began = Instant::now();
    (0..300).for_each(|_| ask());
    assert!(
        began.elapsed() < Duration::from_secs(120),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn the_others_go_on_with_what_is_known() {
    let link = Link::to(c"/1");
    let process = Process::new(&link, true, LinkTable::private(1));
    assert_eq!(process.request(When::Due), release(c"/1"));
    let answer = while_it_hangs(&process, &link, When::Due, || {
        many(|| assert_eq!(process.request(When::Due), release(c"/1")));
        assert_eq!(process.said(), [""; 0]);
        // One that must know cannot.
        many(|| assert_eq!(process.request(NOW), Err(NoAnswer)));
        assert_eq!(process.said(), ["hangs, serving"]);
    });
    assert_eq!(answer, release(c"/1"));
    assert_eq!(process.request(NOW), release(c"/1"));
}

#[test]
fn the_first_question_keeps_the_others_for_a_second_at_most() {
    let link = Link::to(c"/1");
    let process = Process::new(&link, true, LinkTable::private(1));
    let answer = while_it_hangs(&process, &link, When::Due, || {
        many(|| assert_eq!(process.request(When::Due), Ok(None)));
        assert_eq!(process.said(), ["hangs"]);
    });
    assert_eq!(answer, release(c"/1"));
    assert_eq!(process.said(), ["recovered"]);
    assert_eq!(process.request(When::Due), release(c"/1"));
    // Another hang within the minute is not logged.
    while_it_hangs(&process, &link, NOW, || {
        assert_eq!(process.request(NOW), Err(NoAnswer));
    })
    .unwrap();
    assert_eq!(process.said(), [""; 0]);
}

#[test]
fn who_waits_gets_the_answer_of_the_first() {
    let link = Link::to(c"/1");
    let process = Process::new(&link, true, LinkTable::private(1));
    scope(|scope| {
        link.hang(true);
        let requests = [(); 4].map(|()| scope.spawn(|| process.request(When::Due)));
        while link.waiting() == 0 {
            yield_now();
        }
        link.hang(false);
        for request in requests {
            // One that was late by more than a second is answered as without the module.
            let answer = request.join().unwrap();
            assert!(answer == release(c"/1") || answer == Ok(None), "{answer:?}");
        }
    });
    assert_eq!(process.request(When::Due), release(c"/1"));
}

/// Another process has served a newer release: the one that is known must not be served any more.
#[test]
fn nobody_goes_back_while_it_hangs() {
    let link = Link::to(c"/1");
    let table = LinkTable::private(1);
    let hung = Process::new(&link, true, table);
    let other = Process::new(&link, false, table);
    assert_eq!(hung.request(When::Due), release(c"/1"));
    assert_eq!(other.request(When::Due), release(c"/1"));
    let answer = while_it_hangs(&hung, &link, When::Due, || {
        assert_eq!(hung.request(When::Due), release(c"/1"));
        link.flip(c"/2");
        assert_eq!(other.request(When::Due), release(c"/2"));
        many(|| assert_eq!(hung.request(When::Due), Err(NoAnswer)));
    });
    assert_eq!(answer, release(c"/2"));
    assert_eq!(hung.request(When::Due), release(c"/2"));
}
