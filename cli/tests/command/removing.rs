//! Old releases go, and nothing else does.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use realdoc_core::record;

use crate::common::{AT_ONCE, Site, names, needs_root, run};

/// The record says that everything happened a minute earlier.
fn grow_older(site: &Site) {
    let file = site.path(".current.deploy/record");
    let mut entries = record::parse(&fs::read(&file).expect("a record")).expect("a record");
    for entry in &mut entries {
        entry.until -= 60 * realdoc_core::SECOND;
    }
    fs::write(file, record::format(&entries)).expect("a writable file");
}

/// The current and the former release stay, and as many as are to be kept; of the others those go
/// whose grace is over.
#[test]
fn old_releases_go() {
    let site = Site::new(&["1", "2", "3", "4", "5", "6", "prepared"]);
    site.deploy("2", &["--grace", "50"]);
    site.deploy("3", &["--grace", "50"]);
    grow_older(&site);
    site.deploy("4", &["--grace", "50", "--keep", "4"]);
    assert_eq!(site.left(), ["1", "2", "3", "4", "5", "6", "prepared"]);
    // 3 was replaced just now; of the others only one is kept beside it.
    site.deploy("5", &["--grace", "50", "--keep", "4"]);
    assert_eq!(site.left(), ["2", "3", "4", "5", "6", "prepared"]);
    site.deploy("6", &["--grace", "50", "--keep", "2"]);
    assert_eq!(site.left(), ["3", "4", "5", "6", "prepared"]);
    // A deploy of what is current removes as well, and so does prune.
    site.deploy("6", &["--grace", "0", "--keep", "3"]);
    assert_eq!(site.left(), ["4", "5", "6", "prepared"]);
    let foretold = site.succeed("prune", &["--grace", "0", "--keep", "2", "--dry-run"]);
    let said = site.succeed("prune", &AT_ONCE);
    assert_eq!(foretold.replace("dry run: ", ""), said);
    assert_eq!(site.left(), ["5", "6", "prepared"]);
    site.expect_clean("after all");

    // Rolled back to the one before, with a newer entry for the one that was rolled back.
    site.create("7");
    site.deploy("7", &["--grace", "50"]);
    site.succeed("rollback", &AT_ONCE);
    assert_eq!(site.left(), ["5", "6", "7", "prepared"]);
}

