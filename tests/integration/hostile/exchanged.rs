//! Links that are exchanged as fast as can be, or that belong to another.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use testbed::{Background, LIMIT, Module, Mpm, Releases, Server};

use super::{ANOTHER, SECRET, is_root};

/// Exchanges a link as fast as it can until it is told to stop; counts how often it did.
fn exchange(
    link: PathBuf,
    others: Vec<(&'static str, Option<u32>)>,
    count: Arc<AtomicUsize>,
) -> Background {
    Background::run(move |stop| {
        let new = link.with_extension("new");
        for (target, owner) in others.iter().cycle() {
            if stop.requested() {
                break;
            }
            symlink(target, &new)
                .and_then(|()| lchown(&new, *owner, None))
                .and_then(|()| fs::rename(&new, &link))
                .expect("the directory is ours");
            count.fetch_add(1, Relaxed);
        }
    })
}

/// The answers, with their number, to requests for a file behind a link that is exchanged;
/// `above_all` is in force everywhere.
fn behind_exchanged_link(
    above_all: &str,
    others: Vec<(&'static str, Option<u32>)>,
) -> BTreeMap<(u16, String), usize> {
    // So many, and as many exchanges, and more until each of the targets was met.
    const REQUESTS: usize = 2_000;
    let targets = others.len();

    let setup = Server::builder(Mpm::Event).module(Module::On).children(1);
    let site = Releases::at(setup.root().join("app"));
    for (release, text) in [("ours", "ours"), ("theirs", "theirs"), ("fortress", SECRET)] {
        site.create(release, &[("web/file.txt", text)]);
    }
    site.deploy("ours");
    let another = others.iter().find_map(|(_, owner)| *owner);
    for path in ["theirs", "theirs/web"] {
        lchown(site.release(path), another, None).expect("who may not does not");
    }
    let server = setup
        .root_section(&format!("{above_all}\nRequire all granted"))
        .config("DocumentRoot {root}/app/current/web")
        .log_level("warn realdoc:warn")
        .allow("RD20:")
        .allow("RD16:")
        .start();
    let children = server.children();
    let exchanges = Arc::new(AtomicUsize::new(0));
    let exchange = exchange(site.current(), others, Arc::clone(&exchanges));
    let mut connection = server.connect();
    let mut answers = BTreeMap::new();
    let mut requests = 0;
    let start = Instant::now();
    loop {
        let met = answers.keys().filter(|(status, _)| *status != 503).count();
        let enough = requests >= REQUESTS && exchanges.load(Relaxed) >= REQUESTS;
        if enough && (met >= targets || start.elapsed() > LIMIT) || exchange.is_finished() {
            break;
        }
        requests += 1;
        let response = connection.get("/file.txt").expect("the server answers");
        let text = match response.status {
            200 => response.text(),
            // Overtaken all the time. httpd closes the connection then.
            503 => {
                connection = server.connect();
                String::new()
            }
            _ => String::new(),
        };
        *answers.entry((response.status, text)).or_default() += 1;
    }
    exchange.finish();
    assert_eq!(server.children(), children);
    server.stop();
    println!("{} exchanges: {answers:?}", exchanges.load(Relaxed));
    answers
}

/// Thousands of exchanges a second: each answer is the whole file of one of the releases. (Where
/// .htaccess files are read, a request is sure of them only if the link stood still for as long as
/// it took: it starts anew else, and some are given up.)
#[test]
fn a_link_that_never_stands_still_leads_to_a_release() {
    let others = vec![("releases/ours", None), ("releases/theirs", None)];
    let above_all = "Options FollowSymLinks\nAllowOverride None";
    let answers = behind_exchanged_link(above_all, others);
    let expected = ["ours", "theirs"].map(|text| (200, text.to_owned()));
    assert!(answers.keys().eq(&expected), "{answers:?}");
}

/// Under `SymLinksIfOwnerMatch` a link that one owner makes does not lead to another's files,
/// however fast it is exchanged for one of theirs. .htaccess files are read: how many requests are
/// given up, 503, goes by the machine.
#[test]
fn a_link_that_two_owners_exchange_leads_nobody_to_the_others_files() {
    if !is_root() {
        println!("only root can give files away");
        return;
    }
    let others = vec![
        ("releases/ours", None),
        ("releases/theirs", Some(ANOTHER)),
        ("releases/fortress", Some(ANOTHER)),
    ];
    let answers = behind_exchanged_link("Options SymLinksIfOwnerMatch\nAllowOverride All", others);
    let has = |status, text: &str| answers.contains_key(&(status, text.to_owned()));
    assert!(
        has(200, "ours") && has(200, "theirs") && has(403, ""),
        "the control: {answers:?}"
    );
    assert!(!has(200, SECRET), "{answers:?}");
}

/// The same where a process has seen where the other's link leads, and does not look again.
#[test]
fn a_link_of_another_owner_does_not_vouch_for_what_was_seen() {
    if !is_root() {
        println!("only root can give files away");
        return;
    }
    let setup = Server::builder(Mpm::Event).module(Module::On).children(1);
    let site = Releases::at(setup.root().join("app"));
    site.create("ours", &[("web/file.txt", "ours")]);
    site.create("fortress", &[("web/file.txt", SECRET)]);
    site.deploy("fortress");
    lchown(site.current(), Some(ANOTHER), None).expect("root gives away what it wants");
    let server = setup
        .root_section("Options SymLinksIfOwnerMatch\nRequire all granted")
        .config("DocumentRoot {root}/app/current/web\nRealpathEvery 1h")
        .allow("RD20:")
        .start();
    assert_eq!(server.get("/file.txt").status, 403, "the control");
    site.deploy("ours");
    assert_ne!(server.get("/file.txt").text(), SECRET);
    server.stop();
}
