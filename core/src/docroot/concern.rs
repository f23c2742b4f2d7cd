//! Which names a docroot is asked for.

use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::paths::strip_dir;
use crate::resolve::{Link, ResolveError};

/// How much of the docroot's path is the outermost directory that is, or may become, a symlink.
pub(super) struct Concern(AtomicUsize);

impl Concern {
    /// That of a docroot that has not been resolved: its first component.
    pub(super) fn unknown(path: &CStr) -> Self {
        let path = path.to_bytes();
        let end = path.iter().skip(1).position(|&byte| byte == b'/');
        Concern(AtomicUsize::new(end.map_or(path.len(), |end| end + 1)))
    }

    pub(super) fn includes(&self, path: &CStr, name: &[u8]) -> bool {
        let dir = path.to_bytes().get(..self.0.load(Relaxed));
        dir.is_some_and(|dir| strip_dir(name, dir).is_some())
    }

    /// The docroot has been resolved.
    pub(super) fn note_links(&self, path: &CStr, links: &[Link]) {
        let outermost = links.first().map(|link| link.path.count_bytes());
        self.0
            .store(outermost.unwrap_or(path.count_bytes()), Relaxed);
    }

    /// It has never been resolved, and is not now: from where that ended on.
    pub(super) fn note_failure(&self, path: &CStr, error: &ResolveError) {
        let at = error.link.as_deref().unwrap_or(&error.path).to_bytes();
        if strip_dir(path.to_bytes(), at).is_some() {
            self.0.store(at.len(), Relaxed);
        }
    }
}
