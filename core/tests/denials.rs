//! Denials by mod_rewrite that a release gets around, and the regexes in them.

mod common;

use common::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use realdoc_core::denials::{Denials, directives};
use realdoc_core::regex::Regex;

const LINK: &[u8] = b"/srv/app/current";

/// The lines of `text` whose rules no longer deny, in `directory`.
fn lost(text: &str, directory: Option<&str>) -> Vec<usize> {
    let mut denials = Denials::new(LINK, None, directory.map(str::as_bytes));
    directives(text.as_bytes())
        .filter(|(_, name, args)| denials.read(name, args))
        .map(|(line, ..)| line)
        .collect()
}

fn is_lost(rule: &str, directory: Option<&str>) -> bool {
    !lost(rule, directory).is_empty()
}

#[test]
fn rules_that_name_the_link_are_lost() {
    for rule in [
        "RewriteRule ^current/private/ - [F]",
        "RewriteRule ^current/web/private - [R=404,L]",
        "RewriteRule current/private - [NC,F]",
        "RewriteRule \"^cur[^/]+/web/a file\" - [G]",
        "RewriteRule ^[^/]+/private/ - [forbidden]",
        "RewriteRule !^releases/ - [F]",
        "rewriterule ^(.*)current/(.*)$ - [F]",
        "RewriteRule ^(?i)CURRENT/ - [F]",
        // What cannot be told is warned of.
        "RewriteRule ^(?!releases/) - [F]",
        r"RewriteRule ^(.)\1 - [F]",
    ] {
        assert!(is_lost(rule, Some("/srv/app")), "{rule}");
    }
    assert!(is_lost(
        "RewriteRule ^app/current/private/ - [F]",
        Some("/srv/")
    ));
    assert!(is_lost("RewriteRule /current/private/ - [F]", None));
    assert!(is_lost(
        "RewriteRule ^/srv/app/current/private/ - [F]",
        None
    ));
}

#[test]
fn rules_that_match_by_either_name_are_not_lost() {
    for rule in [
        "RewriteRule ^ - [F]",
        "RewriteRule .* - [F]",
        "RewriteRule ^(.*)$ - [F]",
        r"RewriteRule (^|/)\.git - [F]",
        r"RewriteRule /\.(?!well-known/) - [F]",
        r"RewriteRule \.(bak|sql|inc)$ - [F,NC]",
        "RewriteRule /private/ - [F]",
        "RewriteRule ^.*/private/ - [F]",
        "RewriteRule ^(current|releases/[0-9]{14})/private/ - [F]",
        "RewriteRule ^(current|releases/[^/]+)/private/ - [F]",
        // For another directory, or not at all, by the link's name.
        "RewriteRule ^shared/private/ - [F]",
        "RewriteRule ^releases/ - [F]",
        "RewriteRule !/public/ - [F]",
        // They do not deny.
        "RewriteRule ^current/private/ /login [R=302]",
        "RewriteRule ^current/private/ -",
        "RewriteEngine Off\nRewriteRule ^current/private/ - [F]",
    ] {
        assert!(!is_lost(rule, Some("/srv/app")), "{rule}");
    }
    assert!(!is_lost(
        "RewriteRule ^private/ - [F]",
        Some("/srv/app/current")
    ));
}

#[test]
fn conditions_on_a_path_count() {
    let rule = |condition: &str| format!("RewriteCond {condition}\nRewriteRule ^ - [F]");
    for condition in [
        "%{REQUEST_FILENAME} ^/srv/app/current/private/",
        "%{SCRIPT_FILENAME} /current/private/ [NC]",
        "\"x %{REQUEST_FILENAME}\" \"^x /srv/app/current/\"",
        "%{REQUEST_FILENAME} =/srv/app/current/private/index.html",
        "%{DOCUMENT_ROOT} /current/",
        "%{REQUEST_FILENAME} !^/srv/app/releases/",
    ] {
        assert_eq!(lost(&rule(condition), Some(LINK_DIR)), [2], "{condition}");
    }
    for condition in [
        "%{REQUEST_FILENAME} -f",
        "%{REQUEST_FILENAME} !-d",
        r"%{REQUEST_FILENAME} \.php$",
        "%{REQUEST_URI} ^/current/",
        "%{HTTP_HOST} current",
        "%{REQUEST_FILENAME} !^/srv/app/current/",
    ] {
        assert!(!is_lost(&rule(condition), Some(LINK_DIR)), "{condition}");
    }
    // A condition is for the next rule only.
    let text = rule("%{REQUEST_FILENAME} /current/x") + "\n\n  RewriteRule ^ - [F]";
    assert_eq!(lost(&text, Some(LINK_DIR)), [2]);
}

const LINK_DIR: &str = "/srv/app/current";

