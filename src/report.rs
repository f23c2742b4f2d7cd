//! What the error log says at start: where the docroots lead, whose `<Directory>` sections
//! apply, and what will not work as its configuration says.
//!
//! What counts is what the children see, who may have fewer rights and another root
//! directory: this is to show a mistake before the first request does.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::sync::Arc;

use realdoc_core::docroot::Docroot;
use realdoc_core::fs::OsFs;
use realdoc_core::names::{regex_is_about, renamed};
use realdoc_core::resolve::{Mode, Resolved, resolve, starts_at_component};
use realdoc_core::settings::Sections;

use crate::httpd::{Kind, Section, Server, is_rehearsal, log, matches_pattern};

/// Tells each thing once, however many virtual hosts it concerns.
pub(crate) struct Report<'c> {
    /// By docroot (its address) where it leads, if it does.
    resolved: HashMap<*const Docroot, Option<Resolved>>,
    told: HashSet<&'c CStr>,
    told_choices: HashSet<(*const Docroot, bool)>,
}

impl<'c> Report<'c> {
    pub(crate) fn new() -> Self {
        Report {
            resolved: HashMap::new(),
            told: HashSet::new(),
            told_choices: HashSet::new(),
        }
    }

    /// Tells of a virtual host, and answers whose sections apply to it.
    pub(crate) fn add(
        &mut self,
        server: Server<'c>,
        docroot: &Docroot,
        further: &[Arc<Docroot>],
        choice: Sections,
    ) -> Choice {
        let is_rehearsal = is_rehearsal();
        for (root, directive) in std::iter::once((docroot, "DocumentRoot"))
            .chain(further.iter().map(|root| (&**root, "RealdocLink")))
        {
            self.resolved.entry(root).or_insert_with(|| {
                let resolved = resolve(&OsFs, root.path(), root.mode());
                if !is_rehearsal {
                    tell_root(server, root, directive, &resolved);
                }
                resolved.ok()
            });
        }
        let resolved = self
            .resolved
            .get(&std::ptr::from_ref(docroot))
            .and_then(Option::as_ref);
        let resolved = resolved.filter(|resolved| !resolved.links.is_empty());
        let sections: Vec<(Section<'c>, Names)> = server
            .sections()
            .iter()
            .filter(|section| section.components() != 0)
            .map(|section| (*section, names(*section, docroot.path(), resolved)))
            .collect();
        let (by_link, why) = choose(choice, &sections, resolved.is_some());
        let made = Choice {
            by_link,
            // A pattern or regex may make a difference further below.
            names_differ: sections
                .iter()
                .any(|(section, names)| section.kind() != Kind::Path || names.link != names.target),
        };
        if is_rehearsal || resolved.is_none() {
            return made;
        }
        if self.told_choices.insert((docroot, by_link)) {
            log!(
                server,
                Info,
                "RD07: for DocumentRoot {}, sections apply as to {} ({why})",
                docroot.path().to_string_lossy(),
                if by_link {
                    "the link's name"
                } else {
                    "the name in the release"
                },
            );
        }
        for (section, names) in sections {
            let left = if by_link {
                names.target && !names.link
            } else {
                names.link && !names.target
            };
            if left && self.told.insert(section.name()) {
                tell_left(server, section, by_link);
            }
        }
        made
    }
}

/// Whose sections apply to a virtual host.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    /// Those of the link's name; else those of the release's.
    pub(crate) by_link: bool,
    /// It makes a difference.
    pub(crate) names_differ: bool,
}

/// What a section is about.
#[derive(Clone, Copy)]
struct Names {
    /// It applies to the docroot, or to something below a link, by the link's name.
    link: bool,
    /// The same by the name in the release.
    target: bool,
}

fn names(section: Section<'_>, docroot: &CStr, resolved: Option<&Resolved>) -> Names {
    let links = resolved.map_or(&[][..], |resolved| &resolved.links);
    let target = resolved.is_some_and(|resolved| section.applies_on_the_way_to(&resolved.docroot))
        || links.iter().any(|link| is_below(section, &link.target));
    let may_be_below = || {
        !target
            && section.kind() == Kind::Regex
            && links
                .iter()
                .any(|link| regex_is_about(section.name().to_bytes(), link.path.to_bytes()))
    };
    Names {
        link: section.applies_on_the_way_to(docroot)
            || links.iter().any(|link| is_below(section, &link.path))
            || may_be_below(),
        target,
    }
}

/// Whether `section` is named at `dir` or below it.
fn is_below(section: Section<'_>, dir: &CStr) -> bool {
    let is_pattern = section.kind() == Kind::Pattern;
    let matches =
        |pattern: &[u8]| CString::new(pattern).is_ok_and(|pattern| matches_pattern(&pattern, dir));
    section.kind() != Kind::Regex
        && renamed(
            section.name().to_bytes(),
            is_pattern,
            dir.to_bytes(),
            b"",
            matches,
        )
        .is_some()
}

/// Whether the sections of the link's name apply, and why.
fn choose(
    choice: Sections,
    sections: &[(Section<'_>, Names)],
    resolves: bool,
) -> (bool, &'static str) {
    match choice {
        Sections::Link => (true, "RealdocSections Link"),
        Sections::Target => (false, "RealdocSections Target"),
        Sections::Auto if sections.iter().any(|(_, names)| names.link) => {
            (true, "RealdocSections Auto: there are sections for it")
        }
        Sections::Auto if resolves && sections.iter().any(|(_, names)| names.target) => (
            false,
            "RealdocSections Auto: there are sections for it, and none for the link's",
        ),
        Sections::Auto => (
            true,
            "RealdocSections Auto: there are no sections for either",
        ),
    }
}

fn tell_left(server: Server<'_>, section: Section<'_>, by_link: bool) {
    let kind = match section.kind() {
        Kind::Regex => "DirectoryMatch",
        Kind::Path | Kind::Pattern => "Directory",
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
fn tell_root(
    server: Server<'_>,
    root: &Docroot,
    directive: &str,
    resolved: &Result<Resolved, realdoc_core::resolve::ResolveError>,
) {
    let path = root.path().to_string_lossy();
    if let Mode::Readlink { from: Some(from) } = root.mode() {
        if !starts_at_component(root.path(), from) {
            let from = from.to_string_lossy();
            log!(
                server,
                Warn,
                "RD03: UseReadlink {from} is ignored for {directive} {path}, which does not lie under it"
            );
        }
    }
    match resolved {
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
        }
        Err(error) if error.behind_link => {
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
