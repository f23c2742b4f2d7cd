//! When something goes wrong: a panic anywhere in the module, a child process that is killed.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use testbed::{Background, Builder, LIMIT, Module, Mpm, Releases, Server, wait_until};

use crate::common::{ENV, variable};

/// What is asked for, as (path, status): a file, a page with a subrequest, a script, a redirect to
/// the ErrorDocument.
const REQUESTS: [(&str, u16); 4] = [
    ("/a.txt", 200),
    ("/page.shtml", 200),
    ("/env.cgi", 200),
    ("/missing", 404),
];

/// How many requests httpd reads for [`REQUESTS`], with redirects.
const READ: usize = REQUESTS.len() + 1;

/// Where a panic leaves the request as it was, and how often [`REQUESTS`] come by.
const HOOKS: [(&str, usize); 1] = [("post_read_request", READ)];

/// Where a panic ends the request.
const LAST_HOOKS: [&str; 3] = ["translate_name", "map_to_storage", "fixups"];

/// A server to be that has a site in release `42`. At `place` the module panics.
fn prepare(mpm: Mpm, place: &str) -> (Builder, Releases) {
    let setup = Server::builder(mpm)
        .module(Module::TestHooks)
        .env("REALDOC_TEST_PANIC", place)
        .allow("RD01: ")
        .cgi()
        .load("include")
        .root_section("Options FollowSymLinks ExecCGI Includes\nRequire all granted")
        .config("DocumentRoot {root}/app/current/web")
        .config("AddOutputFilter INCLUDES .shtml\nErrorDocument 404 /error.txt");
    let site = Releases::at(setup.root().join("app"));
    for release in ["42", "43"] {
        let files = [
            ("web/a.txt", release),
            ("web/page.shtml", "<!--#include virtual=\"/a.txt\" -->"),
            ("web/env.cgi", ENV),
            ("web/error.txt", release),
        ];
        site.create(release, &files);
    }
    site.deploy("42");
    (setup, site)
}

/// All of [`REQUESTS`] are answered as they would be without the module.
#[track_caller]
fn assert_serves(server: &Server, release: &str) {
    for (path, status) in REQUESTS {
        // A connection that is kept would make httpd create a request before there is one.
        let response = server.request("GET", path, &[("Connection", "close")]);
        assert_eq!(response.status, status, "{path}");
        if path == "/env.cgi" {
            let docroot = variable(&response, "DOCUMENT_ROOT");
            assert_eq!(
                variable(&response, "SCRIPT_FILENAME"),
                format!("{docroot}/env.cgi")
            );
        } else {
            assert_eq!(response.text(), release, "{path}");
        }
    }
}

/// How many panics the log has, all of them in `place`; each is one line that says where.
#[track_caller]
fn panics_in(server: &Server, place: &str) -> usize {
    let panics = server.log_count("RD01: ");
    let line =
        format!("RD01: panic in {place}: asked for by REALDOC_TEST_PANIC, at src/httpd/faults.rs:");
    assert_eq!(server.log_count(&line), panics, "{}", server.error_log());
    panics
}

each_mpm!(a_panic_in_a_hook);
/// A panic in a hook of a request: the request is answered all the same, the process lives on, and
/// the log has one line.
fn a_panic_in_a_hook(mpm: Mpm) {
    for (place, times) in HOOKS {
        let (setup, site) = prepare(mpm, place);
        let server = setup.children(1).start();
        let child = server.children();
        assert_eq!(panics_in(&server, place), 0);
        assert_serves(&server, "42");
        assert_eq!(panics_in(&server, place), times, "{}", server.error_log());
        site.deploy("43");
        assert_serves(&server, "43");
        assert_eq!(
            panics_in(&server, place),
            2 * times,
            "{}",
            server.error_log()
        );
        assert_eq!(server.children(), child);
        server.stop();
    }
}

each_mpm!(a_panic_that_ends_the_request);
/// A panic while names change over to the release: nothing is served by half of them, or that the
/// link's sections could have denied.
fn a_panic_that_ends_the_request(mpm: Mpm) {
    for place in LAST_HOOKS {
        let (setup, _) = prepare(mpm, place);
        let server = setup.children(1).start();
        let child = server.children();
        for times in 1..=3 {
            assert_eq!(server.get("/index.html").status, 500, "{place}");
            assert!(panics_in(&server, place) >= times, "{}", server.error_log());
        }
        assert_eq!(server.children(), child);
        server.stop();
    }
}

