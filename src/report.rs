//! What the error log says of the configuration. At start: what it says by itself. When a process
//! first resolves a docroot: what only that shows, once for the whole server.

use std::collections::HashSet;
use std::ffi::CStr;

use realdoc_core::docroot::Docroot;
use realdoc_core::fs::{Fs, OsFs};
use realdoc_core::resolve::{Mode, Resolved, starts_at_component};
use realdoc_core::{Micros, SECOND};

use crate::analysis::{HostAnalysis, OneName, directive, sections_by_one_name};
use crate::config::ServerConfig;
use crate::httpd::{Level, Log, Request, Section, Server, log};
use crate::site::Site;
use crate::warnings::{Warning, WarningKind};

/// Logs each fact once at start, however many virtual hosts it concerns.
#[derive(Default)]
pub(crate) struct StartReport {
    docroots: HashSet<*const Docroot>,
    choices: HashSet<(*const Docroot, String)>,
}

impl StartReport {
    pub(crate) fn add(&mut self, host: &HostAnalysis<'_>) {
        let server = host.server;
        for (name, docroot) in host.docroots() {
            if self.docroots.insert(docroot) {
                log_ignored_beginning(server, name, docroot);
            }
        }
        if server.logs(Level::Info) && host.link().is_some() {
            let reason = host.choice.reason(show);
            if self.choices.insert((&*host.docroot, reason.clone())) {
                let name = if host.choice.by_link {
                    "the link's name"
                } else {
                    "the name in the release"
                };
                let docroot = show(host.docroot.path());
                log!(
                    server,
                    Info,
                    "RD07: for DocumentRoot {docroot}, sections apply as to {name} ({reason})"
                );
            }
        }
    }
}

/// Logs what does not work as the text of the configuration says.
pub(crate) fn log_warning(server: Server<'_>, warning: &Warning) {
    let (file, line) = (show(&warning.file), warning.line);
    let (directive, link) = (&warning.directive, show(&warning.link));
    match warning.kind {
        WarningKind::Condition => log!(
            server,
            Warn,
            "RD26: {file}:{line}: \"{directive}\" does not match what it names under {link}: requests run in the \
             release, and the condition sees the release's path. Compare %{{REQUEST_URI}}, or deny by <Directory> \
             or <Location>"
        ),
        WarningKind::Previous(why) => log!(
            server,
            Warn,
            "RD25: {file}:{line}: \"{directive}\" has no effect for {link} with {why}"
        ),
        WarningKind::Dav => log!(
            server,
            Warn,
            "RD27: {file}:{line}: \"{directive}\" under {link}: mod_dav_fs keeps a lock by the file's path, which is the \
             release's, so a lock ends with the next flip. Name the directory in RealdocLink if it is shared by \
             the releases, or write Realdoc Off"
        ),
    }
}

fn show(text: &CStr) -> String {
    text.to_string_lossy().into_owned()
}

fn log_ignored_beginning(server: Server<'_>, name: &str, docroot: &Docroot) {
    if let Mode::Readlink { from: Some(from) } = docroot.mode() {
        if !starts_at_component(docroot.path(), from) {
            log!(
                server,
                Warn,
                "RD03: UseReadlink {} is ignored for {name} {}, which does not lie under it",
                show(from),
                show(docroot.path())
            );
        }
    }
}

/// `log!`, unless the server has written that line.
macro_rules! log_once {
    ($site:expr, $to:expr, $level:ident, $($message:tt)+) => {
        if $to.logs(Level::$level) {
            let message = format!($($message)+);
            if $site.log_once.is_first(&message) {
                log!($to, $level, "{message}");
            }
        }
    };
}

/// A process has resolved `docroot` for the first time. The first process of all logs what that
/// shows of each virtual host that has it.
pub(crate) fn first_resolved(
    main: Server<'_>,
    site: &Site,
    docroot: &Docroot,
    resolved: &Resolved,
) {
    let key = format!("{} {:?}", show(docroot.path()), docroot.mode());
    if !site.log_once.is_first(&key) {
        return;
    }
    for server in main.all() {
        let Some(site) = ServerConfig::of(server).and_then(|config| config.site.as_ref()) else {
            continue;
        };
        if std::ptr::eq(site.docroot(), docroot) {
            log_resolved(site, server, "DocumentRoot", docroot, resolved);
            log_sections(site, server, docroot, resolved);
        }
        if site
            .roots
            .all()
            .iter()
            .skip(1)
            .any(|root| std::ptr::eq(&**root, docroot))
        {
            log_resolved(site, server, "RealdocLink", docroot, resolved);
        }
    }
}

fn log_resolved(
    site: &Site,
    server: Server<'_>,
    name: &str,
    docroot: &Docroot,
    resolved: &Resolved,
) {
    let path = || docroot.path().to_string_lossy();
    if resolved.links.is_empty() {
        log_once!(
            site,
            server,
            Info,
            "RD04: {name} {} has no symlink on its path",
            path()
        );
        return;
    }
    log_once!(
        site,
        server,
        Info,
        "RD04: {name} {} resolves to {}",
        path(),
        show(&resolved.docroot)
    );
    let is_symlink = |path: &CStr| OsFs.read_link(path, |_| ()).is_ok();
    let links = resolved.links.iter();
    for link in links.filter(|_| matches!(docroot.mode(), Mode::Readlink { .. })) {
        if is_symlink(&link.target) {
            log_once!(
                site,
                server,
                Warn,
                "RD15: UseReadlink resolves {name} {} to {}, which is a symlink itself: PHP may go on running \
                 the release that it led to before (docs/opcache.md, Two fixed symlinks)",
                path(),
                show(&link.target)
            );
        }
    }
}

/// The sections that do not apply since they have the other name only.
fn log_sections(site: &Site, server: Server<'_>, docroot: &Docroot, resolved: &Resolved) {
    let name = if site.by_link {
        OneName::Release
    } else {
        OneName::Link
    };
    let left_out = sections_by_one_name(server, docroot.path(), resolved, name);
    let mut is_any = false;
    for section in left_out {
        is_any = true;
        log_left_out(site, server, section);
    }
    if is_any && site.is_undecided {
        log_once!(
            site,
            server,
            Warn,
            "RD07: for DocumentRoot {}, sections apply as to the link's name: RealdocSections Auto looks for \
             sections of releases only in the directory of the link, and {} is not there, or not by its whole path. \
             If those sections are to apply, write RealdocSections Target",
            show(docroot.path()),
            show(&resolved.docroot)
        );
    }
}

fn log_left_out(site: &Site, server: Server<'_>, section: Section<'_>) {
    let section = directive(section, show);
    if site.by_link {
        log_once!(
            site,
            server,
            Warn,
            "RD06: {section} names only where a link points, not the link: it does not apply to \
             requests that come by the link (RealdocSections Target would apply it)"
        );
    } else {
        log_once!(
            site,
            server,
            Warn,
            "RD06: {section} names only the link: it does not apply to requests, since they run in \
             the release (RealdocSections Link would apply it)"
        );
    }
}

/// A request was answered from `release`, which its link had left at `left`. Each release is
/// worth a line.
pub(crate) fn log_served(r: Request<'_>, site: &Site, release: &CStr, left: Micros) {
    let ago = (realdoc_core::now() - left).max(0) / SECOND;
    let (uri, release) = (r.uri().to_string_lossy(), show(release));
    if site.log_once.is_first(&format!("RD18 {release} {left}")) {
        log!(r, Info, "RD18: {uri} is of {release}, left {ago} s ago");
    } else {
        log!(r, Debug, "RD18: {uri} is of {release}, left {ago} s ago");
    }
}
