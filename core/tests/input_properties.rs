//! Names and directives, whatever somebody writes in them: each function against a second opinion.
//!
//! `PROPTEST_CASES=1000000` runs longer.

mod common;

use std::ffi::{CStr, CString};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use realdoc_core::paths::{longest_prefix, may_need_canonicalization, split_fcgi, strip_dir};
use realdoc_core::patterns::{pattern_is_below, regex_is_about};
use realdoc_core::settings::{self, LONGEST, Sections, UseReadlink};
use realdoc_core::{Micros, SECOND};

use common::cases;

/// The names on a path: few, and some that begin as others do.
fn components(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<&'static str>> {
    let names = [
        "a", "b", "ab", "current", "current2", "cur", "..x", "%", "ü",
    ];
    vec(select(names.to_vec()), count)
}

fn path(components: &[impl AsRef<str>]) -> String {
    components
        .iter()
        .map(|name| format!("/{}", name.as_ref()))
        .collect()
}

/// Bytes, mostly those that mean something.
fn text(special: &'static [u8], len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![4 => select(special), 1 => 1u8..], len)
}

/// As APR cleans a path, by text: without empty, `.` and `..` components.
fn cleaned(path: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            _ => names.push(name),
        }
    }
    let mut clean = Vec::new();
    for name in names {
        clean.push(b'/');
        clean.extend_from_slice(name);
    }
    clean
}

/// Whether a pattern stands for a name without slashes (fnmatch(3)).
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], _) => name.is_empty(),
        ([b'*', rest @ ..], _) => {
            fits(rest, name) || (!name.is_empty() && fits(pattern, &name[1..]))
        }
        ([b'\\', escaped, rest @ ..], [first, others @ ..]) => {
            escaped == first && fits(rest, others)
        }
        ([b'[', set, b']', rest @ ..], [first, others @ ..]) => set == first && fits(rest, others),
        ([b'?', rest @ ..], [_, others @ ..]) => fits(rest, others),
        ([byte, rest @ ..], [first, others @ ..]) => byte == first && fits(rest, others),
        _ => false,
    }
}

/// [`fits`], component by component (`FNM_PATHNAME`).
fn fits_path(pattern: &[u8], path: &[u8]) -> bool {
    let patterns: Vec<&[u8]> = pattern.split(|&byte| byte == b'/').collect();
    let names: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    patterns.len() == names.len() && patterns.iter().zip(&names).all(|(p, n)| fits(p, n))
}

