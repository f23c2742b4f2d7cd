//! What must not be removed: what a symlink leads to, and what has something mounted in it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType};

use crate::mounts::{Mount, mounts, within};
use crate::output::{Result, failed, show};
use crate::place::{Place, lead};
use crate::walk::Found;

/// The directories that something leads through.
#[derive(Debug, Default)]
pub(crate) struct InUse {
    /// By device and inode the symlink that leads there.
    links: HashMap<(u64, u64), PathBuf>,
    mounts: Vec<Mount>,
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
        let point = within(&self.mounts, path)?;
        Some(format!("something is mounted at {}", show(point)))
    }

    /// A symlink that leads to a directory, or into it.
    pub(crate) fn by_link(&self, path: &Path) -> Option<&Path> {
        let found = lead(path, &mut Vec::new()).ok()?;
        let link = self.links.get(&(found.stat.st_dev, found.stat.st_ino));
        link.map(PathBuf::as_path)
    }
}
