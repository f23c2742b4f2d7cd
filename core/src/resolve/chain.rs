//! The symlinks behind a symlink: for the status page and the dump.

use std::ffi::CString;

use super::walk::{MAX_SYMLINKS, Walk, c_string, components};
use super::{Link, ResolveError};
use crate::fs::{Errno, Fs};

/// Where `link` leads, step by step: first its own target, then that path with each further
/// symlink on it replaced in turn, at the end the canonical target.
///
/// # Errors
/// The path at which the next step cannot be seen.
pub fn chain(fs: &impl Fs, link: &Link) -> Result<Vec<CString>, ResolveError> {
    if link.text.is_some() {
        // There are no further symlinks, or they are not followed.
        return Ok(vec![link.target.clone()]);
    }
    let path = link.path.to_bytes();
    let last = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    let mut walk = Walk::new(fs);
    walk.follow(&path[..last])?;
    // The components to come, the next one last.
    let mut to_come = vec![path[last..].to_vec()];
    let mut steps = Vec::new();
    while let Some(name) = to_come.pop() {
        match name.strip_prefix(b"/").unwrap_or(&name) {
            b"." => {}
            b".." => walk.up(),
            name => {
                walk.down(name);
                if let Some(text) = walk.symlink()? {
                    if steps.len() == MAX_SYMLINKS as usize {
                        return walk.error(Errno::LOOP);
                    }
                    walk.up();
                    if text.starts_with(b"/") {
                        walk.path.clear();
                    }
                    let names: Vec<_> = components(&text).map(|(name, _)| name.to_vec()).collect();
                    to_come.extend(names.into_iter().rev());
                    let rest = to_come.iter().rev().map(Vec::as_slice);
                    let step: Vec<_> = std::iter::once(&*walk.path).chain(rest).collect();
                    steps.push(c_string(&step.join(&b'/')));
                }
            }
        }
    }
    // The last text may have led by `.` or `..`.
    if steps.last() != Some(&walk.here()) {
        steps.push(walk.here());
    }
    Ok(steps)
}
