//! The server restarts, stops and lives long, under load and flips.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use testbed::{Background, Builder, ClientError, LIMIT, Module, Mpm, Releases, Server, wait_until};

use crate::traffic::{Deploys, Outcome, Traffic};

const CLIENTS: usize = 4;

/// A site whose page consists of two parts, each of which names its release.
fn site(setup: &Builder) -> Releases {
    let site = Releases::at(setup.root().join("app"));
    for name in ["42", "43"] {
        let page = format!("{name} <!--#include virtual=\"part.html\" -->");
        site.create(name, &[("web/page.shtml", &page), ("web/part.html", name)]);
    }
    site
}

fn prepare(mpm: Mpm) -> Builder {
    Server::builder(mpm)
        .module(Module::On)
        .children(if mpm.is_threaded() { 2 } else { CLIENTS })
        .load("include")
        .config(
            "DocumentRoot {root}/app/current/web\n\
             <Directory {root}/app/releases>\n\
             Options +Includes\nAddOutputFilter INCLUDES .shtml\n\
             </Directory>",
        )
}

/// Deploys again and again until stopped.
fn flip(mut deploys: Deploys) -> Background<Deploys> {
    Background::run(move |stop| {
        while !stop.requested() {
            for release in ["43", "42"] {
                deploys.deploy(release);
                thread::sleep(Duration::from_millis(15));
            }
        }
        deploys
    })
}

/// Lets clients ask and releases flip before `event` happens to the server, meanwhile, and after it
/// if the server is still there; gives what the clients got, of which no answer is wrong.
fn under_load(server: &Server, site: &Releases, event: impl FnOnce()) -> Outcome {
    let mut deploys = Deploys::of(site);
    deploys.deploy("42");
    let flipper = flip(deploys);
    let traffic = Traffic::start(server.on(1), CLIENTS, "/page.shtml");
    traffic.wait_for(50);
    event();
    if server.exit_status().is_none() {
        traffic.wait_for(50);
    }
    let outcome = traffic.finish();
    let wrong = flipper.finish().wrong(&outcome.answers);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(outcome.releases(), 2);
    outcome
}

each_mpm!(restarts);
/// A graceful restart breaks no request, and a restart only the connections: no answer is wrong.
fn restarts(mpm: Mpm) {
    let setup = prepare(mpm);
    let site = site(&setup);
    site.deploy("42");
    let server = setup.start();
    let graceful = under_load(&server, &site, || server.graceful());
    assert!(graceful.errors.is_empty(), "{:?}", graceful.errors);
    let restart = under_load(&server, &site, || server.restart());
    restart.only_connections_broke();
    server.stop();
}

each_mpm!(ends);
/// Stopped at once (TERM) or gracefully (WINCH), the server exits cleanly and no answer is wrong;
/// gracefully, no request is broken off either.
fn ends(mpm: Mpm) {
    let ended = |stop: fn(&Server)| {
        let setup = prepare(mpm);
        let site = site(&setup);
        site.deploy("42");
        let server = setup.start();
        let outcome = under_load(&server, &site, || stop(&server));
        server.stop();
        outcome.only_connections_broke();
        outcome
    };
    ended(|server| assert!(server.terminate().success()));
    let graceful = ended(|server| assert!(server.graceful_stop().success()));
    let broken = |error: &&ClientError| matches!(error, ClientError::Failed(_));
    assert_eq!(
        graceful.errors.iter().find(broken).map(ToString::to_string),
        None
    );
}

each_mpm!(a_bad_configuration_changes_nothing);
/// `apachectl graceful` with a configuration that httpd refuses, for a directive of ours: the
/// server goes on, and goes on following flips. With the configuration repaired it restarts.
fn a_bad_configuration_changes_nothing(mpm: Mpm) {
    const GOOD: &str = "DocumentRoot {root}/app/current/web";
    let setup = Server::builder(mpm)
        .module(Module::On)
        .children(2)
        .config(GOOD);
    let site = site(&setup);
    site.deploy("42");
    let server = setup.start();
    let old = server.children();
    assert_eq!(server.get("/part.html").text(), "42");

    server.reconfigure(&format!("{GOOD}\nRealpathEvery sometimes"));
    let error = server.apachectl("graceful").unwrap_err();
    assert!(error.output.contains("RealpathEvery"), "{error}");
    for release in ["43", "42", "43"] {
        site.deploy(release);
        assert_eq!(server.get("/part.html").text(), release);
    }
    assert_eq!(server.children(), old);

    server.reconfigure(GOOD);
    server.apachectl("graceful").unwrap();
    wait_until("the new generation serves", LIMIT, || {
        let new = server.children();
        new.len() == old.len() && new.iter().all(|pid| !old.contains(pid))
    });
    site.deploy("42");
    assert_eq!(server.get("/part.html").text(), "42");
    server.stop();
}

each_mpm!(flips_cost_no_memory);
/// Ten thousand flips, each of them seen, leave a child's memory where it was.
fn flips_cost_no_memory(mpm: Mpm) {
    const WARM_UP: usize = 1_000;
    const FLIPS: usize = 10_000;
    // Less than 30 bytes a flip.
    const TOLERANCE: u64 = 256 * 1024;

    let setup = Server::builder(mpm)
        .module(Module::On)
        .children(1)
        .threads(2)
        .log_level("warn")
        .config("DocumentRoot {root}/app/current/web");
    let site = site(&setup);
    site.deploy("42");
    let server = setup.start();
    let child = server.children()[0];
    let mut stream = TcpStream::connect(server.on(1).address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut answer = [0; 1024];
    // Without a client's comfort, which would cost more time than the server.
    let mut ask = || {
        stream
            .write_all(b"GET /part.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    let mut flip = |count| {
        for release in ["43", "42"].into_iter().cycle().take(count) {
            site.deploy(release);
            let answer = ask();
            assert!(answer.ends_with(&format!("\r\n\r\n{release}")), "{answer}");
        }
        server.rss(child)
    };
    let before = flip(WARM_UP);
    let after = flip(FLIPS);
    assert!(
        after < before + TOLERANCE,
        "{before} bytes have become {after}"
    );
    server.stop();
}
