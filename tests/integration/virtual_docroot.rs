//! mod_vhost_alias: a docroot that is made of the Host header has its link resolved for each
//! request.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;

use testbed::{Builder, Endpoint, LIMIT, Module, Mpm, Releases, Response, Server};

use crate::common::{ENV, Gate, SSI_CGI, variable};

const CONFIG: &str = "\
UseCanonicalName Off
VirtualDocumentRoot {root}/hosts/%0/current/web
VirtualScriptAlias {root}/hosts/%0/current/cgi
AddOutputFilter INCLUDES .shtml
ErrorDocument 404 /error.txt
";

/// The hosts that there are.
const HOSTS: [&str; 2] = ["one.example", "two.example"];

/// The parts of `page.shtml`, of which the first waits at the gate.
const PARTS: [&str; 6] = [
    "/gate.cgi",
    "/part.txt",
    "/dir/",
    "/rewritten/part",
    "/cgi-bin/name.cgi",
    "/nowhere.cgi",
];

/// A server and the sites of [`HOSTS`], each with the releases "42" and "43".
struct Hosts {
    server: Server,
    sites: [Releases; 2],
    gate: Gate,
}

impl Hosts {
    fn start(module: Module) -> Self {
        Self::start_with(module, "")
    }

    fn start_with(module: Module, config: &str) -> Self {
        let setup = load(Server::builder(Mpm::Event).module(module).children(2).cgi());
        let gate = Gate::at(setup.root());
        let sites = HOSTS.map(|host| site(&setup, host, &gate));
        let server = setup
            .root_section(SSI_CGI)
            .config(CONFIG)
            .config(config)
            .start();
        Self {
            server,
            sites,
            gate,
        }
    }
}

fn load(setup: Builder) -> Builder {
    setup.load("vhost_alias").load("include").load("rewrite")
}

fn site(setup: &Builder, host: &str, gate: &Gate) -> Releases {
    let site = Releases::at(setup.root().join("hosts").join(host));
    let prints =
        |what: &str| format!("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; {what}\n");
    let page: String = PARTS
        .iter()
        .map(|url| format!("<!--#include virtual=\"{url}\" -->\n"))
        .collect();
    for release in ["42", "43"] {
        let name = format!("{host} {release}");
        let gate_script = prints(&format!("{}; printf '{name}'", gate.command()));
        let files = [
            ("web/page.shtml", page.as_str()),
            ("web/gate.cgi", &gate_script),
            ("web/part.txt", &name),
            ("web/error.txt", &name),
            ("web/dir/index.html", &name),
            (
                "web/rewritten/.htaccess",
                "RewriteEngine On\nRewriteRule ^part$ file.txt",
            ),
            ("web/rewritten/file.txt", &name),
            (
                "web/nowhere.cgi",
                "#!/bin/sh\nprintf 'Location: /nowhere\\n\\n'\n",
            ),
            ("web/env.cgi", ENV),
            ("cgi/env.cgi", ENV),
            ("cgi/name.cgi", &prints(&format!("printf '{name}'"))),
        ];
        site.create(release, &files);
    }
    site.deploy("42");
    site
}

fn ask(endpoint: Endpoint, host: &str, path: &str) -> Response {
    endpoint.request("GET", path, &[("Host", host)])
}

/// Files, scripts' variables and VirtualScriptAlias, also after one of them is deployed; upper case
/// is the same host.
#[test]
fn each_host_has_its_release() {
    let hosts = Hosts::start(Module::On);
    let check = |host: &str, site: &Releases, release: &str| {
        let get = |path| ask(hosts.server.on(1), host, path);
        let name = format!("{} {release}", host.to_lowercase());
        assert_eq!(get("/part.txt").text(), name);
        assert_eq!(get("/cgi-bin/name.cgi").text(), name);
        let error = get("/nowhere");
        assert_eq!((error.status, error.text()), (404, name));
        for (url, dir) in [("/env.cgi", "web"), ("/cgi-bin/env.cgi", "cgi")] {
            let response = get(url);
            let path = |name| Path::new(variable(&response, name));
            let dir = site.release(release).join(dir);
            assert_eq!(path("DOCUMENT_ROOT"), dir);
            assert_eq!(path("CONTEXT_DOCUMENT_ROOT"), dir);
            assert_eq!(path("SCRIPT_FILENAME"), dir.join("env.cgi"));
        }
    };
    let [one, two] = &hosts.sites;
    check("one.example", one, "42");
    check("two.example", two, "42");
    two.deploy("43");
    check("one.example", one, "42");
    check("two.example", two, "43");
    one.deploy("43");
    check("ONE.example", one, "43");
}