#[test]
fn a_known_release_is_what_counts() {
    let text = b"^(current|releases/[0-9]+)/private/ - [F]";
    for (release, is_lost) in [
        ("/srv/app/releases/42", false),
        ("/srv/app/releases/x", true),
    ] {
        let mut denials = Denials::new(LINK, Some(release.as_bytes()), Some(b"/srv/app"));
        assert_eq!(denials.read(b"RewriteRule", text), is_lost, "{release}");
    }
    // Below no directory of the rule's, the whole path is what it sees.
    let mut denials = Denials::new(LINK, Some(b"/data/42"), Some(b"/srv/app"));
    assert!(denials.read(b"RewriteRule", b"^[^/]+/private - [F]"));
}

#[test]
fn lines_are_continued() {
    let text = "# RewriteRule ^current/ - [F]\n\n\
                RewriteRule \\\n  ^current/ \\\r\n - [F]\n<Files x>\n\
                RewriteRule ^current/a\\ b - [F]\n</Files>";
    assert_eq!(lost(text, Some("/srv/app")), [3, 7]);
}

/// Pieces of regexes.
fn pattern() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a", "b", "/", ".", "^", "$", "[^/]", "[ab]", "\\.", "\\w", "(?:a|/b)", "(a|b|)", "(^|/)",
        "(?:ab)",
    ]);
    let count = select(vec![
        "", "", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?",
    ]);
    let part = (piece, count).prop_map(|(piece, count)| {
        // Repeated assertions are PCRE's own business.
        if matches!(piece, "^" | "$" | "(^|/)") {
            piece.to_owned()
        } else {
            format!("{piece}{count}")
        }
    });
    let sequence = vec(part, 0..5).prop_map(|parts| parts.concat());
    vec(sequence, 1..3).prop_map(|alternatives| alternatives.join("|"))
}

/// All texts of up to `len` of these characters.
fn texts(len: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut from = 0;
    for _ in 0..len {
        let end = texts.len();
        for at in from..end {
            for letter in ["a", "b", "/", ".", "B"] {
                texts.push(format!("{}{letter}", texts[at]));
            }
        }
        from = end;
    }
    texts
}

proptest! {
    #![proptest_config(cases(256))]

    /// What is said to match behind another beginning too does so, whatever follows.
    #[test]
    fn what_is_within_matches_too(
        pattern in pattern(),
        ignore_case: bool,
        one in "[ab/.]{0,4}",
        other in "[ab/.]{0,4}",
    ) {
        let regex = Regex::parse(pattern.as_bytes(), ignore_case).expect("it is of the known part");
        let mut oracle = regex::bytes::RegexBuilder::new(&pattern);
        let oracle = oracle.case_insensitive(ignore_case).unicode(false).build();
        let oracle = oracle.expect("it is a regex");
        let (here, there) = (regex.after(one.as_bytes()), regex.after(other.as_bytes()));
        prop_assert!(here.is_within(&here));
        if here.is_within(&there) {
            for text in texts(3) {
                let [here, there] = [&one, &other].map(|beginning| {
                    oracle.is_match(format!("{beginning}{text}").as_bytes())
                });
                prop_assert!(!here || there, "{pattern:?}: {one:?} {other:?} {text:?}");
            }
        }
    }

    /// A difference is found only where there may be one: a regex of letters alone is told exactly.
    #[test]
    fn literals_are_told_exactly(text in "[ab/]{1,6}", one in "[ab/]{0,4}", other in "[ab/]{0,4}") {
        let regex = Regex::parse(format!("^{text}").as_bytes(), false).expect("it is a regex");
        let matches = |beginning: &str| {
            text.starts_with(beginning) || beginning.starts_with(&text)
        };
        let is_within = !matches(&one)
            || other.starts_with(&text)
            || one == other && !one.starts_with(&text);
        let (here, there) = (regex.after(one.as_bytes()), regex.after(other.as_bytes()));
        prop_assert_eq!(here.is_within(&there), is_within);
    }

    /// No text makes a panic.
    #[test]
    fn any_text_is_read(
        name in select(vec!["RewriteRule", "RewriteCond", "RewriteEngine", "x"]),
        args: Vec<u8>,
    ) {
        let mut denials = Denials::new(LINK, None, None);
        denials.read(name.as_bytes(), &args);
        let _ = Regex::parse(&args, true);
        directives(&args).count();
    }

    /// Nor any regex.
    #[test]
    fn any_regex_is_read(text in vec(select(&b"(|)[]^-\\{2,3}?*+ab:=!<i"[..]), 0..30)) {
        let _ = Regex::parse(&text, false);
        Denials::new(LINK, None, None).read(b"RewriteRule", &[&text[..], b" - [F]"].concat());
    }
}

#[test]
fn large_regexes_are_given_up() {
    let nested = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
    for pattern in [
        nested.as_str(),
        "(a{1000}){1000}",
        "((a{0,300}){0,300}){0,300}",
        &"a|".repeat(100_000),
    ] {
        assert!(
            Regex::parse(pattern.as_bytes(), false).is_none(),
            "{}",
            pattern.len()
        );
    }
    for pattern in ["(){65535}", "(){18446744073709551615,}", "a{99999}", "a{,}"] {
        assert!(
            Regex::parse(pattern.as_bytes(), false).is_some(),
            "{pattern}"
        );
    }
}
