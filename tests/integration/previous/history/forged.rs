//! What others may have written counts for nothing, and harms nobody.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use testbed::{LIMIT, Mpm, Server, wait_until};

use super::{Home, STRANGER, assert_remembered, chunk, is_root, previous};

each_mpm!(without_the_file_the_start_is_as_the_first);
/// And so it is with a file that others may have written, that is cut off, or that is something
/// else. None of it is logged: it is an ordinary start.
fn without_the_file_the_start_is_as_the_first(mpm: Mpm) {
    let home = Home::new(mpm);
    let server = home.start();
    home.visit(&server, "42");
    home.deploy(&server, "43");
    server.stop();
    let file = home.file();
    let good = fs::read(&file).expect("it was written");

    let restore = |content: &[u8]| {
        let _ = fs::remove_file(&file);
        fs::write(&file, content).expect("nobody else has it");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
    };
    let is_known = |known: bool, what: &str| {
        let server = home.start();
        home.visit(&server, "43");
        println!("{what}");
        assert_remembered(&server, if known { &["42"] } else { &[] });
        server.stop();
    };
    restore(&good);
    is_known(true, "as it was");
    fs::remove_file(&file).expect("it was written");
    is_known(false, "none");
    restore(&good[..good.len() / 2]);
    is_known(false, "cut off");
    restore(&[good.as_slice(), b"\0"].concat());
    is_known(false, "garbage at its end");
    restore(&b"\0/garbage\n".repeat(1024 * 1024));
    is_known(false, "10 MB of garbage");
    for mode in [0o620, 0o602, 0o644] {
        restore(&good);
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("it is ours");
        is_known(false, &format!("mode {mode:o}"));
    }
    if is_root() {
        restore(&good);
        lchown(&file, Some(STRANGER), None).expect("root can");
        is_known(false, "a stranger's");
    }
    let other = home.run.join("other");
    restore(&good);
    fs::rename(&file, &other).expect("it is there");
    symlink(&other, &file).expect("its place is free");
    is_known(false, "a symlink");
    assert_eq!(fs::read(&other).expect("it is there"), good);
    restore(&good);
    is_known(true, "as it was");
}

/// A record that another user may have written is not read. Nor is one waited for.
#[test]
fn a_record_of_others_counts_for_nothing() {
    let home = Home::new(Mpm::Event);
    if !home.record_deploy("43") {
        return;
    }
    let dir = home.site.path(".current.deploy");
    let record = dir.join("record");
    let good = fs::read(&record).expect("it was written");
    let chmod = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    };
    let is_read = |is_read: bool, what: &str| {
        // A new server knows nothing yet.
        let _ = fs::remove_file(home.file());
        let server = home.start();
        home.visit(&server, "43");
        println!("{what}");
        assert_remembered(&server, if is_read { &["42"] } else { &[] });
        server.stop();
        let _ = fs::remove_file(&record);
        fs::write(&record, &good).expect("its place is free");
        chmod(&record, 0o644);
        chmod(&dir, 0o755);
    };
    is_read(true, "as it was");
    chmod(&record, 0o664);
    is_read(false, "the group may write it");
    chmod(&dir, 0o757);
    is_read(false, "others may write the directory");
    fs::write(&record, "garbage").expect("it is ours");
    is_read(false, "garbage");
    let pipe = |path: &Path| {
        let made = Command::new("mkfifo").arg(path).status();
        assert!(made.expect("it is there").success());
    };
    fs::remove_file(&record).expect("it is ours");
    pipe(&record);
    is_read(false, "a FIFO");
    let other = home.site.path("record");
    fs::rename(&record, &other).expect("it is there");
    symlink(&other, &record).expect("its place is free");
    is_read(false, "a symlink");
    if is_root() {
        lchown(&record, Some(STRANGER), None).expect("root can");
        is_read(false, "a stranger's");
        lchown(&dir, Some(STRANGER), None).expect("root can");
        is_read(false, "in a stranger's directory");
        lchown(&dir, Some(0), None).expect("root can");
        // The link's owner may write it.
        lchown(home.site.current(), Some(STRANGER), None).expect("root can");
        lchown(&record, Some(STRANGER), None).expect("root can");
        lchown(home.site.release("42"), Some(STRANGER), None).expect("root can");
        is_read(true, "of the link's owner");
    }
}

/// Whatever a process that was taken over writes to the memory that all share, requests and the
/// page are answered, and what is left later is remembered.
#[test]
fn garbage_in_the_memory_of_all_stops_nobody() {
    let home = Home::new(Mpm::Event);
    let server = home.setup().children(2).start();
    home.visit(&server, "42");
    for garbage in [0xff, b'/', b'A', 0] {
        scribble(server.main_pid(), garbage, false);
        previous(&server);
        // For a second it may look as if another process wrote.
        wait_until("the flip is noted", LIMIT, || {
            home.deploy(&server, "43");
            home.deploy(&server, "44");
            home.deploy(&server, "42");
            previous(&server).len() == 2
        });
        assert_remembered(&server, &["44", "43"]);
    }
    server.stop();
}

