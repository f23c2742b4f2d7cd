//! What the error log says at start: where the docroots lead, and what will not
//! work as its configuration says.
//!
//! What counts is what the children see, who may have fewer rights and another root
//! directory: this is to show a mistake before the first request does.

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;

use realdoc_core::docroot::Docroot;
use realdoc_core::fs::OsFs;
use realdoc_core::resolve::{Link, Mode, resolve, starts_at_component};

use crate::httpd::{Server, is_rehearsal, log};

/// Tells each thing once, however many virtual hosts it concerns.
pub(crate) struct Report<'c> {
    /// By docroot (its address) the links on its path.
    links: HashMap<*const Docroot, Vec<Link>>,
    sections: HashSet<&'c CStr>,
}

impl<'c> Report<'c> {
    pub(crate) fn new() -> Self {
        Report {
            links: HashMap::new(),
            sections: HashSet::new(),
        }
    }

    /// Tells of a virtual host's docroot and sections.
    pub(crate) fn add(&mut self, server: Server<'c>, docroot: &Docroot) {
        if is_rehearsal() {
            return;
        }
        let links = self
            .links
            .entry(docroot)
            .or_insert_with(|| tell_docroot(server, docroot));
        for section in server.directory_sections() {
            let left = left_by(section, links).filter(|_| self.sections.insert(section));
            if let Some(link) = left {
                log!(
                    server,
                    Warn,
                    "RD06: <Directory \"{}\"> does not apply to requests any longer, since they run \
                     in {}, where {} leads; name the directory that holds the releases",
                    section.to_string_lossy(),
                    link.target.to_string_lossy(),
                    link.path.to_string_lossy()
                );
            }
        }
    }
}

/// Tells where a docroot leads; answers with the links on its path.
fn tell_docroot(server: Server<'_>, docroot: &Docroot) -> Vec<Link> {
    let path = docroot.path().to_string_lossy();
    if let Mode::Readlink { from: Some(from) } = docroot.mode() {
        if !starts_at_component(docroot.path(), from) {
            let from = from.to_string_lossy();
            log!(
                server,
                Warn,
                "RD03: UseReadlink {from} is ignored for DocumentRoot {path}, which does not lie under it"
            );
        }
    }
    match resolve(&OsFs, docroot.path(), docroot.mode()) {
        Ok(resolved) if resolved.links.is_empty() => {
            log!(
                server,
                Info,
                "RD04: DocumentRoot {path} has no symlink on its path"
            );
            resolved.links
        }
        Ok(resolved) => {
            let target = resolved.docroot.to_string_lossy();
            log!(
                server,
                Info,
                "RD04: DocumentRoot {path} resolves to {target}"
            );
            resolved.links
        }
        Err(error) if error.behind_link => {
            log!(
                server,
                Warn,
                "RD05: DocumentRoot {path} does not resolve ({error}); until it does, requests \
                 are answered as without mod_realdoc"
            );
            Vec::new()
        }
        Err(error) => {
            log!(
                server,
                Info,
                "RD05: DocumentRoot {path} does not resolve ({error})"
            );
            Vec::new()
        }
    }
}

/// The link by whose name `section` applies, if it does not apply to the target too.
/// (A section that is named by a pattern or a regex is nothing that can be told here.)
fn left_by<'a>(section: &CStr, links: &'a [Link]) -> Option<&'a Link> {
    let above = |path: &CStr| starts_at_component(path, section);
    links.iter().find(|link| {
        let below_link = starts_at_component(section, &link.path);
        (below_link || above(&link.path)) && !above(&link.target)
    })
}
