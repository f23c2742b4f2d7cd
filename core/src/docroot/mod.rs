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

mod ask;
mod behind;
mod check;
mod concern;
mod event;
mod failure;
#[cfg(all(test, not(loom)))]
mod tests;
mod turn;

use std::ffi::{CStr, CString};
use std::sync::atomic::Ordering::Acquire;

use crate::fs::Fs;
use crate::resolve::{Mode, Resolved};
use crate::switch::Snapshot;
use crate::sync::{AtomicI64, Published};
use crate::{Micros, SECOND};

use behind::agrees;
pub use check::{Check, NoAnswer, Pinned, Policy, When};
use concern::Concern;
pub use event::Event;
use failure::Failure;
use turn::Turn;

/// How often a docroot is resolved in full although the cheap check finds
/// nothing: it sees what comparing links cannot (see [`unchanged`](crate::resolve::unchanged)).
const RESOLVE_EVERY: Micros = SECOND;

/// Stands for "at no time": later than every moment.
const NEVER: Micros = Micros::MAX;

/// One configured docroot in one process.
pub struct Docroot {
    path: CString,
    mode: Mode,
    latest: Published<Snapshot>,
    /// When the last check was; [`NEVER`]: none was good, so ask for each request.
    checked_at: AtomicI64,
    turn: Turn<Memory>,
    concern: Concern,
}

/// What the thread whose turn it is knows of the ones before.
#[derive(Clone, Copy)]
struct Memory {
    /// When the docroot was last resolved in full.
    resolved_at: Micros,
    failure: Failure,
}

impl Docroot {
    /// A docroot that nobody has asked for. `path` is absolute.
    #[must_use]
    pub fn new(path: CString, mode: Mode) -> Self {
        Docroot {
            concern: Concern::unknown(&path),
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

    /// Whether a file or directory may lie behind a symlink on the docroot's path: below any
    /// that it had when it was last resolved, below the docroot, or, before it was first
    /// resolved, anywhere below the first component.
    #[must_use]
    pub fn concerns(&self, name: &[u8]) -> bool {
        self.concern.includes(&self.path, name)
    }

    /// Hands to `pin` what the docroot resolves to for a request. `Ok(None)`: the request is
    /// answered as without the module, since the docroot does not resolve, or is not known
    /// yet and hangs.
    ///
    /// # Errors
    /// The file system hangs, and it would not be safe to go on.
    pub fn pin<T>(
        &self,
        check: &Check<'_, impl Fs>,
        log: &mut dyn FnMut(Event<'_>),
        mut pin: impl FnMut(&Resolved) -> T,
    ) -> Result<Option<T>, NoAnswer> {
        let Some(pinned) = check.pinned else {
            return self.pin_latest(check, log, |known| pin(known.resolved()));
        };
        let found = self.pin_latest(check, log, |known| {
            agrees(known.resolved(), pinned).then(|| pin(known.resolved()))
        })?;
        match found {
            Some(None) => Ok(self
                .resolve_behind(pinned, check.fs)
                .map(|found| pin(&found))),
            Some(answer) => Ok(answer),
            None => Ok(None),
        }
    }

    fn pin_latest<T>(
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
}

/// Whether `then` and `now` are less than `span` apart. Requests do not come in the
/// order of their times (one may take long to be read), so `now` may be the
/// earlier one; a clock that was set back by more counts as passed.
fn within(then: Micros, now: Micros, span: Micros) -> bool {
    then.abs_diff(now) < span.unsigned_abs()
}
