//! `resolve` and `unchanged` on the real file system: random trees, with
//! realpath(3) as the oracle (on Linux std's `canonicalize` *is* realpath(3)).
//!
//! `PROPTEST_CASES=100000` runs longer. Only a user other than root meets
//! directories that are closed to him.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use realdoc_core::fs::{Errno, OsFs, PATH_MAX, Still};
use realdoc_core::resolve::{Link, Mode, Resolved, resolve, unchanged};
use tempfile::TempDir;

/// The longest name that file systems commonly take.
const NAME_MAX: usize = 255;

/// The text of a path or a symlink, as somebody may have written it.
#[derive(Clone, Debug)]
struct Text {
    /// From the tree's root; else relative.
    absolute: bool,
    names: Vec<String>,
    trailing_slash: bool,
}

impl Text {
    fn write(&self, root: &Path) -> String {
        let mut text = self.names.join("/");
        if self.absolute || text.starts_with('/') {
            text = format!("{}/{text}", root.display());
        }
        if self.trailing_slash || text.is_empty() {
            text.push('/');
        }
        text
    }
}

#[derive(Clone, Debug)]
enum Node {
    File,
    Link(Text),
    Dir {
        entries: Vec<(String, Node)>,
        closed: bool,
    },
}

/// The names in a directory of the tree: few, so that paths often meet something.
fn names() -> [String; 3] {
    ["a".into(), "b".into(), "n".repeat(NAME_MAX)]
}

/// A name that a path may hold; the empty one makes `//`.
fn step() -> impl Strategy<Value = String> {
    prop_oneof![
        60 => select(names().to_vec()),
        15 => Just("..".to_string()),
        6 => Just(".".to_string()),
        3 => Just(String::new()),
        1 => Just("n".repeat(NAME_MAX + 1)),
    ]
}

fn text(names: std::ops::Range<usize>) -> impl Strategy<Value = Text> {
    let trailing_slash = prop::bool::weighted(0.15);
    (
        prop::bool::weighted(0.25),
        vec(step(), names),
        trailing_slash,
    )
        .prop_map(|(absolute, names, trailing_slash)| Text {
            absolute,
            names,
            trailing_slash,
        })
}

fn dir(node: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    let entries = vec(node, 2..4).prop_map(|nodes| names().into_iter().zip(nodes).collect());
    (entries, prop::bool::weighted(0.02))
        .prop_map(|(entries, closed)| Node::Dir { entries, closed })
}

fn tree() -> impl Strategy<Value = Node> {
    let link = || text(1..4).prop_map(Node::Link);
    let leaf = prop_oneof![1 => Just(Node::File), 4 => link()];
    let node = prop_oneof![2 => dir(leaf), 1 => link()];
    let node = prop_oneof![2 => dir(node), 1 => link()];
    dir(prop_oneof![2 => dir(node), 1 => link()])
}

/// A tree on the disk, removed at the end.
struct Tree {
    _dir: TempDir,
    root: PathBuf,
    /// Directories without permissions, inner ones first.
    closed: Vec<PathBuf>,
}

impl Tree {
    fn new(node: &Node) -> io::Result<Tree> {
        let dir = tempfile::tempdir()?;
        let root = fs::canonicalize(dir.path())?.join("root");
        let mut tree = Tree {
            _dir: dir,
            root: root.clone(),
            closed: Vec::new(),
        };
        tree.make(&root, node)?;
        for closed in &tree.closed {
            fs::set_permissions(closed, fs::Permissions::from_mode(0o000))?;
        }
        Ok(tree)
    }

    fn make(&mut self, path: &Path, node: &Node) -> io::Result<()> {
        match node {
            Node::File => fs::write(path, ""),
            Node::Link(text) => symlink(text.write(&self.root), path),
            Node::Dir { entries, closed } => {
                fs::create_dir(path)?;
                for (name, node) in entries {
                    self.make(&path.join(name), node)?;
                }
                if *closed {
                    self.closed.push(path.to_owned());
                }
                Ok(())
            }
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        for closed in self.closed.iter().rev() {
            fs::set_permissions(closed, fs::Permissions::from_mode(0o700))
                .expect("what was closed can be opened");
        }
    }
}

fn c(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).expect("no NUL in a path of ours")
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).expect("an error of the system's")
}

