//! A docroot on whose path the request has pinned a link already, to another target than
//! the docroot's snapshot has: the request stays in its release.

use std::ffi::CString;

use super::{Docroot, Pinned};
use crate::fs::Fs;
use crate::paths::strip_dir;
use crate::resolve::{Link, Resolved, resolve};

impl Docroot {
    /// Resolves the rest of the path behind the last link that the request has pinned, in
    /// the release that it has pinned. Nobody else gets that.
    #[cold]
    pub(super) fn resolve_behind(&self, pinned: &Pinned<'_>, fs: &impl Fs) -> Option<Resolved> {
        let path = self.path.to_bytes();
        let is_end = |end: &usize| path.get(*end).is_none_or(|byte| *byte == b'/');
        let mut ends = (1..=path.len()).rev().filter(is_end);
        let (end, target) = ends.find_map(|end| Some((end, pinned(&path[..end])?)))?;
        let (name, rest) = path.split_at(end);
        let behind = CString::new([target.to_bytes(), rest].concat()).ok()?;
        let asking = self.turn.begin().ok()?;
        asking.start_clock();
        let mut found = resolve(fs, &behind, &self.mode).ok()?;
        drop(asking);
        // By their names as configured.
        found.links.retain_mut(|link| {
            let below = strip_dir(link.path.to_bytes(), target.to_bytes());
            let path = below.map(|tail| CString::new([name, tail].concat()));
            path.and_then(Result::ok)
                .map(|path| link.path = path)
                .is_some()
        });
        Some(found)
    }
}

/// Whether `resolved` leads by each link to where the request has pinned it.
pub(super) fn agrees(resolved: &Resolved, pinned: &Pinned<'_>) -> bool {
    let agrees =
        |link: &Link| pinned(link.path.to_bytes()).is_none_or(|target| target == &*link.target);
    resolved.links.iter().all(agrees)
}
