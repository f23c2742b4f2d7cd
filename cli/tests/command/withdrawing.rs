//! `realdoc withdraw`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::common::{AT_ONCE, NOBODY, Site, needs_root};

fn mode(site: &Site, release: &str) -> u32 {
    let stat = fs::metadata(site.release(release)).expect("a release");
    stat.permissions().mode() & 0o7777
}

#[test]
fn a_withdrawn_release() {
    let site = Site::new(&["1", "2", "3", "4", "failed"]);
    for release in ["2", "3", "4"] {
        site.deploy(release, &[]);
    }
    let said = site.succeed("withdraw", &["-n", "3"]);
    assert!(said.starts_with("dry run: "), "{said}");
    assert_eq!(mode(&site, "3"), 0o755);
    site.succeed("withdraw", &["3"]);
    assert_eq!(mode(&site, "3"), 0);
    let path = site.release("2").display().to_string();
    site.succeed("withdraw", &[&path]);
    assert_eq!(mode(&site, "2"), 0);
    // One that never was current, too.
    site.succeed("withdraw", &["failed"]);
    assert_eq!(mode(&site, "failed"), 0);

    let list = site.succeed("list", &[]);
    assert_eq!(list.matches("  withdrawn  ").count(), 2, "{list}");
    // Passed over, and refused by name, until its mode says that it is meant.
    let refused = site.run("rollback", &["3"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("was withdrawn"), "{refused:?}");
    site.succeed("rollback", &[]);
    assert_eq!(site.link(), "releases/1");
    fs::set_permissions(site.release("3"), Permissions::from_mode(0o755)).expect("a release");
    site.deploy("3", &[]);
    // It goes as any other.
    site.succeed("prune", &AT_ONCE);
    assert_eq!(site.left(), ["1", "3", "failed"]);
}

/// What is not beside the current release, and not of its history, is not touched.
#[test]
fn only_releases() {
    let site = Site::new(&["1"]);
    fs::create_dir(site.path("other")).expect("a new directory");
    let other = site.path("other").display().to_string();
    for release in [other.as_str(), "/", "..", "2"] {
        let run = site.run("withdraw", &[release]);
        assert_eq!(run.code, Some(1), "{run:?}");
    }
}

#[test]
fn by_root() {
    needs_root!();
    let site = Site::new(&["1", "2"]);
    site.give_to(NOBODY);
    site.deploy("2", &[]);
    site.succeed("withdraw", &["1"]);
    assert_eq!(mode(&site, "1"), 0);
}
