//! Whose `<Directory>` sections apply to a virtual host: those of the link's name, or those of the
//! release's.

use std::ffi::{CStr, CString};

use realdoc_core::auto::{self, Choice, is_below};
use realdoc_core::patterns::SectionKind;
use realdoc_core::resolve::{Link, Resolved};
use realdoc_core::settings::Sections;

use crate::httpd::{Section, Server, matches_pattern};

/// Whose sections apply, and why.
#[derive(Clone, Copy)]
pub(crate) struct SectionChoice<'c> {
    /// Those of the link's name; else those of the release's.
    pub(crate) by_link: bool,
    reason: Reason<'c>,
}

#[derive(Clone, Copy)]
enum Reason<'c> {
    Link,
    Target,
    Auto(Choice<Section<'c>>),
}

impl<'c> SectionChoice<'c> {
    /// What `RealdocSections` says, or chooses by the sections of `server`.
    pub(super) fn new<'l>(
        setting: Sections,
        server: Server<'c>,
        docroot: &CStr,
        link: impl Fn() -> Option<&'l CStr>,
    ) -> Self {
        let reason = match setting {
            Sections::Link => Reason::Link,
            Sections::Target => Reason::Target,
            Sections::Auto => Reason::Auto(auto::choose(sections(server), docroot, link)),
        };
        let by_link = !matches!(reason, Reason::Target | Reason::Auto(Choice::Target(_)));
        SectionChoice { by_link, reason }
    }

    pub(crate) fn is_target_by_auto(&self) -> bool {
        matches!(self.reason, Reason::Auto(Choice::Target(_)))
    }

    /// Whether `Auto` found no section to choose by.
    pub(crate) fn is_undecided(&self) -> bool {
        matches!(self.reason, Reason::Auto(Choice::Neither))
    }

    /// Why, as the log and the dump say it. `show` makes a section's name printable.
    pub(crate) fn reason(&self, show: impl Fn(&CStr) -> String) -> String {
        match self.reason {
            Reason::Link => "RealdocSections Link".into(),
            Reason::Target => "RealdocSections Target".into(),
            Reason::Auto(Choice::Link(section)) => {
                let section = directive(section, show);
                format!("RealdocSections Auto: {section} is for it")
            }
            Reason::Auto(Choice::Target(section)) => {
                let section = directive(section, show);
                format!(
                    "RealdocSections Auto: {section} is beside the link, and no section is for it"
                )
            }
            Reason::Auto(Choice::Neither) => {
                "RealdocSections Auto: no section is for the link or beside it".into()
            }
        }
    }
}

/// A section as it is written, but for the spelling of its path.
pub(crate) fn directive(section: Section<'_>, show: impl Fn(&CStr) -> String) -> String {
    let kind = match section.kind() {
        SectionKind::Regex => "DirectoryMatch",
        SectionKind::Path | SectionKind::Pattern => "Directory",
    };
    format!("<{kind} \"{}\">", show(section.name()))
}

/// Whether it is `<Directory "/">`. (A regex without a slash has no components either.)
pub(super) fn is_everywhere(section: &Section<'_>) -> bool {
    section.components() == 0 && section.kind() != SectionKind::Regex
}

/// All but `<Directory "/">`.
fn sections<'c>(server: Server<'c>) -> impl Iterator<Item = Section<'c>> + Clone {
    let sections = server.sections().iter().copied();
    sections.filter(|section| !is_everywhere(section))
}

impl auto::Section for Section<'_> {
    fn kind(self) -> SectionKind {
        Section::kind(self)
    }

    fn name(&self) -> &[u8] {
        Section::name(*self).to_bytes()
    }

    fn applies_on_the_way_to(self, dir: &CStr) -> bool {
        Section::applies_on_the_way_to(self, dir)
    }

    fn matches_pattern(pattern: &[u8], dir: &[u8]) -> bool {
        let c_string = |text: &[u8]| CString::new(text).unwrap_or_default();
        matches_pattern(&c_string(pattern), &c_string(dir))
    }
}

/// One of the two names of a file in a release.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OneName {
    Link,
    Release,
}

/// The sections of `server` that apply by `name` and not by the other one, to `docroot`, which is
/// `resolved`, or to something below a link on its path.
pub(crate) fn sections_by_one_name<'c>(
    server: Server<'c>,
    docroot: &CStr,
    resolved: &Resolved,
    name: OneName,
) -> impl Iterator<Item = Section<'c>> {
    let applies = move |section: Section<'_>, name| match name {
        OneName::Link => {
            section.applies_on_the_way_to(docroot)
                || is_below_link(section, docroot, resolved, |link| &link.path)
        }
        OneName::Release => {
            section.applies_on_the_way_to(&resolved.docroot)
                || is_below_link(section, docroot, resolved, |link| &link.target)
        }
    };
    let other = match name {
        OneName::Link => OneName::Release,
        OneName::Release => OneName::Link,
    };
    // A docroot without a symlink has one name only.
    let sections = sections(server).filter(|_| !resolved.links.is_empty());
    sections.filter(move |section| applies(*section, name) && !applies(*section, other))
}

/// Whether `section` names something below a link, by the link's path or by its target. A regex
/// that matches the docroot by one of its names is judged by that.
fn is_below_link(
    section: Section<'_>,
    docroot: &CStr,
    resolved: &Resolved,
    name: impl Fn(&Link) -> &CStr,
) -> bool {
    let is_matched = || {
        section.kind() == SectionKind::Regex
            && [docroot, &resolved.docroot]
                .into_iter()
                .any(|dir| section.applies_on_the_way_to(dir))
    };
    !is_matched()
        && resolved
            .links
            .iter()
            .any(|link| is_below(section, name(link)))
}
