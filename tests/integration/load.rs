//! Under load: many clients, and deploys without a pause.

use std::thread::sleep;
use std::time::Duration;

use testbed::{Module, Mpm, Releases, Server};

use crate::traffic::{Deploys, Outcome, Traffic};

/// A page of four parts. Each is the name of its release.
const PAGE: &str = "\
    <!--#include virtual=\"/a.txt\" --> <!--#include virtual=\"/dir/\" --> \
    <!--#include virtual=\"/dir/b.txt\" --> <!--#include virtual=\"/a.txt\" -->";

/// The same with a script.
const PAGE_WITH_SCRIPT: &str = "\
    <!--#include virtual=\"/a.txt\" --> <!--#include virtual=\"/script.cgi\" --> \
    <!--#include virtual=\"/dir/\" --> <!--#include virtual=\"/dir/b.txt\" -->";

/// Prints its own release, the one that is found in DOCUMENT_ROOT, and with the module the one that
/// DOCUMENT_ROOT names.
const SCRIPT: &str = "#!/bin/sh\n\
    printf 'Content-Type: text/plain\\n\\n'\n\
    read found <\"$DOCUMENT_ROOT/a.txt\"\n\
    named=${DOCUMENT_ROOT##*/}\n\
    printf 'OWN %s %s' \"$found\" \"${named#current}\"\n";

each_mpm!(no_response_is_mixed_or_outdated);
/// Clients that ask all the time, against a flip every 20 ms: each response is of one release, and
/// never of an older one than had been sent before.
fn no_response_is_mixed_or_outdated(mpm: Mpm) {
    assert_eq!(wrong_responses(mpm, Module::On, 250), 0);
    assert!(wrong_responses(mpm, Module::Off, 25) > 0, "the control");
}

fn wrong_responses(mpm: Mpm, module: Module, flips: usize) -> usize {
    const PAUSE: Duration = Duration::from_millis(20);
    // Prefork needs a process for each.
    let clients = if mpm.is_threaded() { 32 } else { 8 };

    let setup = Server::builder(mpm).module(module).cgi().load("include");
    let site = Releases::at(setup.root().join("app"));
    let releases: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    for release in &releases {
        create(&site, release);
    }
    let mut deploys = Deploys::of(&site);
    deploys.deploy("0");
    let server = setup
        .log_level("warn")
        .root_section("Options FollowSymLinks Includes ExecCGI\nRequire all granted")
        .config("DocumentRoot {root}/app/current\nAddOutputFilter INCLUDES .shtml")
        .start();

    let pages = ["/page.shtml", "/script.shtml"];
    let traffic = pages.map(|page| Traffic::start(server.on(1), clients / pages.len(), page));
    let mut next = releases.iter().cycle().skip(1);
    for release in next.by_ref().take(flips) {
        deploys.deploy(release);
        sleep(PAUSE);
    }
    // However slow the machine is: each release is seen, and each client meets a flip.
    for release in next.take(releases.len()) {
        deploys.deploy(release);
        traffic.iter().for_each(|traffic| traffic.wait_for(2));
    }
    let mut all = Outcome::default();
    for outcome in traffic.map(Traffic::finish) {
        all.answers.extend(outcome.answers);
        all.errors.extend(outcome.errors);
    }
    server.stop();

    assert!(all.errors.is_empty(), "{:?}", all.errors);
    let wrong = deploys.wrong(&all.answers);
    println!(
        "{mpm}, {module:?}: {flips} flips, {} responses, {} wrong",
        all.answers.len(),
        wrong.len()
    );
    if module == Module::On {
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(all.releases(), releases.len(), "every release was seen");
    }
    wrong.len()
}

fn create(site: &Releases, release: &str) {
    // The script reads a line.
    let line = format!("{release}\n");
    let script = SCRIPT.replace("OWN", release);
    let files = [
        ("page.shtml", PAGE),
        ("script.shtml", PAGE_WITH_SCRIPT),
        ("a.txt", &line),
        ("dir/index.html", release),
        ("dir/b.txt", release),
        ("script.cgi", &script),
    ];
    site.create(release, &files);
}
