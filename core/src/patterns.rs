//! What can be said of the paths that a regex or a pattern with wildcards names, without matching
//! it.

/// How a `<Directory>` section names the directories that it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// `<Directory "/path">`
    Path,
    /// `<Directory "/path/*">`
    Pattern,
    /// `<DirectoryMatch>`, `<Directory ~>`
    Regex,
}

/// Whether a regex may match names below `dir` that it does not match with another directory in its
/// place. It judges by how the regex begins and by the names in it. In doubt it says yes.
#[must_use]
pub fn regex_is_about(regex: &[u8], dir: &[u8]) -> bool {
    let agree = |a: &[Element], b: &[u8]| a.iter().zip(b).all(|(a, b)| a.matches(*b));
    if let Some(anchored) = regex.strip_prefix(b"^") {
        return agree(&beginning(anchored), dir);
    }
    // What it begins with must stand somewhere: within `dir`, or across its end.
    let beginning = beginning(regex);
    (0..dir.len()).any(|at| agree(&beginning, &dir[at..]))
}

/// Whether all that a regex matches, if it is a path at all, lies in the directory `dir`: whether
/// the regex begins with that directory, with or without `^`.
#[must_use]
pub fn regex_is_in(regex: &[u8], dir: &[u8]) -> bool {
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    let beginning = beginning(regex.strip_prefix(b"^").unwrap_or(regex));
    let in_dir = dir.iter().chain(b"/");
    beginning.len() > dir.len() && beginning.iter().zip(in_dir).all(|(a, b)| a.matches(*b))
}

/// What a regex begins with: each element stands for one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Byte(u8),
    /// `.`, which is mostly meant for itself.
    Any,
    /// `\d` or `[0-9]`
    Digit,
}

impl Element {
    fn matches(self, byte: u8) -> bool {
        match self {
            Element::Byte(own) => own == byte,
            Element::Any => true,
            Element::Digit => byte.is_ascii_digit(),
        }
    }
}

/// The elements that a regex begins with. An escaped mark is one of them.
fn beginning(regex: &[u8]) -> Vec<Element> {
    // Outside of all groups an alternative begins anew.
    if has_alternatives(regex) {
        return Vec::new();
    }
    let mut elements = Vec::new();
    let mut rest = regex;
    loop {
        let (element, after) = match *rest {
            [b'\\', b'd', ref after @ ..] | [b'[', b'0', b'-', b'9', b']', ref after @ ..] => {
                (Element::Digit, after)
            }
            [b'\\', mark, ref after @ ..] if mark.is_ascii_punctuation() => {
                (Element::Byte(mark), after)
            }
            // The element before may be missing.
            [b'?' | b'*', ..] | [b'{', b'0' | b',', ..] => {
                elements.pop();
                return elements;
            }
            [b'.', ref after @ ..] => (Element::Any, after),
            [] => return elements,
            [byte, ..] if b"\\^$|+()[]{".contains(&byte) => return elements,
            [byte, ref after @ ..] => (Element::Byte(byte), after),
        };
        elements.push(element);
        rest = after;
    }
}

/// Whether a `|` may stand outside of all groups. (Classes and quotations, which may hold brackets,
/// are not looked into.)
fn has_alternatives(regex: &[u8]) -> bool {
    let mut depth = 0_i32;
    let mut escaped = false;
    for byte in regex {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'|' if depth <= 0 => return true,
            _ => {}
        }
    }
    // Brackets in a class: who knows.
    depth != 0 && regex.contains(&b'|')
}

/// Whether a `<Directory>` section by a pattern is named at `dir` or below it: whether its
/// components as far down as `dir` stand for that. `matches` says whether a pattern (without a
/// trailing slash) stands for `dir`.
#[must_use]
pub fn pattern_is_below(section: &[u8], dir: &[u8], matches: impl Fn(&[u8]) -> bool) -> bool {
    let depth = dir.iter().filter(|&&byte| byte == b'/').count();
    let mut slashes = (0..section.len()).filter(|at| section[*at] == b'/');
    slashes
        .nth(depth)
        .is_some_and(|end| matches(&section[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regexes_about_a_directory() {
        let about = |regex: &str| regex_is_about(regex.as_bytes(), b"/srv/app/current");
        for regex in [
            "^/srv/app/current/private",
            "^/srv/app/[^/]+/private",
            "^/srv/apps?/x",
            "^/.*/private",
            "^(/srv)/app",
            "current/.*/private",
            "app/[^/]+/x",
            "/srv/app/",
            "rent/x",
            "^/x|^/srv/app",
            r"^/srv/app/\w+/private",
            "^/srv.app/x*",
            "^/srv/app/current.private",
        ] {
            assert!(about(regex), "{regex}");
        }
        for regex in [
            "^/srv/other/releases/",
            "^/var/www/.*",
            r"/\.git(/|$)",
            "/private/",
            "/srv/app/other/",
            "/x/.*",
            r"/srv/app/\d{14}/web",
            "^/srv/app/[0-9]+/web",
            "^/srv.other/",
        ] {
            assert!(!about(regex), "{regex}");
        }
    }

    #[test]
    fn regexes_in_a_directory() {
        let is_in = |regex: &str| regex_is_in(regex.as_bytes(), b"/srv/example.com");
        for regex in [
            r"^/srv/example\.com/releases/\d{14}",
            r"/srv/example.com/releases/\d{14}",
            r"/srv/example.com/\d{14}",
            "^/srv/example.com/[^/]+/web",
        ] {
            assert!(is_in(regex), "{regex}");
        }
        for regex in [
            "^/srv/example.com",
            "^/srv/example.com/?",
            "^/srv/example.com/{0,1}x",
            "/example.com/releases/",
            "^/srv/example.org/releases/",
            "^/srv/example.com/a|^/srv/other",
            "^/srv/.*/releases",
            r"/\.git",
            "",
        ] {
            assert!(!is_in(regex), "{regex}");
        }
        assert!(regex_is_in(b"^/releases", b"/"));
    }

    #[test]
    fn patterns_below_a_directory() {
        let asked = |section: &str| {
            let head = std::cell::RefCell::new(None);
            let matches = |pattern: &[u8]| {
                *head.borrow_mut() = String::from_utf8(pattern.to_vec()).ok();
                true
            };
            let is_below = pattern_is_below(section.as_bytes(), b"/srv/current", matches);
            assert_eq!(is_below, head.borrow().is_some());
            head.into_inner()
        };
        assert_eq!(asked("/srv/*/").as_deref(), Some("/srv/*"));
        assert_eq!(asked("/*/cur*/w?b/").as_deref(), Some("/*/cur*"));
        assert_eq!(asked("/*/"), None);
        assert!(!pattern_is_below(b"/srv/*/", b"/srv/current", |_| false));
    }
}
