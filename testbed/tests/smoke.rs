//! The testbed does what its users rely on, with stock httpd on each MPM.

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, thread};

use testbed::{Background, ClientError, LIMIT, Mpm, Releases, Server, Version, wait_until};

/// A script that holds its request until the file `go` is there, beside it.
const GATE: &str = "#!/bin/sh\n\
    touch started\n\
    while ! test -e go; do sleep 0.02; done\n\
    printf 'Content-Type: text/plain\\n\\n%s' \"$PWD\"\n";

#[test]
fn prefork() {
    all(Mpm::Prefork);
}

#[test]
fn worker() {
    all(Mpm::Worker);
}

#[test]
fn event() {
    all(Mpm::Event);
}

/// All at the same time: httpd's restarts are mostly waiting.
fn all(mpm: Mpm) {
    thread::scope(|scope| {
        scope.spawn(|| requests(mpm));
        scope.spawn(|| restarts(mpm));
        scope.spawn(|| graceful_under_a_request(mpm));
        if mpm.is_threaded() {
            scope.spawn(|| h2(mpm));
        }
    });
}

fn requests(mpm: Mpm) {
    let setup = Server::builder(mpm).children(3).cgi();
    let site = Releases::at(setup.root().join("app"));
    site.create(
        "42",
        &[
            ("web/index.html", "42"),
            (
                "web/root.cgi",
                "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s' \"$DOCUMENT_ROOT\"\n",
            ),
        ],
    );
    site.create("43", &[("web/index.html", "43")]);
    site.deploy("42");
    let server = setup
        .config(
            "<Directory {root}/app>\nOptions +ExecCGI\n</Directory>\n\
             DocumentRoot {root}/app/current/web\n\
             <VirtualHost *:{port2}>\nDocumentRoot {root}/app/releases/43/web\n</VirtualHost>",
        )
        .start();

    let response = server.get("/index.html");
    assert_eq!((response.status, response.text().as_str()), (200, "42"));
    assert_eq!(response.header("content-type"), Some("text/html"));
    assert!(response.started < response.finished);
    assert_eq!(server.get("/none").status, 404);
    assert_eq!(server.on(2).get("/index.html").text(), "43");
    assert_eq!(
        Path::new(&server.get("/root.cgi").text()),
        site.path("current/web")
    );

    let mut connection = server.connect();
    for release in ["43", "42", "43"] {
        site.deploy(release);
        assert_eq!(connection.get("/index.html").unwrap().text(), release);
    }
    site.break_link("current");
    assert_eq!(connection.get("/index.html").unwrap().status, 404);
    assert_eq!(connection.responses(), 4);
    assert!(!connection.is_closed());

    assert_eq!(server.children().len(), 3);
    for pid in server.children() {
        assert!(server.is_alive(pid) && server.rss(pid) > 0);
    }
    assert!(server.terminate().success());
    server.stop();
}

fn h2(mpm: Mpm) {
    let setup = Server::builder(mpm).load("http2");
    let site = Releases::at(setup.root().join("app"));
    site.create("42", &[("a", "A"), ("b", "B")]);
    site.deploy("42");
    let server = setup
        .config("Protocols h2c http/1.1\nDocumentRoot {root}/app/current")
        .start();
    let connection = server.connect_h2();
    let texts: Vec<String> = connection
        .get_all(&["/a", "/b", "/a"])
        .into_iter()
        .map(|response| response.unwrap().text())
        .collect();
    assert_eq!(texts, ["A", "B", "A"]);
    assert_eq!(connection.get("/b").unwrap().version, Version::HTTP_2);
    let response = connection
        .request("HEAD", "/a", &[("Host", "other.example")])
        .unwrap();
    assert_eq!((response.status, response.body.len()), (200, 0));

    // The server sends its idle connections away.
    server.graceful();
    wait_until("the connection is closed", LIMIT, || connection.is_closed());
    assert!(matches!(connection.get("/a"), Err(ClientError::Closed)));
    server.stop();
}

fn restarts(mpm: Mpm) {
    let server = Server::builder(mpm)
        .children(2)
        .config("Redirect 410 /state")
        .load("alias")
        .start();
    let mut idle = server.connect();
    assert_eq!(idle.get("/state").unwrap().status, 410);

    let old = server.children();
    let mut client = server.client();
    assert_eq!(client.get("/state").unwrap().status, 410);
    server.reconfigure("Redirect 403 /state");
    assert!(server.configtest().unwrap().contains("Syntax OK"));
    server.restart();
    assert!(server.children().iter().all(|pid| !old.contains(pid)));
    wait_until("the connection is closed", LIMIT, || idle.is_closed());
    assert!(matches!(idle.get("/state"), Err(ClientError::Closed)));
    assert_eq!(client.get("/state").unwrap().status, 403);
    assert_eq!(client.connections(), 2);
    drop(client);

    // As `apachectl graceful`: a bad configuration does not get as far as the server.
    server.reconfigure("NoSuchDirective");
    let error = server.configtest().unwrap_err();
    assert!(error.output.contains("NoSuchDirective"), "{error}");
    assert_eq!(server.get("/state").status, 403);

    server.reconfigure("Redirect 409 /state");
    server.graceful();
    for _ in 0..20 {
        assert_eq!(server.get("/state").status, 409);
    }
    assert!(server.graceful_stop().success());
    server.stop();
}

