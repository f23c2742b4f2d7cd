//! Conditions of mod_rewrite that compare a file's path with a link's name.

/// The variables of mod_rewrite that hold a path of the file system.
const PATHS: [&[u8]; 4] = [
    b"%{REQUEST_FILENAME}",
    b"%{SCRIPT_FILENAME}",
    b"%{DOCUMENT_ROOT}",
    b"%{CONTEXT_DOCUMENT_ROOT}",
];

/// Whether a `RewriteCond` with these arguments compares a path with a text or a regex that names
/// `link`, by the last component of that. For rules in what the link leads to, the path is the
/// release's: the condition does not hold any more.
#[must_use]
pub fn compares_path(args: &[u8], link: &[u8]) -> bool {
    let (test, pattern) = test_and_pattern(args);
    let has_path = PATHS.iter().any(|path| contains(test, path));
    let name = link.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    has_path && !name.is_empty() && contains(&without_escapes(pattern), &[b"/", name].concat())
}

/// The first two arguments, as mod_rewrite takes them apart (parseargline, mod_rewrite.c).
fn test_and_pattern(args: &[u8]) -> (&[u8], &[u8]) {
    let (test, rest) = word(args);
    (test, word(rest).0)
}

/// A word and what is behind it.
fn word(args: &[u8]) -> (&[u8], &[u8]) {
    let text = args.trim_ascii_start();
    let quote = text.first().filter(|byte| matches!(byte, b'"' | b'\''));
    let text = &text[usize::from(quote.is_some())..];
    let mut is_escaped = false;
    let end = text.iter().position(|byte| {
        let is_end =
            quote == Some(byte) || quote.is_none() && byte.is_ascii_whitespace() && !is_escaped;
        is_escaped = *byte == b'\\';
        is_end
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.get(1..).unwrap_or_default())
}

fn without_escapes(pattern: &[u8]) -> Vec<u8> {
    pattern
        .iter()
        .copied()
        .filter(|byte| *byte != b'\\')
        .collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::compares_path;

    #[test]
    fn paths_are_compared_with_the_links_name() {
        let compares = |args: &str| compares_path(args.as_bytes(), b"/srv/app/cur.rent");
        for args in [
            "%{REQUEST_FILENAME} ^/srv/app/cur.rent/private",
            r"%{SCRIPT_FILENAME} !/cur\.rent/ [NC]",
            "\"%{DOCUMENT_ROOT}\" =/srv/app/cur.rent/web",
            r#" "x %{REQUEST_FILENAME}"   "^x /srv/app/cur\.rent""#,
            r"a\ %{REQUEST_FILENAME} /cur.rent",
        ] {
            assert!(compares(args), "{args}");
        }
        for args in [
            "%{REQUEST_FILENAME} !-f",
            r"%{REQUEST_FILENAME} \.php$",
            "%{REQUEST_URI} ^/cur.rent/",
            "%{REQUEST_FILENAME} /private/ [cur.rent]",
            "%{REQUEST_FILENAME}",
            "",
            "\"",
        ] {
            assert!(!compares(args), "{args}");
        }
        assert!(!compares_path(b"%{REQUEST_FILENAME} /x", b"/"));
    }
}