proptest! {
    #![proptest_config(cases(500))]

    /// A path is below a directory if its components begin with the directory's.
    #[test]
    fn strip_dir_goes_by_components(path_names in components(0..6), dir in components(0..4), slash: bool) {
        let (whole, mut dir_text) = (path(&path_names), path(&dir));
        if slash {
            dir_text.push('/');
        }
        let expected = path_names.strip_prefix(&dir[..]).map(path);
        let found = strip_dir(whole.as_bytes(), dir_text.as_bytes());
        prop_assert_eq!(found, expected.as_deref().map(str::as_bytes));
    }

    /// The longest prefix is the one with the most components.
    #[test]
    fn the_longest_prefix_has_the_most_components(
        path_names in components(0..6),
        links in vec(components(1..5), 0..5),
    ) {
        let expected = links
            .iter()
            .filter(|link| path_names.starts_with(link))
            .max_by_key(|link| link.len())
            .map(|link| (path(link), path(&path_names[link.len()..])));
        let names: Vec<CString> =
            links.iter().map(|link| CString::new(path(link)).expect("no NUL")).collect();
        let whole = path(&path_names);
        let found = longest_prefix(whole.as_bytes(), names.iter(), |name| name.to_bytes());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        prop_assert_eq!(found.map(|(name, tail)| (text(name.to_bytes()), text(tail))), expected);
    }

    /// What is said to be clean is as cleaning would leave it.
    #[test]
    fn what_needs_no_cleaning_is_clean(text in text(b"/.a", 0..20)) {
        let path = [b"/", &text[..]].concat();
        if !may_need_canonicalization(&path) {
            let without_slash = path.strip_suffix(b"/").unwrap_or(&path);
            prop_assert_eq!(cleaned(&path), without_slash);
        }
    }

    /// The path is all that follows the server, and nothing else is taken for one.
    #[test]
    fn an_fcgi_name_is_server_and_path(
        socket in prop::option::of(text(b"/:.", 0..10)),
        host in text(b":.0[]@|", 0..10),
        tail in text(b"/.|:?%", 0..20),
    ) {
        let without = |byte: u8, text: Vec<u8>| -> Vec<u8> {
            text.into_iter().filter(|&b| b != byte).collect()
        };
        let socket = socket.map(|socket| [b"unix:", &without(b'|', socket)[..], b"|"].concat());
        let server = [b"proxy:", &socket.unwrap_or_default()[..], b"fcgi://", &without(b'/', host)]
            .concat();
        let path = [b"/", &tail[..]].concat();
        let name = [&server[..], &path].concat();
        prop_assert_eq!(split_fcgi(&name), Some((&server[..], &path[..])));
        prop_assert_eq!(split_fcgi(&server), None);
        prop_assert_eq!(split_fcgi(&name[1..]), None);
    }

    /// Whatever is split is whole, and its path a path.
    #[test]
    fn what_is_split_is_whole(
        parts in vec(select(vec!["unix:", "|", "fcgi://", "http://", "/", "a", ":"]), 0..8),
    ) {
        let name = ["proxy:", &parts.concat()].concat();
        if let Some((server, path)) = split_fcgi(name.as_bytes()) {
            prop_assert_eq!([server, path].concat(), name.as_bytes());
            prop_assert!(path.starts_with(b"/"));
            let server = std::str::from_utf8(server).expect("it was UTF-8");
            let url = server.strip_prefix("proxy:").expect("it is proxied");
            let url = match url.strip_prefix("unix:") {
                Some(socket) => socket.split_once('|').expect("a socket has an end").1,
                None => url,
            };
            let host = url.strip_prefix("fcgi://");
            prop_assert!(host.is_some_and(|host| !host.contains('/')), "{}", server);
        }
    }

    /// A section by a pattern is below a directory if there can be one below that it stands for.
    #[test]
    fn a_pattern_is_below_where_it_can_apply(
        section in vec(select(vec!["*", "?", "a*", "[a]", "a", "b", "ab", "\\*"]), 1..6),
        dir in vec(select(vec!["a", "b", "ab", "*"]), 1..4),
    ) {
        // What each component of such a section stands for, among others.
        let below = section.iter().skip(dir.len()).map(|name| match *name {
            "?" | "[a]" | "a*" => "a",
            "\\*" => "*",
            other => other,
        });
        let below: Vec<_> = below.collect();
        let (section, dir, below) = (path(&section), path(&dir), path(&below));
        let applies = fits_path(section.as_bytes(), [&dir[..], &below].concat().as_bytes());
        // With a slash at its end, as httpd has it.
        let section = [&section, "/"].concat();
        let found = pattern_is_below(section.as_bytes(), dir.as_bytes(), |head| fits_path(head, dir.as_bytes()));
        prop_assert_eq!(found, applies, "{} {}", section, dir);
    }

    /// Each directive takes what its description says, and else names itself, the value and what is
    /// allowed.
    #[test]
    fn a_directive_takes_what_it_says(
        value in prop_oneof![
            text(b"onfautlikregesc/ 0", 0..10),
            select(vec!["on", "oFF", "AUTO", "link", "Target", "None", "/", "//", "/a/", "on\n"])
                .prop_map(|word| word.as_bytes().to_vec()),
        ],
    ) {
        let word = value.to_ascii_lowercase();
        let text = CString::new(value.clone()).expect("no NUL");
        let flag = match &word[..] {
            b"on" => Some(true),
            b"off" => Some(false),
            _ => None,
        };
        let use_readlink = match flag {
            _ if value.first() == Some(&b'/') => Some(UseReadlink::From(text.clone())),
            Some(true) => Some(UseReadlink::On),
            Some(false) => Some(UseReadlink::Off),
            None => None,
        };
        let sections = match &word[..] {
            b"auto" => Some(Sections::Auto),
            b"link" => Some(Sections::Link),
            b"target" => Some(Sections::Target),
            _ => None,
        };
        let link = match &value[..] {
            _ if word == b"none" => Some(None),
            [b'/', .., b'/'] => Some(CString::new(&value[..value.len() - 1]).ok()),
            [b'/', _, ..] => Some(Some(text.clone())),
            _ => None,
        };
        prop_assert_eq!(taken(&text, settings::flag), flag);
        prop_assert_eq!(taken(&text, settings::use_readlink), use_readlink);
        prop_assert_eq!(taken(&text, settings::sections), sections);
        prop_assert_eq!(taken(&text, settings::link), link);
        prop_assert_eq!(taken(&text, settings::time), time(&value));
    }

    /// Times of any size, with units that there are and that there are not.
    #[test]
    fn a_time_is_what_it_says(
        digits in "[0-9]{0,25}",
        unit in select(vec!["", "s", "S", "ms", "Ms", "mi", "min", "MIN", "h", "m", "d", " s", "-", ".5"]),
    ) {
        let value = format!("{digits}{unit}");
        let text = CString::new(&value[..]).expect("no NUL");
        prop_assert_eq!(taken(&text, settings::time), time(value.as_bytes()));
    }
}

/// The value that a directive takes; of one that it does not take, it says which.
fn taken<T>(value: &CStr, parse: impl Fn(&str, &CStr) -> Result<T, String>) -> Option<T> {
    let said = format!(
        "Some: '{}' is not allowed; allowed is ",
        value.to_string_lossy()
    );
    match parse("Some", value) {
        Ok(value) => Some(value),
        Err(message) => {
            assert!(message.starts_with(&said), "{message}");
            None
        }
    }
}

