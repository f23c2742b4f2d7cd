//! Denials by mod_rewrite that a release gets around.
//!
//! A rule in a section or .htaccess file above a link is matched against the path of the release,
//! where stock httpd matches it against the link's name. A rule that denies
//! `current/private/` then denies nothing. It cannot be cured, as the same paths are what
//! file tests look at, so it is warned of.

use crate::regex::Regex;

/// A release's name below the directory of the link, where no real one is known.
const ANY_RELEASE: &[u8] = b"/releases/20250102030405";

/// The variables of mod_rewrite that hold a path of the file system.
const PATHS: [&[u8]; 4] = [
    b"%{REQUEST_FILENAME}",
    b"%{SCRIPT_FILENAME}",
    b"%{DOCUMENT_ROOT}",
    b"%{CONTEXT_DOCUMENT_ROOT}",
];

/// Reads the directives of a section or an .htaccess file, one after the other.
#[derive(Debug)]
pub struct Denials {
    /// How the path of each file there begins: by the link's name and by the release's.
    paths: [Vec<u8>; 2],
    /// The same as mod_rewrite shows it to a rule.
    subjects: [Vec<u8>; 2],
    is_off: bool,
    /// Whether one of the conditions for the next rule is met by the link's name alone.
    has_condition: bool,
}

