//! Virtual hosts: each has its own docroot and settings, and none can harm another.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use testbed::{Builder, Connection, Endpoint, LIMIT, Module, Mpm, Releases, Response, Server};

use crate::common::{ENV, variable};

const SCRIPTS: &str = "Options FollowSymLinks ExecCGI\nAllowOverride None\nRequire all granted";

/// A site in a directory of its own, with the releases "42" and "43"; "42" is deployed.
fn site(setup: &Builder, name: &str) -> Releases {
    let site = Releases::at(setup.root().join(name));
    for release in ["42", "43"] {
        site.create(release, &[("env.cgi", ENV), ("part.txt", release)]);
    }
    site.deploy("42");
    site
}

/// A virtual host on `{port}`; its own configuration after its name.
fn virtual_host(name: &str, config: &str) -> String {
    format!("<VirtualHost *:{{port}}>\nServerName {name}\n{config}\n</VirtualHost>\n")
}

fn ask(endpoint: Endpoint, host: &str, path: &str) -> Response {
    endpoint.request("GET", path, &[("Host", host)])
}

/// The DOCUMENT_ROOT of a script, without the server's temporary directory; the status if there is
/// no script.
fn docroot(server: &Server, endpoint: Endpoint, host: &str) -> String {
    let response = ask(endpoint, host, "/env.cgi");
    if response.status != 200 {
        return response.status.to_string();
    }
    let docroot = variable(&response, "DOCUMENT_ROOT");
    let prefix = format!("{}/", server.root().display());
    docroot.strip_prefix(&prefix).unwrap_or(docroot).to_owned()
}

each_mpm!(each_virtual_host_has_its_own_docroot);
/// By port and by name, with directives and without any; one without a DocumentRoot has the
/// server's.
fn each_virtual_host_has_its_own_docroot(mpm: Mpm) {
    // The port's number, the host's name, the site.
    const HOSTS: [(usize, &str, &str); 6] = [
        (1, "app.example", "first"),
        (2, "app.example", "second"),
        (1, "named.example", "named"),
        (1, "directives.example", "directives"),
        (1, "heir.example", "main"),
        (1, "heir2.example", "main"),
    ];
    const CONFIG: &str = "
        DocumentRoot {root}/main/current
        <VirtualHost *:{port}>
            ServerName app.example
            DocumentRoot {root}/first/current
        </VirtualHost>
        <VirtualHost *:{port2}>
            ServerName app.example
            DocumentRoot {root}/second/current
        </VirtualHost>
        <VirtualHost *:{port}>
            ServerName named.example
            DocumentRoot {root}/named/current
        </VirtualHost>
        <VirtualHost *:{port}>
            ServerName directives.example
            DocumentRoot {root}/directives/current
            Realdoc On
            RealdocGrace 1h
        </VirtualHost>
        <VirtualHost *:{port}>
            ServerName heir.example
        </VirtualHost>
        <VirtualHost *:{port}>
            ServerName heir2.example
            RealdocGrace 1h
        </VirtualHost>";

    let setup = Server::builder(mpm).module(Module::On).children(2).cgi();
    let names = ["main", "first", "second", "named", "directives"];
    let sites = names.map(|name| site(&setup, name));
    let server = setup.root_section(SCRIPTS).config(CONFIG).start();

    let check = |deployed: &[&str]| {
        for (port, host, site) in HOSTS {
            let release = if deployed.contains(&site) { "43" } else { "42" };
            assert_eq!(
                docroot(&server, server.on(port), host),
                format!("{site}/releases/{release}"),
                "{host} on port {port}"
            );
        }
    };
    check(&[]);
    for (n, site) in (1..).zip(&sites) {
        site.deploy("43");
        check(&names[..n]);
    }
}

