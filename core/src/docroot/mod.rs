//! What a process knows of one docroot, and when it asks again.
//!
//! [`Docroot::pin`] answers a request. Mostly it compares the stamps of the docroot's
//! links with those under which the process last resolved it, sees that no check is due,
//! and hands out what it has. Else it asks the file system, and at a flip brings the whole
//! server over ([`crate::switch`]).
//!
//! The file system may hang. In each process one thread at a time asks it for a docroot.
//! The others go on with what the process knows while its stamps are current. Where they
//! are not, or nothing is known, they wait for that thread, for at most a second.

mod failure;
#[cfg(all(test, not(loom)))]
mod tests;
mod turn;

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::fs::Fs;
use crate::resolve::{Mode, ResolveError, Resolved};
use crate::switch::{Resolver, Snapshot};
use crate::sync::{AtomicI64, Published};
use crate::table::LinkTable;
use crate::{Micros, SECOND};

use failure::Failure;
use turn::{Asking, Turn};

/// How often a docroot is resolved in full although the cheap check finds
/// nothing: it sees what comparing links cannot (see [`unchanged`](crate::resolve::unchanged)).
const RESOLVE_EVERY: Micros = SECOND;

/// Stands for "at no time": later than every moment.
const NEVER: Micros = Micros::MAX;

/// When to check, and how long to go on with a docroot that does not resolve. Virtual
/// hosts that share a docroot may differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Minimum interval between two checks (`RealpathEvery`); 0: check for each request.
    pub check_every: Micros,
    /// How long the last good target serves while the docroot does not resolve
    /// (`RealdocGrace`); 0: not at all.
    pub grace: Micros,
}

/// What a request asks of a docroot.
pub struct Check<'a, F> {
    /// When the request began. It may have taken long to be read.
    pub began: Micros,
    /// The time. (It is not free, and seldom needed.)
    pub clock: fn() -> Micros,
    /// What the request's virtual host says.
    pub policy: Policy,
    /// What all processes share.
    pub table: LinkTable,
    /// The file system.
    pub fs: &'a F,
    /// Whether the file system has to be asked.
    pub when: When,
}

/// When to ask the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When the policy says so.
    Due,
    /// Now: the request missed something where an earlier answer had led it.
    Now {
        /// It did not end at a regular file, so the docroot may be gone although its links
        /// are as they were.
        is_lost: bool,
    },
}

/// The file system does not answer, and no other answer would be safe: other processes may
/// have served a newer release already, or the request asked with [`When::Now`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer;

/// What happened, for the log.
#[derive(Debug)]
pub enum Event<'a> {
    /// The process has resolved the docroot for the first time.
    First {
        /// To what.
        resolved: &'a Resolved,
    },
    /// The file system was asked.
    Checked {
        /// What the docroot resolves to.
        resolved: &'a CStr,
    },
    /// The process goes over to another target.
    Flipped {
        /// The resolved docroot so far.
        from: &'a CStr,
        /// The new one.
        to: &'a CStr,
    },
    /// The docroot does not resolve. At most once a minute.
    Failed {
        /// Why.
        error: &'a ResolveError,
        /// The resolved docroot that goes on to serve, if one does.
        serving: Option<&'a CStr>,
        /// Whether a symlink is known to be or to have been on the docroot's path:
        /// if not, it is a directory that simply is not there.
        linked: bool,
    },
    /// A thread that asks the file system for the docroot has not come back for a second.
    /// At most once a minute.
    Hangs {
        /// The resolved docroot that goes on to serve, if one does.
        serving: Option<&'a CStr>,
    },
    /// The docroot resolves again, after a failure or a hang that was logged.
    Recovered {
        /// What the docroot resolves to.
        resolved: &'a CStr,
    },
}

/// One configured docroot in one process.
pub struct Docroot {
    path: CString,
    mode: Mode,
    latest: Published<Snapshot>,
    /// When the last check was; [`NEVER`]: none was good, so ask for each request.
    checked_at: AtomicI64,
    turn: Turn<Memory>,
}

/// What the thread whose turn it is knows of the ones before.
#[derive(Clone, Copy)]
struct Memory {
    /// When the docroot was last resolved in full.
    resolved_at: Micros,
    failure: Failure,
}