/// If it also overwrites which link each place is of, nothing is remembered until httpd reads its
/// configuration again.
#[test]
fn places_of_no_link_are_free_after_a_restart() {
    let home = Home::new(Mpm::Event);
    let server = home.start();
    home.visit(&server, "42");
    home.deploy(&server, "43");
    scribble(server.main_pid(), 0xff, true);
    home.deploy(&server, "44");
    assert_remembered(&server, &[]);
    server.graceful();
    home.visit(&server, "44");
    home.deploy(&server, "45");
    assert_remembered(&server, &["44"]);
    server.stop();
}

/// Overwrites the histories in the memory of a process, and thus of all, and `with_keys` also which
/// link each is of.
fn scribble(process: u32, garbage: u8, with_keys: bool) {
    const HISTORIES: u64 = 512;

    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("it lives");
    let shared = maps.lines().filter(|line| line.contains(" rw-s "));
    let ranges = shared.map(|line| {
        let range = line.split_once(' ').expect("a range comes first").0;
        let (start, end) = range.split_once('-').expect("of two addresses");
        [start, end].map(|address| u64::from_str_radix(address, 16).expect("of digits"))
    });
    // No other memory that is shared has about that size.
    let is_it = |[start, end]: &[u64; 2]| (9_000_000..10_000_000).contains(&(end - start));
    let found: Vec<_> = ranges.filter(is_it).collect();
    let [[start, end]] = found.as_slice() else {
        panic!("{maps}");
    };
    let memory = fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/{process}/mem"))
        .expect("whoever started httpd may");
    let len = (end - start) / HISTORIES;
    let left_out = if with_keys { 0 } else { 8 };
    let garbage = vec![garbage; (len - left_out) as usize];
    for history in 0..HISTORIES {
        let at = start + history * len + left_out;
        memory.write_all_at(&garbage, at).expect("it is mapped");
    }
}

/// A link leads back to releases of its owner or, if it is root's, to those of the current one's
/// owner. Whatever the link's owner forges, it is no more than what is his.
#[test]
fn whose_releases_count() {
    if !is_root() {
        eprintln!("left out: only root can give files away");
        return;
    }
    let home = Home::new(Mpm::Event);
    let chown = |path: &Path, owner: u32| lchown(path, Some(owner), None).expect("root can");
    let [old, new] = ["42", "43"].map(|release| home.site.release(release));
    let link = home.site.current();
    for (link_owner, old_owner, new_owner, status) in [
        (0, 0, 0, 200),
        (0, STRANGER, STRANGER, 200),
        (0, STRANGER, 0, 404),
        (STRANGER, STRANGER, 0, 200),
        (STRANGER, 0, STRANGER, 404),
    ] {
        let deploy = |server: &Server, release: &str| {
            home.site.deploy(release);
            chown(&link, link_owner);
            home.visit(server, release);
        };
        chown(&old, old_owner);
        chown(&new, new_owner);
        let _ = fs::remove_file(home.file());
        let server = home.start();
        deploy(&server, "42");
        deploy(&server, "43");
        let case = (link_owner, old_owner, new_owner);
        assert_eq!(server.get(&chunk("42")).status, status, "{case:?}");
        server.stop();
    }

    // The link's owner forges a record: root's release would be a former one, and his own then.
    let _ = fs::remove_file(home.file());
    let secret = home.site.release("44");
    let found = fs::metadata(&secret).expect("it is there");
    // 0 where the file system does not know it.
    let born = found.created().unwrap_or(UNIX_EPOCH);
    let born = born
        .duration_since(UNIX_EPOCH)
        .expect("it is later")
        .as_nanos();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later");
    let forge = |owner: u32| {
        let fields = [
            "realdoc-record\x001\0replaced\x000".to_owned(),
            (now.as_micros() - 1000).to_string(),
            found.dev().to_string(),
            found.ino().to_string(),
            born.to_string(),
            owner.to_string(),
            owner.to_string(),
            secret.display().to_string(),
            "end\0".to_owned(),
        ];
        home.site.put(".current.deploy/record", &fields.join("\0"));
        let dir = home.site.path(".current.deploy");
        chown(&dir.join("record"), owner);
        chown(&dir, owner);
    };
    for (owner, status) in [(STRANGER, 404), (0, 200)] {
        chown(&link, owner);
        chown(&new, owner);
        forge(owner);
        let server = home.start();
        home.visit(&server, "43");
        assert_eq!(previous(&server)[0].0, "44");
        assert_eq!(server.get(&chunk("44")).status, status, "{owner}");
        server.stop();
        let _ = fs::remove_file(home.file());
    }
}
