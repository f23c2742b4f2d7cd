//! A link under which the file system does not answer. What httpd without the module would answer
//! is answered: other virtual hosts, other names of the same one, the status page, restarts.

use std::io::Write;
use std::net::TcpStream;

use testbed::{Background, Builder, HungMount, LIMIT, Module, Mpm, Releases, Server, wait_until};

/// Two sites and a link beside them, which only an Alias names. A third server answers what is
/// proxied.
fn setup(mpm: Mpm, module: Module) -> (Builder, [Releases; 3]) {
    // Where there is room for one child only, worker may keep one that hangs there and begin no
    // other (AH00288).
    let room = if mpm.is_threaded() {
        "MaxRequestWorkers 24\nMinSpareThreads 1\nMaxSpareThreads 24"
    } else {
        ""
    };
    let setup = Server::builder(mpm)
        .module(module)
        .load_all(&["alias", "proxy", "proxy_http", "status"])
        // On prefork a request that hangs keeps a child.
        .children(if mpm.is_threaded() { 1 } else { 8 })
        .threads(8)
        .allow("RD12:")
        .allow("RD17:")
        .config(room)
        .config(
            "<VirtualHost *:{port}>\nServerName alice\nDocumentRoot {root}/alice/current\n\
             Alias /media {root}/media/current\nRealdocLink {root}/media/current\n\
             Alias /static {root}/static\nProxyPass /back http://127.0.0.1:{port2}/\n\
             </VirtualHost>\n\
             <VirtualHost *:{port}>\nServerName bob\nDocumentRoot {root}/bob/current\n\
             <Location /server-status>\nSetHandler server-status\n</Location>\n</VirtualHost>\n\
             <VirtualHost *:{port2}>\nDocumentRoot {root}/static\n</VirtualHost>",
        );
    let sites = ["alice", "bob", "media"].map(|name| {
        let site = Releases::at(setup.root().join(name));
        site.create("42", &[("page.txt", "42")]);
        site.deploy("42");
        site
    });
    Releases::at(setup.root()).put("static/page.txt", "static");
    (setup, sites)
}

/// Asks for a page of a virtual host; gives status and text.
fn ask(server: &Server, host: &str, path: &str) -> (u16, String) {
    let response = server.on(1).request("GET", path, &[("Host", host)]);
    (response.status, response.text())
}

fn ok(text: &str) -> (u16, String) {
    (200, text.into())
}

/// All that does not lie under the link that hangs.
fn others_answer(server: &Server, paths: &[(&str, &str)]) {
    for &(path, text) in paths {
        assert_eq!(ask(server, "alice", path), ok(text), "{path}");
    }
    for (method, path) in [("OPTIONS", "*"), ("TRACE", "/page.txt")] {
        let response = server.on(1).request(method, path, &[("Host", "alice")]);
        assert_eq!(response.status, 200, "{method}");
    }
    assert_eq!(ask(server, "bob", "/page.txt"), ok("42"));
    assert_eq!(ask(server, "bob", "/server-status?auto").0, 200);
    assert_eq!(ask(server, "bob", "/none").0, 404);
}

/// The mount, or the reason to skip the test.
fn hang(server: &Server) -> Option<HungMount> {
    let dir = server.root().join("mnt");
    std::fs::create_dir(&dir).expect("a new name");
    HungMount::at(&dir)
        .inspect_err(|error| println!("SKIPPED: a hanging file system cannot be mounted: {error}"))
        .ok()
}

const BESIDE_THE_DOCROOT: [(&str, &str); 3] = [
    ("/static/page.txt", "static"),
    ("/back/page.txt", "static"),
    ("/media/page.txt", "42"),
];
const BESIDE_THE_ALIAS: [(&str, &str); 3] = [
    ("/static/page.txt", "static"),
    ("/back/page.txt", "static"),
    ("/page.txt", "42"),
];

each_mpm!(a_document_root_hangs);
/// Without a restart: httpd itself asks for each document root when it reads its configuration.
fn a_document_root_hangs(mpm: Mpm) {
    let setup = setup(mpm, Module::On);
    hangs(setup, "alice", "/page.txt", &BESIDE_THE_DOCROOT, |_, _| {
        None
    });
}

