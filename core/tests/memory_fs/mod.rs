//! A file system in memory: it resolves as the kernel does, counts what it is
//! asked, fails where it is told to, and gives out inode numbers as asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use realdoc_core::fs::{Errno, Fs, Held, PATH_MAX, Stat};

#[derive(Clone, Debug)]
enum Node {
    Dir {
        ino: u64,
    },
    File {
        ino: u64,
    },
    Symlink {
        text: String,
        stands: Arc<AtomicBool>,
    },
}

impl Node {
    /// The name is another's now, or nobody's.
    fn go(&self) {
        if let Node::Symlink { stands, .. } = self {
            stands.store(false, Relaxed);
        }
    }
}

#[derive(Default)]
pub(crate) struct MemoryFs {
    /// By canonical path; the root is the empty one.
    nodes: RefCell<BTreeMap<String, Node>>,
    /// Errors by the path as it is asked for.
    errors: RefCell<BTreeMap<String, Errno>>,
    last_ino: Cell<u64>,
    calls: Cell<usize>,
}

impl MemoryFs {
    /// A file system with these directories and those above them.
    pub(crate) fn with_dirs(dirs: &[&str]) -> Self {
        let fs = MemoryFs::default();
        fs.dir("");
        dirs.iter().for_each(|path| fs.dir(path));
        fs
    }

    /// Makes the directory and those above it, where there are none.
    pub(crate) fn dir(&self, path: &str) {
        let ends = path.match_indices('/').map(|(i, _)| i).chain([path.len()]);
        for end in ends {
            let ino = self.last_ino.get() + 1;
            self.last_ino.set(ino);
            let mut nodes = self.nodes.borrow_mut();
            nodes
                .entry(path[..end].to_string())
                .or_insert(Node::Dir { ino });
        }
    }

    /// Makes the directory under an inode number that was or is another's.
    pub(crate) fn dir_with_ino_of(&self, path: &str, other: Stat) {
        self.put(path, Node::Dir { ino: other.ino });
    }

    pub(crate) fn file(&self, path: &str) {
        let ino = self.last_ino.get() + 1;
        self.last_ino.set(ino);
        self.put(path, Node::File { ino });
    }

    /// Makes or replaces the symlink, atomically as rename(2).
    pub(crate) fn link(&self, path: &str, text: &str) {
        let text = text.to_string();
        let stands = Arc::new(AtomicBool::new(true));
        self.put(path, Node::Symlink { text, stands });
    }

    /// Removes the name and what is below it.
    pub(crate) fn remove(&self, path: &str) {
        let below = format!("{path}/");
        let mut nodes = self.nodes.borrow_mut();
        nodes.retain(|name, node| {
            let stays = name != path && !name.starts_with(&below);
            if !stays {
                node.go();
            }
            stays
        });
    }

    /// Gives a directory another name, with all that is below it.
    pub(crate) fn move_dir(&self, path: &str, to: &str) {
        let mut nodes = self.nodes.borrow_mut();
        let moved: Vec<_> = nodes
            .iter()
            .filter_map(|(name, node)| {
                let tail = name.strip_prefix(path)?;
                (tail.is_empty() || tail.starts_with('/')).then(|| (name.clone(), node.clone()))
            })
            .collect();
        for (name, node) in moved {
            nodes.remove(&name);
            nodes.insert(name.replacen(path, to, 1), node);
        }
    }

    /// Whoever asks for `path` (as it is written) gets this error from now on, or none.
    pub(crate) fn fail(&self, path: &str, error: Option<Errno>) {
        let mut errors = self.errors.borrow_mut();
        match error {
            Some(errno) => errors.insert(path.to_string(), errno),
            None => errors.remove(path),
        };
    }

    /// How many questions were asked since the last time.
    pub(crate) fn calls(&self) -> usize {
        self.calls.take()
    }

    fn put(&self, path: &str, node: Node) {
        if let Some(old) = self.nodes.borrow_mut().insert(path.to_string(), node) {
            old.go();
        }
    }

    /// What `path` leads to, as path_resolution(7).
    fn look_up(&self, path: &CStr, follow_last: bool) -> Result<Node, Errno> {
        self.calls.set(self.calls.get() + 1);
        let path = path.to_str().expect("tests use UTF-8");
        if path.len() >= PATH_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        if let Some(errno) = self.errors.borrow().get(path) {
            return Err(*errno);
        }
        let nodes = self.nodes.borrow();
        let mut here = String::new();
        // Names still to come, the next one last.
        let mut to_come: Vec<&str> = path.rsplit('/').collect();
        let mut followed = 0;
        while let Some(name) = to_come.pop() {
            if !matches!(nodes.get(&here), Some(Node::Dir { .. })) {
                return Err(Errno::NOTDIR);
            }
            match name {
                "" | "." => continue,
                ".." => {
                    here.truncate(here.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let parent = here.len();
            here.push('/');
            here.push_str(name);
            match nodes.get(&here) {
                None => return Err(Errno::NOENT),
                Some(Node::Symlink { text, .. }) if follow_last || !to_come.is_empty() => {
                    followed += 1;
                    if followed > 40 {
                        return Err(Errno::LOOP);
                    }
                    here.truncate(if text.starts_with('/') { 0 } else { parent });
                    to_come.extend(text.rsplit('/'));
                }
                Some(_) => {}
            }
        }
        Ok(nodes[&here].clone())
    }
}

impl Fs for MemoryFs {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        let (ino, is_dir) = match self.look_up(path, true)? {
            Node::Dir { ino } => (ino, true),
            Node::File { ino } => (ino, false),
            Node::Symlink { .. } => unreachable!("stat follows symlinks"),
        };
        Ok(Stat {
            dev: 1,
            ino,
            is_dir,
        })
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        match self.look_up(path, false)? {
            Node::Symlink { text, .. } => Ok(read(text.as_bytes())),
            _ => Err(Errno::INVAL),
        }
    }

    fn hold(&self, path: &CStr, text: &[u8]) -> Option<Box<dyn Held>> {
        match self.look_up(path, false) {
            Ok(Node::Symlink { text: now, stands }) if now.as_bytes() == text => {
                Some(Box::new(HeldLink(stands)))
            }
            _ => None,
        }
    }
}

/// A symlink that is held: it stands until it is replaced or removed.
struct HeldLink(Arc<AtomicBool>);

impl Held for HeldLink {
    fn stands(&self) -> bool {
        self.0.load(Relaxed)
    }
}
