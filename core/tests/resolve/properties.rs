//! `resolve` on the real file system: random trees, with realpath(3) as the oracle (on Linux std's
//! `canonicalize` *is* realpath(3)).
//!
//! `PROPTEST_CASES=100000` runs longer. Only a user other than root meets directories that are
//! closed to him.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use realdoc_core::fs::{CachedFs, Errno, OsFs};
use realdoc_core::resolve::{Link, Mode, Resolved, resolve};
use tempfile::TempDir;

use crate::common::cases;
use crate::oracle::{
    NAME_MAX, c, errno, first_link, is_symlink, one_step, prefixes, realpath, text_of,
};

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
    #![proptest_config(cases(200))]

    /// The directory that realpath(3) gives, or its errno; and for each symlink on the docroot's
    /// path where realpath(3) says that it leads, with its text if no further one is on its way.
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
        let still = CachedFs::new(&OsFs);
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