each_mpm!(a_virtual_host_overrides_the_server_both_ways);
/// What a virtual host says goes over what the server says, and where it says nothing the server's
/// holds.
fn a_virtual_host_overrides_the_server_both_ways(mpm: Mpm) {
    let off = ["current", "current", "404"];
    let once = ["releases/42"; 3];
    check_overrides(
        mpm,
        "UseReadlink On\nRealpathEvery 1h\nRealdocGrace 0",
        &[
            ("", ["one", "one", "one"]),
            ("RealpathEvery 0", ["one", "two", "404"]),
            ("RealpathEvery 0\nRealdocGrace 1h", ["one", "two", "two"]),
            (
                "RealpathEvery 0\nUseReadlink Off",
                ["releases/42", "releases/43", "404"],
            ),
            ("UseReadlink Off", once),
            ("Realdoc Off", off),
        ],
    );
    check_overrides(
        mpm,
        "Realdoc Off\nUseReadlink Off\nRealpathEvery 0\nRealdocGrace 0",
        &[
            ("", off),
            ("Realdoc On", ["releases/42", "releases/43", "404"]),
            ("Realdoc On\nUseReadlink On", ["one", "two", "404"]),
            ("Realdoc On\nRealpathEvery 1h", once),
            (
                "Realdoc On\nRealdocGrace 1h",
                ["releases/42", "releases/43", "releases/43"],
            ),
        ],
    );
}

/// Virtual hosts with these settings, under a server with settings of its own. For each the
/// docroots that are expected: first with `current -> one -> releases/42`, then `current -> two ->
/// releases/43`, then without `current`.
fn check_overrides(mpm: Mpm, global: &str, hosts: &[(&str, [&str; 3])]) {
    // One child, since only a process that has looked can go on with what it has seen.
    let mut setup = Server::builder(mpm).module(Module::On).children(1).cgi();
    setup = setup.allow("RD15:");
    let mut sites = Vec::new();
    for (n, (settings, _)) in hosts.iter().enumerate() {
        let site = site(&setup, &format!("host{n}"));
        site.flip("one", "releases/42");
        site.flip("two", "releases/43");
        site.flip("current", "one");
        let config = format!("DocumentRoot {}\n{settings}", site.current().display());
        setup = setup.config(&virtual_host(&format!("host{n}"), &config));
        sites.push(site);
    }
    let server = setup
        .root_section(SCRIPTS)
        .config(global)
        .allow("RD12: ")
        .start();

    let check = |stage: usize| {
        for (n, (settings, expected)) in hosts.iter().enumerate() {
            let host = format!("host{n}");
            let seen = docroot(&server, server.on(1), &host);
            let seen = seen.strip_prefix(&format!("{host}/")).unwrap_or(&seen);
            assert_eq!(
                seen, expected[stage],
                "stage {stage}, {global:?}, in the virtual host {settings:?}"
            );
        }
    };
    check(0);
    sites.iter().for_each(|site| site.flip("current", "two"));
    check(1);
    sites.iter().for_each(|site| site.break_link("current"));
    check(2);
}

each_mpm!(a_broken_link_is_no_other_virtual_hosts_problem);
/// A host whose link dangles or loops answers as httpd does without the module, until the link is
/// repaired; the others do not notice, and the log says what is wrong, once.
fn a_broken_link_is_no_other_virtual_hosts_problem(mpm: Mpm) {
    let run = |module| {
        let setup = Server::builder(mpm).module(module).children(1).cgi();
        let good = site(&setup, "good");
        let dangling = site(&setup, "dangling");
        dangling.flip("current", "nowhere");
        let looping = site(&setup, "looping");
        looping.flip("current", "current");
        let server = ["good", "dangling", "looping"]
            .into_iter()
            .fold(setup, |setup, name| {
                let config = format!("DocumentRoot {{root}}/{name}/current");
                setup.config(&virtual_host(name, &config))
            })
            .root_section(SCRIPTS)
            .allow("/dangling/current")
            .allow("/looping/current")
            .start();
        let status = |host| ask(server.on(1), host, "/part.txt").status;

        let mut statuses = Vec::new();
        for release in ["42", "43"].repeat(5) {
            good.deploy(release);
            statuses.push((status("dangling"), status("looping")));
            let resolved = match module {
                Module::Off => "good/current".to_owned(),
                Module::On | Module::TestHooks => format!("good/releases/{release}"),
            };
            assert_eq!(docroot(&server, server.on(1), "good"), resolved);
        }
        if module == Module::On {
            for (host, why) in [
                ("dangling", "No such file or directory"),
                ("looping", "Too many levels of symbolic links"),
            ] {
                let docroot = format!("{}/{host}/current ", server.root().display());
                let mut lines = server.log_lines("RD12: ");
                lines.retain(|line| line.contains(&docroot));
                assert_eq!(lines.len(), 1, "{lines:#?}");
                assert!(lines[0].contains(why), "{}", lines[0]);
            }
        }
        for site in [dangling, looping] {
            site.deploy("42");
        }
        statuses.push((status("dangling"), status("looping")));
        assert_eq!(statuses.last(), Some(&(200, 200)));
        statuses
    };
    assert_eq!(run(Module::On), run(Module::Off));
}

