//! A busy docroot's link is held open, so that a look at it is quicker: for as long as it is busy, and by one descriptor of
//! a process at most.

use std::fs;

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

/// How many descriptors the child has of the link, as it is or as it was.
fn held(server: &Server, site: &Releases) -> usize {
    let [child] = server.children()[..] else {
        panic!("one child");
    };
    let link = site.current();
    let open = fs::read_dir(format!("/proc/{child}/fd")).expect("the child is there");
    open.filter_map(|open| fs::read_link(open.ok()?.path()).ok())
        .filter(|file| {
            let name = file.to_string_lossy();
            name.strip_suffix(" (deleted)").unwrap_or(&name) == link.to_string_lossy()
        })
        .count()
}

fn ask(connection: &mut Connection) -> String {
    let response = connection.get("/release.txt");
    response.expect("the server answers").text()
}

fn ask_until_held(server: &Server, site: &Releases, connection: &mut Connection) {
    wait_until("the link is held", LIMIT, || {
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

    for flip in 0..20 {
        ask_until_held(&server, &site, &mut connection);
        assert_eq!(held(&server, &site), 1);
        let release = ["43", "42"][flip % 2];
        site.deploy(release);
        assert_eq!(ask(&mut connection), release);
        assert_eq!(held(&server, &site), 0, "the old one is let go");
    }

    ask_until_held(&server, &site, &mut connection);
    let open = connection.get("/open.cgi").expect("it answers").text();
    assert!(open.contains(" -> "), "the control: {open}");
    assert!(
        !open.contains("/current"),
        "scripts do not inherit it: {open}"
    );

    // A request a second is not busy.
    wait_until("it is let go", LIMIT, || {
        ask(&mut connection);
        held(&server, &site) == 0
    });
    drop(connection);
    server.stop();
}

each_mpm!(what_is_not_looked_at_each_time_is_not_held on event);
fn what_is_not_looked_at_each_time_is_not_held(mpm: Mpm) {
    for directive in ["RealpathEvery 1s", "Realdoc Off"] {
        let (server, site) = start(mpm, directive);
        let mut connection = server.connect();
        let began = std::time::Instant::now();
        // Longer than it takes with `RealpathEvery 0`.
        while began.elapsed() < std::time::Duration::from_millis(100) {
            ask(&mut connection);
            assert_eq!(held(&server, &site), 0, "{directive}");
        }
        drop(connection);
        server.stop();
    }
}
