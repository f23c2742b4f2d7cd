//! Patterns and regexes in the configuration.

/// How the path begins to which a server's RewriteRule or AliasMatch leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Substitution<'s> {
    /// It is no path.
    NoPath,
    /// With this component. Where the file system's root holds such a name mod_rewrite takes the path for
    /// a file's, else for a URL's (prefix_stat, mod_rewrite.c).
    Component(&'s [u8]),
    /// With what a request brings along: it can be any path.
    Open,
}

impl<'s> Substitution<'s> {
    /// Looks at a substitution.
    #[must_use]
    pub fn of(text: &'s [u8]) -> Self {
        let is_open = |byte: &u8| matches!(byte, b'$' | b'%' | b'\\');
        match text.first() {
            Some(b'/') => {}
            Some(byte) if is_open(byte) => return Substitution::Open,
            _ => return Substitution::NoPath,
        }
        let rest = &text[1..];
        let end = rest.iter().position(|byte| *byte == b'/' || is_open(byte));
        match end.map(|end| (&rest[..end], rest[end])) {
            None => Substitution::Component(rest),
            Some((name, b'/')) if !name.is_empty() => Substitution::Component(name),
            _ => Substitution::Open,
        }
    }
}

/// Whether a regex may match names below `dir` that it does not match with another directory in its
/// place. A guess from how the regex begins, and from the names in it, that errs on the side of yes.
#[must_use]
pub fn regex_is_about(regex: &[u8], dir: &[u8]) -> bool {
    let agree = |a: &[u8], b: &[u8]| a.iter().zip(b).all(|(a, b)| a == b);
    if let Some(anchored) = regex.strip_prefix(b"^") {
        return agree(&literal_beginning(anchored), dir);
    }
    // What it begins with must stand somewhere: within `dir`, or across its end.
    let literal = literal_beginning(regex);
    (0..dir.len()).any(|at| agree(&literal, &dir[at..]))
}

/// The characters that a regex begins with and that stand for themselves. An escaped mark is one of them.
fn literal_beginning(regex: &[u8]) -> Vec<u8> {
    // Outside of all groups an alternative begins anew.
    if has_alternatives(regex) {
        return Vec::new();
    }
    let mut literal = Vec::new();
    let mut rest = regex;
    loop {
        match *rest {
            [b'\\', mark, ref after @ ..] if mark.is_ascii_punctuation() => {
                literal.push(mark);
                rest = after;
            }
            // What stands before such a one may be missing.
            [b'?' | b'*' | b'{', ..] => {
                literal.pop();
                return literal;
            }
            [] => return literal,
            [byte, ..] if b"\\^$.|+()[]".contains(&byte) => return literal,
            [byte, ref after @ ..] => {
                literal.push(byte);
                rest = after;
            }
        }
    }
}

/// Whether a `|` may stand outside of all groups. (Classes and quotations, which may hold brackets, are not looked into.)
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

/// Whether a `<Directory>` section by a pattern is named at `dir` or below it: whether its components as far down as
/// `dir` stand for that. `matches` says whether a pattern (without a trailing slash) stands for `dir`.
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
    fn substitutions() {
        use Substitution::{Component, NoPath, Open};
        let of = |text: &'static str| Substitution::of(text.as_bytes());
        for text in ["-", "", "https://host/$1", "index.php", "fcgi://host/srv"] {
            assert_eq!(of(text), NoPath, "{text}");
        }
        for text in [
            "/$1",
            "$1",
            "%{DOCUMENT_ROOT}/x",
            "${map:$1}",
            "/x$1/y",
            "//srv",
            "/\\x",
        ] {
            assert_eq!(of(text), Open, "{text}");
        }
        assert_eq!(of("/index.php"), Component(b"index.php"));
        assert_eq!(of("/index.php/$1"), Component(b"index.php"));
        assert_eq!(of("/srv/app/$1"), Component(b"srv"));
        assert_eq!(of("/"), Component(b""));
    }

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
        ] {
            assert!(!about(regex), "{regex}");
        }
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