/// Nothing goes that somebody else uses, or that is anywhere else.
#[test]
fn others_releases_stay() {
    let site = Site::new(&["1", "2", "3", "4", "inner"]);
    symlink("releases/1/.", site.path("staging")).expect("a new symlink");
    let shared = site.path("shared");
    fs::create_dir(&shared).expect("a new directory");
    File::create(shared.join("upload")).expect("a new file");
    symlink("../../shared", site.release("2").join("uploads")).expect("a new symlink");
    for release in ["2", "3"] {
        site.deploy(release, &AT_ONCE);
    }
    let said = site.deploy("4", &AT_ONCE);
    assert!(said.contains("staging leads there"), "{said}");
    assert_eq!(site.left(), ["1", "3", "4", "inner"]);
    assert!(shared.join("upload").exists());

    // Nor when that cannot be said.
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("a full device");
    let mut command = site.deploying("3", &AT_ONCE);
    let status = command.stdout(full).stderr(Stdio::null()).status();
    assert!(status.expect("the command runs").success());
    assert_eq!(site.left(), ["1", "3", "4", "inner"]);
    site.deploy("4", &AT_ONCE);

    // Links among the releases count, and links into a directory in a release.
    fs::remove_file(site.path("staging")).expect("it was made");
    symlink("inner/web", site.release("latest")).expect("a new symlink");
    site.deploy("inner", &AT_ONCE);
    for release in ["5", "6"] {
        site.create(release);
    }
    site.deploy("5", &AT_ONCE);
    let said = site.deploy("6", &AT_ONCE);
    assert!(said.contains("latest leads there"), "{said}");
    assert_eq!(site.left(), ["5", "6", "inner", "latest"]);

    // The next ones are in another directory.
    for release in ["7", "8", "9"] {
        let release = site.path("new").join(release);
        fs::create_dir_all(release.join("web")).expect("a new directory");
        let run = run(site.command("deploy", &AT_ONCE).arg(release));
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    assert_eq!(site.left(), ["5", "6", "inner", "latest"]);
    assert_eq!(names(&site.path("new")), ["8", "9"]);
}

/// A directory that was made anew under an old release's name was not deployed.
#[test]
fn a_namesake_stays() {
    let site = Site::new(&["1", "2", "3", "4"]);
    site.deploy("2", &[]);
    site.deploy("3", &[]);
    fs::rename(site.release("1"), site.release("old")).expect("a release");
    site.create("1");
    site.deploy("4", &AT_ONCE);
    assert_eq!(site.left(), ["1", "3", "4", "old"]);
}

/// However deep it is, whatever its permissions.
#[test]
fn deep_and_locked_trees() {
    let site = Site::new(&["1", "2", "3"]);
    let mut deep = rustix::fs::open(
        site.release("1"),
        rustix::fs::OFlags::PATH,
        rustix::fs::Mode::empty(),
    )
    .expect("a release");
    // Too deep for a path.
    for _ in 0..3000 {
        rustix::fs::mkdirat(&deep, "directory", 0o755.into()).expect("a new directory");
        let flags = rustix::fs::OFlags::PATH;
        let mode = rustix::fs::Mode::empty();
        deep = rustix::fs::openat(&deep, "directory", flags, mode).expect("it was made");
    }
    for name in ["a", "b"] {
        let locked = site.release("1").join("locked").join(name);
        fs::create_dir_all(locked.join("inner")).expect("a new directory");
        fs::write(locked.join("file"), "").expect("a new file");
        let mode = if name == "a" { 0o000 } else { 0o555 };
        fs::set_permissions(&locked, Permissions::from_mode(mode)).expect("it was made");
    }
    site.deploy("2", &[]);
    site.deploy("3", &AT_ONCE);
    assert_eq!(site.left(), ["2", "3"]);
}

/// What is mounted in a release is not emptied: neither when it is seen before, nor when it is met.
#[test]
fn mounts_stay() {
    needs_root!();
    let site = Site::new(&["1", "2", "3"]);
    site.deploy("2", &[]);
    let data = site.outside().join("data");
    fs::create_dir(&data).expect("a new directory");
    fs::write(data.join("precious"), "").expect("a new file");
    // In a mount namespace of its own, which goes with it. 77: mounting is not allowed.
    const SCRIPT: &str = "
        realdoc=$1 data=$2 link=$3 releases=$4
        mount --bind $data $releases/1/web || exit 77
        $realdoc deploy --keep 2 --grace 0 $link $releases/3
        echo code $?
        mkdir -p $releases/.realdoc-removed.x/deep
        mount --bind $data $releases/.realdoc-removed.x/deep
        $realdoc prune $link
        echo code $?";
    let mut command = std::process::Command::new("unshare");
    command.args([
        "-m",
        "sh",
        "-c",
        SCRIPT,
        "sh",
        env!("CARGO_BIN_EXE_realdoc"),
    ]);
    let run = run(command.args([&data, &site.current(), &site.path("releases")]));
    if run.code == Some(77) || run.err.starts_with("unshare") {
        eprintln!("left out: mounting is not allowed");
        return;
    }
    let codes: Vec<&str> = run
        .out
        .lines()
        .filter(|line| line.starts_with("code "))
        .collect();
    assert_eq!(codes, ["code 0", "code 3"], "{run:?}");
    assert!(run.out.contains("something is mounted at"), "{run:?}");
    assert!(run.err.contains("something is mounted in it"), "{run:?}");
    assert_eq!(names(&data), ["precious"]);
    assert!(site.release("1").exists());
}