/// As for a DocumentRoot: what a page includes after its host's link was flipped is of the release
/// in which it began.
#[test]
fn a_page_of_many_parts_is_of_one_release() {
    let get = |module| {
        let hosts = Hosts::start(module);
        let endpoint = hosts.server.on(1);
        hosts.gate.hold(
            move || ask(endpoint, "one.example", "/page.shtml").text(),
            || {
                hosts.sites[0].deploy("43");
                let other = ask(endpoint, "one.example", "/part.txt");
                assert_eq!(other.text(), "one.example 43");
            },
        )
    };
    let page = |others: &str| {
        let others = format!("one.example {others}\n").repeat(PARTS.len() - 1);
        format!("one.example 42\n{others}")
    };
    assert_eq!(get(Module::Off), page("43"), "the control");
    assert_eq!(get(Module::On), page("42"));
}

/// Hosts that are none of ours, and what else a client may send.
const HOSTILE: [&str; 22] = [
    "unknown.example",
    "",
    ".",
    "..",
    "...",
    "....",
    "../..",
    "../../app",
    "one.example/../two.example",
    "one.example/current/..",
    "%2e%2e",
    "%2e%2e%2ftwo.example",
    "one.example.",
    "one.example:80",
    "one.example:99999",
    "*",
    "[::1]",
    "127.0.0.1",
    "one.example\0.org",
    "one\\example",
    "one.example one",
    "link.example",
];

/// All of them are answered as without the module.
#[test]
fn hostile_hosts_are_answered_as_without_the_module() {
    let answers = |module| {
        // Else httpd refuses most of them at once.
        let hosts = Hosts::start_with(module, "HttpProtocolOptions Unsafe");
        // A link as the host's own directory leads where stock httpd lets it lead.
        symlink(
            "one.example",
            hosts.server.root().join("hosts/link.example"),
        )
        .unwrap();
        // A name that is too long for the kernel, a path above the root, a script that is not
        // there.
        for error in ["AH00036: ", "RD22: ", "AH00127: ", "AH10244: ", "AH01264: "] {
            hosts.server.allow(error);
        }
        let long = format!("{}.example", "x".repeat(300));
        let longer = "x.".repeat(3000);
        HOSTILE
            .iter()
            .copied()
            .chain([long.as_str(), &longer])
            .flat_map(|host| {
                ["/part.txt", "/../part.txt", "/", "/cgi-bin/name.cgi"].map(|path| (host, path))
            })
            .map(|(host, path)| {
                let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
                let answer = hosts.server.on(1).send(request.as_bytes());
                let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
                let status = answer.lines().next().unwrap_or_default();
                format!("{host:.40} {path}: {status}\n{}", body.unwrap_or_default())
            })
            .collect::<Vec<String>>()
    };
    let stock = answers(Module::Off);
    let served = stock
        .iter()
        .filter(|answer| answer.contains(" 200 "))
        .count();
    assert!(served > 0, "the control: {stock:#?}");
    for (answer, stock) in answers(Module::On).iter().zip(&stock) {
        assert_eq!(answer, stock);
    }
}

