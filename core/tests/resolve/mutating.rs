//! `resolve` on a tree that somebody changes between any two of its questions: it ends, and what it
//! gives is what it was told.
//!
//! `PROPTEST_CASES=1000000` runs longer.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, CString};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use realdoc_core::fs::{Errno, Fs, Stat};
use realdoc_core::resolve::{Mode, resolve};

use crate::common::cases;
use crate::memory_fs::MemoryFs;

const NAMES: [&str; 7] = ["/a", "/b", "/a/b", "/b/a", "/a/b/c", "/b/a/c", "/c"];

/// What is done to a name.
#[derive(Clone, Debug)]
enum Change {
    Dir(&'static str),
    File(&'static str),
    Link(&'static str, String),
    Remove(&'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let name = || select(NAMES.to_vec());
    let step = select(vec!["a", "b", "c", "..", ".", ""]);
    let text = (any::<bool>(), vec(step, 1..5)).prop_map(|(absolute, steps)| {
        let text = [if absolute { "/" } else { "" }, &steps.join("/")].concat();
        if text.is_empty() { ".".into() } else { text }
    });
    prop_oneof![
        3 => name().prop_map(Change::Dir),
        1 => name().prop_map(Change::File),
        4 => (name(), text).prop_map(|(name, text)| Change::Link(name, text)),
        1 => name().prop_map(Change::Remove),
    ]
}

/// A file system that changes after so many questions, and remembers what it last said of each
/// path.
struct Changing {
    fs: MemoryFs,
    plan: RefCell<Vec<(usize, Change)>>,
    questions: Cell<usize>,
    links: RefCell<HashMap<CString, Result<(), Errno>>>,
    stats: RefCell<HashMap<CString, Result<Stat, Errno>>>,
}

impl Changing {
    fn new(start: &[Change], plan: Vec<(usize, Change)>) -> Self {
        let fs = MemoryFs::with_dirs(&["/a/b/c", "/b/a/c", "/c"]);
        start.iter().for_each(|change| apply(&fs, change));
        Changing {
            fs,
            plan: RefCell::new(plan),
            questions: Cell::new(0),
            links: RefCell::default(),
            stats: RefCell::default(),
        }
    }

    fn turn(&self) {
        let now = self.questions.get();
        self.questions.set(now + 1);
        self.plan.borrow_mut().retain(|(at, change)| {
            let later = *at > now;
            if !later {
                apply(&self.fs, change);
            }
            later
        });
    }
}

fn apply(fs: &MemoryFs, change: &Change) {
    match change {
        Change::Dir(name) => {
            fs.remove(name);
            fs.dir(name);
        }
        Change::File(name) => {
            fs.remove(name);
            fs.file(name);
        }
        Change::Link(name, text) => {
            fs.remove(name);
            fs.link(name, text);
        }
        Change::Remove(name) => fs.remove(name),
    }
}

impl Fs for Changing {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        self.turn();
        let answer = self.fs.stat(path);
        self.stats.borrow_mut().insert(path.to_owned(), answer);
        answer
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        self.turn();
        let answer = self.fs.read_link(path, read);
        let outcome = answer.as_ref().map(|_| ()).map_err(|errno| *errno);
        self.links.borrow_mut().insert(path.to_owned(), outcome);
        answer
    }
}

fn is_canonical(path: &CStr) -> bool {
    let path = path.to_str().expect("UTF-8");
    let names = path.strip_prefix('/').map(|names| names.split('/'));
    path == "/" || names.is_some_and(|mut names| names.all(|n| !matches!(n, "" | "." | "..")))
}

/// At most 40 symlinks, each of at most 5 steps, in a docroot of at most 6: two questions each, and
/// a few at the end. In readlink mode `..` behind a symlink begins anew.
const QUESTIONS: usize = 2 * (40 * 5 + 6) * 6;

proptest! {
    #![proptest_config(cases(1_000))]

    /// An existing directory, by a path no component of which was said to be a symlink when it was
    /// last asked for; the links are parts of the docroot's own name.
    #[test]
    fn what_it_gives_is_what_it_was_told(
        start in vec(change(), 0..8),
        plan in vec((0usize..40, change()), 0..12),
        docroot in vec(select(vec!["a", "b", "c", "..", "."]), 1..6),
        by_readlink: bool,
    ) {
        let docroot = CString::new(format!("/{}", docroot.join("/"))).expect("no NUL");
        let mode = if by_readlink { Mode::Readlink { from: None } } else { Mode::Realpath };
        let fs = Changing::new(&start, plan);
        let resolved = resolve(&fs, &docroot, &mode);
        prop_assert!(fs.questions.get() <= QUESTIONS, "{} questions", fs.questions.get());
        let Ok(resolved) = resolved else { return Ok(()) };

        prop_assert!(is_canonical(&resolved.docroot), "{:?}", resolved.docroot);
        let stat = fs.stats.borrow().get(&resolved.docroot).copied();
        prop_assert!(stat.is_some_and(|stat| stat.is_ok_and(|stat| stat.is_dir)), "{:?}", stat);
        for link in &resolved.links {
            prop_assert!(is_canonical(&link.target), "{:?}", link);
            let rest = docroot.to_bytes().strip_prefix(link.path.to_bytes());
            prop_assert!(rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/'), "{:?}", link);
            prop_assert!(link.text.is_some() || !by_readlink);
        }
        if !by_readlink {
            let path = resolved.docroot.to_str().expect("UTF-8");
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            for end in ends.filter(|end| *end > 1) {
                let prefix = CString::new(&path[..end]).expect("no NUL");
                let said = fs.links.borrow().get(&prefix).copied();
                prop_assert_eq!(said, Some(Err(Errno::INVAL)), "{:?} of {}", prefix, path);
            }
        }
    }
}
