//! `resolve` and `unchanged` on a site whose links change.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use realdoc_core::fs::OsFs;
use realdoc_core::resolve::{Link, Mode, resolve, unchanged};
use tempfile::TempDir;

use crate::common::cases;
use crate::oracle::c;

/// What somebody does to a site's directory.
#[derive(Clone, Debug)]
enum Change {
    /// Makes the name a symlink, by rename if it was one.
    Link(&'static str, &'static str),
    /// Makes the name a new directory; the inode number of the old one is free.
    Renew(&'static str),
    Remove(&'static str),
    Swap(&'static str, &'static str),
}

const NAMES: [&str; 6] = ["current", "stage", "top", "r1", "r2", "r3"];

fn change() -> impl Strategy<Value = Change> {
    let name = || select(&NAMES[..]);
    let text = select(vec![
        "r1",
        "r2",
        "./r3/",
        "r1/web/..",
        "stage",
        "current",
        ".",
    ]);
    prop_oneof![
        4 => (name(), text).prop_map(|(name, text)| Change::Link(name, text)),
        3 => name().prop_map(Change::Renew),
        1 => name().prop_map(Change::Remove),
        2 => (name(), name()).prop_map(|(a, b)| Change::Swap(a, b)),
    ]
}

impl Change {
    fn apply(&self, root: &Path) -> io::Result<()> {
        let spare = root.join("spare");
        match *self {
            Change::Link(name, text) => {
                let name = root.join(name);
                if !name.is_symlink() {
                    remove(&name)?;
                }
                flip(&name, text)
            }
            Change::Renew(name) => {
                remove(&root.join(name))?;
                fs::create_dir_all(root.join(name).join("web"))
            }
            Change::Remove(name) => remove(&root.join(name)),
            Change::Swap(a, b) => {
                let (a, b) = (root.join(a), root.join(b));
                if a != b && a.symlink_metadata().is_ok() && b.symlink_metadata().is_ok() {
                    fs::rename(&a, &spare)?;
                    fs::rename(&b, &a)?;
                    fs::rename(&spare, &b)?;
                }
                Ok(())
            }
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(stat) if stat.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// `ln -s text tmp && mv -T tmp link`
fn flip(link: &Path, text: impl AsRef<Path>) -> io::Result<()> {
    let new = link.with_extension("new");
    symlink(text, &new)?;
    fs::rename(&new, link)
}

/// `root/{r1,r2,r3}/web`, `current -> r1`, `stage -> current`, `top -> .`
fn site() -> io::Result<(TempDir, PathBuf)> {
    let dir = tempfile::tempdir()?;
    let root = fs::canonicalize(dir.path())?;
    for release in ["r1", "r2", "r3"] {
        fs::create_dir_all(root.join(release).join("web"))?;
    }
    symlink("r1", root.join("current"))?;
    symlink("current", root.join("stage"))?;
    symlink(".", root.join("top"))?;
    Ok((dir, root))
}

const DOCROOTS: [&str; 4] = ["current", "current/web", "top/current/web", "top/stage/web"];

proptest! {
    #![proptest_config(cases(200))]

    /// `unchanged` says whether each link has its text; where further ones are on its way, whether
    /// realpath(3) of link and target agree, whatever was done in between and whatever inode
    /// numbers were reused. What the text does not tell is a directory that was made a symlink, or
    /// removed.
    #[test]
    fn unchanged_means_that_the_links_lead_where_they_led(
        docroot in select(&DOCROOTS[..]),
        changes in vec(change(), 1..8),
    ) {
        let (_dir, root) = site()?;
        let docroot = c(root.join(docroot));
        let by_realpath = resolve(&OsFs, &docroot, &Mode::Realpath).expect("a whole site");
        let by_readlink =
            resolve(&OsFs, &docroot, &Mode::Readlink { from: None }).expect("a whole site");
        prop_assert!(unchanged(&OsFs, &by_realpath.links));
        prop_assert!(unchanged(&OsFs, &by_readlink.links));

        let path = |path: &CString| PathBuf::from(path.to_str().expect("UTF-8"));
        for change in &changes {
            change.apply(&root)?;
            let has_text = |link: &Link| {
                let text = fs::read_link(path(&link.path));
                text.is_ok_and(|now| Some(now.as_os_str().as_bytes()) == link.text.as_deref())
            };
            let real = |path: &Path| fs::canonicalize(path).ok();
            let agrees = |link: &Link| {
                let (link, target) = (path(&link.path), path(&link.target));
                real(&link).is_some() && real(&link) == real(&target)
            };
            let links = &by_realpath.links;
            let expected = links.iter().all(|l| if l.text.is_some() { has_text(l) } else { agrees(l) });
            prop_assert_eq!(unchanged(&OsFs, links), expected, "after {:?}", change);
            if expected && links.iter().all(|link| path(&link.path).exists()) {
                let leads_as_before = |link: &Link| real(&path(&link.path)) == Some(path(&link.target));
                let is_symlink_now = |link: &Link| real(&path(&link.target)) != Some(path(&link.target));
                prop_assert!(links.iter().all(|l| leads_as_before(l) || is_symlink_now(l)), "after {:?}", change);
            }

            let same_text = by_readlink.links.iter().all(has_text);
            prop_assert_eq!(unchanged(&OsFs, &by_readlink.links), same_text, "after {:?}", change);
        }
    }
}

/// Ends the flipping when the test ends, also when it fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// While the links are flipped as fast as can be, a docroot is one of the
/// releases each time, and there is one each time.
#[test]
fn resolving_while_links_flip_gives_a_release() {
    let (_dir, root) = site().unwrap();
    let docroot = c(root.join("stage/web"));
    let release = |n: &str| c(root.join(n).join("web"));
    let releases: BTreeSet<_> = ["r1", "r2", "r3"].into_iter().map(release).collect();
    let steps: BTreeSet<_> = ["r2", "current"].into_iter().map(release).collect();

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _done = Done(&done);
        scope.spawn(|| {
            while !done.load(Relaxed) {
                for (link, text) in [
                    ("current", "r2"),
                    ("stage", "r2"),
                    ("current", "r3"),
                    ("stage", "current"),
                    ("current", "r1"),
                ] {
                    flip(&root.join(link), text).unwrap();
                }
            }
        });
        let (mut seen_releases, mut seen_steps) = (BTreeSet::new(), BTreeSet::new());
        let give_up = Instant::now() + Duration::from_secs(120);
        let mut rounds = 0;
        while rounds < 2000 || seen_releases != releases || seen_steps != steps {
            assert!(
                Instant::now() < give_up,
                "seen {seen_releases:?}, {seen_steps:?}"
            );
            rounds += 1;
            let found = resolve(&OsFs, &docroot, &Mode::Realpath);
            seen_releases.insert(found.unwrap().docroot);
            let found = resolve(&OsFs, &docroot, &Mode::Readlink { from: None });
            seen_steps.insert(found.unwrap().docroot);
        }
    });
}
