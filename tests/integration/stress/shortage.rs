//! Full disks, no descriptors, a file system that does not answer.

use testbed::{Background, LIMIT, Module, Mpm, Releases, Server, wait_until};

use super::{ASKS, FILE, PAGE, RELEASES, SCRIPT, note, prepare};
use crate::common::side_by_side;

each_mpm!(the_log_is_full);
/// The disk of the logs is full: requests do not notice, and a flip, the grace and a restart are as
/// ever.
fn the_log_is_full(mpm: Mpm) {
    const HOST: &str = "LogLevel warn realdoc:debug\n\
        <VirtualHost *:{port}>\nErrorLog /dev/full\nCustomLog /dev/full %r\n</VirtualHost>";

    let (setup, site) = prepare(mpm, Module::On);
    let server = setup
        .cgi()
        .children(2)
        .config(HOST)
        .config("RealdocGrace 1h")
        .start();
    for (release, path) in (0..RELEASES).zip(ASKS.iter().chain([&SCRIPT]).cycle()) {
        let release = release.to_string();
        site.deploy(&release);
        assert_eq!(note(path, &server.get(path)).release, release, "{path}");
    }
    let mut connection = server.connect();
    let mut ask = || note(FILE, &connection.get(FILE).expect("the server answers")).release;
    let last = ask();
    site.break_link("current");
    assert_eq!(ask(), last);
    site.deploy("1");
    assert_eq!(ask(), "1");
    drop(connection);
    server.graceful();
    site.deploy("2");
    assert_eq!(note(FILE, &server.get(FILE)).release, "2");
    assert_eq!(
        server.log_count("RD1"),
        0,
        "the control: it went to the full disk"
    );
    server.stop();
}

each_mpm!(no_descriptors_are_left on event);
/// A process that can open no more files answers as without the module, and is right again when it
/// can. (On the other MPMs such a process does not live to tell: it cannot take the next
/// connection.)
fn no_descriptors_are_left(mpm: Mpm) {
    let [stock, ours] = side_by_side(|module| without_descriptors(mpm, module));
    println!("{mpm}: without a descriptor {ours:?}");
    assert_eq!(stock, ours);
    assert!(ours.iter().all(|(_, status)| *status >= 400), "the control");
}

/// What a process answers that can open no file.
fn without_descriptors(mpm: Mpm, module: Module) -> Vec<(&'static str, u16)> {
    const DESCRIPTORS: usize = 32;

    let (setup, site) = prepare(mpm, module);
    let server = setup
        .children(1)
        .threads(DESCRIPTORS)
        .descriptors(DESCRIPTORS)
        .allow("(24)Too many open files")
        // When there is one descriptor again, it is the page's own.
        .allow("unable to include")
        .start();
    let child = server.children();
    let mut connections = Vec::new();
    // The last one takes the last descriptor.
    wait_until("no descriptor is left", LIMIT, || {
        let mut connection = server.connect();
        let status = connection.get(FILE).expect("the server answers").status;
        connections.push(connection);
        status != 200
    });
    let mut first = connections.swap_remove(0);
    let mut ask = |path| first.get(path).expect("the server answers");
    site.deploy("1");
    let answers = ASKS.map(|path| (path, ask(path).status)).to_vec();
    drop(connections);
    wait_until("there are descriptors again", LIMIT, || {
        note(PAGE, &ask(PAGE)).release == "1"
    });
    for path in ASKS {
        assert_eq!(note(path, &ask(path)).release, "1", "{path}");
    }
    assert_eq!(server.children(), child);
    assert_eq!(server.log_count("RD"), 0);
    server.stop();
    answers
}

each_mpm!(a_file_system_hangs on worker, event);
/// A file system that does not answer for the link keeps one request waiting, not those after it;
/// other virtual hosts do not notice, and when it answers again, so does that request. (In each
/// process: on prefork, which has one thread, all others of the process wait with it.)
fn a_file_system_hangs(mpm: Mpm) {
    const CLIENTS: usize = 10;
    const HOSTS: &str = "<VirtualHost *:{port}>\nDocumentRoot {root}/hung/current\n</VirtualHost>\n\
        <VirtualHost *:{port}>\nServerName other\nDocumentRoot {root}/other/current\n</VirtualHost>";

    let setup = Server::builder(mpm).module(Module::TestHooks).children(1);
    let [hung, other] = ["hung", "other"].map(|name| {
        let site = Releases::at(setup.root().join(name));
        for release in ["42", "43"] {
            site.create(release, &[("page.txt", release)]);
        }
        site.deploy("42");
        site
    });
    let link = hung.current();
    let server = setup
        .env("REALDOC_TEST_HANG", link.to_str().expect("it is text"))
        .config(HOSTS)
        .start();
    let endpoint = server.on(1);
    let ask = move |host| endpoint.request("GET", FILE, &[("Host", host)]).text();
    assert_eq!(ask("hung"), "42");

    hung.put("current.hangs", "");
    let clients = [(); CLIENTS].map(|()| Background::run(move |_| ask("hung")));
    let waiting = || {
        clients
            .iter()
            .filter(|client| !client.is_finished())
            .count()
    };
    wait_until("one request waits", LIMIT, || waiting() == 1);
    for release in ["43", "42"] {
        other.deploy(release);
        assert_eq!(ask("other"), release);
        assert_eq!(ask("hung"), "42");
    }
    assert_eq!(waiting(), 1, "the control: it hangs");
    hung.break_link("current.hangs");
    for client in clients {
        assert_eq!(client.finish(), "42");
    }
    hung.deploy("43");
    assert_eq!(ask("hung"), "43");
    server.stop();
}
