//! The cases of resolving that an administrator meets, by name. Whatever else a
//! tree may hold is for `properties.rs`.

use std::ffi::CString;

use realdoc_core::fs::{CachedFs, Errno};
use realdoc_core::paths::PATH_MAX;
use realdoc_core::resolve::{Mode, ResolveError, chain, resolve, starts_at_component, unchanged};

use crate::memory_fs::MemoryFs;

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn readlink_from(from: &str) -> Mode {
    let from = Some(c(from));
    Mode::Readlink { from }
}

const READLINK: Mode = Mode::Readlink { from: None };

/// Dirs: `/srv/releases/{41,42}/web`, `/data/deep/dir`, `/data/deep/next`.
fn site() -> MemoryFs {
    MemoryFs::with_dirs(&[
        "/srv/releases/41/web",
        "/srv/releases/42/web",
        "/data/deep/dir",
        "/data/deep/next",
    ])
}

/// The resolved docroot.
#[track_caller]
fn docroot(fs: &MemoryFs, docroot: &str, mode: &Mode) -> String {
    let found = resolve(fs, &c(docroot), mode).unwrap_or_else(|error| panic!("{error}"));
    found.docroot.into_string().unwrap()
}

/// Each link with its target.
#[track_caller]
fn links(fs: &MemoryFs, docroot: &str, mode: &Mode) -> Vec<(String, String)> {
    let found = resolve(fs, &c(docroot), mode).unwrap_or_else(|error| panic!("{error}"));
    let text = |path: CString| path.into_string().unwrap();
    let links = found.links.into_iter();
    links.map(|l| (text(l.path), text(l.target))).collect()
}

#[track_caller]
fn error(fs: &MemoryFs, docroot: &str, mode: &Mode) -> (Errno, String, bool) {
    let error = resolve(fs, &c(docroot), mode).expect_err(docroot);
    let path = error.path.into_string().unwrap();
    (error.errno, path, error.link.is_some())
}

fn pair(link: &str, target: &str) -> (String, String) {
    (link.into(), target.into())
}

#[test]
fn readlink_goes_one_step_of_a_chain() {
    let fs = MemoryFs::with_dirs(&["/var/www/release-12"]);
    fs.link("/var/www/current", "/var/www/A");
    fs.link("/var/www/A", "release-12");
    assert_eq!(docroot(&fs, "/var/www/current", &READLINK), "/var/www/A");
    assert_eq!(
        docroot(&fs, "/var/www/current", &Mode::Realpath),
        "/var/www/release-12"
    );
}

#[test]
fn the_link_may_be_the_last_component_or_in_the_middle() {
    let fs = site();
    fs.link("/srv/current", "releases/42");
    for mode in [Mode::Realpath, READLINK] {
        assert_eq!(docroot(&fs, "/srv/current", &mode), "/srv/releases/42");
        assert_eq!(
            docroot(&fs, "/srv/current/web", &mode),
            "/srv/releases/42/web"
        );
        let link = [pair("/srv/current", "/srv/releases/42")];
        assert_eq!(links(&fs, "/srv/current", &mode), link);
        assert_eq!(links(&fs, "/srv/current/web", &mode), link);
    }
}

#[test]
fn every_symlink_on_the_path_is_a_link_of_realpath_but_only_the_first_of_readlink() {
    let fs = site();
    fs.link("/www", "/srv");
    fs.link("/srv/current", "releases/42");
    fs.link("/srv/releases/42/public", "web");
    let path = "/www/current/public";
    assert_eq!(
        links(&fs, path, &Mode::Realpath),
        [
            pair("/www", "/srv"),
            pair("/www/current", "/srv/releases/42"),
            pair("/www/current/public", "/srv/releases/42/web"),
        ]
    );
    assert_eq!(links(&fs, path, &READLINK), [pair("/www", "/srv")]);
    assert_eq!(docroot(&fs, path, &READLINK), "/srv/current/public");
}

