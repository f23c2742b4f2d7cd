//! What the error log says at start: where the docroots lead, whose `<Directory>` sections
//! apply, and what will not work as its configuration says. It is to show a mistake before the first
//! request does.

use std::collections::HashSet;
use std::ffi::CStr;

use realdoc_core::docroot::Docroot;

use crate::httpd::{Level, Log, Section, SectionKind, Server, log};
use crate::survey::{Host, Root};

/// Tells each thing once, however many virtual hosts it concerns.
#[derive(Default)]
pub(crate) struct Report<'c> {
    told: HashSet<&'c CStr>,
    told_roots: HashSet<*const Docroot>,
    told_choices: HashSet<(*const Docroot, bool)>,
}

impl<'c> Report<'c> {
    /// Tells of a virtual host.
    pub(crate) fn add(&mut self, host: &Host<'c>) {
        let server = host.server;
        let by_link = host.choice.by_link;
        // Before `tell_root`: where this has to resolve the docroot, that need not ask.
        let left: Vec<_> = host.sections_by(!by_link).collect();
        for (directive, root) in host.roots() {
            if self.told_roots.insert(&*root.docroot) {
                tell_root(server, directive, root);
            }
        }
        if server.logs(Level::Info)
            && host.root.leads_on()
            && self.told_choices.insert((&*host.root.docroot, by_link))
        {
            log!(
                server,
                Info,
                "RD07: for DocumentRoot {}, sections apply as to {} ({})",
                host.root.docroot.path().to_string_lossy(),
                if by_link {
                    "the link's name"
                } else {
                    "the name in the release"
                },
                host.choice.why
            );
        }
        for section in left {
            if self.told.insert(section.name()) {
                tell_left(server, section, by_link);
            }
        }
    }
}

fn tell_left(server: Server<'_>, section: Section<'_>, by_link: bool) {
    let kind = match section.kind() {
        SectionKind::Regex => "DirectoryMatch",
        SectionKind::Path | SectionKind::Pattern => "Directory",
    };
    let name = section.name().to_string_lossy();
    if by_link {
        log!(
            server,
            Warn,
            "RD06: <{kind} \"{name}\"> names only where a link leads, not the link: it does not apply to \
             requests that come by the link (RealdocSections Target would apply it)"
        );
    } else {
        log!(
            server,
            Warn,
            "RD06: <{kind} \"{name}\"> names only the link: it does not apply to requests, since they run in \
             the release (RealdocSections Link would apply it)"
        );
    }
}

/// Tells where a docroot leads.
fn tell_root(server: Server<'_>, directive: &str, root: &Root) {
    let path = || root.docroot.path().to_string_lossy();
    if let Some(from) = root.ignored_beginning() {
        let from = from.to_string_lossy();
        log!(
            server,
            Warn,
            "RD03: UseReadlink {from} is ignored for {directive} {}, which does not lie under it",
            path()
        );
    }
    if !server.logs(Level::Info) && !root.is_by_readlink() && root.is_there() {
        // There is nothing to warn of.
        return;
    }
    let path = path();
    match root.leads() {
        Ok(resolved) if resolved.links.is_empty() => {
            log!(
                server,
                Info,
                "RD04: {directive} {path} has no symlink on its path"
            );
        }
        Ok(resolved) => {
            let target = resolved.docroot.to_string_lossy();
            log!(
                server,
                Info,
                "RD04: {directive} {path} resolves to {target}"
            );
            if let Some(link) = root.link_to_symlink() {
                log!(
                    server,
                    Warn,
                    "RD15: UseReadlink leads {directive} {path} to {}, which is a symlink itself: PHP may go on running \
                     the release that it led to before (docs/opcache.md, Two fixed symlinks)",
                    link.target.to_string_lossy()
                );
            }
        }
        Err(error) if error.link.is_some() => {
            log!(
                server,
                Warn,
                "RD05: {directive} {path} does not resolve ({error}); until it does, requests \
                 are answered as without mod_realdoc"
            );
        }
        Err(error) => {
            log!(
                server,
                Info,
                "RD05: {directive} {path} does not resolve ({error})"
            );
        }
    }
}
