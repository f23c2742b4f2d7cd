//! The turn of a thread to ask the file system: the cheap check, and the full resolution.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use super::failure::broken_since;
use super::state::Memory;
use super::time::{NEVER, RESOLVE_EVERY, within};
use super::turn::Asking;
use super::{Check, Docroot, Event, When};
use crate::Micros;
use crate::fs::Fs;
use crate::resolve::ResolveError;
use crate::switch::{Resolver, Snapshot};
use crate::table::LinkTable;

/// How many times any docroot of this process has been found to lead elsewhere than before.
static FLIPS: AtomicUsize = AtomicUsize::new(0);

/// How many times any docroot of this process has been found to lead elsewhere than before, or for
/// the first time. A thread that has [asked itself](When::Own) has seen it counted.
#[must_use]
pub fn flips() -> usize {
    FLIPS.load(Relaxed)
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
    /// Checks the links, and resolves the docroot in full where that is not enough. `current`: what
    /// the process knows, if no process has seen another target since.
    pub(super) fn ask<T>(
        &self,
        asking: Asking<'_, Memory>,
        current: Option<&Snapshot>,
        check: &Check<'_, impl Fs>,
        log: &mut dyn FnMut(Event<'_>),
        pin: impl FnOnce(&Snapshot) -> T,
    ) -> Option<T> {
        let known = current.filter(|known| self.is_unchanged(known, &asking, check));
        let Some(known) = known else {
            return self.ask_in_full(asking, check, log, pin);
        };
        if matches!(check.when, When::Due | When::Own) {
            self.checked_at.store(check.began, Release);
        }
        // What follows may keep this thread waiting, and only this one.
        drop(asking);
        known.count_check();
        let resolved = known.docroot();
        log(Event::Checked { resolved });
        Some(pin(known))
    }

    /// The cheap check: whether the links are known to be as they were.
    fn is_unchanged(&self, known: &Snapshot, memory: &Memory, check: &Check<'_, impl Fs>) -> bool {
        let is_enough = match check.when {
            When::Due | When::Own => {
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
                check
                    .table
                    .recall(found.links(), &self.mode, check.fs, check.clock);
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
                self.concern.note_links(&self.path, found.links());
                let found = Arc::new(found);
                self.latest.store(Arc::clone(&found));
                if latest
                    .as_ref()
                    .is_none_or(|latest| latest.docroot() != found.docroot())
                {
                    FLIPS.fetch_add(1, Relaxed);
                }
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
                let good_at = self.checked_at.swap(NEVER, AcqRel);
                let linked = was_linked || error.link.is_some();
                if !was_linked {
                    self.concern.note_failure(&self.path, &error);
                }
                let is_news = asking
                    .failure
                    .note(now, linked, || broken_since(&error, good_at, now, check.fs));
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
