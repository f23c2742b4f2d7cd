//! Root on other users' sites.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};

use crate::common::{AT_ONCE, DAEMON, NOBODY, Site, give, needs_root, owner, run, tree, uid};

/// All that root's runs make belongs to the site's owner, with the modes that httpd needs.
#[test]
fn what_root_makes_is_the_owners() {
    needs_root!();
    let site = Site::new(&["1", "2", "3"]);
    site.give_to(NOBODY);
    let deploy = |release: &str| {
        let script = "umask 077; exec \"$@\"";
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_realdoc"), "deploy"])
            .args(AT_ONCE);
        let run = run(command.arg(site.current()).arg(site.release(release)));
        assert_eq!(run.code, Some(0), "{run:?}");
    };
    deploy("2");
    deploy("3");
    assert_eq!(site.left(), ["2", "3"]);
    for (path, uid, mode, _) in tree(&site.path("")) {
        assert_eq!(uid, crate::common::uid(NOBODY), "{}", path.display());
        if path.ends_with(".current.deploy") {
            assert_eq!(mode & 0o7777, 0o755);
        }
        if path.ends_with("record") {
            assert_eq!(mode & 0o7777, 0o644);
        }
    }
}

/// Root does no more than the owner could.
#[test]
fn root_has_the_owners_rights_only() {
    needs_root!();
    let site = Site::new(&["1", "2"]);
    site.give_to(NOBODY);
    let secret = site.outside().join("secret");
    fs::create_dir_all(secret.join("release/web")).expect("a new directory");
    fs::set_permissions(&secret, Permissions::from_mode(0o700)).expect("it was made");
    let release = secret.join("release");
    let run = site.run("deploy", &[release.to_str().expect("UTF-8")]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("Permission denied"), "{run:?}");
}

/// Where root stays root, the link keeps the owner that it had; and old releases are removed by
/// the owner of the directory that holds them.
#[test]
fn roots_own_directory() {
    needs_root!();
    let site = Site::new(&["1", "2", "3", "4"]);
    lchown(site.current(), Some(uid(DAEMON)), None).expect("root may do so");
    site.deploy("2", &[]);
    assert_eq!(owner(&site.current()), uid(DAEMON));
    assert_eq!(owner(&site.path(".current.deploy/record")), 0);
    give(&site.path("releases"), NOBODY);
    site.deploy("3", &AT_ONCE);
    assert_eq!(site.left(), ["2", "3", "4"]);
    // That user cannot remove what root has put there.
    give(&site.release("2/web"), "root");
    let run = run(&mut site.deploying("4", &AT_ONCE));
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.err.contains("cannot remove all of"), "{run:?}");
    assert_eq!(site.link(), "releases/4");
}

/// Whose groups are not known, root cannot become.
#[test]
fn a_user_without_a_name() {
    needs_root!();
    let site = Site::new(&["1", "2"]);
    lchown(site.path(""), Some(4_000_123), None).expect("root may do so");
    let before = tree(&site.path(""));
    let run = run(&mut site.deploying("2", &[]));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.err
            .contains("it is not known which groups that user has"),
        "{run:?}"
    );
    assert!(run.err.contains("setpriv --reuid 4000123"), "{run:?}");
    assert_eq!(tree(&site.path("")), before);
}

/// The supplementary groups are the owner's, and root's are gone.
#[test]
fn groups() {
    needs_root!();
    let site = Site::new(&["1", "2"]);
    site.give_to(NOBODY);
    // Only a group of root's could enter.
    let release = site.release("2");
    let stat = fs::metadata(&release).expect("a release");
    assert_eq!(stat.uid(), uid(NOBODY));
    lchown(&release, Some(0), Some(0)).expect("root may do so");
    fs::set_permissions(&release, Permissions::from_mode(0o770)).expect("it was made");
    let run = run(&mut site.deploying("2", &["--require", "web"]));
    assert_eq!(run.code, Some(1), "{run:?}");
}

/// Root does not go by what another user than the owner can exchange.
#[test]
fn unsteady_paths() {
    needs_root!();
    let site = Site::new(&["1", "2"]);
    let refused = |link: &std::path::Path, why: &str| {
        let before = tree(site.outside());
        let mut command = crate::common::realdoc();
        let run = run(command.arg("deploy").arg(link).arg(site.release("2")));
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(
            run.err.contains("not safe for root") && run.err.contains(why),
            "{run:?}"
        );
        assert_eq!(tree(site.outside()), before);
    };
    // A directory above that belongs to somebody else.
    lchown(site.outside(), Some(uid(DAEMON)), None).expect("root may do so");
    refused(&site.current(), "belongs to daemon");
    lchown(site.outside(), Some(0), None).expect("root may do so");
    // A symlink on the way.
    let alias = site.outside().join("alias");
    symlink(site.path(""), &alias).expect("a new symlink");
    lchown(&alias, Some(uid(DAEMON)), None).expect("root may do so");
    refused(&alias.join("current"), "alias belongs to daemon");
    // A directory of root's that others can write to.
    fs::set_permissions(site.path(""), Permissions::from_mode(0o775)).expect("it was made");
    refused(&site.current(), "others than root can write");
    fs::set_permissions(site.path(""), Permissions::from_mode(0o755)).expect("it was made");
    site.deploy("2", &[]);
    // Links of root's and of the owner's are right.
    lchown(&alias, Some(0), None).expect("root may do so");
    let mut command = crate::common::realdoc();
    let run = run(command
        .arg("deploy")
        .arg(alias.join("current"))
        .arg(site.release("1")));
    assert_eq!(run.code, Some(0), "{run:?}");
}