/// realpath(3) of a directory.
fn realpath(docroot: &str) -> Result<PathBuf, Errno> {
    let real = fs::canonicalize(docroot).map_err(|e| errno(&e))?;
    let stat = fs::metadata(&real).map_err(|e| errno(&e))?;
    if stat.is_dir() {
        Ok(real)
    } else {
        Err(Errno::NOTDIR)
    }
}

/// The parts of `docroot` that end with a name, outermost first.
fn prefixes(docroot: &str) -> impl Iterator<Item = &str> {
    let ends = docroot.char_indices().map(|(i, _)| i).skip(1);
    ends.chain([docroot.len()])
        .map(|end| &docroot[..end])
        .filter(|prefix| {
            let rest = &docroot[prefix.len()..];
            !prefix.ends_with('/') && (rest.is_empty() || rest.starts_with('/'))
        })
}

fn is_symlink(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok_and(|stat| stat.is_symlink())
}

/// The first symlink that `UseReadlink` is to find, and its text.
fn first_link<'a>(docroot: &'a str, from: Option<&str>) -> Option<(&'a str, String)> {
    let start = from.map_or(0, |from| from.trim_end_matches('/').len());
    let link = prefixes(docroot).find(|p| p.len() >= start && is_symlink(p))?;
    let text = fs::read_link(link).expect("a symlink has a text");
    Some((link, text.into_os_string().into_string().expect("UTF-8")))
}

/// What `UseReadlink` is to give for a docroot that exists: the first symlink
/// replaced by its own text, and the whole made canonical by name, but where
/// `..` stands behind a symlink.
fn one_step(docroot: &str, from: Option<&str>) -> PathBuf {
    let text = match first_link(docroot, from) {
        None => docroot.to_string(),
        Some((link, text)) if text.starts_with('/') => text + &docroot[link.len()..],
        Some((link, text)) => {
            let directory = &link[..link.rfind('/').expect("a link is absolute")];
            format!("{directory}/{text}{}", &docroot[link.len()..])
        }
    };
    let mut here = PathBuf::from("/");
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                if here.is_symlink() {
                    here = fs::canonicalize(&here).expect("the docroot's way leads through here");
                }
                here.pop();
            }
            name => here.push(name),
        }
    }
    here
}

/// `cases`, unless the environment says how many.
fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}

/// The text of a symlink.
fn text_of(link: impl AsRef<Path>) -> Box<[u8]> {
    let text = fs::read_link(link).expect("a symlink");
    text.into_os_string().into_vec().into()
}

/// Whether no further symlink is on the way of this one.
fn leads_by_itself(link: impl AsRef<Path>) -> bool {
    let link = link.as_ref();
    let text = fs::read_link(link).expect("a symlink");
    let parent = link.parent().expect("a name");
    let mut at = fs::canonicalize(parent).expect("the symlink is there");
    text.components().all(|component| {
        match component {
            Component::ParentDir => drop(at.pop()),
            other => at.push(other),
        }
        !at.is_symlink()
    })
}

