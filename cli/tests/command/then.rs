//! `--then`: a command after the flip.

use std::fs;

use crate::common::{AT_ONCE, NOBODY, Site, needs_root, run};

#[test]
fn it_knows_what_was_flipped() {
    let site = Site::bare("a site\n", &["1", "2", "3"]);
    let told = site.outside().join("told");
    let then = format!(
        "printf '%s|' \"$REALDOC_LINK\" \"$REALDOC_FROM\" \"$REALDOC_TO\" \
         \"$(readlink \"$REALDOC_LINK\")\" > '{}'",
        told.display()
    );
    let path = |path: &str| site.path(path).display().to_string();
    let expect = |from: &str, release: &str| {
        let told = fs::read_to_string(&told).expect("it was run");
        let expected = [
            path("current"),
            from.to_owned(),
            path(release),
            release.to_owned(),
        ];
        assert_eq!(told, expected.map(|value| value + "|").concat());
    };
    site.deploy("1", &["--create", "--then", &then]);
    expect("", "releases/1");
    site.deploy("2", &["--then", &then]);
    expect(&path("releases/1"), "releases/2");
    site.succeed("rollback", &["--then", &then]);
    expect(&path("releases/2"), "releases/1");
    // Where nothing is flipped, and where it is refused, nothing is run.
    fs::remove_file(&told).expect("it was made");
    site.deploy("1", &["--then", &then]);
    let refused = run(&mut site.deploying("9", &["--then", &then]));
    assert_eq!(refused.code, Some(1));
    assert!(!told.exists());
}

/// Its failure is told, and old releases go all the same.
#[test]
fn it_fails() {
    let site = Site::new(&["1", "2", "3"]);
    site.deploy("2", &[]);
    let options = [&AT_ONCE[..], &["--then", "echo said; exit 7"]].concat();
    let run = run(&mut site.deploying("3", &options));
    assert_eq!(run.code, Some(4), "{run:?}");
    assert!(
        run.err
            .contains("command of --then failed: echo said; exit 7: exit status: 7"),
        "{run:?}"
    );
    assert!(run.out.contains("said\n"), "{run:?}");
    assert_eq!(site.link(), "releases/3");
    assert_eq!(site.left(), ["2", "3"]);
}

/// It is the caller's, whoever owns the site; and it may deploy itself.
#[test]
fn it_runs_as_the_caller() {
    needs_root!();
    let site = Site::new(&["1", "2", "3"]);
    site.give_to(NOBODY);
    let then = format!(
        "id -u; exec '{}' deploy \"$REALDOC_LINK\" \"${{REALDOC_TO%2}}3\"",
        env!("CARGO_BIN_EXE_realdoc")
    );
    let said = site.deploy("2", &["--then", &then]);
    assert!(said.contains("\n0\n"), "{said}");
    assert_eq!(site.link(), "releases/3");
}

/// A run that is killed before the flip takes the command with it.
#[test]
fn a_killed_run_runs_nothing() {
    let site = Site::new(&["1", "2"]);
    let told = site.outside().join("told");
    let then = format!("touch '{}'", told.display());
    let run = run(site
        .deploying("2", &["--then", &then])
        .env("REALDOC_KILL_AT", "3"));
    assert_eq!(run.signal, Some(9), "{run:?}");
    assert_eq!(site.link(), "releases/1");
    site.deploy("2", &[]);
    assert!(!told.exists());
}