#[test]
fn a_target_is_made_canonical() {
    let fs = site();
    for target in [
        "releases/42",
        "/srv/releases/42",
        "releases/42/",
        "releases//42///",
        "./releases/./42/.",
        "../srv/releases/42",
        "//srv//releases/41/../42",
        "../../../../srv/releases/42",
        "releases/42/web/..",
    ] {
        fs.link("/srv/current", target);
        for mode in [Mode::Realpath, READLINK] {
            assert_eq!(
                docroot(&fs, "/srv/current/web", &mode),
                "/srv/releases/42/web",
                "{target}"
            );
        }
    }
}

#[test]
fn a_docroot_is_made_canonical_also_without_a_link() {
    let fs = site();
    for mode in [Mode::Realpath, READLINK] {
        for path in [
            "/srv/releases",
            "/srv//releases/",
            "/srv/./releases/42/..",
            "//srv/releases/.",
        ] {
            assert_eq!(docroot(&fs, path, &mode), "/srv/releases", "{path}");
            assert_eq!(links(&fs, path, &mode), []);
        }
        for path in ["/", "//", "/.", "/..", "/srv/.."] {
            assert_eq!(docroot(&fs, path, &mode), "/", "{path}");
        }
    }
    fs.link("/srv/current", "releases/42");
    // The link keeps the name that it was configured by.
    let link = [pair("/srv//./current", "/srv/releases/42")];
    assert_eq!(links(&fs, "/srv//./current/", &READLINK), link);
    assert_eq!(links(&fs, "/srv//./current/", &Mode::Realpath), link);
}

/// By text `alias/../next` would be `next`.
#[test]
fn dot_dot_is_never_by_text_across_another_symlink() {
    let fs = site();
    fs.link("/srv/alias", "/data/deep/dir");
    fs.link("/srv/current", "alias/../next");
    assert_eq!(docroot(&fs, "/srv/current", &READLINK), "/data/deep/next");

    // In the docroot, behind the link.
    fs.link("/srv/current", "alias");
    assert_eq!(
        docroot(&fs, "/srv/current/../next", &READLINK),
        "/data/deep/next"
    );

    // The other symlink's own text leads by `..` across a third one.
    fs.link("/data/deep/dir/inner", "../next/x");
    fs.dir("/data/deep/next/x");
    fs.link("/srv/current", "alias/inner/..");
    assert_eq!(docroot(&fs, "/srv/current", &READLINK), "/data/deep/next");

    // A symlink before the one that `UseReadlink /path` names.
    let mode = readlink_from("/srv/alias/inner");
    assert_eq!(docroot(&fs, "/srv/alias/inner", &mode), "/data/deep/next/x");
}

#[test]
fn from_says_where_to_begin() {
    let fs = site();
    fs.link("/www", "/srv");
    fs.link("/srv/current", "releases/42");
    fs.link("/srv/releases/42/public", "web");
    let path = "/www/current/public";
    for (from, link, expected) in [
        ("/", "/www", "/srv/current/public"),
        ("/www", "/www", "/srv/current/public"),
        ("/www/", "/www", "/srv/current/public"),
        ("/www/current", "/www/current", "/www/releases/42/public"),
        ("/www/current/", "/www/current", "/www/releases/42/public"),
        // The link itself and below the first one.
        (
            "/www/current/public",
            "/www/current/public",
            "/www/current/web",
        ),
        // No prefix, or not on a component boundary: as if it were not there.
        ("/srv", "/www", "/srv/current/public"),
        ("/www/curr", "/www", "/srv/current/public"),
        ("/www/current/public/css", "/www", "/srv/current/public"),
    ] {
        let mode = readlink_from(from);
        assert_eq!(docroot(&fs, path, &mode), expected, "from {from}");
        let links = links(&fs, path, &mode);
        assert_eq!(links.len(), 1);
        assert_eq!(links[0].0, link, "from {from}");
    }
    // Below every link there is none left.
    let mode = readlink_from("/www/current/css");
    fs.dir("/srv/releases/42/css");
    assert_eq!(links(&fs, "/www/current/css", &mode), []);
    assert_eq!(docroot(&fs, "/www/current/css", &mode), "/www/current/css");
}

