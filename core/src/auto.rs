//! What `RealdocSections Auto` chooses: the sections of the link's name, or those of the release's.
//!
//! The choice follows no symlink. Whoever may write the link could otherwise choose the sections by
//! letting it point elsewhere while httpd is reloaded. So a configuration counts as written for the
//! releases where it names something beside the link, which is where releases mostly lie.

use std::ffi::{CStr, CString};

use crate::fs::{Errno, Fs};
use crate::paths::strip_dir;
use crate::patterns::{SectionKind, pattern_is_below, regex_is_about, regex_is_in};
use crate::resolve::{Mode, starts_at_component};

/// A `<Directory>` section, other than `<Directory "/">`.
pub trait Section: Copy {
    /// How it names directories.
    fn kind(self) -> SectionKind;

    /// As httpd compares it: a path or pattern with a slash at its end, or a regex.
    fn name(&self) -> &[u8];

    /// Whether it applies to requests for files in `dir`, a path without a slash at its end.
    fn applies_on_the_way_to(self, dir: &CStr) -> bool;

    /// Whether `pattern` stands for the directory `dir`, both without a slash at the end.
    fn matches_pattern(pattern: &[u8], dir: &[u8]) -> bool;
}

/// What `Auto` chooses, and the section that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<S> {
    /// The link's name: this section is for it.
    Link(S),
    /// The release's name: this section is beside the link, and none is for the link.
    Target(S),
    /// The link's name: no section decides.
    Neither,
}

/// Chooses for `docroot`, a path as configured without a slash at its end. `link` gives the
/// [`outermost_symlink`] on it, if there is one. It is called only if the docroot's path does not
/// decide.
pub fn choose<'l, S: Section>(
    sections: impl Iterator<Item = S> + Clone,
    docroot: &CStr,
    link: impl FnOnce() -> Option<&'l CStr>,
) -> Choice<S> {
    let find = |is_about: &dyn Fn(S) -> bool| sections.clone().find(|section| is_about(*section));
    if let Some(section) = find(&|section| section.applies_on_the_way_to(docroot)) {
        return Choice::Link(section);
    }
    let Some(link) = link() else {
        return Choice::Neither;
    };
    if let Some(section) = find(&|section| is_below(section, link)) {
        return Choice::Link(section);
    }
    find(&|section| is_beside(section, link)).map_or(Choice::Neither, Choice::Target)
}

/// The outermost component of `docroot` that is a symlink, by its path, and none is followed.
/// `UseReadlink` may say where to begin.
pub fn outermost_symlink(fs: &impl Fs, docroot: &CStr, mode: &Mode) -> Option<CString> {
    let path = docroot.to_bytes();
    let skip = match mode {
        Mode::Readlink { from: Some(from) } if starts_at_component(docroot, from) => from
            .to_bytes()
            .strip_suffix(b"/")
            .unwrap_or(from.to_bytes())
            .len(),
        _ => 0,
    };
    let is_end = |at: &usize| path.get(*at).is_none_or(|byte| *byte == b'/');
    let ends = (skip.max(1)..=path.len()).filter(is_end);
    for end in ends {
        let prefix = CString::new(&path[..end]).ok()?;
        match fs.read_link(&prefix, |_| ()) {
            Ok(()) => return Some(prefix),
            Err(Errno::INVAL) => {}
            Err(_) => return None,
        }
    }
    None
}

/// Whether `section` names `dir` or something below it, by that name. Of a regex that is a guess.
pub fn is_below<S: Section>(section: S, dir: &CStr) -> bool {
    let (name, dir) = (section.name(), dir.to_bytes());
    match section.kind() {
        SectionKind::Path => strip_dir(name, dir).is_some(),
        SectionKind::Pattern => pattern_is_below(name, dir, |head| S::matches_pattern(head, dir)),
        SectionKind::Regex => regex_is_about(name, dir),
    }
}

/// Whether `section`, which is not for the link, names something in the directory that holds the
/// link. In the file system's root everything lies beside a link, so that this says nothing there.
fn is_beside<S: Section>(section: S, link: &CStr) -> bool {
    let slash = link.to_bytes().iter().rposition(|&byte| byte == b'/');
    let holder = &link.to_bytes()[..slash.unwrap_or(0)];
    let name = section.name();
    !holder.is_empty()
        && match section.kind() {
            SectionKind::Path => strip_dir(name, holder).is_some(),
            SectionKind::Pattern => {
                pattern_is_below(name, holder, |head| S::matches_pattern(head, holder))
            }
            SectionKind::Regex => regex_is_in(name, holder),
        }
}

#[cfg(all(test, not(loom)))]
mod tests;
