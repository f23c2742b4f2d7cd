//! Releases on disk and the symlink that is flipped between them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A site as deployment tools lay it out: `releases/42`, `releases/43`, and `current`, a symlink to
/// one of them.
///
/// Failures panic with the path's name. A clone means the same directory.
#[derive(Clone, Debug)]
pub struct Releases {
    dir: PathBuf,
}

impl Releases {
    /// A site in `dir`, which is made if need be.
    #[track_caller]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        make_dir(&dir);
        Self { dir }
    }

    /// Makes `releases/<name>` with these files, as (path below the release, content), and returns
    /// its path.
    ///
    /// A file whose content begins with `#!` becomes executable. Existing files are overwritten.
    #[track_caller]
    pub fn create(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let release = self.release(name);
        make_dir(&release);
        for (file, content) in files {
            write_file(&release.join(file), content);
        }
        release
    }

    /// Writes a file anywhere below the site's directory, as [`create`](Self::create) does.
    #[track_caller]
    pub fn put(&self, file: impl AsRef<Path>, content: &str) {
        write_file(&self.path(file), content);
    }

    /// Deletes `releases/<name>` and all that is in it.
    #[track_caller]
    pub fn remove(&self, name: &str) {
        let release = self.release(name);
        fs::remove_dir_all(&release).unwrap_or_else(|error| fail("remove", &release, &error));
    }

    /// Points `current` to `releases/<name>`: a deploy, or a rollback.
    #[track_caller]
    pub fn deploy(&self, name: &str) {
        self.flip("current", format!("releases/{name}"));
    }

    /// Points the symlink `link`, below the site's directory, to `target`, in one step: as
    /// `ln -s target tmp && mv -T tmp link` does.
    #[track_caller]
    pub fn flip(&self, link: &str, target: impl AsRef<Path>) {
        static FLIPS: AtomicUsize = AtomicUsize::new(0);

        let link = self.path(link);
        // Several threads may flip one link.
        let flip = FLIPS.fetch_add(1, Ordering::Relaxed);
        let mut new = link.clone().into_os_string();
        new.push(format!(".{}.{flip}", std::process::id()));
        let new = PathBuf::from(new);
        symlink(target, &new).unwrap_or_else(|error| fail("make", &new, &error));
        fs::rename(&new, &link).unwrap_or_else(|error| fail("replace", &link, &error));
    }

    /// Removes the symlink `link`; its target stays.
    #[track_caller]
    pub fn break_link(&self, link: &str) {
        let link = self.path(link);
        fs::remove_file(&link).unwrap_or_else(|error| fail("remove", &link, &error));
    }

    /// The site's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path below the site's directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }

    /// The path of the link that [`deploy`](Self::deploy) flips.
    pub fn current(&self) -> PathBuf {
        self.path("current")
    }

    /// The path of a release.
    pub fn release(&self, name: &str) -> PathBuf {
        self.path("releases").join(name)
    }
}

/// Writes a file that httpd's children may read, and run if it is a script, whatever the umask.
#[track_caller]
pub(crate) fn write_file(file: &Path, content: &str) {
    make_dir(file.parent().expect("a file is in a directory"));
    let mode = if content.starts_with("#!") {
        0o755
    } else {
        0o644
    };
    fs::write(file, content)
        .and_then(|()| fs::set_permissions(file, Permissions::from_mode(mode)))
        .unwrap_or_else(|error| fail("write", file, &error));
}

/// Makes a directory, and those above it, so that httpd's children may enter, whatever the umask.
#[track_caller]
pub(crate) fn make_dir(dir: &Path) {
    if dir.is_dir() {
        return;
    }
    if let Some(parent) = dir.parent() {
        make_dir(parent);
    }
    fs::create_dir(dir)
        .and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o755)))
        .unwrap_or_else(|error| fail("make", dir, &error));
}

#[track_caller]
fn fail(action: &str, path: &Path, error: &std::io::Error) -> ! {
    panic!("cannot {action} {}: {error}", path.display())
}
