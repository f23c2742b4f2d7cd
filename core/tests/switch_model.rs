//! The switch of the whole server, model-checked: loom runs the real
//! `Docroot::pin` of several processes in every interleaving (up to a number of
//! preemptions), with every outcome that the memory model allows.
//!
//! Run by
//! `RUSTFLAGS="--cfg loom" cargo test -p realdoc-core --release --test switch_model`;
//! `LOOM_MAX_PREEMPTIONS=3` in the environment searches further and takes longer.
#![cfg(loom)]

use std::ffi::CStr;
use std::sync::Arc;

use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use realdoc_core::SECOND;
use realdoc_core::chain::{Chain, SharedChain};
use realdoc_core::docroot::{Check as Question, Docroot, Policy, When};
use realdoc_core::fs::{Errno, Fs, Stat};
use realdoc_core::resolve::Mode;
use realdoc_core::stamp::Stamp;
use realdoc_core::table::{LinkTable, Slot};

/// What a thread of the model does, one after the other.
#[derive(Clone, Copy)]
enum Step {
    /// The link goes on to the next target of its history.
    Flip,
    /// A process answers a request.
    Request(usize, Check),
}
use Step::{Flip, Request};

/// When the process is to look for that request, by itself.
#[derive(Clone, Copy, PartialEq)]
enum Check {
    /// `RealpathEvery 0`.
    Due,
    /// The same, and the second is over after which it resolves in full.
    Full,
    /// A long `RealpathEvery`.
    NotDue,
}
use Check::{Due, Full, NotDue};

/// A server with a symlink that is flipped.
struct Server {
    /// Where the link leads, one after the other.
    history: &'static [&'static CStr],
    /// Where in its history the link is.
    now: Arc<AtomicUsize>,
    /// Where in the history the newest answer is that was sent.
    answered: AtomicUsize,
    processes: Vec<Process>,
    looks: Looks,
}

/// How a process sees that the link is what it was.
#[derive(Clone, Copy, PartialEq)]
enum Looks {
    /// By its text.
    ByText,
    /// It has always one text, that of another link, and that one is flipped: by where it leads.
    Across,
}
use Looks::{Across, ByText};

struct Process {
    docroot: Docroot,
    table: LinkTable,
    /// Whether more than one thread takes its requests.
    shared: bool,
}

const LINK: &CStr = c"/current";
const OTHER_LINK: &CStr = c"/live";

impl Server {
    /// Reads the link as the kernel does: what it is at that moment, no older
    /// value. But nothing that another process did need be visible by it.
    fn read(&self) -> usize {
        self.now.fetch_add(0, Relaxed)
    }

    /// A request, checked against the history.
    fn request(&self, process: usize, check: Check) {
        let Process {
            docroot,
            table,
            shared,
        } = &self.processes[process];
        let mut oldest = self.answered.load(Acquire);
        if check != NotDue && !shared {
            oldest = oldest.max(self.read());
        }
        let policy = Policy {
            check_every: if check == NotDue { 3600 * SECOND } else { 0 },
            grace: 0,
        };
        let now = if check == Full { 2 * SECOND } else { 0 };
        let question = Question {
            began: now,
            clock: if check == Full { || 2 * SECOND } else { || 0 },
            policy,
            table: *table,
            fs: self,
            when: When::Due,
            pinned: None,
        };
        let target = docroot
            .pin(&question, &mut |_| {}, |s| s.docroot.clone())
            .expect("no thread hangs")
            .expect("the link always leads somewhere");
        // The link leads to a target more than once: if it may have been the later
        // time, it was.
        let Some(answer) = (oldest..=self.read()).find(|&at| *self.history[at] == *target) else {
            panic!("went back: {target:?} is older than what was answered before");
        };
        self.answered.fetch_max(answer, AcqRel);
    }

    fn run(&self, steps: &[Step]) {
        for step in steps {
            match *step {
                Flip => {
                    self.now.fetch_add(1, Relaxed);
                }
                Request(process, check) => self.request(process, check),
            }
        }
    }
}