/// As a broken link of a DocumentRoot: the host is answered as without the module, the others do
/// not notice; and it cannot fill the log.
#[test]
fn a_broken_host_is_no_other_hosts_problem() {
    let run = |module| {
        let hosts = Hosts::start(module);
        hosts.server.allow("AH00037: ");
        hosts.server.allow("/hosts/one.example/current");
        hosts.sites[0].flip("current", "current");
        let mut answers = Vec::new();
        for release in ["42", "43"].repeat(5) {
            hosts.sites[1].deploy(release);
            let status = |host| ask(hosts.server.on(1), host, "/part.txt").status;
            answers.push((status("one.example"), status("unknown.example")));
            let other = ask(hosts.server.on(1), "two.example", "/part.txt");
            assert_eq!(other.text(), format!("two.example {release}"));
        }
        hosts.sites[0].deploy("43");
        let repaired = ask(hosts.server.on(1), "one.example", "/part.txt");
        assert_eq!(repaired.text(), "one.example 43");
        assert!(
            hosts.server.log_count("[realdoc:error]") <= 2,
            "{}",
            hosts.server.error_log()
        );
        answers
    };
    assert_eq!(run(Module::On), run(Module::Off));
}

/// Ten thousand hosts that there are, and ten thousand that there are not, leave a child's memory
/// where it was.
#[test]
fn what_clients_send_as_host_is_not_kept() {
    const WARM_UP: usize = 3_000;
    const NAMES: usize = 10_000;
    // A thread's stack may grow in one round; what is kept grows in each.
    const ROUNDS: usize = 3;
    // Half of what their names alone would take.
    const TOLERANCE: u64 = (2 * NAMES * "0123456789.example".len() / 2) as u64;

    let setup = load(Server::builder(Mpm::Event).module(Module::On).children(1));
    let app = Releases::at(setup.root().join("app"));
    app.create("42", &[("web/part.txt", "42")]);
    app.deploy("42");
    std::fs::create_dir(setup.root().join("hosts")).unwrap();
    for n in 0..WARM_UP + ROUNDS * NAMES {
        symlink(
            "../app",
            setup.root().join(format!("hosts/{n:010}.example")),
        )
        .unwrap();
    }
    let server = setup
        .log_level("crit")
        .config("UseCanonicalName Off\nVirtualDocumentRoot {root}/hosts/%0/current/web")
        .start();
    let child = server.children()[0];
    let stream = TcpStream::connect(server.on(1).address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();

    let ask = |numbers: std::ops::Range<usize>| {
        ask_as(&stream, numbers.clone(), "example", "200 OK");
        ask_as(&stream, numbers, "unknown", "404 Not Found");
    };
    ask(0..WARM_UP);
    let mut sizes = vec![server.rss(child)];
    let is_flat = |sizes: &[u64]| sizes.windows(2).any(|pair| pair[1] <= pair[0] + TOLERANCE);
    for round in 0..ROUNDS {
        let first = WARM_UP + round * NAMES;
        ask(first..first + NAMES);
        sizes.push(server.rss(child));
        if is_flat(&sizes) {
            break;
        }
    }
    assert_eq!(server.children(), [child]);
    assert!(is_flat(&sizes), "bytes after each round: {sizes:?}");
}

/// Sends a request as each of these hosts on one connection, many at a time.
fn ask_as(stream: &TcpStream, numbers: std::ops::Range<usize>, domain: &str, status: &str) {
    const AT_A_TIME: usize = 100;
    let mut lines = BufReader::new(stream).lines();
    for first in numbers.clone().step_by(AT_A_TIME) {
        let batch = first..numbers.end.min(first + AT_A_TIME);
        let requests: String = batch
            .clone()
            .map(|n| format!("HEAD /part.txt HTTP/1.1\r\nHost: {n:010}.{domain}\r\n\r\n"))
            .collect();
        (&*stream).write_all(requests.as_bytes()).unwrap();
        for _ in batch {
            let line = lines.next().expect("the server answers").unwrap();
            assert_eq!(line, format!("HTTP/1.1 {status}"));
            // The rest of the head.
            lines
                .by_ref()
                .find(|line| line.as_ref().unwrap().is_empty());
        }
    }
}
