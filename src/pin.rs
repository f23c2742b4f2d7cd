//! A request's pin: the release that it and all that comes from it run in.
//!
//! It is taken once, when an initial request has been read, and handed on to
//! subrequests and internal redirects. Nothing is written outside of the request.

use std::ffi::CStr;

use realdoc_core::docroot::Event;
use realdoc_core::fs::OsFs;

use crate::httpd::{Answer, Level, Log, Request, ServerId, log};
use crate::site::Site;

/// A request's fixed choice.
#[derive(Clone, Copy)]
pub(crate) struct Pin<'r> {
    /// The virtual host that it was taken for.
    server: ServerId,
    /// The resolved docroot; `None`: the request is left alone, and so is what comes from it.
    docroot: Option<&'r CStr>,
}

/// create_request: a subrequest or an internal redirect stays in its parent's release.
///
/// No logging with the request here: on a redirect it is not complete yet.
pub(crate) fn inherit(r: Request<'_>) -> Answer {
    if let Some(pin) = r.parent().and_then(Request::pin) {
        r.set_pin(pin);
        if pin.docroot.is_some() {
            r.set_document_root(pin.docroot);
        }
    }
    Answer::Declined
}

/// post_read_request: an initial request takes its pin. A redirect has inherited one,
/// unless its parent died before this hook, as a malformed request's ErrorDocument.
///
/// translate_name, map_to_storage: the same once more if another module has exchanged
/// the virtual host since (mass hosting by LDAP or a database).
pub(crate) fn take(r: Request<'_>) -> Answer {
    let server = r.server();
    let settled = match r.pin() {
        Some(pin) => pin.server == server.id(),
        None => server.config().is_none_or(|config| config.site.is_none()),
    };
    if !settled {
        take_anew(r);
    }
    Answer::Declined
}

/// Apart from [`take`], so that what runs in three hooks of every request stays small.
#[inline(never)]
fn take_anew(r: Request<'_>) {
    let server = r.server();
    let pin = r.pin();
    if pin.is_some_and(|pin| !let_go(r, pin)) {
        return leave_alone(r);
    }
    // A server that was not there when the configuration was read is another module's
    // copy: what it keeps in our slot is the original's.
    let config = server
        .config()
        .filter(|config| config.server == Some(server.id()));
    if let Some(site) = config.and_then(|config| config.site.as_ref()) {
        take_for(r, site);
    } else if pin.is_some() {
        leave_alone(r);
    }
}

fn take_for(r: Request<'_>, site: &Site) {
    let server = r.server().id();
    let taken = site.docroot.take(
        r.time(),
        site.policy,
        site.cells,
        &OsFs,
        &mut |event| {
            // The one event that comes with each check costs no more than this question.
            if !matches!(event, Event::Checked { .. }) || r.logs(Level::Debug) {
                tell(r, site, &event);
            }
        },
        |snapshot| {
            (!snapshot.links().is_empty()).then(|| {
                r.pool().place(snapshot.docroot(), |docroot| Pin {
                    server,
                    docroot: Some(docroot),
                })
            })
        },
    );
    match taken {
        Some(Some(pin)) => {
            r.set_pin(pin);
            r.set_document_root(pin.docroot);
        }
        // No symlink on the docroot's path, or it leads nowhere.
        _ => leave_alone(r),
    }
}

/// Notes that the request is decided on, so that no part of it takes a pin later.
#[cold]
fn leave_alone(r: Request<'_>) {
    let server = r.server().id();
    r.set_pin(r.pool().place(c"", |_| Pin {
        server,
        docroot: None,
    }));
}

/// Takes back the document root of a pin; false if another module has set its own since,
/// which then stands.
#[cold]
fn let_go(r: Request<'_>, pin: &Pin<'_>) -> bool {
    let Some(docroot) = pin.docroot else {
        return true;
    };
    let is_ours = r.document_root().map(CStr::as_ptr) == Some(docroot.as_ptr());
    if is_ours {
        r.set_document_root(None);
    }
    is_ours
}

/// Writes what happened to the error log.
#[cold]
fn tell(r: Request<'_>, site: &Site, event: &Event<'_>) {
    let path = site.docroot.path();
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
