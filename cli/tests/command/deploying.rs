//! Deploys and rollbacks that succeed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use crate::common::{AT_ONCE, Site, realdoc, run, tree};

/// A path with what shells take to be special.
const ODD: &str = "it's $(a) \"site\" \\ * \n ";

/// The way of a site: its first deploy, more of them, and back; whatever is in its path.
#[test]
fn there_and_back() {
    let site = Site::bare(ODD, &["41", "42\n", "-43"]);
    let said = site.deploy("41", &["--create"]);
    assert!(said.ends_with("current -> releases/41 (new)\n"), "{said}");
    let said = site.deploy("42\n", &[]);
    assert!(
        said.ends_with(" -> releases/42\\n (was: releases/41)\n"),
        "{said}"
    );
    site.deploy("-43", &[]);
    assert_eq!(site.link(), "releases/-43");
    // Again is no mistake and changes nothing.
    let before = tree(&site.path(""));
    let said = site.deploy("-43", &[]);
    assert!(said.ends_with("(as it was)\n"), "{said}");
    assert_eq!(tree(&site.path("")), before);

    // Not to one that was rolled back, but further back.
    for release in ["42\n", "41"] {
        site.succeed("rollback", &[]);
        assert_eq!(site.link(), format!("releases/{release}"));
    }
    let run = site.run("rollback", &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("no former release is known"), "{run:?}");
    assert_eq!(site.link(), "releases/41");

    // Deployed once more, it counts again.
    site.deploy("42\n", &[]);
    site.deploy("-43", &[]);
    site.succeed("rollback", &[]);
    assert_eq!(site.link(), "releases/42\n");
    // By its name, also one that was rolled back.
    site.succeed("rollback", &["--", "-43"]);
    assert_eq!(site.link(), "releases/-43");
}

/// The link's content stays relative or absolute, and spelled as it was.
#[test]
fn the_spelling_is_kept() {
    let site = Site::new(&["42", "43"]);
    let dir = site.path("");
    let dir = dir.to_str().expect("UTF-8").trim_end_matches('/');
    symlink(dir, site.path("alias")).expect("a new symlink");
    let spelled = |release: &str| {
        [
            format!("releases/{release}"),
            format!("../app//releases/{release}"),
            format!("alias/releases/{release}"),
            format!("{dir}/releases/{release}"),
            format!("{dir}/alias/releases/{release}"),
        ]
    };
    for (old, new) in spelled("42").into_iter().zip(spelled("43")) {
        for slash in ["", "/"] {
            site.flip("current", &format!("{old}{slash}"));
            site.deploy("43", &[]);
            assert_eq!(site.link(), new);
        }
    }

    // Where that cannot be: relative only below the link's directory.
    let elsewhere = site.outside().join("elsewhere/1");
    fs::create_dir_all(elsewhere.join("web")).expect("a new directory");
    let elsewhere = elsewhere.canonicalize().expect("it was made");
    site.flip("current", "releases/42");
    site.succeed("deploy", &[elsewhere.to_str().expect("UTF-8")]);
    assert_eq!(site.link(), elsewhere.to_str().expect("UTF-8"));
    site.flip("current", "gone/7");
    site.deploy("43", &[]);
    assert_eq!(site.link(), "releases/43");
}

/// Paths that are relative to the working directory, and releases beside the link.
#[test]
fn relative_paths() {
    let site = Site::new(&[]);
    for release in ["blue", "green"] {
        fs::create_dir_all(site.path(release).join("web")).expect("a new directory");
    }
    let here = |arguments: &[&str]| {
        let run = run(realdoc().args(arguments).current_dir(site.path("")));
        assert_eq!(run.code, Some(0), "{run:?}");
    };
    here(&["deploy", "--create", "current", "blue"]);
    assert_eq!(site.link(), "blue");
    here(&["deploy", "./current", "./green/"]);
    assert_eq!(site.link(), "green");
    here(&["deploy", "../app/current", "../app/blue/."]);
    assert_eq!(site.link(), "blue");
    here(&["rollback", "current"]);
    assert_eq!(site.link(), "green");
}

/// Names need not be UTF-8.
#[test]
fn any_bytes() {
    let site = Site::new(&["1"]);
    let release = site.release(OsStr::from_bytes(b"\xff\x01"));
    fs::create_dir_all(release.join("web")).expect("a new directory");
    let run = run(site.command("deploy", &[]).arg(&release));
    assert!(run.out.contains("-> releases/\\xff\\u{1} (was"), "{run:?}");
    assert_eq!(
        fs::canonicalize(site.current()).expect("a directory"),
        release
    );
    site.deploy("1", &[]);
    site.succeed("rollback", &[]);
    assert_eq!(
        fs::canonicalize(site.current()).expect("a directory"),
        release
    );
}

/// Nothing is changed, and what is foretold is done.
#[test]
fn a_dry_run_tells_what_a_run_does() {
    let site = Site::new(&["1", "2", "3", "4"]);
    for release in ["2", "3"] {
        site.deploy(release, &[]);
    }
    let before = tree(&site.path(""));
    let options = [&AT_ONCE[..], &["--then", "exit 1", "--dry-run"]].concat();
    let foretold = site.deploy("4", &options);
    assert_eq!(tree(&site.path("")), before, "{foretold}");
    assert!(
        foretold.contains("dry run: would run exit 1\n"),
        "{foretold}"
    );
    let foretold = site.deploy("4", &[&AT_ONCE[..], &["-n"]].concat());
    let said = site.deploy("4", &AT_ONCE);
    assert_eq!(foretold.replace("dry run: ", ""), said);
    assert_eq!(foretold.matches("dry run: ").count(), 3, "{foretold}");
}

/// --quiet says nothing of what went well.
#[test]
fn quiet() {
    let site = Site::new(&["1", "2", "3"]);
    assert_eq!(site.deploy("2", &["-q"]), "");
    assert_eq!(site.deploy("3", &[&AT_ONCE[..], &["--quiet"]].concat()), "");
    assert_eq!(site.left(), ["2", "3"]);
    assert!(!site.succeed("list", &["-q"]).is_empty());
}

/// The layouts of other tools work as they are: Capistrano's absolute link, Deployer's relative
/// one with `release` beside it.
#[test]
fn other_tools_layouts() {
    let capistrano = Site::bare("app", &["20261201120000", "20261201130000"]);
    let release = |name: &str| capistrano.release(name).display().to_string();
    capistrano.flip("current", &release("20261201120000"));
    capistrano.deploy("20261201130000", &[]);
    assert_eq!(capistrano.link(), release("20261201130000"));
    // Flipped by the tool itself in between.
    capistrano.flip("current", &release("20261201120000"));
    assert!(
        capistrano
            .succeed("list", &[])
            .contains("20261201130000  not known")
    );

    let deployer = Site::bare("app", &["1", "2"]);
    deployer.flip("current", "releases/1");
    deployer.flip("release", "releases/2");
    let refused = deployer.run(
        "deploy",
        &[deployer.path("release").to_str().expect("UTF-8")],
    );
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("is a symlink"), "{refused:?}");
    deployer.deploy("2", &AT_ONCE);
    assert_eq!(deployer.link(), "releases/2");
}
