//! What a process knows of one docroot, and when it looks again.
//!
//! [`Docroot::take`] answers a request. Mostly it compares the cells of the
//! docroot's links with the stamps under which the process last resolved it, sees
//! that the time for a check has not come, and hands out what it has. Else it
//! looks at the file system, and at a flip brings the whole server over ([`crate::switch`]).

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use crate::cell::Cells;
use crate::fs::Fs;
use crate::resolve::{Mode, ResolveError, unchanged};
use crate::switch::{Snapshot, settle};
use crate::sync::{AtomicBool, AtomicI64, Mutex, Published};
use crate::{Micros, SECOND};

/// How often a docroot is resolved in full although the cheap check finds
/// nothing: it sees what comparing files cannot (see [`unchanged`]).
const RESOLVE_EVERY: Micros = SECOND;

/// How often a broken docroot is told of, at most.
const TELL_EVERY: Micros = 60 * SECOND;

/// How long a request may take to be read: more than httpd's own timeouts allow.
const SLOWEST: Micros = 300 * SECOND;

/// A docroot is busy that was looked at so often since it was last resolved in full. What it costs to share
/// each look with other processes, and to ask by path, then counts. (In a model each look is one of many.)
const BUSY: u64 = if cfg!(loom) { 1 } else { 16 };

/// So many looks at a busy docroot are counted at once.
const COUNTED_AT_ONCE: u64 = 256;

/// Stands for "at no time": later than every moment.
const NEVER: Micros = Micros::MAX;

/// When to look, and how long to go on without seeing anything. Virtual hosts
/// that share a docroot may differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Check at most every so often (`RealpathEvery`); 0: for each request.
    pub check_every: Micros,
    /// How long the last good target serves while the docroot does not resolve
    /// (`RealdocGrace`); 0: not at all.
    pub grace: Micros,
}

/// What happened, for the log.
#[derive(Debug)]
pub enum Event<'a> {
    /// The file system was asked.
    Checked {
        /// What the docroot leads to.
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
    /// The docroot resolves again, after a failure that was told of.
    Recovered {
        /// What the docroot leads to.
        resolved: &'a CStr,
    },
}

/// One configured docroot in one process.
pub struct Docroot {
    path: CString,
    mode: Mode,
    latest: Published<Snapshot>,
    /// When the last check was; [`NEVER`]: there is no good one, look at once.
    checked_at: AtomicI64,
    /// When the docroot was last resolved in full.
    resolved_at: AtomicI64,
    /// When there was no such directory, and no symlink on the way to it: the docroot of
    /// a virtual host that serves no files. It is not looked for at each request.
    absent_at: AtomicI64,
    /// How many cheap checks there were since `resolved_at` was last over [`RESOLVE_EVERY`] old.
    looks: AtomicU64,
    /// Those that are not yet in the figures, whose cache line all processes share.
    uncounted: AtomicU64,
    /// A thread is at the cheap check. It may hang there: others do not wait.
    checking: AtomicBool,
    failure: Mutex<Failure>,
}

/// The memory of what went wrong.
struct Failure {
    /// When the docroot was first found broken; [`NEVER`]: it is not.
    since: Micros,
    /// When it was last told of; [`NEVER`]: not yet.
    told_at: Micros,
    /// A failure was told of and its end was not.
    told: bool,
}

