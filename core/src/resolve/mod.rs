//! From a configured docroot to the resolved one.
//!
//! Two modes, as the directive `UseReadlink` chooses: [`Mode::Realpath`] follows
//! every symlink, as realpath(3); [`Mode::Readlink`] replaces only the first one
//! that it meets, by one step. Both give a canonical path: no `.`, `..`, `//` or
//! trailing slash, so that a file name that httpd builds from it begins with it.

mod chain;
mod error;
mod types;
mod walk;

use std::ffi::{CStr, CString};

use crate::fs::{Errno, Fs};
pub use chain::chain;
pub use error::{ResolveError, strerror};
pub use types::{Link, Mode, Resolved};
pub(crate) use walk::prefixes;
use walk::{Walk, c_string, components};

/// Resolves `docroot`, an absolute path, in `mode`.
///
/// # Errors
/// The path at which it failed and why: not found, a loop, not a directory, no
/// permission, too long, an I/O error.
pub fn resolve(fs: &impl Fs, docroot: &CStr, mode: &Mode) -> Result<Resolved, ResolveError> {
    match mode {
        Mode::Realpath => resolve_all(fs, docroot),
        Mode::Readlink { from } => resolve_first(fs, docroot, from.as_deref()),
    }
}

/// Whether `links`, found earlier, still lead where they led, by one system call a link, or two
/// where there are further symlinks on its way.
///
/// Mostly it is enough that a link still has its text. Else the link and its target are compared as
/// they are now: both names lead to one directory at about one moment. (A remembered inode number
/// would prove nothing, since it is reused at once.) What this cannot see a [`resolve`] from time
/// to time does: a directory that was removed, or made a symlink, behind a link that has its text;
/// a directory with two names.
#[must_use]
pub fn unchanged(fs: &impl Fs, links: &[Link]) -> bool {
    links.iter().all(|link| match &link.text {
        Some(text) => fs.read_link(&link.path, |now| now == &**text) == Ok(true),
        None => match (fs.stat(&link.path), fs.stat(&link.target)) {
            (Ok(link), Ok(target)) => link == target,
            _ => false,
        },
    })
}

/// Whether `prefix` is `path` or one of the directories above it.
#[must_use]
pub fn starts_at_component(path: &CStr, prefix: &CStr) -> bool {
    let prefix = without_trailing_slash(prefix);
    path.to_bytes()
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

fn without_trailing_slash(path: &CStr) -> &[u8] {
    let path = path.to_bytes();
    path.strip_suffix(b"/").unwrap_or(path)
}

fn resolve_all(fs: &impl Fs, docroot: &CStr) -> Result<Resolved, ResolveError> {
    let mut walk = Walk::new(fs);
    let mut links = Vec::new();
    for (name, prefix) in components(docroot.to_bytes()) {
        walk.prefix = prefix;
        let before = walk.symlinks;
        if let Some(text) = walk.step(name)? {
            let is_only_one = walk.symlinks == before + 1;
            links.push(Link {
                path: c_string(prefix),
                target: walk.here(),
                text: is_only_one.then(|| text.into()),
            });
        }
    }
    walk.must_be_directory()?;
    let docroot = walk.here();
    Ok(Resolved { docroot, links })
}

fn resolve_first(
    fs: &impl Fs,
    docroot: &CStr,
    from: Option<&CStr>,
) -> Result<Resolved, ResolveError> {
    let from = from.filter(|from| starts_at_component(docroot, from));
    let skip = from.map_or(0, |from| without_trailing_slash(from).len());
    let text = docroot.to_bytes();
    let first: Option<(CString, Box<[u8]>)> = components(text)
        .filter(|(_, prefix)| prefix.len() >= skip)
        .find_map(|(_, prefix)| {
            let path = c_string(prefix);
            match fs.read_link(&path, |text| text.into()) {
                Ok(target) => Some(Ok((path, target))),
                Err(Errno::INVAL) => None,
                Err(errno) => Some(Err(ResolveError {
                    path,
                    errno,
                    link: None,
                })),
            }
        })
        .transpose()?;

    // What stands before the link and behind it stays as it is named.
    let mut walk = Walk::new(fs);
    let mut links = Vec::new();
    if let Some((path, target)) = first {
        let link = &text[..path.count_bytes()];
        let name = link.iter().rposition(|&b| b == b'/').unwrap_or(0);
        walk.prefix = link;
        walk.follow_by_name(&link[..name])?;
        walk.symlinks += 1;
        walk.link = Some(link);
        if target.starts_with(b"/") {
            walk.path.clear();
        }
        walk.follow_by_name(&target)?;
        links.push(Link {
            target: walk.here(),
            text: Some(target),
            path,
        });
        walk.follow_by_name(&text[link.len()..])?;
    } else {
        walk.prefix = text;
        walk.follow_by_name(text)?;
    }
    walk.must_be_directory()?;
    let docroot = walk.here();
    Ok(Resolved { docroot, links })
}
