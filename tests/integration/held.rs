//! The directory of a busy docroot's link is held open, so that a look at it is quicker: until the first look after a second,
//! and by one descriptor of a process.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Connection, LIMIT, Module, Mpm, Releases, Server, wait_until};

/// A server with one child that serves `/release.txt`, the release's name, and that release's site.
fn start(mpm: Mpm, directive: &str) -> (Server, Releases) {
    let setup = Server::builder(mpm).module(Module::On).children(1).cgi();
    let site = Releases::at(setup.root().join("app"));
    // ls's own descriptor of the directory is none of httpd's.
    let script = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; ls -l /proc/self/fd\n";
    for release in ["42", "43"] {
        let files = [("web/release.txt", release), ("web/open.cgi", script)];
        site.create(release, &files);
    }
    site.deploy("42");
    let server = setup
        .root_section("Options FollowSymLinks ExecCGI\nRequire all granted")
        .config("DocumentRoot {root}/app/current/web")
        .config(directive)
        .start();
    (server, site)
}

/// How many descriptors the child has of the link's directory.
fn held(server: &Server, site: &Releases) -> usize {
    let [child] = server.children()[..] else {
        panic!("one child");
    };
    let dir = site.dir();
    let open = fs::read_dir(format!("/proc/{child}/fd")).expect("the child is there");
    open.filter_map(|open| fs::read_link(open.ok()?.path()).ok())
        .filter(|file| file == dir)
        .count()
}

fn ask(connection: &mut Connection) -> String {
    let response = connection.get("/release.txt");
    response.expect("the server answers").text()
}

fn ask_until_held(server: &Server, site: &Releases, connection: &mut Connection) {
    wait_until("it is held", LIMIT, || {
        (0..20).for_each(|_| drop(ask(connection)));
        held(server, site) > 0
    });
}

each_mpm!(a_busy_link_is_held_once);
fn a_busy_link_is_held_once(mpm: Mpm) {
    let (server, site) = start(mpm, "");
    let mut connection = server.connect();
    assert_eq!(ask(&mut connection), "42");
    assert_eq!(held(&server, &site), 0, "it is not busy");

    for release in ["43", "42"] {
        ask_until_held(&server, &site, &mut connection);
        assert_eq!(held(&server, &site), 1);
        site.deploy(release);
        assert_eq!(ask(&mut connection), release);
        assert_eq!(held(&server, &site), 0, "it is let go");
    }

    ask_until_held(&server, &site, &mut connection);
    let open = connection.get("/open.cgi").expect("it answers").text();
    assert!(open.contains(" -> "), "the control: {open}");
    let dir = format!(" {}\n", site.dir().display());
    assert!(!open.contains(&dir), "scripts do not inherit it: {open}");

    // It is for a second that looks are counted. Rare ones hold nothing.
    thread::sleep(Duration::from_millis(1_100));
    for _ in 0..10 {
        ask(&mut connection);
        assert_eq!(held(&server, &site), 0, "it is let go");
    }
    drop(connection);
    server.stop();
}

each_mpm!(what_is_not_looked_at_each_time_is_not_held on event);
fn what_is_not_looked_at_each_time_is_not_held(mpm: Mpm) {
    for directive in ["RealpathEvery 1s", "Realdoc Off"] {
        let (server, site) = start(mpm, directive);
        let mut connection = server.connect();
        // Longer than it takes with `RealpathEvery 0`.
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(3) {
            ask(&mut connection);
            assert_eq!(held(&server, &site), 0, "{directive}");
        }
        drop(connection);
        server.stop();
    }
}