impl Docroot {
    /// A docroot that has not been looked at. `path` is absolute.
    #[must_use]
    pub fn new(path: CString, mode: Mode) -> Self {
        Docroot {
            path,
            mode,
            latest: Published::empty(),
            checked_at: AtomicI64::new(NEVER),
            resolved_at: AtomicI64::new(NEVER),
            absent_at: AtomicI64::new(NEVER),
            looks: AtomicU64::new(0),
            uncounted: AtomicU64::new(0),
            checking: AtomicBool::new(false),
            failure: Mutex::new(Failure {
                since: NEVER,
                told_at: NEVER,
                told: false,
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

    /// Lets a request that starts at `now` take the release that it is to run in.
    ///
    /// `None`: the docroot does not resolve and no earlier target may stand in.
    pub fn take<T>(
        &self,
        now: Micros,
        policy: Policy,
        cells: Cells,
        fs: &impl Fs,
        tell: &mut dyn FnMut(Event<'_>),
        take: impl FnOnce(&Snapshot) -> T,
    ) -> Option<T> {
        let latest = self.latest.load();
        if let Some(snapshot) = latest.as_ref().filter(|known| known.is_current()) {
            let checked_at = self.checked_at.load(Acquire);
            if within(checked_at, now, policy.check_every) {
                return Some(take(snapshot));
            }
            if checked_at != NEVER {
                let Some(checking) = Checking::begin(&self.checking) else {
                    return Some(take(snapshot));
                };
                if within(self.resolved_at.load(Relaxed), now, RESOLVE_EVERY)
                    && snapshot.is_unchanged(fs)
                    && snapshot.is_still_current()
                {
                    self.checked_at.store(now, Release);
                    let looks = self.looks.load(Relaxed) + 1;
                    self.looks.store(looks, Relaxed);
                    // What follows may keep this thread waiting, and only this one.
                    drop(checking);
                    self.count_look(snapshot);
                    if looks >= BUSY && !snapshot.has_held() && self.can_be_held() {
                        snapshot.hold(fs);
                    }
                    let resolved = snapshot.docroot();
                    tell(Event::Checked { resolved });
                    return Some(take(snapshot));
                }
                return self.look(now, policy, cells, fs, tell, take, Some(checking));
            }
        }
        self.look(now, policy, cells, fs, tell, take, None)
    }

    /// Counts a look that found nothing new.
    fn count_look(&self, snapshot: &Snapshot) {
        if self.looks.load(Relaxed) < BUSY {
            snapshot.count_checks(1);
        } else if self.uncounted.fetch_add(1, Relaxed) + 1 >= COUNTED_AT_ONCE {
            snapshot.count_checks(self.uncounted.swap(0, Relaxed));
        }
    }

    /// Whether the links are all the symlinks that lead to their own directories: those that stand before the one that
    /// `UseReadlink` names are followed, and nobody's links.
    fn can_be_held(&self) -> bool {
        !matches!(self.mode, Mode::Readlink { from: Some(_) })
    }

    /// [`take`](Self::take), but never without a look at the file system: for a request
    /// that missed something where an earlier look had led it, so by the links' paths. `is_lost`: it did not end at a regular
    /// file, so that the docroot may be gone although its links are as they were.
    #[allow(clippy::too_many_arguments)]
    pub fn take_checked<T>(
        &self,
        now: Micros,
        policy: Policy,
        cells: Cells,
        fs: &impl Fs,
        is_lost: bool,
        tell: &mut dyn FnMut(Event<'_>),
        take: impl FnOnce(&Snapshot) -> T,
    ) -> Option<T> {
        let latest = self.latest.load();
        let is_there = |docroot| fs.stat(docroot).is_ok_and(|stat| stat.is_dir);
        let unchanged = latest.as_ref().filter(|known| {
            known.is_current()
                && unchanged(fs, known.links())
                && (!is_lost || is_there(known.docroot()))
                && known.is_still_current()
        });
        match unchanged {
            Some(snapshot) => {
                self.count_look(snapshot);
                let resolved = snapshot.docroot();
                tell(Event::Checked { resolved });
                Some(take(snapshot))
            }
            None => self.look(now, policy, cells, fs, tell, take, None),
        }
    }

    /// The way of a request for which the process must look at the file system.
    #[cold]
    #[allow(clippy::too_many_arguments)]
    fn look<T>(
        &self,
        now: Micros,
        policy: Policy,
        cells: Cells,
        fs: &impl Fs,
        tell: &mut dyn FnMut(Event<'_>),
        take: impl FnOnce(&Snapshot) -> T,
        checking: Option<Checking<'_>>,
    ) -> Option<T> {
        let latest = self.latest.load().clone();
        let unlinked = latest.as_ref().is_none_or(|l| l.links().is_empty());
        if unlinked && within(self.absent_at.load(Relaxed), now, RESOLVE_EVERY) {
            return None;
        }
        let settled = settle(&self.path, &self.mode, latest.as_deref(), now, cells, fs);
        drop(checking);
        match settled {
            Ok(found) => {
                found.count_checks(1 + self.uncounted.swap(0, Relaxed));
                if let Some(latest) = &latest {
                    latest.give_up_links_unlike(&found);
                }
                let found = Arc::new(found);
                self.publish(latest, &found, now, tell);
                Some(take(&found))
            }
            Err(error) => {
                self.count_failure(&error, latest.as_deref(), now, cells);
                let stand_in = self.fail(&error, latest, now, policy, fs, tell);
                stand_in.map(|snapshot| take(&snapshot))
            }
        }
    }

    /// Makes `found` what the process knows, unless another thread was faster:
    /// then this request alone goes by it.
    fn publish(
        &self,
        latest: Option<Arc<Snapshot>>,
        found: &Arc<Snapshot>,
        now: Micros,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let resolved = found.docroot();
        let published = self.latest.replace(latest.as_ref(), found);
        tell(Event::Checked { resolved });
        if !published {
            return;
        }
        if !within(self.resolved_at.swap(now, Relaxed), now, RESOLVE_EVERY) {
            self.looks.store(0, Relaxed);
        }
        let told = {
            let mut failure = self.failure.lock();
            self.checked_at.store(now, Release);
            failure.since = NEVER;
            std::mem::take(&mut failure.told)
        };
        if let Some(latest) = latest.filter(|latest| latest.docroot() != resolved) {
            let from = latest.docroot();
            tell(Event::Flipped { from, to: resolved });
        }
        if told {
            tell(Event::Recovered { resolved });
        }
    }

    fn count_failure(
        &self,
        error: &ResolveError,
        latest: Option<&Snapshot>,
        now: Micros,
        cells: Cells,
    ) {
        match (
            latest.filter(|latest| !latest.links().is_empty()),
            &error.link,
        ) {
            (Some(latest), _) => latest.count_failure(now, error.errno),
            (None, Some(link)) => {
                let slot = cells.of(link, &self.mode);
                slot.figures().failed(now, error.errno);
            }
            (None, None) => {}
        }
    }

    /// Notes a failure; answers with the snapshot that may serve for now.
    fn fail(
        &self,
        error: &ResolveError,
        latest: Option<Arc<Snapshot>>,
        now: Micros,
        policy: Policy,
        fs: &impl Fs,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Option<Arc<Snapshot>> {
        let linked = error.link.is_some() || latest.as_ref().is_some_and(|l| !l.links().is_empty());
        if !linked {
            self.absent_at.store(now, Relaxed);
        }
        let (broken_for, news) = {
            let mut failure = self.failure.lock();
            // Every request looks until the docroot resolves again.
            let good_at = self.checked_at.swap(NEVER, AcqRel);
            if failure.since == NEVER {
                failure.since = not_before(good_at, now);
            }
            let since = failure.since;
            let at = not_before(failure.told_at, now);
            let news = !within(failure.told_at, at, TELL_EVERY);
            if news {
                failure.told_at = at;
                failure.told = true;
            }
            (since.abs_diff(not_before(since, now)), news)
        };
        let stand_in = latest.filter(|snapshot| {
            error.is_passing()
                && broken_for < policy.grace.unsigned_abs()
                && fs.stat(snapshot.docroot()).is_ok_and(|stat| stat.is_dir)
        });
        if news {
            let serving = stand_in.as_ref().map(|snapshot| snapshot.docroot());
            tell(Event::Failed {
                error,
                serving,
                linked,
            });
        }
        stand_in
    }
}

/// Whether `then` and `now` are less than `span` apart. Requests do not come in the
/// order of their times (one may take long to be read), so `now` may be the
/// earlier one; a clock that was set back by more counts as passed.
fn within(then: Micros, now: Micros, span: Micros) -> bool {
    then.abs_diff(now) < span.unsigned_abs()
}

/// `now`, but not before `then`: a request's time is that of its first line, and the rest of it may
/// have taken long to come. Where it lags by more than requests do, the clock was set back.
fn not_before(then: Micros, now: Micros) -> Micros {
    let lags = then != NEVER && then.saturating_sub(now) < SLOWEST;
    if lags { now.max(then) } else { now }
}

/// Held by the one thread that is at the cheap check.
struct Checking<'a>(&'a AtomicBool);

impl<'a> Checking<'a> {
    fn begin(flag: &'a AtomicBool) -> Option<Self> {
        // Not `then_some`: it would make the guard in any case, and dropping it clears the flag.
        (!flag.swap(true, Acquire)).then(|| Checking(flag))
    }
}

impl Drop for Checking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;
    use crate::cell::Stamp;
    use crate::fs::{Errno, Stat};

    /// `/current`, a symlink to some directory.
    struct Current(RefCell<CString>);

    impl Fs for Current {
        fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
            let mut ino = DefaultHasher::new();
            match path.to_bytes() {
                b"/current" => self.0.borrow().hash(&mut ino),
                _ => path.to_owned().hash(&mut ino),
            }
            Ok(Stat {
                dev: 1,
                ino: ino.finish(),
                is_dir: true,
            })
        }

        fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
            match path.to_bytes() {
                b"/current" => Ok(read(self.0.borrow().to_bytes())),
                _ => Err(Errno::INVAL),
            }
        }
    }

    /// Two targets that stamps cannot tell apart.
    fn twins(blank: Stamp) -> (CString, CString) {
        let mut seen = HashMap::new();
        (0..)
            .map(|n| CString::new(format!("/releases/{n}")).unwrap())
            .find_map(|target| {
                let stamp = format!("{:?}", blank.next(&target));
                let twin = seen.insert(stamp, target.clone())?;
                Some((twin, target))
            })
            .unwrap()
    }

    #[test]
    fn a_flip_between_targets_of_equal_hashes_switches_the_whole_server() {
        let cells = Cells::private(1);
        let slot = cells.of(c"/current", &Mode::Realpath);
        let (one, other) = twins(slot.cell().load());
        let fs = Current(RefCell::new(one.clone()));
        let [eager, lazy] = [0, 0].map(|_| Docroot::new(c"/current".into(), Mode::Realpath));
        let take = |docroot: &Docroot, check_every| {
            let policy = Policy {
                check_every,
                grace: 0,
            };
            docroot.take(0, policy, cells, &fs, &mut |_| {}, |s| {
                s.docroot().to_owned()
            })
        };
        for target in [&one, &other, &one] {
            fs.0.replace(target.clone());
            assert_eq!(take(&eager, 0).as_ref(), Some(target));
            assert_eq!(take(&lazy, SECOND).as_ref(), Some(target));
        }
    }
}