impl Denials {
    /// For files below `link`, an absolute path, which leads to `release`. `directory`: that of the
    /// .htaccess file, or the section's path unless that is a pattern or a regex.
    #[must_use]
    pub fn new(link: &[u8], release: Option<&[u8]>, directory: Option<&[u8]>) -> Self {
        let parent = &link[..link.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
        let release = release.map_or_else(|| [parent, ANY_RELEASE].concat(), <[u8]>::to_vec);
        let paths = [with_slash(link), with_slash(&release)];
        let directory = directory.map(with_slash);
        let subjects = match directory {
            // What is said at the link or below it is applied with the release's path.
            Some(dir) if dir.starts_with(&paths[0]) => [Vec::new(), Vec::new()],
            Some(dir) => paths.clone().map(|path| match path.strip_prefix(&dir[..]) {
                Some(below) => below.to_vec(),
                None => path,
            }),
            None => paths.clone(),
        };
        Denials {
            paths,
            subjects,
            is_off: false,
            has_condition: false,
        }
    }

    /// Reads a directive. True: it is a rule that denies some file below the link by the link's
    /// name but not by the release's.
    pub fn read(&mut self, name: &[u8], args: &[u8]) -> bool {
        let words = words(args);
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        if name.eq_ignore_ascii_case(b"RewriteEngine") {
            self.is_off = word(0).eq_ignore_ascii_case(b"off");
        } else if name.eq_ignore_ascii_case(b"RewriteCond") {
            self.has_condition |= self.is_met_by_link(word(0), word(1), word(2));
        } else if name.eq_ignore_ascii_case(b"RewriteRule") {
            let has_condition = std::mem::take(&mut self.has_condition);
            return !self.is_off
                && denies(word(2))
                && (has_condition
                    || loses(word(0), has_flag(word(2), b"NC", b"nocase"), &self.subjects));
        }
        false
    }

    /// Whether a condition holds for a path below the link, but no longer below the release.
    fn is_met_by_link(&self, test: &[u8], pattern: &[u8], flags: &[u8]) -> bool {
        let path = PATHS.iter().find_map(|variable| {
            let at = test
                .windows(variable.len())
                .position(|text| text == *variable)?;
            Some(&test[..at])
        });
        let ignore_case = has_flag(flags, b"NC", b"nocase");
        match (path, pattern.strip_prefix(b"=")) {
            // A file test, or a comparison of numbers or of order.
            (Some(_), None) if matches!(pattern.first(), Some(b'-' | b'<' | b'>')) => false,
            (Some(_), Some(text)) => text.starts_with(&self.paths[0]),
            (Some(before), None) if !before.iter().any(|byte| matches!(byte, b'%' | b'$')) => {
                let subjects = self.paths.clone().map(|path| [before, &path].concat());
                loses(pattern, ignore_case, &subjects)
            }
            _ => false,
        }
    }
}

/// Whether a pattern matches some text that begins as the first of `subjects`, but not with the
/// other beginning in its place.
fn loses(pattern: &[u8], ignore_case: bool, subjects: &[Vec<u8>; 2]) -> bool {
    let (is_negated, pattern) = match pattern.strip_prefix(b"!") {
        Some(pattern) => (true, pattern),
        None => (false, pattern),
    };
    let Some(regex) = Regex::parse(pattern, ignore_case) else {
        return true;
    };
    let [link, release] = subjects.each_ref().map(|subject| regex.after(subject));
    if is_negated {
        !release.is_within(&link)
    } else {
        !link.is_within(&release)
    }
}

/// Whether a rule with these flags ends a request with an error.
fn denies(flags: &[u8]) -> bool {
    let is_error = |status: &[u8]| matches!(status.first(), Some(b'4' | b'5'));
    has_flag(flags, b"F", b"forbidden")
        || has_flag(flags, b"G", b"gone")
        || ["R=", "redirect="].iter().any(|key| {
            let values = each_flag(flags).filter_map(|flag| {
                let (head, value) = flag.split_at_checked(key.len())?;
                head.eq_ignore_ascii_case(key.as_bytes()).then_some(value)
            });
            values.into_iter().any(is_error)
        })
}

fn has_flag(flags: &[u8], short: &[u8], long: &[u8]) -> bool {
    each_flag(flags).any(|flag| flag.eq_ignore_ascii_case(short) || flag.eq_ignore_ascii_case(long))
}

/// The flags of `[F,NC]`.
fn each_flag(flags: &[u8]) -> impl Iterator<Item = &[u8]> {
    let inner = flags
        .strip_prefix(b"[")
        .and_then(|flags| flags.strip_suffix(b"]"));
    let flags = inner.unwrap_or_default().split(|byte| *byte == b',');
    flags.map(<[u8]>::trim_ascii)
}

/// A directive's arguments, as mod_rewrite takes them apart (parseargline, mod_rewrite.c).
fn words(args: &[u8]) -> Vec<&[u8]> {
    let mut words = Vec::new();
    let mut rest = args.trim_ascii_start();
    while let Some((&first, after)) = rest.split_first() {
        let quote = Some(first).filter(|byte| matches!(byte, b'"' | b'\''));
        let text = if quote.is_some() { after } else { rest };
        let mut is_escaped = false;
        let end = text.iter().position(|&byte| {
            let is_space = byte.is_ascii_whitespace();
            let is_end = quote == Some(byte) || quote.is_none() && is_space && !is_escaped;
            is_escaped = byte == b'\\';
            is_end
        });
        let end = end.unwrap_or(text.len());
        words.push(&text[..end]);
        rest = text.get(end + 1..).unwrap_or_default().trim_ascii_start();
    }
    words
}

/// The directives of an .htaccess file, each with the number of its first line and its arguments.
pub fn directives(text: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>, Vec<u8>)> {
    let mut lines = text.split(|byte| *byte == b'\n').zip(1..);
    std::iter::from_fn(move || {
        let (line, number) = lines.next()?;
        let mut line = line.trim_ascii_end().to_vec();
        while line.ends_with(b"\\") {
            line.pop();
            match lines.next() {
                Some((next, _)) => line.extend(next.trim_ascii()),
                None => break,
            }
        }
        let line = line.trim_ascii();
        let end = line
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(line.len());
        let (name, args) = line.split_at(end);
        Some((number, name.to_vec(), args.trim_ascii().to_vec()))
    })
}

fn with_slash(path: &[u8]) -> Vec<u8> {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    [path, b"/"].concat()
}