impl Fs for Server {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        let target = if path == LINK {
            self.history[self.read()]
        } else {
            // Others may run between this call and the one before.
            self.now.load(Relaxed);
            path
        };
        // The target's one letter stands for its inode.
        let ino = u64::from(target.to_bytes()[1]);
        Ok(Stat {
            dev: 1,
            ino,
            is_dir: true,
        })
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        let flipped = if self.looks == Across {
            OTHER_LINK
        } else {
            LINK
        };
        if path == flipped {
            Ok(read(self.history[self.read()].to_bytes()))
        } else if path == LINK {
            Ok(read(OTHER_LINK.to_bytes()))
        } else {
            Err(Errno::INVAL)
        }
    }
}

/// Whether the processes see each other's table.
#[derive(Clone, Copy)]
enum Memory {
    Shared,
    Private,
}
use Memory::{Private, Shared};

/// A table with one slot. Where the link leads is not shown.
fn table() -> LinkTable {
    LinkTable::new(Vec::leak(vec![Slot::free()]), &[])
}

/// Checks that no answer goes back when the `threads` run at once, after the
/// processes in `warm` have answered requests: in each way of seeing the flip.
fn check(
    memory: Memory,
    history: &'static [&'static CStr],
    warm: &'static [usize],
    threads: &[&'static [Step]],
) {
    for looks in [ByText, Across] {
        check_one(looks, memory, history, warm, threads);
    }
}

fn check_one(
    looks: Looks,
    memory: Memory,
    history: &'static [&'static CStr],
    warm: &'static [usize],
    threads: &[&'static [Step]],
) {
    let threads = threads.to_vec();
    let takes = |thread: &[Step], process| {
        thread
            .iter()
            .any(|step| matches!(step, Request(p, _) if *p == process))
    };
    let mut builder = loom::model::Builder::new();
    // If the environment does not say.
    let preemptions = if threads.len() > 2 { 2 } else { 3 };
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(move || {
        let shared = table();
        let processes = (0..)
            .take_while(|&p| threads.iter().any(|thread| takes(thread, p)))
            .map(|process| Process {
                docroot: Docroot::new(LINK.to_owned(), Mode::Realpath),
                table: match memory {
                    Memory::Shared => shared,
                    Memory::Private => table(),
                },
                shared: threads
                    .iter()
                    .filter(|thread| takes(thread, process))
                    .count()
                    > 1,
            });
        let server = Arc::new(Server {
            history,
            now: Arc::new(AtomicUsize::new(0)),
            answered: AtomicUsize::new(0),
            processes: processes.collect(),
            looks,
        });
        for &process in warm {
            server.request(process, Due);
        }
        let (first, others) = threads.split_first().expect("a thread");
        let others: Vec<_> = others
            .iter()
            .map(|&thread| {
                let server = Arc::clone(&server);
                loom::thread::spawn(move || server.run(thread))
            })
            .collect();
        server.run(first);
        for thread in others {
            thread.join().expect("a thread that panics ends the model");
        }
    });
}

const ONE_FLIP: &[&CStr] = &[c"/a", c"/b"];
const TWO_FLIPS: &[&CStr] = &[c"/a", c"/b", c"/c"];
const ROLLBACK: &[&CStr] = &[c"/a", c"/b", c"/a"];

/// One process checks at each request, the other only if the stamp says so.
const ONE_CHECKS: [&[Step]; 2] = [
    &[Request(0, Due), Request(0, NotDue)],
    &[Request(1, NotDue), Request(1, NotDue)],
];

/// Both check, but not for the last request.
const BOTH_CHECK: [&[Step]; 2] = [
    &[Request(0, Due), Request(0, NotDue)],
    &[Request(1, Due), Request(1, NotDue)],
];

#[test]
fn a_flip() {
    for [one, other] in [ONE_CHECKS, BOTH_CHECK] {
        check(Shared, ONE_FLIP, &[0, 1], &[&[Flip], one, other]);
    }
}

#[test]
fn two_flips() {
    for [one, other] in [ONE_CHECKS, BOTH_CHECK] {
        check(Shared, TWO_FLIPS, &[0, 1], &[&[Flip, Flip], one, other]);
    }
}

#[test]
fn a_rollback() {
    for [one, other] in [ONE_CHECKS, BOTH_CHECK] {
        check(Shared, ROLLBACK, &[0, 1], &[&[Flip, Flip], one, other]);
    }
}

