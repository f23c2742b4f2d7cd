//! What is remembered over restarts, and while httpd is stopped.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use testbed::{LIMIT, Mpm, wait_until};

use super::{Home, assert_remembered, previous};

each_mpm!(restarts_forget_nothing);
fn restarts_forget_nothing(mpm: Mpm) {
    let home = Home::new(mpm);
    let server = home.start();
    home.visit(&server, "42");
    home.deploy(&server, "43");
    let before = previous(&server);
    assert_eq!(before.len(), 1);
    server.graceful();
    home.visit(&server, "43");
    assert_eq!(previous(&server), before);
    server.restart();
    home.visit(&server, "43");
    assert_eq!(previous(&server), before);
    // The new processes have never seen 43 flipped.
    home.deploy(&server, "44");
    assert_remembered(&server, &["43", "42"]);
    assert!(!home.file().exists(), "a restart is not the end");
    server.stop();
}

each_mpm!(a_stop_and_a_start_forget_nothing);
fn a_stop_and_a_start_forget_nothing(mpm: Mpm) {
    let home = Home::new(mpm);
    let server = home.start();
    home.visit(&server, "42");
    home.deploy(&server, "43");
    let before = previous(&server);
    server.stop();
    let mode = fs::metadata(home.file()).expect("it was written").mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(fs::read_dir(&home.run).expect("it is there").count(), 1);

    let server = home.start();
    home.visit(&server, "43");
    assert_eq!(previous(&server), before);
    assert!(server.graceful_stop().success());
    let stopped_at = fs::metadata(home.file()).expect("it was written").mtime();

    // The flip while it is stopped: nobody got a page of 43 after the stop.
    home.site.deploy("44");
    let server = home.start();
    home.visit(&server, "44");
    let after = previous(&server);
    assert_eq!(after[0].0, "43");
    assert!(after[0].1 <= stopped_at, "{after:?}, {stopped_at}");
    assert_eq!(after[1..], before);
    assert_remembered(&server, &["43", "42"]);
    server.stop();
}

/// The parent was killed while it wrote, or the directory is not to be written.
#[test]
fn a_file_that_cannot_be_written_is_a_line_in_the_log() {
    let home = Home::new(Mpm::Event);
    let new = home.run.join("realdoc.history.new");
    fs::write(&new, "realdoc-hist").expect("its place is free");
    let server = home.start();
    home.visit(&server, "42");
    home.deploy(&server, "43");
    server.stop();
    assert!(!new.exists());
    let good = fs::read(home.file()).expect("it was written");

    fs::create_dir(&new).expect("its place is free");
    let server = home.setup().allow("RD28: ").start();
    home.deploy(&server, "44");
    assert!(server.terminate().success());
    assert_eq!(server.log_count("RD28: cannot write"), 1);
    assert_eq!(fs::read(home.file()).expect("it is as it was"), good);
    server.stop();
}

/// A parent that is killed leaves the file of the stop before.
#[test]
fn a_killed_parent_leaves_the_file_as_it_was() {
    let home = Home::new(Mpm::Event);
    let server = home.start();
    home.visit(&server, "42");
    home.deploy(&server, "43");
    server.stop();
    let good = fs::read(home.file()).expect("it was written");

    let server = home.start();
    home.deploy(&server, "44");
    let children = server.children();
    let kill = |pid: u32| {
        let pid = pid.to_string();
        let killed = Command::new("kill").args(["-KILL", &pid]).status();
        assert!(killed.expect("it is there").success());
    };
    kill(server.main_pid());
    children.into_iter().for_each(kill);
    wait_until("it has ended", LIMIT, || server.exit_status().is_some());
    assert_eq!(fs::read(home.file()).expect("it is as it was"), good);
    std::mem::drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(
        || {
            server.stop();
        },
    )));

    let server = home.start();
    home.visit(&server, "44");
    assert_remembered(&server, &["43", "42"]);
    server.stop();
}
