//! Which release served this? The note `realdoc-root` for log formats, and `DOCUMENT_ROOT` in a
//! header.

use testbed::{Builder, LIMIT, Module, Mpm, Releases, Server, wait_until};

use crate::common::Gate;

/// What an access log line has: the path, of a directory its index's, the status, the note.
const LOG: &str = "LogFormat \"%<U %>s %{realdoc-root}n\" root\nCustomLog logs/roots root";

/// A server with the releases "42" and "43" of `app`, "42" deployed.
fn site(setup: &Builder) -> Releases {
    let site = Releases::at(setup.root().join("app"));
    for release in ["42", "43"] {
        site.create(
            release,
            &[
                ("web/index.html", release),
                ("web/error.html", release),
                (
                    "web/moved.cgi",
                    "#!/bin/sh\nprintf 'Location: /part.html\\n\\n'\n",
                ),
                ("web/part.html", release),
                ("web/dir/index.html", release),
                ("shared/part.html", release),
            ],
        );
    }
    site.deploy("42");
    site
}

/// The lines of the access log, without the directory's name, once there are so many.
fn logged(server: &Server, count: usize) -> Vec<String> {
    let root = server.root().to_str().expect("it is text");
    let read = || std::fs::read_to_string(server.root().join("logs/roots")).unwrap_or_default();
    wait_until("the requests are logged", LIMIT, || {
        read().lines().count() >= count
    });
    read()
        .lines()
        .map(|line| line.replace(root, "ROOT"))
        .collect()
}

/// Asks on one connection, so that the log is in this order.
fn ask(server: &Server, requests: &[(&str, &str)]) {
    let mut connection = server.connect();
    for (host, path) in requests {
        let answer = connection.request("GET", path, &[("Host", host)]);
        answer.unwrap_or_else(|error| panic!("{host}{path}: {error}"));
    }
}

/// It is there for all kinds of answers, and only where the docroot leads through a link.
#[test]
fn names_the_resolved_docroot() {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .children(1)
        .cgi();
    let site = site(&setup);
    let server = setup
        .load("alias")
        .load("vhost_alias")
        .root_section("Options FollowSymLinks ExecCGI\nRequire all granted")
        .config(
            "ErrorDocument 404 /error.html\n\
             DocumentRoot {root}/app/current/web\n\
             Alias /shared/ {root}/app/current/shared/",
        )
        .config(LOG)
        .config(
            "<VirtualHost *:{port}>\nServerName site\n</VirtualHost>\n\
             <VirtualHost *:{port}>\nServerName slash\nDocumentRoot {root}/app/current/web/\n</VirtualHost>\n\
             <VirtualHost *:{port}>\nServerName off\nRealdoc Off\n</VirtualHost>\n\
             <VirtualHost *:{port}>\nServerName plain\nDocumentRoot {root}/app/releases/42/web\n</VirtualHost>\n\
             <VirtualHost *:{port}>\nServerName mass\nServerAlias current\nUseCanonicalName Off\n\
             VirtualDocumentRoot {root}/app/%0/web\n</VirtualHost>",
        )
        .start();
    let requests = [
        ("site", "/part.html"),
        ("site", "/"),
        ("site", "/dir/"),
        ("site", "/dir"),
        ("site", "/none"),
        ("site", "/moved.cgi"),
        ("site", "/shared/part.html"),
        ("slash", "/part.html"),
        ("current", "/part.html"),
        ("off", "/part.html"),
        ("plain", "/part.html"),
    ];
    ask(&server, &requests);
    let lines = logged(&server, requests.len());
    assert_eq!(
        lines,
        [
            "/part.html 200 ROOT/app/releases/42/web",
            "/index.html 200 ROOT/app/releases/42/web",
            "/dir/index.html 200 ROOT/app/releases/42/web",
            "/dir 301 ROOT/app/releases/42/web",
            "/none 404 ROOT/app/releases/42/web",
            "/moved.cgi 200 ROOT/app/releases/42/web",
            "/shared/part.html 200 ROOT/app/releases/42/web",
            "/part.html 200 ROOT/app/releases/42/web/",
            "/part.html 200 ROOT/app/releases/42/web",
            "/part.html 200 -",
            "/part.html 200 -",
        ]
    );
    site.deploy("43");
    ask(&server, &[("site", "/part.html")]);
    let lines = logged(&server, requests.len() + 1);
    assert_eq!(
        lines[requests.len()],
        "/part.html 200 ROOT/app/releases/43/web"
    );
    server.stop();
}

/// A request that is healed names the release that it was healed to; one that lost its link names
/// none.
#[test]
fn follows_a_request_that_is_healed() {
    let setup = Server::builder(Mpm::Event).module(Module::On).children(1);
    let site = site(&setup);
    let server = setup
        .config("DocumentRoot {root}/app/current/web\nRealpathEvery 1h")
        .config(LOG)
        .start();
    ask(&server, &[("site", "/part.html")]);
    site.deploy("43");
    site.remove("42");
    ask(&server, &[("site", "/part.html")]);
    std::fs::rename(site.release("43"), site.path("real")).expect("it can be renamed");
    site.break_link("current");
    std::fs::rename(site.path("real"), site.current()).expect("it can be renamed");
    ask(&server, &[("site", "/part.html")]);
    assert_eq!(
        logged(&server, 3),
        [
            "/part.html 200 ROOT/app/releases/42/web",
            "/part.html 200 ROOT/app/releases/43/web",
            "/part.html 200 -",
        ]
    );
    server.stop();
}

/// A request that runs across a flip is logged with the release that it ran in, whatever its parts
/// do.
#[test]
fn names_the_release_of_a_request_that_runs_across_a_flip() {
    let setup = Server::builder(Mpm::Event).module(Module::On).cgi();
    let gate = Gate::at(setup.root());
    let site = site(&setup);
    for release in ["42", "43"] {
        let script = format!(
            "#!/bin/sh\n{}; printf 'Location: /part.html\\n\\n'\n",
            gate.command()
        );
        let page = "<!--#include virtual=\"/slow.cgi\" --><!--#include virtual=\"/part.html\" -->";
        site.create(
            release,
            &[("web/slow.cgi", &script), ("web/page.shtml", page)],
        );
    }
    let server = setup
        .load("include")
        .root_section("Options FollowSymLinks ExecCGI Includes\nRequire all granted")
        .config("AddOutputFilter INCLUDES .shtml\nDocumentRoot {root}/app/current/web")
        .config(LOG)
        .start();
    let endpoint = server.on(1);
    for (n, path) in ["/slow.cgi", "/page.shtml"].into_iter().enumerate() {
        site.deploy("42");
        gate.hold(move || endpoint.get(path), || site.deploy("43"));
        let expected = format!("{path} 200 ROOT/app/releases/42/web");
        assert_eq!(logged(&server, n + 1)[n], expected);
    }
    server.stop();
}

/// The recipe of the documentation.
#[test]
fn a_header_by_an_expression_names_it_too() {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .load("headers");
    let site = site(&setup);
    let server = setup
        .config(
            "DocumentRoot {root}/app/current/web\nErrorDocument 404 /error.html\n\
             Header always set X-Release \"expr=%{DOCUMENT_ROOT}\"",
        )
        .start();
    for release in ["42", "43"] {
        site.deploy(release);
        let root = site.release(release).join("web");
        for path in ["/", "/part.html", "/none"] {
            let answer = server.get(path);
            assert_eq!(answer.header("X-Release"), root.to_str(), "{path}");
        }
    }
    server.stop();
}
