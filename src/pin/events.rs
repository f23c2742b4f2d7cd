//! What the error log says of a docroot that is checked.

use std::ffi::CStr;

use realdoc_core::docroot::{Docroot, Event};

use crate::httpd::{Level, Log, Request, log};
use crate::report;
use crate::site::Site;

/// Logs what happened at a check for `r`.
pub(super) fn log_event(r: Request<'_>, site: &Site, root: &Docroot, event: &Event<'_>) {
    // Each check has this event: if it is not to be logged, it costs no more than the question.
    if !matches!(event, Event::Checked { .. }) || r.logs(Level::Debug) {
        write(r, site, root, event);
    }
}

#[cold]
fn write(r: Request<'_>, site: &Site, root: &Docroot, event: &Event<'_>) {
    let path = root.path();
    match event {
        Event::Checked { resolved } => {
            log!(
                r,
                Debug,
                "RD10: checked {} is {}",
                show(path),
                show(resolved)
            );
        }
        Event::Flipped { from, to } => {
            log!(
                r,
                Info,
                "RD11: {} now leads to {}, no longer to {}",
                show(path),
                show(to),
                show(from)
            );
        }
        Event::Failed {
            error,
            serving: Some(serving),
            ..
        } => {
            log!(
                r,
                Error,
                "RD12: {} does not resolve ({error}); going on with {} for at most {} ms",
                show(path),
                show(serving),
                site.policy.grace / (realdoc_core::SECOND / 1000)
            );
        }
        Event::Failed {
            error,
            linked: true,
            ..
        } => {
            log!(
                r,
                Error,
                "RD12: {} does not resolve ({error}); requests are answered as without mod_realdoc",
                show(path)
            );
        }
        Event::Failed { error, .. } => {
            log!(r, Info, "RD12: {} does not resolve ({error})", show(path));
        }
        // What there is to say of it is said at the start.
        Event::First { resolved } => report::first_resolved(r.main_server(), site, root, resolved),
        Event::Hangs { serving } => {
            let going_on = match serving {
                Some(serving) => format!("going on with {}", show(serving)),
                None => "requests are answered as without mod_realdoc, or with 503 where another \
                         process has served a newer release"
                    .into(),
            };
            log!(
                r,
                Error,
                "RD17: the file system does not answer for {}; {going_on}",
                show(path)
            );
        }
        Event::Recovered { resolved } => {
            log!(
                r,
                Notice,
                "RD13: {} resolves again, to {}",
                show(path),
                show(resolved)
            );
        }
    }
}

fn show(path: &CStr) -> std::borrow::Cow<'_, str> {
    path.to_string_lossy()
}
