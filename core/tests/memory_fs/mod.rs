//! A file system in memory: it resolves as the kernel does, counts what it is
//! asked, fails where it is told to, and gives out inode numbers as asked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::CStr;

use realdoc_core::Micros;
use realdoc_core::fs::{Errno, Fs, Inode, Stat};
use realdoc_core::paths::PATH_MAX;
use realdoc_core::record::{Entry, Identity};

#[derive(Clone, Debug)]
enum Node {
    Dir { ino: u64 },
    File { ino: u64 },
    Symlink { text: String },
}

#[derive(Default)]
pub(crate) struct MemoryFs {
    /// By canonical path; the root is the empty one.
    nodes: RefCell<BTreeMap<String, Node>>,
    /// Errors by the path as it is asked for.
    errors: RefCell<BTreeMap<String, Errno>>,
    last_ino: Cell<u64>,
    calls: Cell<usize>,
    /// The time of what is done to it.
    pub(crate) now: Cell<Micros>,
    /// When each path was changed, canonical.
    changes: RefCell<BTreeMap<String, Micros>>,
    /// What `realdoc` has recorded of a link.
    pub(crate) records: RefCell<BTreeMap<String, Vec<Entry>>>,
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
        self.put(path, Node::Symlink { text });
    }

    fn note_change(&self, path: &str) {
        let parent = &path[..path.rfind('/').unwrap_or(0)];
        for path in [path, parent] {
            self.changes
                .borrow_mut()
                .insert(path.into(), self.now.get());
        }
    }

    /// Removes the name and what is below it.
    pub(crate) fn remove(&self, path: &str) {
        self.note_change(path);
        let below = format!("{path}/");
        let mut nodes = self.nodes.borrow_mut();
        nodes.retain(|name, _| name != path && !name.starts_with(&below));
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
        self.note_change(path);
        self.nodes.borrow_mut().insert(path.to_string(), node);
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
                Some(Node::Symlink { text }) if follow_last || !to_come.is_empty() => {
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
            Node::Symlink { text } => Ok(read(text.as_bytes())),
            _ => Err(Errno::INVAL),
        }
    }

    fn inode(&self, path: &CStr) -> Result<Inode, Errno> {
        let inode = match self.look_up(path, false)? {
            Node::Dir { ino } | Node::File { ino } => ino,
            Node::Symlink { .. } => 0,
        };
        let changes = self.changes.borrow();
        let path = path.to_str().expect("tests use UTF-8");
        Ok(Inode {
            identity: Identity {
                device: 1,
                inode,
                born: 0,
            },
            owner: 0,
            changed_at: *changes.get(path).unwrap_or(&0),
        })
    }

    fn record(&self, link: &CStr, _: u32) -> Option<Vec<Entry>> {
        let records = self.records.borrow();
        records
            .get(link.to_str().expect("tests use UTF-8"))
            .cloned()
    }
}
