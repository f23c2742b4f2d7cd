//! Pages of releases that have been left ask for their files, while others are deployed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

use testbed::{Background, Client, Module, Mpm, Releases, Server};

use super::amount;

/// Releases that are left before the load, and that are flipped between meanwhile: together as many
/// as a link's history has.
const LEFT: usize = 8;
const FLIPPED: usize = 8;

const BETWEEN_FLIPS: Duration = Duration::from_millis(20);
const CLIENTS: usize = 6;

/// What a page of release `n` asks for, and whether it gets that when the release has been left.
fn urls(n: usize) -> [(String, bool); 6] {
    [
        (format!("/assets/chunk-{n:02}x3f2aB9.js"), true),
        (format!("/gone-{n}/style.{n:02}4f5e6d7c.css"), true),
        (format!("/assets/denied-{n:02}x3f2aB9.js"), false),
        (format!("/assets/plain-{}.js", letter(n)), false),
        (format!("/page-{n:02}x3f2aB9.html"), false),
        (format!("/assets/run-{n:02}x3f2aB9.cgi"), false),
    ]
}

/// A name without a hash has no digit.
fn letter(n: usize) -> char {
    char::from(b'a' + u8::try_from(n).expect("there are few"))
}

fn create(site: &Releases, n: usize) {
    let name = n.to_string();
    let text = format!("{n}\n");
    site.create(&name, &[("web/index.html", &text)]);
    for (url, _) in urls(n) {
        site.create(&name, &[(&format!("web{url}"), &format!("file {n}\n"))]);
    }
    let denies = "<Files denied-*>\nRequire all denied\n</Files>";
    site.create(&name, &[("web/assets/.htaccess", denies)]);
}

each_mpm!(pages_of_left_releases_keep_their_files);
/// Each chunk that is asked for is that of its release and no other; no code, no page and no file
/// without a hash comes from a release that has been left; a child's memory stays as it is.
fn pages_of_left_releases_keep_their_files(mpm: Mpm) {
    let setup = Server::builder(mpm)
        .module(Module::On)
        .load("rewrite")
        .cgi()
        .children(1)
        .threads(CLIENTS + 2)
        .log_level("crit")
        .root_section("Options FollowSymLinks ExecCGI\nAllowOverride All\nRequire all granted")
        .config("DocumentRoot {root}/app/current/web\nRealdocPrevious 1h 16");
    let site = Releases::at(setup.root().join("app"));
    for n in 0..LEFT + FLIPPED {
        create(&site, n);
    }
    site.deploy("0");
    let server = setup.start();
    for n in 0..LEFT + FLIPPED {
        site.deploy(&n.to_string());
        assert_eq!(server.get("/").text(), format!("{n}\n"));
    }
    let child = server.children();
    let warm_up = run(&server, &site, 2_000);
    assert!(warm_up.is_empty(), "{warm_up:#?}");
    let before = server.rss(child[0]);
    let requests = amount(17_000, 1_000_000);
    let wrong = run(&server, &site, requests);
    let after = server.rss(child[0]);
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{mpm}: {requests} requests under flips: {before} bytes before, {after} after");
    // The heaps of the threads, and less than a byte a request.
    let tolerance = 4 * 1024 * 1024 + requests as u64 / 2;
    assert!(mpm == Mpm::Prefork || after <= before + tolerance);
    server.stop();
}

/// What is wrong with the answers to so many requests.
fn run(server: &Server, site: &Releases, requests: usize) -> Vec<String> {
    let left = Arc::new(AtomicUsize::new(requests));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|first| {
            let (left, client) = (Arc::clone(&left), server.client());
            Background::run(move |_| ask_all(client, first, &left))
        })
        .collect();
    let mut flips = 0;
    while clients.iter().any(|client| !client.is_finished()) {
        sleep(BETWEEN_FLIPS);
        flips += 1;
        site.deploy(&(LEFT + flips % FLIPPED).to_string());
    }
    clients.into_iter().flat_map(Background::finish).collect()
}

fn ask_all(mut client: Client, first: usize, left: &AtomicUsize) -> Vec<String> {
    let mut wrong = Vec::new();
    let all: Vec<_> = (0..LEFT + FLIPPED)
        .flat_map(|n| urls(n).map(|url| (n, url)))
        .collect();
    for (n, (url, is_kept)) in all.iter().cycle().skip(first * 13) {
        if left
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .is_err()
        {
            break;
        }
        let answer = match client.get(url) {
            Ok(answer) => answer,
            Err(error) => {
                wrong.push(format!("{url}: {error:?}"));
                continue;
            }
        };
        let is_own = answer.status == 200 && answer.text() == format!("file {n}\n");
        let is_refused = answer.status >= 400 && !answer.text().contains("file");
        let is_right = match (*n < LEFT, is_kept) {
            (true, true) => is_own,
            (true, false) => is_refused,
            // It may be the current release, and it may become that while the request is on its
            // way.
            (false, _) => is_own || is_refused,
        };
        if !is_right {
            wrong.push(format!("{url}: {} {:?}", answer.status, answer.text()));
        }
    }
    wrong
}