/// A process that has never looked before does so between the flips; another has
/// long known the first target.
#[test]
fn processes_that_look_for_the_first_time_at_different_moments() {
    for history in [TWO_FLIPS, ROLLBACK] {
        for [one, other] in [ONE_CHECKS, BOTH_CHECK] {
            check(Shared, history, &[1], &[&[Flip, Flip], one, other]);
            check(Shared, history, &[], &[&[Flip, Flip], one, other]);
        }
    }
}

/// One of them does not look for itself at all.
#[test]
fn three_processes() {
    for warm in [&[0, 1, 2][..], &[2]] {
        check(
            Shared,
            ROLLBACK,
            warm,
            &[
                &[Flip, Flip],
                &[Request(0, Due)],
                &[Request(1, Due)],
                &[Request(2, NotDue), Request(2, NotDue)],
            ],
        );
    }
}

/// The check of each second, which resolves at once.
#[test]
fn resolving_in_full() {
    for history in [TWO_FLIPS, ROLLBACK] {
        check(
            Shared,
            history,
            &[0, 1],
            &[
                &[Flip, Flip],
                &[Request(0, Full), Request(0, NotDue)],
                &[Request(1, Due), Request(1, Full)],
            ],
        );
    }
}

/// One thread of a process may be at the check while the other answers by what the
/// process knows; and what one finds, the other must not undo.
#[test]
fn two_threads_of_a_process() {
    for warm in [&[0, 1][..], &[1]] {
        check(
            Shared,
            ROLLBACK,
            warm,
            &[
                &[Flip, Flip],
                &[Request(0, Due), Request(0, NotDue)],
                &[Request(0, Due), Request(1, NotDue)],
            ],
        );
    }
}

/// A deploy script that asks the server after each flip, while another process is
/// anywhere in its check: that one must not bring back what it saw before.
#[test]
fn a_process_that_is_late() {
    for history in [TWO_FLIPS, ROLLBACK] {
        for warm in [&[0][..], &[0, 2]] {
            check(
                Shared,
                history,
                warm,
                &[
                    &[
                        Flip,
                        Request(0, Due),
                        Flip,
                        Request(1, Due),
                        Request(0, NotDue),
                    ],
                    &[Request(2, Due)],
                ],
            );
        }
    }
}

/// A rollback while a process is at the check, seen at once by another that only
/// checks, resolves in full, or looks for the first time.
#[test]
fn a_rollback_in_the_middle_of_a_check() {
    let others: [(&[usize], &[Step]); 3] = [
        (&[0, 1], &[Request(1, Due)]),
        (&[0, 1], &[Request(1, Full)]),
        (&[0], &[Request(1, Due)]),
    ];
    for (warm, other) in others {
        let one = &[Flip, Request(0, Due), Request(0, NotDue)];
        check(Shared, ROLLBACK, warm, &[other, one, &[Flip]]);
    }
}

/// Where a link leads, as text in shared memory: two write it while it is read.
#[test]
fn a_reader_of_a_text_gets_only_what_somebody_has_written() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.check(|| {
        let texts = [c"/aaaaaaaaaaa", c"/b"].map(|path| vec![path.to_owned()]);
        let shared = Arc::new(SharedChain::unknown());
        let writers = texts.clone().map(|text| {
            let shared = Arc::clone(&shared);
            loom::thread::spawn(move || shared.write(Stamp::UNSEEN, &text))
        });
        match shared.read(Stamp::UNSEEN) {
            Chain::Unknown => {}
            Chain::Paths(read) => assert!(texts.contains(&read), "{read:?}"),
            Chain::TooLong => panic!("neither is"),
        }
        for writer in writers {
            writer.join().expect("a thread that panics ends the model");
        }
    });
}

// The models can fail: without the shared table they do.

#[test]
#[should_panic(expected = "went back")]
fn without_shared_stamps_a_flip_goes_back() {
    let [one, other] = ONE_CHECKS;
    check(Private, ONE_FLIP, &[0, 1], &[&[Flip], one, other]);
}

#[test]
#[should_panic(expected = "went back")]
fn without_shared_stamps_a_rollback_goes_back() {
    let [one, other] = BOTH_CHECK;
    check(Private, ROLLBACK, &[0, 1], &[&[Flip, Flip], one, other]);
}
