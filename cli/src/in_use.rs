//! What must not be removed: what a symlink leads to, and what has something mounted in it.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType};

use crate::output::{Failure, Result, failed, show};
use crate::place::{Place, lead};
use crate::walk::Found;

/// The directories that something leads through.
#[derive(Debug, Default)]
pub(crate) struct InUse {
    /// By device and inode the symlink that leads there.
    links: HashMap<(u64, u64), PathBuf>,
    mounts: Vec<PathBuf>,
}

impl InUse {
    /// Looks at all symlinks beside the link, beside the releases and beside their directory.
    pub(crate) fn look(place: &Place, releases: &Found) -> Result<Self> {
        let mut in_use = Self {
            links: HashMap::new(),
            mounts: mounts()?,
        };
        in_use.add_links(&place.dir)?;
        if !releases.is_same(&place.dir) {
            in_use.add_links(releases)?;
        }
        let above = releases.parent().map_err(failed(show(&releases.path)))?;
        if !above.is_same(&place.dir) {
            // This directory is not the site's own: it may not be readable.
            let _ = in_use.add_links(&above);
        }
        Ok(in_use)
    }

    fn add_links(&mut self, dir: &Found) -> Result<()> {
        let cannot = || failed(show(&dir.path));
        for entry in dir.open().and_then(Dir::new).map_err(cannot())? {
            let entry = entry.map_err(cannot())?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if !matches!(entry.file_type(), FileType::Symlink | FileType::Unknown) {
                continue;
            }
            let Ok(link) = dir.child(name) else { continue };
            let Ok(text) = link.text() else { continue };
            // All directories on the way: a release is in use if a link leads into it.
            let mut steps = Vec::new();
            if let Ok(target) = dir.walk(Path::new(&text), &mut steps) {
                let ids = steps.iter().map(|step| &step.stat).chain([&target.stat]);
                for stat in ids {
                    let id = (stat.st_dev, stat.st_ino);
                    self.links.entry(id).or_insert_with(|| link.path.clone());
                }
            }
        }
        Ok(())
    }

    /// Why a directory must stay. `None`: nothing needs it.
    pub(crate) fn why(&self, path: &Path) -> Option<String> {
        if let Some(link) = self.by_link(path) {
            return Some(format!("{} leads there", show(link)));
        }
        let mount = self.mounts.iter().find(|mount| mount.starts_with(path))?;
        Some(format!("something is mounted at {}", show(mount)))
    }

    /// A symlink that leads to a directory, or into it.
    pub(crate) fn by_link(&self, path: &Path) -> Option<&Path> {
        let found = lead(path, &mut Vec::new()).ok()?;
        let link = self.links.get(&(found.stat.st_dev, found.stat.st_ino));
        link.map(PathBuf::as_path)
    }
}

/// Where something is mounted.
fn mounts() -> Result<Vec<PathBuf>> {
    let file = "/proc/self/mountinfo";
    let info = std::fs::read(file).map_err(|error| {
        Failure::new(format!(
            "{file}: {error}: cannot tell what is mounted, so nothing is removed"
        ))
    })?;
    let lines = info.split(|byte| *byte == b'\n');
    let mounts = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    Ok(mounts.map(|mount| PathBuf::from(unescape(mount))).collect())
}

/// Spaces, tabs, line breaks and backslashes stand there as `\040`.
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *byte == b'\\');
        let octal = octal.and_then(|octal| std::str::from_utf8(octal).ok());
        match octal.and_then(|octal| u8::from_str_radix(octal, 8).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[3..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_unescaped() {
        assert_eq!(unescape(br"/a\040b\134\012c\0"), OsStr::new("/a b\\\nc\\0"));
    }
}
