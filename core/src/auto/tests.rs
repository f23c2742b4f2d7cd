use std::ffi::CStr;

use super::*;
use crate::fs::{Errno, Stat};

/// A section by its kind and name. A regex matches what begins with its name, up to the first mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fake(SectionKind, &'static str);

fn directory(name: &'static str) -> Fake {
    let is_pattern = name.contains('*');
    Fake(
        if is_pattern {
            SectionKind::Pattern
        } else {
            SectionKind::Path
        },
        name,
    )
}

fn regex(name: &'static str) -> Fake {
    Fake(SectionKind::Regex, name)
}

/// Whether `pattern`, with `*` for any text within a component, stands for `path`.
fn fnmatch(pattern: &[u8], path: &[u8]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            let end = path.iter().position(|&b| b == b'/').unwrap_or(path.len());
            (0..=end).any(|at| fnmatch(rest, &path[at..]))
        }
        (Some((a, rest)), Some((b, path))) => a == b && fnmatch(rest, path),
        _ => false,
    }
}

impl Section for Fake {
    fn kind(self) -> SectionKind {
        self.0
    }

    fn name(&self) -> &[u8] {
        self.1.as_bytes()
    }

    fn applies_on_the_way_to(self, dir: &CStr) -> bool {
        let dir = [dir.to_bytes(), b"/"].concat();
        match self.0 {
            SectionKind::Path => dir.starts_with(self.name()),
            SectionKind::Pattern => (1..=dir.len())
                .filter(|end| dir[..*end].ends_with(b"/"))
                .any(|end| fnmatch(self.name(), &dir[..end])),
            SectionKind::Regex => {
                let literal = self.1.trim_start_matches('^');
                let literal = literal.split(['\\', '[', '(', '.']).next().unwrap();
                let dir = String::from_utf8(dir).unwrap();
                literal == self.1.trim_start_matches('^') && dir.contains(literal)
            }
        }
    }

    fn matches_pattern(pattern: &[u8], dir: &[u8]) -> bool {
        fnmatch(pattern, dir)
    }
}

fn chosen(docroot: &CStr, link: Option<&CStr>, sections: &[Fake]) -> Choice<Fake> {
    choose(sections.iter().copied(), docroot, || link)
}

/// What is chosen for the link `/srv/app/current`.
fn of_current(sections: &[Fake]) -> Choice<Fake> {
    chosen(c"/srv/app/current/web", Some(c"/srv/app/current"), sections)
}

#[test]
fn a_section_for_the_link_decides() {
    let beside = directory("/srv/app/releases/");
    for section in [
        directory("/srv/app/current/web/"),
        directory("/srv/app/current/"),
        directory("/srv/app/"),
        directory("/srv/"),
        directory("/*/"),
        directory("/srv/app/cur*/"),
        // What it denies below the docroot must not be granted.
        directory("/srv/app/current/web/private/"),
        directory("/srv/app/current/other/"),
        directory("/srv/*/current/web/private/"),
        regex("/srv/app/current"),
        regex("^/srv/app/[^/]+/web"),
        regex("^/srv/app/current/web/private"),
    ] {
        assert_eq!(of_current(&[beside, section]), Choice::Link(section));
        assert_eq!(of_current(&[section]), Choice::Link(section));
    }
}

#[test]
fn else_a_section_beside_the_link() {
    for section in [
        directory("/srv/app/releases/"),
        directory("/srv/app/releases/42/web/private/"),
        directory("/srv/app/r*/"),
        directory("/*/app/releases/*/"),
        directory("/srv/app/current2/"),
        regex(r"/srv/app/releases/\d{14}"),
        regex("^/srv/app/releases/[^/]+/web$"),
        regex(r"^/srv/app/\d+/web"),
    ] {
        assert_eq!(of_current(&[section]), Choice::Target(section));
        // These decide nothing.
        let others = [regex(r"/\.git"), directory("/usr/share/"), section];
        assert_eq!(of_current(&others), Choice::Target(section));
    }
}

#[test]
fn else_no_section_decides() {
    assert_eq!(of_current(&[]), Choice::Neither);
    for section in [
        directory("/data/releases/"),
        directory("/srv/application/"),
        directory("/srv/*/other*/"),
        regex("^/data/releases/"),
        regex(r"/\.git"),
        regex("/releases/"),
    ] {
        let chosen = of_current(&[section]);
        assert!(
            matches!(chosen, Choice::Neither | Choice::Target(_)),
            "{section:?}"
        );
        let is_in_app = section.1 == "/srv/*/other*/";
        assert_eq!(
            matches!(chosen, Choice::Target(_)),
            is_in_app,
            "{section:?}"
        );
    }
}

#[test]
fn without_a_link_or_in_the_root_nothing_is_beside_it() {
    let releases = directory("/srv/app/releases/");
    assert_eq!(
        chosen(c"/srv/app/current/web", None, &[releases]),
        Choice::Neither
    );
    let in_root = chosen(
        c"/srv/web",
        Some(c"/srv"),
        &[directory("/usr/share/"), regex("^/x")],
    );
    assert_eq!(in_root, Choice::Neither);
}

/// Who may write the link cannot choose: what counts is where it lies.
#[test]
fn it_is_the_outermost_link_that_counts() {
    let releases = directory("/srv/app/releases/");
    let outer = chosen(c"/srv/app/current/web", Some(c"/srv"), &[releases]);
    // The section lies below the link `/srv`.
    assert_eq!(outer, Choice::Link(releases));
}

/// A file system with these symlinks. Nothing else is asked.
struct Symlinks(&'static [&'static CStr]);

impl Fs for Symlinks {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        panic!("{path:?} was followed");
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        match path.to_bytes() {
            b"/gone" => Err(Errno::NOENT),
            _ if self.0.contains(&path) => Ok(read(b"elsewhere")),
            _ => Err(Errno::INVAL),
        }
    }
}

#[test]
fn the_outermost_symlink_is_found_without_following_one() {
    let of = |links: &'static [&'static CStr], path: &CStr, mode: &Mode| {
        outermost_symlink(&Symlinks(links), path, mode)
    };
    let all = Mode::Realpath;
    let path = c"/srv/app/current/web";
    assert_eq!(of(&[], path, &all), None);
    assert_eq!(
        of(&[c"/srv/app/current"], path, &all),
        Some(c"/srv/app/current".into())
    );
    assert_eq!(
        of(&[c"/srv/app/current/web"], path, &all),
        Some(path.into())
    );
    assert_eq!(
        of(&[c"/srv", c"/srv/app/current"], path, &all),
        Some(c"/srv".into())
    );
    assert_eq!(of(&[c"/srv"], c"/gone/srv", &all), None);
    assert_eq!(of(&[], c"/", &all), None);
    for (from, link) in [
        ("/srv/app", "/srv/app/current"),
        ("/srv/app/current/", "/srv/app/current"),
        ("/srv", "/srv"),
        ("/sr", "/srv"),
        ("/else", "/srv"),
    ] {
        let mode = Mode::Readlink {
            from: Some(CString::new(from).unwrap()),
        };
        let links = &[c"/srv", c"/srv/app/current"];
        assert_eq!(
            of(links, path, &mode),
            Some(CString::new(link).unwrap()),
            "{from}"
        );
    }
}