#[test]
fn a_prefix_ends_where_a_component_does() {
    for (path, prefix, is) in [
        ("/srv/app", "/srv/app", true),
        ("/srv/app", "/srv/app/", true),
        ("/srv/app/web", "/srv/app", true),
        ("/srv/app/web", "/", true),
        ("/", "/", true),
        ("/srv/apple", "/srv/app", false),
        ("/srv/app", "/srv/app/web", false),
        ("/srv/app", "/other", false),
    ] {
        assert_eq!(
            starts_at_component(&c(path), &c(prefix)),
            is,
            "{path} {prefix}"
        );
    }
}

#[test]
fn a_dangling_link() {
    let fs = site();
    fs.link("/srv/current", "releases/43");
    let expected = (Errno::NOENT, "/srv/releases/43".into(), true);
    assert_eq!(error(&fs, "/srv/current", &Mode::Realpath), expected);
    assert_eq!(error(&fs, "/srv/current", &READLINK), expected);
}

#[test]
fn a_missing_directory_is_not_behind_a_link() {
    let fs = site();
    let expected = (Errno::NOENT, "/srv/current".into(), false);
    assert_eq!(error(&fs, "/srv/current", &Mode::Realpath), expected);
    assert_eq!(error(&fs, "/srv/current", &READLINK), expected);
}

#[test]
fn loops() {
    let fs = site();
    fs.link("/srv/current", "current");
    fs.link("/srv/a", "b");
    fs.link("/srv/b", "a/../b");
    fs.link("/srv/below", "below/web");
    for path in ["/srv/current", "/srv/a/web", "/srv/b", "/srv/below"] {
        for mode in [Mode::Realpath, READLINK] {
            let (errno, _, behind_link) = error(&fs, path, &mode);
            assert_eq!((errno, behind_link), (Errno::LOOP, true), "{path} {mode:?}");
        }
    }
}

#[test]
fn what_is_no_directory() {
    let fs = site();
    fs.file("/srv/file");
    for (target, path) in [
        ("file", "/srv/current"),
        ("file/", "/srv/current"),
        ("file/..", "/srv/current"),
        ("file/x", "/srv/current"),
        ("releases/42", "/srv/current/web/../../../file/x"),
    ] {
        fs.link("/srv/current", target);
        for mode in [Mode::Realpath, READLINK] {
            let (errno, _, _) = error(&fs, path, &mode);
            assert_eq!(errno, Errno::NOTDIR, "{target} {path} {mode:?}");
        }
    }
}

#[test]
fn over_long() {
    let fs = site();
    // Of many short components, so that each is fine by itself.
    let long = "/x".repeat(PATH_MAX / 2 - 1);
    fs.link("/srv/current", &long[1..]);
    assert_eq!(error(&fs, "/srv/current", &READLINK).0, Errno::NAMETOOLONG);
    fs.link("/srv/current", "releases/42");
    let path = format!("/srv/current{long}");
    assert_eq!(error(&fs, &path, &READLINK).0, Errno::NAMETOOLONG);
}

/// What the system says is passed on, with the path of which it said it.
#[test]
fn errors_of_the_system() {
    for errno in [Errno::ACCESS, Errno::IO, Errno::STALE, Errno::NOMEM] {
        let fs = site();
        fs.link("/srv/current", "releases/42");
        fs.fail("/srv/releases/42/web", Some(errno));
        for mode in [Mode::Realpath, READLINK] {
            let expected = (errno, "/srv/releases/42/web".into(), true);
            assert_eq!(error(&fs, "/srv/current/web", &mode), expected);
        }
        fs.fail("/srv/current", Some(errno));
        for mode in [Mode::Realpath, READLINK] {
            let expected = (errno, "/srv/current".into(), false);
            assert_eq!(error(&fs, "/srv/current/web", &mode), expected);
        }
    }
}

#[test]
fn an_error_is_told_in_the_words_of_the_system() {
    let fs = site();
    let error = resolve(&fs, &c("/srv/current"), &Mode::Realpath).unwrap_err();
    assert_eq!(error.to_string(), "/srv/current: No such file or directory");
}

