//! Where the random run began: cases that prototypes of the module got wrong. Each says what httpd
//! without the module answers, and, as a control, what `RealdocSections Target` serves although
//! httpd refuses it by the link's name.

use testbed::Mpm;

use super::case::{Ask, Case, Part, Reference, Sections, content, is_root};
use super::compare::compare;

/// What httpd answers: a URL, the status and the file whose content shows, if any.
type Expected = (&'static str, u16, Option<&'static str>);

/// The docroot `app/current/web`; `links` lead there.
fn site(links: &[(&str, &str)], parts: Vec<Part>) -> Case {
    let own = |text: &&str| (*text).to_owned();
    Case {
        seed: None,
        sections: Sections::Link,
        reference: Reference::ByLink,
        links: links
            .iter()
            .map(|(link, to)| (own(link), own(to)))
            .collect(),
        use_readlink: false,
        docroot: "app/current/web".into(),
        parts,
        requests: Vec::new(),
    }
}

fn file(path: &str) -> Part {
    Part::File {
        path: path.into(),
        text: content(path),
    }
}

fn directory(name: &str, lines: &str) -> Part {
    section(
        format!("<Directory \"{{top}}/{name}\">"),
        "</Directory>",
        lines,
    )
}

fn directory_match(regex: &str, lines: &str) -> Part {
    section(
        format!("<DirectoryMatch \"^{{top}}/{regex}\">"),
        "</DirectoryMatch>",
        lines,
    )
}

fn section(open: String, close: &'static str, lines: &str) -> Part {
    Part::Section {
        main: false,
        open,
        close,
        lines: vec![lines.into()],
    }
}

fn alias(directive: &str, path: &str) -> Part {
    Part::Mapping {
        before: format!("{directive} \""),
        path: path.into(),
        after: "\"".into(),
    }
}

fn owner(path: &str, uid: u32) -> Part {
    Part::Owner {
        path: path.into(),
        uid,
    }
}

/// Link mode answers as httpd without the module, that is as `expected`. Target mode gives `lost`,
/// which httpd refuses by the link's name.
fn check(mut case: Case, expected: &[Expected], lost: &[&str]) {
    case.requests = expected.iter().map(|(url, _, _)| Ask::get(url)).collect();
    let mut control = case.clone();
    control.sections = Sections::Target;
    let outcome = compare(Mpm::Event, &[case.clone(), control]);

    for (answer, (url, status, file)) in outcome.stock[0].iter().zip(expected) {
        let shown: Vec<&str> = file.iter().copied().collect();
        assert_eq!(
            (answer.status, answer.files()),
            (*status, shown),
            "{url} of\n{case}{answer}"
        );
    }
    let (kept, control): (Vec<_>, Vec<_>) = outcome
        .differences
        .into_iter()
        .partition(|difference| difference.case == 0);
    if let Some(difference) = kept.first() {
        panic!("{} of\n{case}{difference}", expected[difference.request].0);
    }
    let wider = control.iter().filter(|difference| difference.is_wider());
    let mut served: Vec<&str> = wider
        .map(|difference| expected[difference.request].0)
        .collect();
    served.sort_unstable();
    assert_eq!(served, lost, "the control, in Target mode");
}

const PAGE: &str = "app/releases/42/web/f.txt";
const SECRET: &str = "app/releases/42/web/private/f.txt";
const RELEASE: [(&str, &str); 1] = [("app/current", "releases/42")];
const FOREIGN: [(&str, &str); 1] = [("app/current", "../store/42")];

#[test]
fn a_restriction_on_the_application_beside_a_grant_on_its_releases() {
    let parts = vec![
        file(PAGE),
        directory("app", "Require all denied"),
        directory("app/releases", "Require all granted"),
    ];
    check(site(&RELEASE, parts), &[("/f.txt", 403, None)], &["/f.txt"]);
}

#[test]
fn a_regex_that_grants_all_but_a_private_directory() {
    let parts = vec![
        file(PAGE),
        file(SECRET),
        directory("", "Require all denied"),
        directory_match("app/(?!current/web/private)", "Require all granted"),
    ];
    let expected = [("/f.txt", 200, Some(PAGE)), ("/private/f.txt", 403, None)];
    check(site(&RELEASE, parts), &expected, &["/private/f.txt"]);
}

#[test]
fn a_restriction_on_an_ancestor_that_the_target_does_not_have() {
    let parts = vec![
        file("store/42/web/f.txt"),
        directory("app", "Require all denied"),
    ];
    check(site(&FOREIGN, parts), &[("/f.txt", 403, None)], &["/f.txt"]);
}

#[test]
fn an_htaccess_file_in_an_ancestor_that_the_target_does_not_have() {
    let parts = vec![
        file("store/42/web/f.txt"),
        directory("app", "AllowOverride All"),
        Part::Htaccess {
            dir: "app".into(),
            lines: vec!["Require all denied".into()],
        },
    ];
    check(site(&FOREIGN, parts), &[("/f.txt", 403, None)], &["/f.txt"]);
}

