//! Variables for scripts that name the release.

use std::ffi::CStr;

use realdoc_core::mapping::{Joined, release_path};

use super::{Pin, Renamed};
use crate::httpd::PoolPath;

/// How many values of a request and of all that comes from it name the release. Each of their
/// variables is compared with each of these.
const MOST: usize = 256;

impl<'r> Pin<'r> {
    /// `value`, a path or several with colons between them, with each path under a link in the
    /// release. `None`: none of them is, or the request has too many.
    pub(crate) fn release_value(&self, value: &'r CStr) -> Option<&'r CStr> {
        // Most values hold no absolute path.
        let bytes = value.to_bytes();
        if !bytes.starts_with(b"/") && !bytes.contains(&b':') {
            return None;
        }
        let paths = bytes.split(|&byte| byte == b':');
        let in_release = |path| release_path(path, self.links()).map(|(_, path)| path);
        if paths.clone().all(|path| in_release(path).is_none()) {
            return None;
        }
        // The parts of a page, which may be many, mostly have the same values.
        let asked = self.roots.iter().count();
        let is_same = |made: &&Renamed<'_>| made.asked == asked && made.configured == value;
        if let Some(made) = self.renamed.iter().find(is_same) {
            return Some(made.release);
        }
        if self.renamed.iter().count() == MOST {
            return None;
        }
        let as_it_is = |dir| Joined { dir, tail: b"" };
        let paths = paths.map(|path| in_release(path).unwrap_or(as_it_is(path)));
        let room = paths
            .clone()
            .map(|path| path.dir.len() + path.tail.len() + 1);
        // In the list's pool no other text can take the place of this one.
        self.renamed.push(|pool| {
            let mut text = PoolPath::with_room(pool, room.sum());
            for (n, path) in paths.enumerate() {
                text.push(if n > 0 { b":" } else { b"" });
                text.push(path.dir);
                text.push(path.tail);
            }
            Renamed {
                configured: pool.put_text(value),
                release: text.finish(),
                asked,
            }
        });
        self.renamed.iter().next().map(|renamed| renamed.release)
    }

    /// What the very text `value` was before [`release_value`](Self::release_value).
    pub(crate) fn configured_value(&self, value: &CStr) -> Option<&'r CStr> {
        let mut renamed = self.renamed.iter();
        let renamed = renamed.find(|renamed| renamed.release.as_ptr() == value.as_ptr())?;
        Some(renamed.configured)
    }

    pub(crate) fn has_renamed(&self) -> bool {
        self.renamed.iter().next().is_some()
    }
}
