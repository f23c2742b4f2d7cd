//! Which names a docroot is asked for.

use std::ffi::{CStr, CString};
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::fs::{Errno, Fs};
use crate::paths::strip_dir;
use crate::resolve::{Link, ResolveError, prefixes};

/// How many times the concern of any docroot of this process has changed.
static CHANGES: AtomicUsize = AtomicUsize::new(0);

/// See [`CHANGES`].
pub(super) fn changes() -> usize {
    CHANGES.load(Acquire)
}

/// How much of the docroot's path is the outermost directory that is, or may become, a symlink. 0:
/// nobody has asked yet.
pub(super) struct Concern(AtomicUsize);

impl Concern {
    pub(super) fn unknown() -> Self {
        Concern(AtomicUsize::new(0))
    }

    pub(super) fn is_known(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    /// That directory on `path`. As long as it is unknown: the first component.
    pub(super) fn dir<'p>(&self, path: &'p CStr) -> Option<&'p [u8]> {
        match self.0.load(Relaxed) {
            0 => prefixes(path.to_bytes()).next(),
            len => path.to_bytes().get(..len),
        }
    }

    /// Whether `name` lies in that directory.
    pub(super) fn includes(&self, path: &CStr, name: &[u8]) -> bool {
        self.dir(path)
            .is_some_and(|dir| strip_dir(name, dir).is_some())
    }

    /// Finds the outermost symlink, without following it: that might hang.
    pub(super) fn find(&self, path: &CStr, fs: &impl Fs) {
        let is_directory = |prefix: &&[u8]| {
            let prefix = CString::new(*prefix).unwrap_or_default();
            fs.read_link(&prefix, |_| ()) == Err(Errno::INVAL)
        };
        let outermost = prefixes(path.to_bytes()).find(|prefix| !is_directory(prefix));
        self.note(outermost.unwrap_or(path.to_bytes()));
    }

    /// The docroot has been resolved.
    pub(super) fn note_links(&self, path: &CStr, links: &[Link]) {
        self.note(links.first().map_or(path, |link| &link.path).to_bytes());
    }

    /// It has never been resolved, and is not now: from where that ended on.
    pub(super) fn note_failure(&self, path: &CStr, error: &ResolveError) {
        let at = error.link.as_deref().unwrap_or(&error.path).to_bytes();
        if strip_dir(path.to_bytes(), at).is_some() {
            self.note(at);
        }
    }

    fn note(&self, prefix: &[u8]) {
        if self.0.swap(prefix.len(), Relaxed) != prefix.len() {
            CHANGES.fetch_add(1, Release);
        }
    }
}