/// The same file under two names: what the link's name grants does not count for the other. (Target
/// mode knows only one of them, which is refused: no control.)
#[test]
fn aliases_and_rewrites_into_the_releases_by_real_name() {
    let parts = vec![
        file(PAGE),
        directory("app/releases", "Require all denied"),
        directory("app/current", "Require all granted"),
        alias("Alias /link", "app/current/web"),
        alias("Alias /alias", "app/releases/42/web"),
        alias("AliasMatch ^/match/(.*)$", "app/releases/42/web/$1"),
        alias(
            "RewriteEngine On\nRewriteRule ^/rewritten/(.*)$",
            "app/releases/42/web/$1",
        ),
    ];
    let expected = [
        ("/f.txt", 200, Some(PAGE)),
        ("/link/f.txt", 200, Some(PAGE)),
        ("/alias/f.txt", 403, None),
        ("/match/f.txt", 403, None),
        ("/rewritten/f.txt", 403, None),
    ];
    check(site(&RELEASE, parts), &expected, &[]);
}

/// The page is in the directory that asks for a password, and is shown without asking for it.
#[test]
fn an_error_page_in_a_directory_protected_by_a_regex() {
    const REFUSAL: &str = "app/releases/42/web/refusal.txt";
    let parts = vec![
        file(PAGE),
        file(REFUSAL),
        directory_match(
            "app/current/web",
            "Require valid-user\nErrorDocument 401 /refusal.txt",
        ),
    ];
    check(
        site(&RELEASE, parts),
        &[("/f.txt", 401, Some(REFUSAL))],
        &["/f.txt"],
    );
}

const ATTACKER: u32 = 1;
const VICTIM: u32 = 2;

/// `current` leads to a release, and `web` in it to the victim's directory. Whoever made which of
/// them: without root's rights nothing can be given away, and httpd allows all.
fn owned_site(current: u32, release: u32, web: u32, expected: [Expected; 1], lost: &[&str]) {
    let links = [
        ("app/current", "releases/42"),
        ("app/current/web", "{top}/victim"),
    ];
    let parts = vec![
        file("victim/f.txt"),
        directory("", "Options SymLinksIfOwnerMatch"),
        owner("victim", VICTIM),
        owner("victim/f.txt", VICTIM),
        owner("app/current", current),
        owner("app/releases/42", release),
        owner("app/releases/42/web", web),
    ];
    let (expected, lost) = if is_root() {
        (expected, lost)
    } else {
        (OWNED_ALLOWED, &[][..])
    };
    check(site(&links, parts), &expected, lost);
}

const OWNED_ALLOWED: [Expected; 1] = [("/f.txt", 200, Some("victim/f.txt"))];
const OWNED_REFUSED: [Expected; 1] = [("/f.txt", 403, None)];

#[test]
fn a_link_of_its_targets_owner_and_in_it_a_link_of_the_victim() {
    owned_site(ATTACKER, ATTACKER, VICTIM, OWNED_ALLOWED, &[]);
}

#[test]
fn a_link_to_the_victims_target_with_a_link_of_the_victim() {
    owned_site(ATTACKER, VICTIM, VICTIM, OWNED_REFUSED, &["/f.txt"]);
}

#[test]
fn a_link_of_its_targets_owner_and_in_it_a_link_to_the_victim() {
    owned_site(ATTACKER, ATTACKER, ATTACKER, OWNED_REFUSED, &["/f.txt"]);
}

#[test]
fn a_link_to_a_link_of_the_victim() {
    let links = [("app/current", "next"), ("app/next", "releases/42")];
    let parts = vec![
        file(PAGE),
        directory("", "Options SymLinksIfOwnerMatch"),
        owner("app/current", ATTACKER),
        owner("app/next", VICTIM),
        owner("app/releases/42", VICTIM),
    ];
    let refused = [("/f.txt", 403, None)];
    let allowed = [("/f.txt", 200, Some(PAGE))];
    if is_root() {
        check(site(&links, parts), &refused, &["/f.txt"]);
    } else {
        check(site(&links, parts), &allowed, &[]);
    }
}

#[test]
fn a_rule_behind_a_further_link_that_names_its_file_in_a_denied_directory() {
    let link = "app/current/web/in";
    let rule = "RewriteEngine On\nRewriteRule f\\.txt$ {top}/app/current/web/pub/f.txt [L]";
    let mut case = site(
        &RELEASE,
        vec![
            file("app/releases/42/web/pub/f.txt"),
            Part::Symlink {
                path: "app/releases/42/web/in".into(),
                to: "pub".into(),
            },
            Part::Link(link.into()),
            directory("app/current/web", "Require all granted"),
            directory("app/current/web/pub", "Require all denied"),
            directory(link, rule),
        ],
    );
    case.requests = vec![Ask::get("/in/f.txt")];
    let outcome = compare(Mpm::Event, &[case]);
    assert_eq!(outcome.stock[0][0].status, 403);
    if let Some(difference) = outcome.differences.first() {
        panic!("{difference}");
    }
}
