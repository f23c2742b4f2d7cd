//! The command `realdoc` on a site that httpd serves; what it does to directories is tested in
//! `cli`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use testbed::{Builder, Module, Mpm, Releases, Server};

use crate::common::command;
use crate::traffic::{Answer, Traffic};

/// A site that the command has deployed once, with a release whose page is its name, twice.
/// `None`: the tests run as root, and others can exchange the directory for temporary files.
fn site(setup: &Builder, release: &str) -> Option<Releases> {
    let site = Releases::at(setup.root().join("app"));
    create(&site, release);
    let paths = [&*site.current(), &site.release(release)];
    let output = run(&["deploy", "--create"], &paths);
    let refused = String::from_utf8_lossy(&output.stderr).contains("not safe for root");
    if refused {
        eprintln!("left out: {output:?}");
        return None;
    }
    assert!(output.status.success(), "{output:?}");
    Some(site)
}

fn create(site: &Releases, release: &str) {
    const PAGE: &str = "<!--#include virtual=\"/a.txt\" --> <!--#include virtual=\"/b.txt\" -->";
    let files = [("page.shtml", PAGE), ("a.txt", release), ("b.txt", release)];
    site.create(release, &files);
}

fn serve(setup: Builder) -> Server {
    setup
        .module(Module::On)
        .load("include")
        .load("status")
        .log_level("warn")
        .root_section("Options FollowSymLinks Includes\nRequire all granted")
        .config("DocumentRoot {root}/app/current\nAddOutputFilter INCLUDES .shtml")
        .config("<Location /server-status>\nSetHandler server-status\n</Location>")
        .start()
}

fn run(arguments: &[&str], paths: &[&Path]) -> Output {
    let mut realdoc = Command::new(command());
    let realdoc = realdoc.args(arguments).args(paths).stdin(Stdio::null());
    realdoc.output().expect("the command runs")
}

#[track_caller]
fn deploy(site: &Releases, release: &str, options: &[&str]) {
    let arguments = [&["deploy"], options].concat();
    let output = run(&arguments, &[&site.current(), &site.release(release)]);
    assert!(output.status.success(), "{output:?}");
}

/// Deploys under load: every answer is of one release, of none before one that was seen already,
/// and none fails, also when old releases go.
#[test]
fn under_load() {
    const CLIENTS: usize = 8;
    const GRACE: &str = "2";

    let setup = Server::builder(Mpm::Event);
    let Some(site) = site(&setup, "0") else {
        return;
    };
    let server = serve(setup);
    let traffic = Traffic::start(server.on(1), CLIENTS, "/page.shtml");
    let mut deployed = 0;
    let first = site.release("0");
    while deployed < 10 || first.exists() {
        deployed += 1;
        assert!(deployed < 1000, "nothing is removed");
        let release = deployed.to_string();
        create(&site, &release);
        deploy(&site, &release, &["--keep", "2", "--grace", GRACE]);
        // The second of a client's next answers was asked for after this deploy.
        traffic.wait_for(2);
    }
    let outcome = traffic.finish();
    server.stop();

    assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    let seen = outcome.releases();
    let mut answers: Vec<(Answer, usize)> = Vec::new();
    for answer in outcome.answers {
        let release = answer.release.parse();
        let release = release.unwrap_or_else(|_| panic!("no release: {answer:?}"));
        answers.push((answer, release));
    }
    println!("{deployed} deploys, {} answers", answers.len());
    assert_eq!(seen, deployed + 1, "every release was seen");
    let returned = |(answer, release): &&(Answer, usize)| {
        answers
            .iter()
            .any(|(earlier, newer)| earlier.finished < answer.started && newer > release)
    };
    let returned: Vec<_> = answers.iter().filter(returned).collect();
    assert!(returned.is_empty(), "{returned:#?}");
}

/// `realdoc status` reads what the module writes, and says whether the server serves what the link
/// says.
#[test]
fn what_the_server_serves() {
    let setup = Server::builder(Mpm::Event);
    let Some(site) = site(&setup, "42") else {
        return;
    };
    create(&site, "43");
    let server = serve(setup);
    let url = format!("http://127.0.0.1:{}/server-status", server.port(1));
    let current = site.current();
    let status = || {
        let link = current.to_str().expect("it is text");
        let output = run(&["status", "--link", link, &url], &[]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    };
    for release in ["42", "43", "42"] {
        deploy(&site, release, &[]);
        let page = server.get("/page.shtml").text();
        assert_eq!(page, format!("{release} {release}"));
        let (code, said) = status();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.starts_with("REALDOC OK - 1 link"), "{said}");
        assert!(
            said.contains(&format!("  current  releases/{release}  ")),
            "{said}"
        );
    }
    server.stop();
}
