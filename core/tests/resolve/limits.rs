//! As many symlinks as the kernel follows, and paths as long as it takes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use realdoc_core::fs::{Errno, OsFs};
use realdoc_core::paths::PATH_MAX;
use realdoc_core::resolve::{Mode, resolve};

use crate::oracle::{NAME_MAX, c, one_step, realpath};

/// realpath(3) follows as many symlinks as the kernel, and not one more; it
/// matters neither where on the path they stand.
#[test]
fn chains_of_about_forty_links() {
    let dir = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir(root.join("0")).unwrap();
    symlink(".", root.join("here")).unwrap();
    for n in 1..=50 {
        symlink((n - 1).to_string(), root.join(n.to_string())).unwrap();
    }
    let mut outcomes = BTreeSet::new();
    for n in 30..=50 {
        for way in ["", "here/", "here/here/here/"] {
            let docroot = format!("{}/{way}{n}", root.display());
            let found = resolve(&OsFs, &c(&docroot), &Mode::Realpath);
            let found = found.map(|r| r.docroot).map_err(|e| e.errno);
            assert_eq!(found, realpath(&docroot).map(c), "{docroot}");
            outcomes.insert(found.is_ok());

            // One step less, then it is the kernel that follows.
            let found = resolve(&OsFs, &c(&docroot), &Mode::Readlink { from: None });
            let step = one_step(&docroot, None);
            let expected = realpath(step.to_str().unwrap()).map(|_| c(&step));
            assert_eq!(
                found.map(|r| r.docroot).map_err(|e| e.errno),
                expected,
                "{docroot}"
            );
        }
    }
    assert_eq!(
        outcomes.len(),
        2,
        "the chains are long enough to be too long"
    );
}

/// A path that is short by the links' names but too long for the kernel by its own.
#[test]
fn a_real_path_that_is_too_long() {
    let dir = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    let name = "n".repeat(NAME_MAX);
    let mut real = root.join("deep");
    fs::create_dir(&real).unwrap();
    while real.as_os_str().len() + 1 + name.len() < PATH_MAX {
        real.push(&name);
        fs::create_dir(&real).unwrap();
    }
    symlink(&real, root.join("link")).unwrap();
    // 1 + the longest name that makes a path of PATH_MAX - 1, which is the longest.
    let room = PATH_MAX - 1 - real.as_os_str().len() - 1;
    let (fits, too_long) = ("m".repeat(room), "m".repeat(room + 1));
    let modes = [Mode::Realpath, Mode::Readlink { from: None }];
    for (name, error) in [(fits, None), (too_long, Some(Errno::NAMETOOLONG))] {
        let docroot = format!("{}/link/{name}", root.display());
        fs::create_dir(&docroot).unwrap();
        assert_eq!(realpath(&docroot).err(), error);
        for mode in &modes {
            let found = resolve(&OsFs, &c(&docroot), mode);
            assert_eq!(found.map_err(|e| e.errno).err(), error, "{mode:?}");
        }
    }
}
