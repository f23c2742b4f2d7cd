//! A run that is killed, wherever it is, leaves the site serving one release; and the next run
//! leaves no trace of it.

use crate::common::{AT_ONCE, Site, run};

#[test]
fn at_each_step() {
    let site = Site::new(&["0", "1"]);
    site.deploy("1", &AT_ONCE);
    let mut former = 1;
    // The run is longer than nothing, and ends.
    for step in 1..100 {
        let release = former + 1;
        site.create(&release.to_string());
        let mut command = site.deploying(&release.to_string(), &AT_ONCE);
        let killed = run(command.env("REALDOC_KILL_AT", step.to_string()));
        let told = format!("killed at {step}: {killed:?}");

        let link = site.link();
        let allowed = [former, release].map(|release| format!("releases/{release}"));
        assert!(allowed.contains(&link), "{link}, {told}");
        assert!(site.current().join("web/index.html").exists(), "{told}");
        if killed.signal == Some(9) {
            site.deploy(&release.to_string(), &AT_ONCE);
        } else {
            assert_eq!(killed.code, Some(0), "{told}");
        }
        assert_eq!(site.link(), allowed[1], "{told}");
        let mut left = [former, release].map(|release| release.to_string());
        left.sort();
        assert_eq!(site.left(), left, "{told}");
        site.expect_clean(&told);
        former = release;
        if killed.signal.is_none() {
            assert!(step > 10, "{told}");
            return;
        }
    }
    panic!("the run has no end");
}

/// At each system call whatever, where strace is there. Long: `make stress`.
#[test]
fn at_each_system_call() {
    let strace = std::process::Command::new("strace").arg("-V").output();
    if std::env::var_os("REALDOC_STRESS").is_none() || strace.is_err() {
        eprintln!("left out: it is a part of make stress, and needs strace");
        return;
    }
    let site = Site::new(&["0", "1"]);
    site.deploy("1", &AT_ONCE);
    let mut former = 1;
    for call in 1..10_000 {
        let release = former + 1;
        site.create(&release.to_string());
        let deploying = site.deploying(&release.to_string(), &AT_ONCE);
        let mut command = std::process::Command::new("strace");
        let inject = format!("inject=all:signal=KILL:when={call}");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject]);
        command
            .arg(deploying.get_program())
            .args(deploying.get_args());
        let killed = run(&mut command);
        let told = format!("killed at {call}: {killed:?}");
        let link = site.link();
        let allowed = [former, release].map(|release| format!("releases/{release}"));
        assert!(allowed.contains(&link), "{link}, {told}");
        assert!(site.current().join("web/index.html").exists(), "{told}");
        site.deploy(&release.to_string(), &AT_ONCE);
        assert_eq!(site.link(), allowed[1], "{told}");
        let mut left = [former, release].map(|release| release.to_string());
        left.sort();
        assert_eq!(site.left(), left, "{told}");
        site.expect_clean(&told);
        former = release;
        if killed.signal.is_none() && killed.code == Some(0) {
            eprintln!("killed at each of {} system calls", call - 1);
            return;
        }
    }
    panic!("the run has no end");
}