/// A time, by big numbers.
fn time(value: &[u8]) -> Option<Micros> {
    let value = std::str::from_utf8(value).ok()?.to_ascii_lowercase();
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let micros: Micros = match &value[number.len()..] {
        "ms" => 1_000,
        "" | "s" => SECOND,
        "mi" | "min" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        _ => return None,
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u128 = is_number.then(|| number.parse().expect("it is not that long"))?;
    let time = number * u128::try_from(micros).expect("it is positive");
    Micros::try_from(time).ok().filter(|time| *time <= LONGEST)
}

/// A regex, as far as sections have it.
#[derive(Clone, Debug)]
enum Regex {
    Text(&'static str),
    Any,
    Class(&'static [u8]),
    Many(Box<Regex>),
    Maybe(Box<Regex>),
    Either(Vec<Regex>),
    Row(Vec<Regex>),
}

impl Regex {
    /// As it is written.
    fn write(&self) -> String {
        match self {
            Regex::Text(text) => text.replace('.', "\\."),
            Regex::Any => ".".into(),
            Regex::Class(bytes) => format!("[{}]", bytes.escape_ascii()),
            Regex::Many(inner) => format!("({})*", inner.write()),
            Regex::Maybe(inner) => match &**inner {
                Regex::Text(text) if text.len() == 1 => format!("{}?", inner.write()),
                _ => format!("({})?", inner.write()),
            },
            Regex::Either(choices) => {
                let choices: Vec<String> = choices.iter().map(Regex::write).collect();
                format!("({})", choices.join("|"))
            }
            Regex::Row(parts) => parts.iter().map(Regex::write).collect(),
        }
    }

    /// The places where a match that begins at `at` may end.
    fn ends(&self, text: &[u8], at: usize) -> Vec<usize> {
        let mut ends = match self {
            Regex::Text(part) if text[at..].starts_with(part.as_bytes()) => vec![at + part.len()],
            Regex::Any if at < text.len() => vec![at + 1],
            Regex::Class(bytes) if text.get(at).is_some_and(|b| bytes.contains(b)) => vec![at + 1],
            Regex::Text(_) | Regex::Any | Regex::Class(_) => vec![],
            Regex::Many(inner) => {
                let mut ends = vec![at];
                let mut next = 0;
                while next < ends.len() {
                    for end in inner.ends(text, ends[next]) {
                        if !ends.contains(&end) {
                            ends.push(end);
                        }
                    }
                    next += 1;
                }
                ends
            }
            Regex::Maybe(inner) => [vec![at], inner.ends(text, at)].concat(),
            Regex::Either(choices) => choices.iter().flat_map(|c| c.ends(text, at)).collect(),
            Regex::Row(parts) => parts.iter().fold(vec![at], |starts, part| {
                starts
                    .iter()
                    .flat_map(|start| part.ends(text, *start))
                    .collect()
            }),
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    fn matches(&self, text: &str, anchored: bool) -> bool {
        let starts = if anchored { 0..1 } else { 0..text.len() + 1 };
        starts
            .into_iter()
            .any(|at| !self.ends(text.as_bytes(), at).is_empty())
    }
}

fn regex() -> impl Strategy<Value = Regex> {
    let texts = [
        "/srv",
        "/",
        "app",
        "/app/",
        "current",
        "c",
        "urrent",
        "rent/",
        "releases",
        "/4",
        "web",
        "/web/private",
        "private",
        ".git",
        "x",
    ];
    let leaf = prop_oneof![
        6 => select(texts.to_vec()).prop_map(Regex::Text),
        1 => Just(Regex::Any),
        1 => select(vec![&b"a-z"[..0], b"ca", b"/c", b"er"]).prop_filter("not empty", |c| !c.is_empty())
            .prop_map(Regex::Class),
    ];
    let node = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => inner.clone().prop_map(|r| Regex::Many(r.into())),
            1 => inner.clone().prop_map(|r| Regex::Maybe(r.into())),
            2 => vec(inner.clone(), 2..4).prop_map(Regex::Either),
            4 => vec(inner, 1..4).prop_map(Regex::Row),
        ]
    });
    vec(node, 1..4).prop_map(Regex::Row)
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// A regex that matches what is below the link, and not the same below the target, is about the
    /// link: with `Auto`, what it denies must not be lost.
    #[test]
    fn a_regex_that_only_the_links_name_matches_is_about_it(
        regex in regex(),
        anchored: bool,
        alternative in prop::option::of(regex()),
    ) {
        const LINK: &str = "/srv/app/current";
        let text = [if anchored { "^" } else { "" }, &regex.write()].concat();
        let text = match &alternative {
            Some(other) => format!("{text}|{}", other.write()),
            None => text,
        };
        let matches = |name: &str| {
            regex.matches(name, anchored)
                || alternative.as_ref().is_some_and(|other| other.matches(name, false))
        };
        for tail in ["", "/", "/web", "/web/private", "/web/private/x", "/x/.git"] {
            let differs = matches(&format!("{LINK}{tail}"))
                && !matches(&format!("/srv/app/releases/4{tail}"));
            if differs {
                prop_assert!(regex_is_about(text.as_bytes(), LINK.as_bytes()), "{} {}", text, tail);
            }
        }
    }
}
