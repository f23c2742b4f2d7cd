//! What a walk leaves to those of the subrequests and redirects that come from its request: as
//! httpd's walk_cache_t (server/request.c), but for walks along the links' names.

use std::ffi::CStr;

use crate::httpd::{DirConfig, PoolVec, Request, Section};
use crate::link::Link;

/// How a request's file was found.
#[derive(Clone, Copy)]
pub(crate) struct WalkCache<'r> {
    /// Where the walk ended, by the link's name, and whether that is a directory.
    pub(super) end: &'r [u8],
    pub(super) is_directory: bool,
    pub(super) link: Option<&'r Link<'r>>,
    pub(super) sections: &'r [Section<'r>],
    /// What the request had before the walk.
    pub(super) base: DirConfig<'r>,
    /// `base`, and over it all that applied.
    pub(super) result: DirConfig<'r>,
    pub(super) merges: &'r [CachedMerge<'r>],
}

/// A section or .htaccess file that applied, and the merge of all up to it.
#[derive(Clone, Copy)]
pub(super) struct CachedMerge<'r> {
    matched: DirConfig<'r>,
    /// The path that the section was rebased to, if it was.
    path: Option<&'r CStr>,
    merged: DirConfig<'r>,
}

impl<'r> WalkCache<'r> {
    /// The directory of the file, by the link's name.
    pub(super) fn dir(&self) -> &'r [u8] {
        if self.is_directory {
            self.end
        } else {
            parent_of(self.end)
        }
    }

    /// Whether it was made for the same sections and the same link.
    pub(super) fn is_for(&self, sections: &[Section<'_>], link: Option<&Link<'_>>) -> bool {
        let is_same_link = match (self.link, link) {
            (Some(own), Some(link)) => std::ptr::eq(own, link),
            (None, None) => true,
            _ => false,
        };
        is_same_link && std::ptr::eq(self.sections, sections)
    }
}

/// `/a/b/` for `/a/b/c` (ap_make_dirstr_parent).
pub(super) fn parent_of(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    &path[..end]
}

/// The merges of a walk. As long as they are those of the walk before, one by one, the results are
/// taken from there.
pub(super) struct Merges<'r> {
    r: Request<'r>,
    /// Of the walk before, those that are yet to be met.
    known: &'r [CachedMerge<'r>],
    /// This walk has another merge, or one more.
    differs: bool,
    merged: Option<DirConfig<'r>>,
    done: PoolVec<'r, CachedMerge<'r>>,
}

impl<'r> Merges<'r> {
    /// `known`: the walk before.
    pub(super) fn new(r: Request<'r>, known: Option<&'r WalkCache<'r>>) -> Self {
        Merges {
            r,
            known: known.map_or(&[], |walk| walk.merges),
            differs: known.is_none(),
            merged: None,
            done: PoolVec::new(r.pool(), 4),
        }
    }

    /// Merges `config`: what `matched` says here, rebased to `path`.
    pub(super) fn add(
        &mut self,
        matched: DirConfig<'r>,
        path: Option<&'r CStr>,
        config: DirConfig<'r>,
    ) {
        let known = self.known.split_first();
        let known = known
            .filter(|(known, _)| !self.differs && known.matched == matched && known.path == path);
        let merged = match known {
            Some((known, rest)) => {
                self.known = rest;
                known.merged
            }
            None => {
                self.differs = true;
                match self.merged {
                    Some(merged) => merged.merge(self.r.pool(), config),
                    None => config,
                }
            }
        };
        self.merged = Some(merged);
        self.done.push(CachedMerge {
            matched,
            path,
            merged,
        });
    }

    /// Whether all is as in the walk before.
    pub(super) fn is_unchanged(&self) -> bool {
        !self.differs && self.known.is_empty()
    }

    /// The last merge; none if nothing applied.
    pub(super) fn merged(&self) -> Option<DirConfig<'r>> {
        self.merged
    }

    /// All merges.
    pub(super) fn finish(self) -> &'r [CachedMerge<'r>] {
        self.done.finish()
    }
}
