//! What a request gets, mostly without a question to the file system.

use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use super::behind::agrees;
use super::time::{NEVER, within};
use super::{Check, Docroot, Event, NoAnswer, When};
use crate::fs::Fs;
use crate::resolve::Resolved;
use crate::switch::Snapshot;

impl Docroot {
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
                        Some(asking) => {
                            return Ok(self.ask(asking, Some(known), check, log, pin));
                        }
                        None => return Ok(Some(pin(known))),
                    }
                }
            }
        }
        match self.turn.begin() {
            Ok(asking) => {
                let latest = self.latest.load();
                let current = latest.as_ref().filter(|known| known.is_current());
                Ok(self.ask(asking, current.map(Arc::as_ref), check, log, pin))
            }
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
            _ if known.is_some() && current.is_none() => Err(NoAnswer),
            When::Due | When::Own => Ok(current.map(|known| pin(known))),
        }
    }
}
