//! What was current is remembered over flips, for a while.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testbed::{Background, HungMount, LIMIT, Mpm, wait_until};

use super::{Home, RELEASES, assert_remembered, changed_at, chunk, previous, run};

each_mpm!(what_was_current_is_remembered);
/// A rollback renews an entry. What no request saw is not known.
fn what_was_current_is_remembered(mpm: Mpm) {
    let home = Home::new(mpm);
    let server = home.start();
    home.visit(&server, "42");
    assert_eq!(previous(&server), []);
    let mut left = Vec::new();
    for release in ["43", "42", "43"] {
        home.deploy(&server, release);
        left.insert(0, changed_at(&home.site));
    }
    assert_eq!(previous(&server), [("42".to_owned(), left[0])]);
    assert_remembered(&server, &["42"]);
    home.site.deploy("44");
    home.deploy(&server, "45");
    assert_remembered(&server, &["43", "42"]);
    server.stop();
}

each_mpm!(flips_that_no_request_saw_are_in_the_record_of_a_deploy);
fn flips_that_no_request_saw_are_in_the_record_of_a_deploy(mpm: Mpm) {
    let home = Home::new(mpm);
    if !home.record_deploy("43") {
        return;
    }
    let server = home.start();
    home.visit(&server, "43");
    assert_remembered(&server, &["42"]);
    for release in ["42", "43", "44"] {
        assert!(home.record_deploy(release));
    }
    home.visit(&server, "44");
    assert_remembered(&server, &["43", "42"]);
    run(&["withdraw"], &[&home.site.current(), Path::new("42")]);
    assert!(home.record_deploy("43"));
    home.visit(&server, "43");
    assert_remembered(&server, &["44"]);
    server.stop();
}

each_mpm!(a_recorded_release_that_hangs_keeps_one_request);
/// The one that was the first to see the flip. All others are answered; those that begin at the
/// same time may have the release before.
fn a_recorded_release_that_hangs_keeps_one_request(mpm: Mpm) {
    let home = Home::new(mpm);
    if !home.record_deploy("43") {
        return;
    }
    let children = if mpm.is_threaded() { 2 } else { 14 };
    let server = home.setup().children(children).threads(8).start();
    home.visit(&server, "43");
    assert!(home.record_deploy("44"));
    let mount = match HungMount::at(&home.site.release("42")) {
        Ok(mount) => mount,
        Err(error) => {
            println!("SKIPPED: a hanging file system cannot be mounted: {error}");
            return server.stop();
        }
    };
    let endpoint = server.on(1);
    let ask = || Background::run(move |_| endpoint.request("GET", "/index.html", &[]).text());
    let clients = Vec::from_iter((0..12).map(|_| ask()));
    let waiting = || {
        let waits = |client: &&Background<String>| !client.is_finished();
        clients.iter().filter(waits).count()
    };
    wait_until("one request waits", LIMIT, || waiting() == 1);
    for later in Vec::from_iter((0..12).map(|_| ask())) {
        assert_eq!(later.finish(), "44");
    }
    assert_eq!(waiting(), 1);
    drop(mount);
    for client in clients {
        assert!(["43", "44"].contains(&client.finish().as_str()));
    }
    assert_remembered(&server, &["43", "42"]);
    server.stop();
}

each_mpm!(what_was_left_too_long_ago_is_not_served);
/// To the moment, by the clock of the file system that holds the link.
fn what_was_left_too_long_ago_is_not_served(mpm: Mpm) {
    const WINDOW: Duration = Duration::from_secs(2);

    let home = Home::new(mpm);
    let server = home.setup().config("RealdocPrevious 2s").start();
    home.visit(&server, "42");
    home.deploy(&server, "43");
    let link = fs::symlink_metadata(home.site.current()).expect("it is there");
    let left = Duration::new(link.ctime() as u64, link.ctime_nsec() as u32);
    // httpd counts in microseconds.
    let left = Duration::from_micros(left.as_micros() as u64);
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is later")
    };
    wait_until("the time is over", LIMIT, || {
        let before = now();
        let status = server.get(&chunk("42")).status;
        let is_over = now() >= left + WINDOW;
        match status {
            200 => assert!(before < left + WINDOW),
            404 => assert!(is_over, "too early"),
            status => panic!("{status}"),
        }
        status == 404
    });
    server.stop();
}