each_mpm!(docroots_that_share_a_link_switch_together);
/// Of two docroots under one link, the one that never looks goes over with the one that does.
fn docroots_that_share_a_link_switch_together(mpm: Mpm) {
    const CLIENTS: usize = 4;
    // On prefork a child for each client, and one for the other virtual host.
    let children = if mpm.is_threaded() { 2 } else { CLIENTS + 1 };
    let setup = Server::builder(mpm).module(Module::On).children(children);
    let site = Releases::at(setup.root().join("app"));
    for release in ["42", "43"] {
        site.create(
            release,
            &[("web/part.txt", release), ("admin/part.txt", release)],
        );
    }
    site.deploy("42");
    let docroot = |name: &str| format!("DocumentRoot {{root}}/app/current/{name}\n");
    let server = setup
        .config(&virtual_host("web", &docroot("web")))
        .config(&virtual_host(
            "admin",
            &(docroot("admin") + "RealpathEvery 1h"),
        ))
        .start();

    let mut clients: Vec<Connection> = (0..CLIENTS).map(|_| server.connect()).collect();
    let mut assert_admin = |release| {
        for client in &mut clients {
            let response = client.request("GET", "/part.txt", &[("Host", "admin")]);
            assert_eq!(response.unwrap().text(), release);
        }
    };
    assert_admin("42");
    site.deploy("43");
    assert_admin("42");
    assert_eq!(ask(server.on(1), "web", "/part.txt").text(), "43");
    assert_admin("43");
}

each_mpm!(what_clients_send_as_host_is_not_kept on prefork, event);
/// Fifty thousand names leave a child's memory where it was.
fn what_clients_send_as_host_is_not_kept(mpm: Mpm) {
    const HOSTS: usize = 50_000;
    const WARM_UP: usize = 5_000;
    // Half of what their names alone would take.
    const TOLERANCE: u64 = (HOSTS * "0123456789.example".len() / 2) as u64;

    let setup = Server::builder(mpm).module(Module::On).children(1);
    site(&setup, "app");
    let server = setup
        .log_level("warn")
        .config("DocumentRoot {root}/app/current")
        .start();
    let child = server.children()[0];
    let mut stream = TcpStream::connect(server.on(1).address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();

    ask_as(&mut stream, 0..WARM_UP);
    let before = server.rss(child);
    ask_as(&mut stream, WARM_UP..WARM_UP + HOSTS);
    let after = server.rss(child);
    assert_eq!(server.children(), [child]);
    assert!(
        after <= before + TOLERANCE,
        "{before} bytes before, {after} after"
    );
}

/// Sends a request as each of these hosts on one connection, many at a time.
fn ask_as(stream: &mut TcpStream, hosts: std::ops::Range<usize>) {
    const AT_A_TIME: usize = 100;
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for first in hosts.clone().step_by(AT_A_TIME) {
        let batch = first..hosts.end.min(first + AT_A_TIME);
        let requests: String = batch
            .clone()
            .map(|n| format!("HEAD /part.txt HTTP/1.1\r\nHost: {n:010}.example\r\n\r\n"))
            .collect();
        stream.write_all(requests.as_bytes()).unwrap();
        for _ in batch {
            assert_eq!(lines.next().unwrap().unwrap(), "HTTP/1.1 200 OK");
            // The rest of the head.
            lines
                .by_ref()
                .find(|line| line.as_ref().unwrap().is_empty());
        }
    }
}