#[test]
fn errors_that_a_deploy_in_progress_can_have_are_passing() {
    let passing = |errno| {
        let path = c("/srv/current");
        ResolveError {
            path,
            errno,
            link: None,
        }
        .is_passing()
    };
    for errno in [Errno::NOENT, Errno::NOTDIR, Errno::STALE, Errno::IO] {
        assert!(passing(errno), "{errno}");
    }
    for errno in [
        Errno::ACCESS,
        Errno::LOOP,
        Errno::NAMETOOLONG,
        Errno::NOMEM,
        Errno::PERM,
    ] {
        assert!(!passing(errno), "{errno}");
    }
}

/// The old release is deleted and the new one gets its inode number at once.
#[test]
fn a_reused_inode_number_does_not_hide_a_flip() {
    use realdoc_core::fs::Fs;

    let fs = site();
    fs.link("/srv/current", "releases/42");
    let links = resolve(&fs, &c("/srv/current"), &Mode::Realpath)
        .unwrap()
        .links;
    let old = fs.stat(&c("/srv/releases/42")).unwrap();
    fs.remove("/srv/releases/42");
    fs.dir_with_ino_of("/srv/releases/43", old);
    fs.link("/srv/current", "releases/43");
    assert_eq!(fs.stat(&c("/srv/current")), Ok(old));
    assert!(!unchanged(&fs, &links));
    // Also when there is a directory of the old name again.
    fs.dir("/srv/releases/42");
    assert!(!unchanged(&fs, &links));
}

#[test]
fn the_cheap_check_asks_at_most_twice_a_link() {
    let fs = site();
    fs.link("/www", "/srv");
    fs.link("/srv/current", "releases/42");
    fs.link("/srv/stage", "/www/releases/42");
    for (docroot, mode, calls) in [
        ("/www/current/web", Mode::Realpath, 2),
        ("/www/stage/web", Mode::Realpath, 3),
        ("/www/stage/web", READLINK, 1),
    ] {
        let links = resolve(&fs, &c(docroot), &mode).unwrap().links;
        fs.calls();
        assert!(unchanged(&fs, &links));
        assert_eq!(fs.calls(), calls, "{docroot} {mode:?}");
    }
}

#[test]
fn what_many_docroots_have_in_common_is_asked_once() {
    let fs = site();
    fs.link("/srv/current", "/srv/releases/42");
    fs.calls();
    let still = CachedFs::new(&fs);
    let mut calls = Vec::new();
    for docroot in ["/srv/current/web", "/srv/releases/41/web", "/data/deep"] {
        resolve(&still, &c(docroot), &Mode::Realpath).expect(docroot);
        calls.push(fs.calls());
    }
    // srv, current, releases, 42, web; 41, web; data, deep; and each time whether it is a
    // directory.
    assert_eq!(calls, [6, 3, 3]);
}

#[test]
fn a_chain_is_a_link_and_the_symlinks_behind_it() {
    let fs = site();
    fs.link("/www", "/srv");
    fs.link("/srv/current", "releases/42");
    fs.link("/srv/public_html", "./current/../42/web");
    let steps = |docroot: &str, mode: &Mode| {
        let links = resolve(&fs, &c(docroot), mode).unwrap().links;
        let last = links.last().unwrap();
        let steps = chain(&fs, last).unwrap();
        assert_eq!(steps.last(), Some(&last.target));
        steps
    };
    let direct = [c("/srv/releases/42")];
    assert_eq!(steps("/www/current/web", &Mode::Realpath), direct);
    let through = [
        c("/srv/./current/../42/web"),
        c("/srv/releases/42/../42/web"),
        c("/srv/releases/42/web"),
    ];
    assert_eq!(steps("/www/public_html", &Mode::Realpath), through);
    fs.link("/srv/public_html", "current/web");
    let through = [c("/srv/current/web"), c("/srv/releases/42/web")];
    assert_eq!(steps("/www/public_html", &Mode::Realpath), through);
    assert_eq!(
        steps("/srv/public_html", &READLINK),
        [c("/srv/current/web")]
    );
}
