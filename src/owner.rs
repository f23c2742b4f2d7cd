//! `SymLinksIfOwnerMatch` where `RealdocSections Auto` has chosen the release's name. httpd's own
//! walk, by that name, meets no symlink. By the link's name, stock httpd would compare the owners,
//! so we do.

use std::ffi::CStr;

use realdoc_core::fs::OsFs;
use realdoc_core::paths::strip_dir;
use realdoc_core::symlinks::{Refusal, Symlinks};

use crate::httpd::{File, Request};
use crate::link::Link;

/// Whether each of the pinned `links` that `path` leads through belongs to the owner of its target;
/// else why not, and which link.
pub(crate) fn check<'r>(
    r: Request<'r>,
    links: impl Iterator<Item = &'r Link<'r>>,
    path: &CStr,
) -> Result<(), (Refusal, &'r CStr)> {
    for link in links.filter(|link| strip_dir(path.to_bytes(), link.name.to_bytes()).is_some()) {
        // Another link may stand there by now, whose owner says nothing of this one.
        let ask = || OsFs.owner_of_link_to(link.name, link.target).ok().flatten();
        let owner = || link.owner.get_or_try_init(|| ask().ok_or(())).ok().copied();
        let target = || r.stat(link.target, true);
        Symlinks::IfOwnerMatch
            .follow(owner, target, File::owner)
            .map_err(|refusal| (refusal, link.name))?;
    }
    Ok(())
}