proptest! {
    #![proptest_config(config(200))]

    /// The directory that realpath(3) gives, or its errno; and for each symlink on
    /// the docroot's path where realpath(3) says that it leads, with its text if no further one is on its way.
    #[test]
    fn realpath_mode_is_realpath(tree in tree(), docroots in vec(text(1..6), 40)) {
        let tree = Tree::new(&tree)?;
        for docroot in docroots {
            let docroot = Text { absolute: true, ..docroot }.write(&tree.root);
            let expected = realpath(&docroot);
            let found = resolve(&OsFs, &c(&docroot), &Mode::Realpath).map_err(|e| e.errno);
            if expected.is_ok() && fs::metadata(&docroot).is_err() {
                // Unlike the kernel, realpath(3) does not mind leaving by `..` a
                // directory that is closed to it. The links then cannot be asked.
                prop_assert_eq!(found.map(|r| r.docroot), expected.map(c), "{}", docroot);
                continue;
            }
            let expected = expected.map(|real| Resolved {
                docroot: c(real),
                links: prefixes(&docroot)
                    .filter(|prefix| is_symlink(prefix))
                    .map(|prefix| Link {
                        path: c(prefix),
                        target: c(fs::canonicalize(prefix).expect("the docroot leads through it")),
                        text: Some(text_of(prefix)).filter(|_| leads_by_itself(prefix)),
                    })
                    .collect(),
            });
            prop_assert_eq!(found, expected, "{}", docroot);
        }
    }

    /// While nothing changes, what was asked for one docroot need not be asked for the next.
    #[test]
    fn what_is_known_makes_no_difference(
        tree in tree(),
        docroots in vec((text(1..6), prop::option::of(any::<prop::sample::Index>()), any::<bool>()), 40),
    ) {
        let tree = Tree::new(&tree)?;
        let still = Still::new(&OsFs);
        for (docroot, from, is_readlink) in docroots {
            let docroot = Text { absolute: true, ..docroot }.write(&tree.root);
            let all: Vec<&str> = prefixes(&docroot).collect();
            let from = from.map(|from| c(from.get(&all)));
            let mode = if is_readlink { Mode::Readlink { from } } else { Mode::Realpath };
            let docroot = c(docroot);
            prop_assert_eq!(resolve(&still, &docroot, &mode), resolve(&OsFs, &docroot, &mode), "{:?}", docroot);
        }
    }

    /// Exactly one step, of the first symlink; and the very directory that the
    /// docroot is.
    #[test]
    fn readlink_mode_is_one_step(
        tree in tree(),
        docroots in vec((text(1..6), prop::option::of(any::<prop::sample::Index>())), 40),
    ) {
        let tree = Tree::new(&tree)?;
        for (docroot, from) in docroots {
            let docroot = Text { absolute: true, ..docroot }.write(&tree.root);
            let all: Vec<&str> = prefixes(&docroot).collect();
            let from = from.map(|from| *from.get(&all));
            let mode = Mode::Readlink { from: from.map(c) };
            let found = resolve(&OsFs, &c(&docroot), &mode);

            let stat = match fs::metadata(&docroot) {
                Ok(stat) if stat.is_dir() => stat,
                other => {
                    let error = other.map_or_else(|e| errno(&e), |_| Errno::NOTDIR);
                    // With a symlink less on the way a long chain may just do; for closed
                    // directories see above.
                    let may_differ = error == Errno::ACCESS || error == Errno::LOOP && found.is_ok();
                    if !may_differ {
                        prop_assert_eq!(found.map_err(|e| e.errno), Err(error), "{}", docroot);
                    }
                    continue;
                }
            };
            let found = found.map_err(|e| TestCaseError::fail(format!("{docroot}: {e}")))?;
            let expected = Resolved {
                docroot: c(one_step(&docroot, from)),
                links: first_link(&docroot, from)
                    .map(|(link, text)| Link {
                        path: c(link),
                        target: c(one_step(link, from)),
                        text: Some(text.into_bytes().into()),
                    })
                    .into_iter()
                    .collect(),
            };
            prop_assert_eq!(&found, &expected, "{} from {:?}", docroot, from);
            let same = fs::metadata(found.docroot.to_str().expect("UTF-8"))?;
            prop_assert_eq!((same.dev(), same.ino()), (stat.dev(), stat.ino()), "{}", docroot);
        }
    }
}

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
    #![proptest_config(config(200))]

    /// `unchanged` says whether each link has its text; where further ones are on its way, whether realpath(3) of
    /// link and target agree, whatever was done in between and whatever inode numbers were reused.
    /// What the text does not tell is a directory that was made a symlink, or removed.
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
        let give_up = Instant::now() + Duration::from_secs(20);
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
