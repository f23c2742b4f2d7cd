//! One request, one release: all that httpd does for a request, it does in the release that was
//! current when it began.

use std::path::Path;
use std::time::{Duration, Instant};

use testbed::{Background, Builder, Connection, Endpoint, Module, Mpm, Releases, Response, Server};

use crate::common::{ENV, Gate, start_site, variable};

/// The parts of `page.shtml`: by what each comes about, and its URL. The first waits at the gate.
/// Each gives nothing but the name of the release that it is from.
const PARTS: [(&str, &str); 12] = [
    ("CGI script", "gate.cgi"),
    ("static file", "part.txt"),
    ("DirectoryIndex", "dir/"),
    ("MultiViews", "negotiated"),
    ("FallbackResource", "fallback/none"),
    ("RewriteRule in .htaccess", "rewritten/part"),
    ("front controller in .htaccess", "front/none"),
    ("RewriteRule in <Directory>", "by-section"),
    ("Action", "file.shown"),
    ("Action's script", "file.named"),
    ("script's Location", "moved.cgi"),
    ("script's DOCUMENT_ROOT", "root.cgi"),
];

const CONFIG: &str = "\
DocumentRoot {root}/app/current/web
AddOutputFilter INCLUDES .shtml
AddHandler shown .shown
Action shown /show.cgi
AddHandler named .named
Action named /name.cgi
";

const ROOT_SECTION: &str = "\
Options FollowSymLinks Includes ExecCGI MultiViews
AllowOverride All
Require all granted
RewriteEngine On
RewriteRule /by-section$ /part.txt
";

/// One for the request that waits, one for the others meanwhile.
const CHILDREN: usize = 2;

/// A server and its site of the releases "42" and "43".
struct Site {
    server: Server,
    releases: Releases,
    gate: Gate,
}

impl Site {
    fn start(mpm: Mpm, module: Module, config: &str) -> Self {
        Self::with_children(CHILDREN, mpm, module, config)
    }

    fn with_children(children: usize, mpm: Mpm, module: Module, config: &str) -> Self {
        let mut setup = Server::builder(mpm)
            .module(module)
            .children(children)
            .cgi()
            .load_all(&["actions", "include", "negotiation", "rewrite"])
            .root_section(ROOT_SECTION)
            .config(CONFIG)
            .config(config);
        if mpm.is_threaded() {
            setup = setup.load("http2");
        }
        let (server, releases, gate) = start_site(setup, create);
        Self {
            server,
            releases,
            gate,
        }
    }

    /// What `ask` gets if the link is flipped from 42 to 43 while it waits at the gate. All others
    /// get 43 meanwhile.
    fn across_a_flip(&self, ask: impl FnOnce(Endpoint) -> String + Send + 'static) -> String {
        self.gate.close();
        self.releases.deploy("42");
        let endpoint = self.server.on(1);
        let answer = Background::run(move |_| ask(endpoint));
        self.gate.wait_for(1);
        self.releases.deploy("43");
        assert_eq!(endpoint.get("/part.txt").text(), "43");
        assert!(!answer.is_finished());
        self.gate.open();
        answer.finish()
    }
}

fn create(_: &Builder, releases: &Releases, release: &str, gate: &Gate) {
    let script = |text: &str| format!("#!/bin/sh\n{text}\n");
    let prints = |what: &str| script(&format!("printf 'Content-Type: text/plain\\n\\n'; {what}"));
    let wait = gate.command();
    let page: String = PARTS
        .iter()
        .map(|(name, url)| format!("{name}: <!--#include virtual=\"/{url}\" -->\n"))
        .collect();
    let files = [
        ("web/page.shtml", page),
        ("web/gate.cgi", prints(&format!("{wait}; printf {release}"))),
        ("web/part.txt", release.into()),
        ("web/dir/index.html", release.into()),
        ("web/negotiated.txt", release.into()),
        (
            "web/fallback/.htaccess",
            "FallbackResource /part.txt".into(),
        ),
        (
            "web/rewritten/.htaccess",
            "RewriteEngine On\nRewriteRule ^part$ file.txt".into(),
        ),
        ("web/rewritten/file.txt", release.into()),
        (
            "web/front/.htaccess",
            "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ index.txt [L]"
                .into(),
        ),
        ("web/front/index.txt", release.into()),
        ("web/file.shown", release.into()),
        ("web/show.cgi", prints("cat \"$PATH_TRANSLATED\"")),
        ("web/file.named", String::new()),
        ("web/name.cgi", prints(&format!("printf {release}"))),
        (
            "web/moved.cgi",
            script("printf 'Location: /part.txt\\n\\n'"),
        ),
        ("web/root.cgi", prints("cat \"$DOCUMENT_ROOT/part.txt\"")),
        ("web/env.cgi", ENV.into()),
        ("web/env.shtml", "\n<!--#printenv -->".into()),
        (
            "web/late/moved.cgi",
            script(&format!("{wait}; printf 'Location: /part.txt\\n\\n'")),
        ),
        (
            "web/late/nowhere.cgi",
            script(&format!("{wait}; printf 'Location: /nowhere\\n\\n'")),
        ),
        ("web/late/broken.cgi", script(&wait)),
        ("web/error.txt", format!("error page of {release}")),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(f, text)| (*f, text.as_str())).collect();
    releases.create(release, &files);
}