/// What a thread found in its turn.
enum Found {
    Resolved {
        latest: Option<Arc<Snapshot>>,
        found: Arc<Snapshot>,
        is_recovered: bool,
    },
    Failed {
        error: ResolveError,
        serving: Option<Arc<Snapshot>>,
        linked: bool,
        is_news: bool,
    },
    /// The directory was not there a moment ago.
    Absent,
}

impl Docroot {
    /// A docroot that nobody has asked for. `path` is absolute.
    #[must_use]
    pub fn new(path: CString, mode: Mode) -> Self {
        Docroot {
            path,
            mode,
            latest: Published::empty(),
            checked_at: AtomicI64::new(NEVER),
            turn: Turn::new(Memory {
                resolved_at: NEVER,
                failure: Failure::none(),
            }),
        }
    }

    /// The docroot as configured.
    #[must_use]
    pub fn path(&self) -> &CStr {
        &self.path
    }

    /// How it is resolved.
    #[must_use]
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Hands the snapshot that a request is to run in to `pin`. `Ok(None)`: the request is
    /// answered as without the module, since the docroot does not resolve, or is not known
    /// yet and hangs.
    ///
    /// # Errors
    /// The file system hangs, and it would not be safe to go on.
    pub fn pin<T>(
        &self,
        check: &Check<'_, impl Fs>,
        log: &mut dyn FnMut(Event<'_>),
        pin: impl FnOnce(&Snapshot) -> T,
    ) -> Result<Option<T>, NoAnswer> {
        if check.when == When::Due {
            let latest = self.latest.load();
            if let Some(known) = latest.as_ref().filter(|known| known.is_current()) {
                let checked_at = self.checked_at.load(Acquire);
                if within(checked_at, check.began, check.policy.check_every) {
                    return Ok(Some(pin(known)));
                }
                // Another thread may hang at the check.
                if checked_at != NEVER {
                    match self.turn.try_begin() {
                        Some(asking) => return Ok(self.ask(asking, check, log, pin)),
                        None => return Ok(Some(pin(known))),
                    }
                }
            }
        }
        match self.turn.begin() {
            Ok(asking) => Ok(self.ask(asking, check, log, pin)),
            Err(hangs) => self.go_on(check.when, hangs.is_news, log, pin),
        }
    }

    /// Checks the links, and resolves the docroot in full where that is not enough.
    fn ask<T>(
        &self,
        asking: Asking<'_, Memory>,
        check: &Check<'_, impl Fs>,
        log: &mut dyn FnMut(Event<'_>),
        pin: impl FnOnce(&Snapshot) -> T,
    ) -> Option<T> {
        let latest = self.latest.load();
        if let Some(known) = latest.as_ref() {
            if known.is_current() && self.is_unchanged(known, &asking, check) {
                if check.when == When::Due {
                    self.checked_at.store(check.began, Release);
                }
                // What follows may keep this thread waiting, and only this one.
                drop(asking);
                known.count_check();
                let resolved = known.docroot();
                log(Event::Checked { resolved });
                return Some(pin(known));
            }
        }
        drop(latest);
        self.ask_in_full(asking, check, log, pin)
    }

    /// The cheap check: whether the links are known to be as they were.
    fn is_unchanged(&self, known: &Snapshot, memory: &Memory, check: &Check<'_, impl Fs>) -> bool {
        let is_enough = match check.when {
            When::Due => {
                self.checked_at.load(Acquire) != NEVER
                    && within(memory.resolved_at, check.began, RESOLVE_EVERY)
            }
            When::Now { .. } => true,
        };
        let is_there = || check.fs.stat(known.docroot()).is_ok_and(|stat| stat.is_dir);
        is_enough
            && known.is_unchanged(check.fs)
            && (check.when != When::Now { is_lost: true } || is_there())
            && known.is_still_current()
    }

    #[cold]
    fn ask_in_full<T>(
        &self,
        mut asking: Asking<'_, Memory>,
        check: &Check<'_, impl Fs>,
        log: &mut dyn FnMut(Event<'_>),
        pin: impl FnOnce(&Snapshot) -> T,
    ) -> Option<T> {
        asking.start_clock();
        let found = self.resolve(&mut asking, check);
        drop(asking);
        match found {
            Found::Resolved {
                latest,
                found,
                is_recovered,
            } => {
                found.count_check();
                let resolved = found.docroot();
                log(Event::Checked { resolved });
                match latest {
                    None => log(Event::First {
                        resolved: found.resolved(),
                    }),
                    Some(latest) if latest.docroot() != resolved => log(Event::Flipped {
                        from: latest.docroot(),
                        to: resolved,
                    }),
                    Some(_) => {}
                }
                if is_recovered {
                    log(Event::Recovered { resolved });
                }
                Some(pin(&found))
            }
            Found::Failed {
                error,
                serving,
                linked,
                is_news,
            } => {
                if is_news {
                    let serving = serving.as_ref().map(|snapshot| snapshot.docroot());
                    log(Event::Failed {
                        error: &error,
                        serving,
                        linked,
                    });
                }
                serving.map(|snapshot| pin(&snapshot))
            }
            Found::Absent => None,
        }
    }

    /// Resolves in full, and notes what was found.
    fn resolve(&self, asking: &mut Asking<'_, Memory>, check: &Check<'_, impl Fs>) -> Found {
        let now = (check.clock)();
        let latest = self.latest.load().clone();
        let was_linked = latest.as_ref().is_some_and(|l| !l.links().is_empty());
        if !was_linked && asking.failure.is_absent(now) {
            return Found::Absent;
        }
        let resolver = Resolver {
            path: &self.path,
            mode: &self.mode,
            table: check.table,
            fs: check.fs,
        };
        match resolver.resolve_consistently(latest.as_deref(), now) {
            Ok(found) => {
                if let Some(latest) = &latest {
                    latest.give_up_links_unlike(&found);
                }
                let found = Arc::new(found);
                self.latest.store(Arc::clone(&found));
                self.checked_at.store(now, Release);
                asking.resolved_at = now;
                let was_logged = asking.failure.end();
                Found::Resolved {
                    latest,
                    found,
                    is_recovered: asking.take_hang_is_logged() || was_logged,
                }
            }
            Err(error) => {
                self.count_failure(&error, latest.as_deref(), now, check.table);
                // Every request asks until the docroot resolves again.
                self.checked_at.store(NEVER, Release);
                let linked = was_linked || error.link.is_some();
                let is_news = asking.failure.note(now, linked);
                let may_serve = |known: &Arc<Snapshot>| {
                    error.is_passing()
                        && asking.failure.lasts(now) < check.policy.grace.unsigned_abs()
                        && check.fs.stat(known.docroot()).is_ok_and(|stat| stat.is_dir)
                };
                Found::Failed {
                    serving: latest.filter(may_serve),
                    error,
                    linked,
                    is_news,
                }
            }
        }
    }

    /// Another thread hangs at the file system.
    #[cold]
    fn go_on<T>(
        &self,
        when: When,
        is_news: bool,
        log: &mut dyn FnMut(Event<'_>),
        pin: impl FnOnce(&Snapshot) -> T,
    ) -> Result<Option<T>, NoAnswer> {
        let latest = self.latest.load();
        let known = latest.as_ref();
        let current = known.filter(|known| known.is_current());
        if is_news {
            let serving = current.map(|known| known.docroot());
            log(Event::Hangs { serving });
        }
        match when {
            When::Now { .. } => Err(NoAnswer),
            When::Due if known.is_some() && current.is_none() => Err(NoAnswer),
            When::Due => Ok(current.map(|known| pin(known))),
        }
    }

    fn count_failure(
        &self,
        error: &ResolveError,
        latest: Option<&Snapshot>,
        now: Micros,
        table: LinkTable,
    ) {
        let links = latest.filter(|latest| !latest.links().is_empty());
        if let Some(latest) = links {
            latest.count_failure(now, error.errno);
        } else if let Some(link) = &error.link {
            let slot = table.slot(link, &self.mode);
            slot.counters().failed(now, error.errno);
        }
    }
}

/// Whether `then` and `now` are less than `span` apart. Requests do not come in the
/// order of their times (one may take long to be read), so `now` may be the
/// earlier one; a clock that was set back by more counts as passed.
fn within(then: Micros, now: Micros, span: Micros) -> bool {
    then.abs_diff(now) < span.unsigned_abs()
}