each_mpm!(a_panic_where_former_releases_have_a_say);
/// The hooks that `RealdocPrevious` adds: before a request is authorized a panic ends it; where
/// httpd answers with an error it is that error.
fn a_panic_where_former_releases_have_a_say(mpm: Mpm) {
    for (place, method, status) in [
        ("post_perdir_config", "GET", 500),
        ("check_access_ex", "GET", 500),
        ("insert_error_filter", "DELETE", 405),
    ] {
        let (setup, _) = prepare(mpm, place);
        let server = setup.children(1).config("RealdocPrevious On").start();
        let child = server.children();
        assert_eq!(panics_in(&server, place), 0);
        for times in 1..=3 {
            let response = server.request(method, "/a.txt", &[("Connection", "close")]);
            assert_eq!(response.status, status, "{place}");
            assert!(panics_in(&server, place) >= times, "{}", server.error_log());
        }
        assert_eq!(server.children(), child);
        server.stop();
    }
}

/// A panic while httpd sets the module up or clears what it had: httpd starts, serves, and restarts
/// all the same.
#[test]
fn a_panic_at_the_start() {
    // A virtual host of its own configuration, so that there is something to merge.
    let host = "<VirtualHost *:{port}>\nRealdoc On\n</VirtualHost>";
    for (place, config) in [
        ("register_hooks", host),
        ("pre_config", host),
        ("create_server_config", ""),
        ("create_dir_config", ""),
        ("merge_server_config", host),
        ("post_config", host),
        ("a pool's cleanup", host),
    ] {
        let (setup, site) = prepare(Mpm::Event, place);
        let server = setup.children(1).config(config).start();
        let panics = panics_in(&server, place);
        assert!(panics > 0, "{place}");
        assert_serves(&server, "42");
        server.graceful();
        assert!(panics_in(&server, place) > panics, "{place}");
        site.deploy("43");
        assert_serves(&server, "43");
        server.stop();
    }
}

/// A panic in a directive, or before it: configtest refuses the configuration, since it cannot be
/// known what it would have meant; the running server goes on.
#[test]
fn a_panic_in_a_directive() {
    for place in ["a directive", "create_server_config"] {
        let (setup, _site) = prepare(Mpm::Event, place);
        let server = setup.start();
        server.reconfigure("Realdoc On");
        let said = server.configtest().expect_err(place).output;
        let line = format!("RD01: panic in {place}: ");
        assert!(said.contains(&line), "{said}");
        assert!(said.contains("internal error in mod_realdoc"), "{said}");
        assert_serves(&server, "42");
        server.stop();
    }
}

each_mpm!(a_killed_child);
/// A child process that is killed in the middle of its work takes no other down with it: at most
/// the requests that it had are lost, all others are answered, and every flip is seen by all, also
/// by those that take the places of the killed.
fn a_killed_child(mpm: Mpm) {
    const CLIENTS: usize = 4;
    const CHILDREN: usize = 3;
    let (setup, site) = prepare(mpm, "");
    let server = setup
        .children(CHILDREN)
        .log_level("warn realdoc:info")
        .allow("exit signal Killed (9)")
        .allow("children are killed successively")
        .start();
    let endpoint = server.on(1);
    let answers = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let answers = Arc::clone(&answers);
            Background::run(move |stop| {
                let mut lost = 0;
                while !stop.requested() {
                    match endpoint.client().get("/a.txt") {
                        Ok(answer) => {
                            assert!(["42", "43"].contains(&&*answer.text()), "{answer:?}");
                            answers.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => lost += 1,
                    }
                }
                lost
            })
        })
        .collect();
    let await_traffic = || {
        let before = answers.load(Ordering::Relaxed);
        wait_until("there is traffic", LIMIT, || {
            answers.load(Ordering::Relaxed) > before + 50
        });
    };

    let old = server.children();
    for (child, release) in old.iter().zip(["43", "42", "43"]) {
        await_traffic();
        site.deploy(release);
        let kill = Command::new("sh")
            .args(["-c", &format!("kill -KILL {child}")])
            .status();
        assert!(kill.expect("there is a shell").success());
        wait_until("it is gone", LIMIT, || !server.is_alive(*child));
        for _ in 0..10 {
            assert_eq!(server.get("/a.txt").text(), release);
        }
    }
    wait_until("they are replaced", LIMIT, || {
        server.children().len() == CHILDREN
    });
    await_traffic();
    site.deploy("42");
    for _ in 0..10 {
        assert_eq!(server.get("/a.txt").text(), "42");
    }
    let lost: usize = clients.into_iter().map(Background::finish).sum();
    assert!(lost <= CHILDREN * CLIENTS, "{lost} lost");
    server.stop();
}