/// A request that is running when the server restarts gracefully goes on in its old process.
fn graceful_under_a_request(mpm: Mpm) {
    let setup = Server::builder(mpm).children(2).cgi();
    let site = Releases::at(setup.root().join("app"));
    let release = site.create("42", &[("gate.cgi", GATE), ("index.html", "42")]);
    // The script writes here, as httpd's user.
    fs::set_permissions(&release, Permissions::from_mode(0o777)).unwrap();
    let server = setup
        .config(
            "DocumentRoot {root}/app/releases/42\n\
             <Directory {root}/app>\nOptions +ExecCGI\n</Directory>",
        )
        .start();
    let endpoint = server.on(1);
    let slow = Background::run(move |_| endpoint.get("/gate.cgi").text());
    wait_until("the script runs", LIMIT, || {
        release.join("started").exists()
    });
    server.graceful();
    assert_eq!(server.get("/index.html").text(), "42");
    assert!(!slow.is_finished());
    fs::write(release.join("go"), "").unwrap();
    assert_eq!(Path::new(&slow.finish()), release);
}

#[test]
fn a_refused_configuration_gives_httpds_words() {
    let setup = || Server::builder(Mpm::Event).config("Listen nonsense");
    let start = setup().try_start().unwrap_err();
    assert!(start.output.contains("Syntax error on line"), "{start}");
    let test = setup().configtest().unwrap_err();
    assert!(test.output.contains("Syntax error on line"), "{test}");
}

/// A refused client is an error in the log.
#[test]
fn an_unexpected_error_fails_the_test_unless_allowed() {
    let start = |allowed: &str| {
        let server = Server::builder(Mpm::Prefork)
            .children(1)
            .load("alias")
            .allow(allowed)
            .config("<Location /secret>\nRequire all denied\n</Location>")
            .start();
        assert_eq!(server.get("/secret").status, 403);
        server
    };
    let panics = |end: fn(Server), server| {
        let panic = catch_unwind(AssertUnwindSafe(|| end(server))).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains("AH01630"), "{text}");
    };

    start("AH01630").stop();
    let server = start("another line");
    assert_eq!(server.unexpected_lines().len(), 1);
    panics(Server::stop, server);
    panics(drop, start("another line"));
    let server = start("another line");
    server.allow("AH01630: client denied");
    server.stop();
}

#[test]
fn a_server_that_dies_fails_the_test() {
    let server = Server::builder(Mpm::Prefork).children(1).start();
    let main = server.main_pid().to_string();
    let killed = Command::new("kill")
        .args(["-KILL", &main])
        .status()
        .unwrap();
    assert!(killed.success());
    wait_until("httpd is dead", LIMIT, || server.exit_status().is_some());
    let panic = catch_unwind(AssertUnwindSafe(|| server.stop())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("ended by itself"), "{text}");
}

#[test]
fn nothing_is_left_behind_when_a_test_fails() {
    let held = Cell::new(None);
    catch_unwind(AssertUnwindSafe(|| {
        let server = Server::builder(Mpm::Event).start();
        held.set(Some((server.root().to_owned(), server.children()[0])));
        panic!("on purpose");
    }))
    .unwrap_err();
    let (root, child) = held.take().unwrap();
    assert!(!root.exists());
    wait_until("the child has ended", LIMIT, || !is_process(child));
}

/// Runs itself as another process, which is killed while its server runs.
#[test]
fn nothing_is_left_behind_when_the_test_is_killed() {
    const HOLD: &str = "TESTBED_HOLD";
    const NAME: &str = "nothing_is_left_behind_when_the_test_is_killed";
    if env::var_os(HOLD).is_some() {
        let server = Server::builder(Mpm::Event).start();
        println!("\n{} {}", server.root().display(), server.main_pid());
        loop {
            thread::park();
        }
    }
    let mut test = Command::new(env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(HOLD, "")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(test.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.starts_with('/'));
    test.kill().unwrap();
    test.wait().unwrap();
    let line = line.unwrap();
    let (root, main) = line.split_once(' ').unwrap();
    let main = main.parse().unwrap();
    wait_until("httpd has ended", LIMIT, || !is_process(main));
    wait_until("its directory is deleted", LIMIT, || {
        !Path::new(root).exists()
    });
}

fn is_process(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}