each_mpm!(only_what_was_current_is_served);
/// Not what has taken its place, or was put there later; nor what is not there at the moment.
fn only_what_was_current_is_served(mpm: Mpm) {
    let home = Home::new(mpm);
    let server = home.start();
    home.visit(&server, "42");
    home.deploy(&server, "43");
    let release = home.site.release("42");
    let file = release.join(&chunk("42")[1..]);
    let status = || server.get(&chunk("42")).status;
    let modify = |at: SystemTime| {
        let file = fs::File::options().write(true).open(&file);
        let modified = file.and_then(|file| file.set_modified(at));
        modified.expect("it is there");
    };
    let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    assert_eq!(status(), 200);
    // As rsync into the old release.
    modify(SystemTime::now() + Duration::from_secs(60));
    assert_eq!(status(), 404);
    modify(long_ago);
    assert_eq!(status(), 200);

    let chmod = |mode| {
        fs::set_permissions(&release, Permissions::from_mode(mode)).expect("it is ours");
    };
    chmod(0o000);
    assert_eq!(status(), 404);
    chmod(0o755);
    assert_eq!(status(), 200);

    let away = home.site.path("away");
    fs::rename(&release, &away).expect("its place is free");
    assert_eq!(status(), 404);
    fs::rename(&away, &release).expect("its place is free");
    assert_eq!(status(), 200);

    fs::remove_dir_all(&release).expect("it is there");
    assert_eq!(status(), 404);
    home.site.create("42", &[(&chunk("42")[1..], "staged")]);
    modify(long_ago);
    assert_eq!(status(), 404);
    // It has become current.
    home.site.put("releases/42/index.html", "42");
    home.deploy(&server, "42");
    home.deploy(&server, "43");
    assert_eq!(server.get(&chunk("42")).text(), "staged");
    server.stop();
}

each_mpm!(nothing_is_missing_while_the_link_is_flipped);
/// Whatever a process has seen of the flips, it finds the files of all releases.
fn nothing_is_missing_while_the_link_is_flipped(mpm: Mpm) {
    const CLIENTS: usize = 4;

    let home = Home::new(mpm);
    let server = home.setup().children(CLIENTS).log_level("warn").start();
    home.visit(&server, "42");
    for release in ["43", "44", "45"] {
        home.deploy(&server, release);
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let ask = |client: usize| {
            let mut connection = server.connect();
            for n in 0..500 {
                let release = RELEASES[(n + client) % RELEASES.len()];
                let answer = connection.get(&chunk(release)).expect("it answers");
                assert_eq!((answer.status, answer.text().as_str()), (200, release));
            }
        };
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| scope.spawn(move || ask(client)))
            .collect();
        scope.spawn(|| {
            for release in RELEASES.into_iter().cycle() {
                if is_over.load(Relaxed) {
                    return;
                }
                home.site.deploy(release);
                thread::sleep(Duration::from_millis(5));
            }
        });
        let ends: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        is_over.store(true, Relaxed);
        for end in ends {
            end.unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    server.stop();
}

each_mpm!(a_file_that_is_being_sent_is_sent_to_its_end);
/// Although its release is deleted meanwhile.
fn a_file_that_is_being_sent_is_sent_to_its_end(mpm: Mpm) {
    // More than lies in the buffers of sockets.
    const LEN: u64 = 64 * 1024 * 1024;

    let home = Home::new(mpm);
    let file = home.site.release("42").join("film-3f2aB91c.webm");
    let file = fs::File::create_new(file).and_then(|file| file.set_len(LEN));
    file.expect("it is new");
    let server = home.setup().children(2).start();
    home.visit(&server, "42");
    home.deploy(&server, "43");
    let mut connection = TcpStream::connect(("127.0.0.1", server.port(1))).expect("it listens");
    connection
        .write_all(b"GET /film-3f2aB91c.webm HTTP/1.0\r\n\r\n")
        .expect("it reads");
    let mut start = [0; 1000];
    connection.read_exact(&mut start).expect("it answers");
    assert!(start.starts_with(b"HTTP/1.1 200 OK\r\n"));
    home.site.remove("42");
    assert_eq!(server.get(&chunk("42")).status, 404);
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).expect("it answers");
    let head = start
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .expect("it ends");
    assert_eq!((start.len() + rest.len() - head - 4) as u64, LEN);
    server.stop();
}