/// What `page.shtml` is if its first part, at the gate, is of one release and the others of
/// another.
fn page(first: &str, others: &str) -> String {
    let releases = [first].into_iter().chain(std::iter::repeat(others));
    PARTS
        .iter()
        .zip(releases)
        .map(|((name, _), release)| format!("{name}: {release}\n"))
        .collect()
}

each_mpm!(scripts_see_the_resolved_docroot);
/// CGI's variables name the release, not the link, and agree with each other.
fn scripts_see_the_resolved_docroot(mpm: Mpm) {
    let site = Site::start(mpm, Module::On, "");
    for release in ["42", "43"] {
        site.releases.deploy(release);
        let docroot = site.releases.release(release).join("web");
        let response = site.server.get("/env.cgi/extra/info");
        assert_variables(&response, &docroot);
        assert_eq!(
            Path::new(variable(&response, "PATH_TRANSLATED")),
            docroot.join("extra/info")
        );
    }
}

each_mpm!(scripts_see_the_docroot_of_one_readlink);
/// With `UseReadlink On` they name what the first link points to, though that is a link, too.
fn scripts_see_the_docroot_of_one_readlink(mpm: Mpm) {
    let site = Site::start(mpm, Module::On, "UseReadlink On");
    site.server.allow("RD15: ");
    site.releases.flip("A", "releases/42");
    site.releases.flip("B", "releases/43");
    for link in ["A", "B"] {
        site.releases.flip("current", link);
        let docroot = site.releases.path(link).join("web");
        assert_variables(&site.server.get("/env.cgi"), &docroot);
    }
}

#[track_caller]
fn assert_variables(response: &Response, docroot: &Path) {
    let path = |name| Path::new(variable(response, name));
    assert_eq!(path("DOCUMENT_ROOT"), docroot);
    assert_eq!(path("CONTEXT_DOCUMENT_ROOT"), docroot);
    assert_eq!(path("SCRIPT_FILENAME"), docroot.join("env.cgi"));
}

each_mpm!(a_page_of_many_parts_is_of_one_release);
/// An SSI page and all that it includes, by whatever means, stay in one release.
fn a_page_of_many_parts_is_of_one_release(mpm: Mpm) {
    let get = |module| {
        let site = Site::start(mpm, module, "");
        site.across_a_flip(|endpoint| endpoint.get("/page.shtml").text())
    };
    assert_eq!(get(Module::On), page("42", "42"));
    assert_eq!(get(Module::Off), page("42", "43"), "the control");
}

each_mpm!(redirects_and_error_pages_stay_in_the_release);
/// Where a script leads to, after a while, is of the script's release: by its Location, and to an
/// ErrorDocument.
fn redirects_and_error_pages_stay_in_the_release(mpm: Mpm) {
    let check = |module, release: &str| {
        let config = "ErrorDocument 404 /error.txt\nErrorDocument 500 /error.txt";
        let site = Site::start(mpm, module, config);
        site.server.allow("End of script output before headers");
        let get = |path: &'static str| site.across_a_flip(|endpoint| endpoint.get(path).text());
        let error = format!("error page of {release}");
        assert_eq!(get("/late/moved.cgi"), release);
        assert_eq!(get("/late/nowhere.cgi"), error);
        assert_eq!(get("/late/broken.cgi"), error);
    };
    check(Module::On, "42");
    // The control.
    check(Module::Off, "43");
}

/// Requests that httpd answers with 400 before any module has seen them.
const MALFORMED: [&str; 2] = [
    "GET / HTTP/1.1\r\nHost: no host\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
];

/// Requests that it does not even read to the end. No script can answer these: it would be given
/// the rest as its body.
const BROKEN_OFF: [&str; 2] = [
    "GET / HTTP/1.1 or so\r\nHost: localhost\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\nno header\r\n\r\n",
];

each_mpm!(a_malformed_request_gets_its_error_page_of_one_release);
/// A request that dies before its hooks runs in the release that is current when its ErrorDocument
/// begins.
fn a_malformed_request_gets_its_error_page_of_one_release(mpm: Mpm) {
    let check = |module, others| {
        let site = Site::start(mpm, module, "ErrorDocument 400 /page.shtml");
        for request in MALFORMED {
            let answer = site.across_a_flip(move |endpoint| endpoint.send(request.as_bytes()));
            assert!(answer.starts_with("HTTP/1.1 400"), "{request}{answer}");
            assert!(answer.ends_with(&page("42", others)), "{request}{answer}");
        }
    };
    check(Module::On, "42");
    // The control.
    check(Module::Off, "43");
}

