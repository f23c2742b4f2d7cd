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
}