each_mpm!(a_document_root_hangs_in_target_mode);
/// Also then, requests that lead elsewhere do not wait.
fn a_document_root_hangs_in_target_mode(mpm: Mpm) {
    let (setup, sites) = setup(mpm, Module::On);
    let setup = setup.config("RealdocSections Target");
    hangs(
        (setup, sites),
        "alice",
        "/page.txt",
        &BESIDE_THE_DOCROOT,
        |_, _| None,
    );
}

each_mpm!(a_further_link_hangs);
fn a_further_link_hangs(mpm: Mpm) {
    // A generation that has never seen the link.
    let restart = |server: &Server, request: Request| {
        let old = server.children();
        server.begin_graceful();
        wait_until("a new child serves", LIMIT, || {
            server.children().iter().any(|child| !old.contains(child))
        });
        others_answer(server, &BESIDE_THE_ALIAS);
        Some(Background::run(move |_| request()))
    };
    let setup = setup(mpm, Module::On);
    hangs(
        setup,
        "media",
        "/media/page.txt",
        &BESIDE_THE_ALIAS,
        restart,
    );
}

each_mpm!(a_graceful_stop_ends_requests_that_hang);
/// After the time that the configuration gives them, as httpd without the module does.
fn a_graceful_stop_ends_requests_that_hang(mpm: Mpm) {
    let (setup, [_, _, media]) = setup(mpm, Module::On);
    // httpd kills a child that does not end.
    let setup = setup.allow("AH00045:").allow("AH00046:");
    let server = setup.config("GracefulShutdownTimeout 1").start();
    assert_eq!(ask(&server, "alice", "/media/page.txt"), ok("42"));
    let Some(mount) = hang(&server) else {
        return server.stop();
    };
    media.flip("current", "../mnt/x");
    let mut client = TcpStream::connect(server.on(1).address()).expect("it listens");
    let address = client.local_addr().expect("it is connected");
    let request = b"GET /media/page.txt HTTP/1.1\r\nHost: alice\r\n\r\n";
    client.write_all(request).expect("it is connected");
    wait_until("the request is read", LIMIT, || server.has_read(address));
    assert!(server.graceful_stop().success());
    drop(mount);
}

/// A request for what lies under the link that hangs.
type Request = Box<dyn Fn() -> u16 + Send>;

/// The link of the site `name` hangs, at which `path` of alice lies.
fn hangs(
    (setup, sites): (Builder, [Releases; 3]),
    name: &str,
    path: &'static str,
    beside: &[(&str, &str)],
    restart: impl FnOnce(&Server, Request) -> Option<Background<u16>>,
) {
    let hung = sites
        .iter()
        .find(|site| site.dir().ends_with(name))
        .expect("one of them");
    let server = setup.start();
    others_answer(&server, beside);
    assert_eq!(ask(&server, "alice", path), ok("42"));
    let Some(mount) = hang(&server) else {
        return server.stop();
    };

    hung.flip("current", "../mnt/x");
    let endpoint = server.on(1);
    let request = move || endpoint.request("GET", path, &[("Host", "alice")]).status;
    // One request of each process waits. The others go on in the release that is known.
    let clients = if server.mpm().is_threaded() { 10 } else { 1 };
    let clients = Vec::from_iter((0..clients).map(|_| Background::run(move |_| request())));
    let waiting = || {
        clients
            .iter()
            .filter(|client| !client.is_finished())
            .count()
    };
    wait_until("one request waits", LIMIT, || waiting() == 1);
    for _ in 0..3 {
        others_answer(&server, beside);
    }
    assert_eq!(waiting(), 1, "the control: it hangs");

    let waits_too = restart(&server, Box::new(request));
    for _ in 0..3 {
        others_answer(&server, beside);
    }
    let waits_too = waits_too.inspect(|request| assert!(!request.is_finished(), "the control"));

    hung.deploy("42");
    drop(mount);
    let went_on = clients.len() - 1;
    let statuses = clients.into_iter().map(Background::finish);
    assert!(statuses.filter(|status| *status == 200).count() >= went_on);
    if let Some(request) = waits_too {
        request.finish();
    }
    wait_until("it answers again", LIMIT, || {
        ask(&server, "alice", path) == ok("42")
    });
    others_answer(&server, beside);
    server.stop();
}