each_mpm!(a_malformed_requests_error_page_sees_the_resolved_docroot);
/// What runs as its ErrorDocument, a script or an SSI page, has the variables of that release.
fn a_malformed_requests_error_page_sees_the_resolved_docroot(mpm: Mpm) {
    let check = |error_document: &str, requests: &[&str]| {
        let config = format!("ErrorDocument 400 /{error_document}");
        let site = Site::start(mpm, Module::On, &config);
        for release in ["42", "43"] {
            site.releases.deploy(release);
            let docroot = site.releases.release(release).join("web");
            let file = docroot.join(error_document);
            for request in requests {
                let answer = site.server.on(1).send(request.as_bytes());
                for (name, path) in [("DOCUMENT_ROOT", &docroot), ("SCRIPT_FILENAME", &file)] {
                    let line = format!("\n{name}={}\n", path.display());
                    assert!(answer.contains(&line), "{request}{answer}");
                }
            }
        }
    };
    check("env.cgi", &MALFORMED);
    check("env.shtml", &[MALFORMED, BROKEN_OFF].concat());
}

each_mpm!(an_open_connection_sees_a_flip_at_its_next_request);
/// With `RealpathEvery 0`, the default, and whichever process has the connection.
fn an_open_connection_sees_a_flip_at_its_next_request(mpm: Mpm) {
    let site = Site::start(mpm, Module::On, "");
    // Prefork has a process for each of its connections.
    let count = if mpm.is_threaded() { 12 } else { CHILDREN };
    let mut connections: Vec<Connection> = (0..count).map(|_| site.server.connect()).collect();
    let flips = ["42", "43", "42", "43"];
    for release in flips {
        site.releases.deploy(release);
        let docroot = site.releases.release(release).join("web");
        for connection in &mut connections {
            assert_variables(&connection.get("/env.cgi").unwrap(), &docroot);
        }
    }
    for connection in connections {
        assert_eq!(connection.responses(), flips.len());
    }
}

each_mpm!(between_two_checks_nobody_looks_at_the_link);
/// With `RealpathEvery 1h` a process that has looked goes on with what it has seen.
fn between_two_checks_nobody_looks_at_the_link(mpm: Mpm) {
    let site = Site::with_children(1, mpm, Module::On, "RealpathEvery 1h");
    assert_eq!(site.server.get("/part.txt").text(), "42");
    site.releases.deploy("43");
    for _ in 0..5 {
        assert_eq!(site.server.get("/part.txt").text(), "42");
    }
    assert_eq!(site.server.log_count("RD10"), 1);
}

each_mpm!(a_flip_is_seen_when_the_interval_is_over);
/// With `RealpathEvery 300ms` a flip is seen 300 ms after the last check, and checks are no more
/// frequent.
fn a_flip_is_seen_when_the_interval_is_over(mpm: Mpm) {
    const INTERVAL: Duration = Duration::from_millis(300);
    let site = Site::with_children(1, mpm, Module::On, "RealpathEvery 300ms");
    let mut connection = site.server.connect();
    let mut get = || connection.get("/part.txt").unwrap();

    let start = Instant::now();
    assert_eq!(get().text(), "42");
    for release in ["43", "42"] {
        site.releases.deploy(release);
        let flipped = Instant::now();
        loop {
            let response = get();
            if response.text() == release {
                break;
            }
            let age = response.started - flipped;
            assert!(age < INTERVAL, "{age:?} after the flip, still the old one");
        }
    }
    let intervals = start.elapsed().as_millis() / INTERVAL.as_millis();
    let checks = site.server.log_count("RD10") as u128;
    assert!(
        checks <= intervals + 1,
        "{checks} checks in {intervals} intervals"
    );
}

each_mpm!(streams_of_one_connection_keep_to_their_releases on worker, event);
/// HTTP/2: streams that run side by side on one connection are each of the release that was current
/// when it began.
fn streams_of_one_connection_keep_to_their_releases(mpm: Mpm) {
    let answers = |module| {
        let site = Site::start(mpm, module, "Protocols h2c http/1.1");
        let connection = site.server.connect_h2();
        let flips = ["42", "43", "42", "43"];
        let streams: Vec<Background<String>> = (1..)
            .zip(flips)
            .map(|(n, release)| {
                site.releases.deploy(release);
                let late = connection.clone();
                let stream = Background::run(move |_| late.get("/late/moved.cgi").unwrap().text());
                site.gate.wait_for(n);
                for response in connection.get_all(&["/part.txt", "/root.cgi", "/dir/"]) {
                    assert_eq!(response.unwrap().text(), release);
                }
                stream
            })
            .collect();
        site.gate.open();
        streams
            .into_iter()
            .map(Background::finish)
            .collect::<Vec<_>>()
    };
    assert_eq!(answers(Module::On), ["42", "43", "42", "43"]);
    assert_eq!(answers(Module::Off), ["43"; 4], "the control");
}
