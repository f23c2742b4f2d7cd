//! The same requests to stock httpd and to mod_realdoc, on one tree, with one configuration that
//! holds about everything that sections and paths can say. What the module answers is what stock
//! answers: by the links' names with `RealdocSections Link`, by the real paths with
//! `RealdocSections Target`.
//!
//! The site is in the folder `differential`: `tree.txt`, `site.conf` and `requests.txt`, and for
//! mod_php, where it is, `php.conf` and `php-requests.txt`.

mod answer;
mod difference;
mod requests;
mod tree;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use testbed::{Module, Mpm, Server};

use answer::{Answer, Normal};
use difference::{Difference, Kind, compare, report};
use requests::Request;

const SITE: &str = include_str!("differential/site.conf");
const SITE_WITH_PHP: &str = include_str!("differential/php.conf");
const REQUESTS: &str = include_str!("differential/requests.txt");
const REQUESTS_WITH_PHP: &str = include_str!("differential/php-requests.txt");

/// As distributions have it: nothing is granted, so that every grant that is lost shows.
const ROOT_SECTION: &str = "Options FollowSymLinks\nAllowOverride None\nRequire all denied";

const MODULES: [&str; 16] = [
    "access_compat",
    "actions",
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_user",
    "autoindex",
    "dav",
    "dav_fs",
    "headers",
    "include",
    "lua",
    "negotiation",
    "rewrite",
    "speling",
];

/// What is logged at warning or worse when something is refused, and by the module for sections of
/// the target's name.
const REFUSALS: [&str; 19] = [
    "[access_compat:error]",
    "[auth_basic:error]",
    "[authz_core:error]",
    "[autoindex:error]",
    "[cgi:error]",
    "[cgid:error]",
    "[core:alert]",
    "[include:",
    "[negotiation:error]",
    "[rewrite:error]",
    "AH00032:",
    "AH00037:",
    "AH00135:",
    "AH02295:",
    "AH10244:",
    "not found or unable to stat",
    "RD06:",
    "RD20:",
    "RD27:",
];

/// How often stock httpd has to answer so by the links' names, or the requests do not show what
/// they are for.
const SPREAD: [(u16, usize); 12] = [
    (200, 150),
    (206, 4),
    (301, 15),
    (302, 3),
    (304, 5),
    (401, 25),
    (403, 80),
    (404, 50),
    (405, 2),
    (412, 2),
    (416, 1),
    (500, 3),
];

/// How much, at least, the original module serves that stock httpd refuses by the links' names.
const WIDER_IN_CONTROL: usize = 20;

/// By which names the document roots and aliases lead to the releases.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Links,
    Real,
}

each_mpm!(everything_is_answered_as_by_stock_httpd);
/// Status, headers and body, in both modes.
fn everything_is_answered_as_by_stock_httpd(mpm: Mpm) {
    let home = Server::builder(mpm);
    let site = home.root().join("site");
    tree::plant(&site);
    let requests = requests(mpm, &site);

    let ask = |names, module, mode| {
        let server = start(mpm, &site, names, module, mode);
        let answers = answers(&server, &site, &requests);
        server.stop();
        answers
    };
    let [by_links, by_real_paths, link_mode, target_mode] = thread::scope(|scope| {
        [
            (Names::Links, Module::Off, ""),
            (Names::Real, Module::Off, ""),
            (Names::Links, Module::On, "RealdocSections Link"),
            (Names::Links, Module::On, "RealdocSections Target"),
        ]
        .map(|(names, module, mode)| scope.spawn(move || ask(names, module, mode)))
        .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });

    assert_spread(&by_links);
    let link_mode_differs = compare(&requests, &by_links, &link_mode);
    let mut target_mode_differs = compare(&requests, &by_real_paths, &target_mode);
    // docs/limitations.md: a rule that takes the link's name from a variable does not find the
    // document root.
    target_mode_differs.retain(|difference| {
        difference.kind == Kind::Wider || !difference.request.path.starts_with("/by-variable/")
    });
    assert!(
        link_mode_differs.is_empty() && target_mode_differs.is_empty(),
        "{}{}",
        report("RealdocSections Link", &requests, &link_mode_differs),
        report("RealdocSections Target", &requests, &target_mode_differs),
    );

    // The controls. The sections of the target's name alone, as with the original module, serve
    // what is protected by the link's name; and each mode is found out by the other's reference.
    let control = compare(&requests, &by_links, &target_mode);
    let is_wider = |difference: &&Difference<'_>| difference.kind == Kind::Wider;
    assert!(control.iter().filter(is_wider).count() >= WIDER_IN_CONTROL);
    assert!(!compare(&requests, &by_real_paths, &link_mode).is_empty());
}

/// Starts a server on the site.
fn start(mpm: Mpm, site: &Path, names: Names, module: Module, mode: &str) -> Server {
    let mut setup = Server::builder(mpm)
        .module(module)
        .children(1)
        .threads(4)
        .cgi()
        .root_section(ROOT_SECTION)
        .config(mode)
        .config(&config(mpm, site, names));
    setup = setup.load_all(&MODULES);
    if has_php(mpm) {
        setup = setup.load("php");
    }
    for refusal in REFUSALS {
        setup = setup.allow(refusal);
    }
    setup.start()
}

/// mod_php is for prefork only.
fn has_php(mpm: Mpm) -> bool {
    !mpm.is_threaded()
}

fn requests(mpm: Mpm, site: &Path) -> Vec<Request> {
    let mut requests = Request::all(REQUESTS, site);
    if has_php(mpm) {
        requests.extend(Request::all(REQUESTS_WITH_PHP, site));
    }
    requests
}

fn answers(server: &Server, site: &Path, requests: &[Request]) -> Vec<Answer> {
    let texts = [SITE, SITE_WITH_PHP];
    let paths: Vec<&str> = texts.into_iter().flat_map(paths).collect();
    let normal = Normal::of(server, site, &paths);
    let mut client = server.client();
    requests
        .iter()
        .map(|request| normal.answer(&request.send(&mut client)))
        .collect()
}

/// The paths that a configuration's document roots and aliases lead to.
fn paths(text: &str) -> Vec<&str> {
    text.split("{path:")
        .skip(1)
        .map(|rest| rest.split_once('}').expect("it is closed").0)
        .collect()
}

/// The configuration, with these names of paths.
fn config(mpm: Mpm, site: &Path, names: Names) -> String {
    let mut text = SITE.to_owned();
    if has_php(mpm) {
        text += SITE_WITH_PHP;
    }
    for path in paths(&text.clone()) {
        let link = site.join(path);
        let name = match names {
            Names::Links => link,
            Names::Real => link.canonicalize().expect("it exists"),
        };
        text = text.replace(&format!("{{path:{path}}}"), &name.display().to_string());
    }
    text.replace("{site}", &site.display().to_string())
}

/// Fails unless the requests have all sorts of answers.
fn assert_spread(answers: &[Answer]) {
    let mut spread: BTreeMap<u16, usize> = BTreeMap::new();
    for answer in answers {
        *spread.entry(answer.status).or_default() += 1;
    }
    for (status, count) in SPREAD {
        assert!(spread.get(&status) >= Some(&count), "{status}: {spread:?}");
    }
    println!("answers of stock httpd by the links' names, by status: {spread:?}");
}
