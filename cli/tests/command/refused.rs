//! What cannot be deployed is refused in words, and nothing has changed then.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::common::{Site, realdoc, run, tree};

#[test]
fn what_is_refused() {
    let site = Site::new(&["42", "43"]);
    fs::write(site.path("file"), "").expect("a new file");
    fs::create_dir(site.path("directory")).expect("a new directory");
    fs::create_dir(site.release("empty")).expect("a new directory");
    site.create("private");
    let private = Permissions::from_mode(0o700);
    fs::set_permissions(site.release("private"), private).expect("it was made");
    symlink("releases/43", site.path("latest")).expect("a new symlink");
    symlink("loop", site.path("loop")).expect("a new symlink");
    let before = tree(&site.path(""));

    let refused: [(&[&str], i32, &str); 27] = [
        (&[], 2, "required arguments"),
        (&["current"], 2, "<RELEASE>"),
        (
            &["current", "releases/43", "x"],
            2,
            "unexpected argument 'x'",
        ),
        (&["current", ""], 2, "a value is required"),
        (&["", "releases/43"], 2, "a value is required"),
        (&["..", "releases/43"], 1, "is not a name of a link"),
        (&["--wrong", "current", "releases/43"], 2, "--wrong"),
        (&["--keep", "1", "current", "releases/43"], 2, "--keep"),
        (
            &["--grace", "5w", "current", "releases/43"],
            2,
            "a time is a number",
        ),
        (
            &["--grace", "99999999999d", "current", "releases/43"],
            2,
            "ten years",
        ),
        (
            &["curent", "releases/43"],
            1,
            "There is: current, latest, loop.",
        ),
        (&["current", "releases/44"], 1, "releases/44: No such file"),
        (&["current", "43"], 1, "Did you mean /"),
        (&["current", "file"], 1, "file is not a directory"),
        (
            &["current", "releases/43\n"],
            1,
            "releases/43\\n: No such file",
        ),
        (&["current", "latest/"], 1, "latest is a symlink"),
        (
            &["current", "loop"],
            1,
            "loop: Too many levels of symbolic links",
        ),
        (&["current", "."], 1, ". contains /"),
        (&["current", "/"], 1, "/ contains /"),
        (&["current", "releases/empty"], 1, "releases/empty is empty"),
        (
            &["current", "releases/private"],
            1,
            "others cannot enter it (its mode is 0700)",
        ),
        (
            &["directory", "releases/43"],
            1,
            "directory is not a symlink",
        ),
        (&["file", "releases/43"], 1, "file is not a symlink"),
        (&["file/current", "releases/43"], 1, "Not a directory"),
        (&["gone/current", "releases/43"], 1, "gone/: No such file"),
        (
            &["--require", "web/x", "current", "releases/43"],
            1,
            "releases/43 lacks web/x",
        ),
        (
            &["--require", "../42", "current", "releases/43"],
            1,
            "not a path within",
        ),
    ];
    for (arguments, code, message) in refused {
        let run = run(realdoc()
            .arg("deploy")
            .args(arguments)
            .current_dir(site.path("")));
        assert_eq!(run.code, Some(code), "{arguments:?}: {run:?}");
        assert!(run.err.contains(message), "{arguments:?}: {run:?}");
        assert!(run.err.starts_with(if code == 1 {
            "realdoc: error: "
        } else {
            "error: "
        }));
        assert!(
            tree(&site.path("")) == before,
            "{arguments:?} changed something"
        );
    }

    let other: [(&[&str], &str); 7] = [
        (&["rollback", "other"], "other: no such symlink"),
        (
            &["rollback", "current"],
            "beside the current one there is: 43, empty, private",
        ),
        (&["rollback", "current", "41"], "41: No such file"),
        (&["prune", "other"], "other: no such symlink"),
        (&["list", "loop"], "loop leads to no directory: loop"),
        (&["withdraw", "current", "42"], "releases/42 is current"),
        (&["withdraw", "current", "43"], "latest leads there"),
    ];
    for (arguments, message) in other {
        let run = run(realdoc().args(arguments).current_dir(site.path("")));
        assert_eq!(run.code, Some(1), "{arguments:?}: {run:?}");
        assert!(run.err.contains(message), "{arguments:?}: {run:?}");
        assert!(
            tree(&site.path("")) == before,
            "{arguments:?} changed something"
        );
    }
}

/// What is refused for the deployer's good can be insisted on.
#[test]
fn what_can_be_forced() {
    let site = Site::new(&["1"]);
    fs::create_dir(site.release("empty")).expect("a new directory");
    site.create("private");
    let private = Permissions::from_mode(0o700);
    fs::set_permissions(site.release("private"), private).expect("it was made");
    for release in ["empty", "private"] {
        site.deploy(release, &["--force"]);
        assert_eq!(site.link(), format!("releases/{release}"));
    }
}

/// A server that reads by its group gets releases for its group.
#[test]
fn releases_for_a_group() {
    let site = Site::new(&["1", "2", "3"]);
    let mode = |release: &str, mode: u32| {
        let mode = Permissions::from_mode(mode);
        fs::set_permissions(site.release(release), mode).expect("it was made");
    };
    mode("2", 0o750);
    let run = run(&mut site.deploying("2", &[]));
    assert_eq!(run.code, Some(1), "{run:?}");
    mode("1", 0o750);
    site.deploy("2", &[]);
    mode("3", 0o711);
    site.deploy("3", &["--require", "web/index.html", "--require", "web"]);
}
