//! Symlinks on the way: which are followed, and what becomes of a request that meets another.

use std::ffi::CStr;

use realdoc_core::cursor::Cursor;
use realdoc_core::fs::OsFs;
use realdoc_core::symlinks::Refusal;

use super::cache::parent_of;
use super::walker::{WalkError, Walker};
use crate::httpd::{Answer, DirConfig, File, FileType, Options, PoolPath, Request, log};
use crate::link::Link;

impl<'r> Walker<'r> {
    /// What a pinned link leads to, if the options allow it to be followed.
    pub(super) fn follow_pinned(&mut self, link: &'r Link<'r>) -> Result<File<'r>, WalkError<'r>> {
        let (r, options) = (self.r, self.options);
        let here = self.real_path().as_c_str();
        // Another link may stand there by now, whose owner says nothing of this one.
        let owner = || {
            let ask = || OsFs.owner_of_link_to(here, link.target).ok().flatten();
            link.owner.get_or_try_init(|| ask().ok_or(())).ok().copied()
        };
        let target = || r.stat(link.target, true);
        let followed = options.symlinks().follow(owner, target, File::owner);
        match followed {
            Ok(file) => {
                self.cursor.follow(link);
                Ok(file)
            }
            // It is logged when it is certain: the link may lead elsewhere by now.
            Err(refusal) => Err(WalkError {
                answer: r.refuse(),
                refused: Some((refusal, link.name)),
            }),
        }
    }

    /// What is said of the request's file, if only that is missing. The walk then goes to its
    /// directory, as to one that is there.
    pub(super) fn stat_missing(&mut self) -> Option<File<'r>> {
        let (r, path, last) = (self.r, self.path.to_bytes(), self.cursor.last_link());
        let dir = parent_of(path).strip_suffix(b"/")?;
        // Else the file is in another directory than its name by the link.
        let is_below = last.is_none_or(|link| link.name.count_bytes() <= dir.len());
        if path.ends_with(b"/") || !is_below {
            return None;
        }
        let real_dir = parent_of(r.filename()?.to_bytes());
        let mut real = PoolPath::with_room(r.pool(), real_dir.len());
        real.push(real_dir);
        let missing = r.lstat_missing_in(real.as_c_str())?;
        self.cursor = Cursor::new(dir, last);
        Some(missing)
    }

    /// What is here, or what a symlink here leads to, if it may be followed. `file`: what was found
    /// above.
    pub(super) fn stat_component(&mut self, file: File<'r>) -> Result<File<'r>, Answer> {
        let (r, options) = (self.r, self.options);
        let path = self.real_path().as_c_str();
        match r.lstat_component(path, file) {
            Ok(file) if file.file_type() == FileType::Symlink => follow(r, &options, path),
            Ok(file) => Ok(file),
            Err(error) => {
                log!(
                    r,
                    Error,
                    "RD22: access to {} denied: {}",
                    path.to_string_lossy(),
                    std::io::Error::from_raw_os_error(error)
                );
                Err(r.refuse())
            }
        }
    }
}

/// What the symlink at `path`, which is not pinned, leads to.
fn follow<'r>(r: Request<'r>, options: &Options<'_>, path: &CStr) -> Result<File<'r>, Answer> {
    let owner = || Some(r.stat(path, false)?.owner());
    let target = || r.stat(path, true);
    let followed = options.symlinks().follow(owner, target, File::owner);
    followed.map_err(|refusal| refuse(r, refusal, path))
}

/// The last component, where all above it is known to be as it was.
pub(super) fn check_last(r: Request<'_>, config: DirConfig<'_>) -> Result<(), Answer> {
    let options = Options::of(config);
    if options.has_follow_symlinks() {
        return Ok(());
    }
    let path = r.filename().unwrap_or_default();
    let file = r.lstat_component(path, File::unknown());
    match file.map(|file| file.file_type()) {
        Err(_) | Ok(FileType::Nothing) => Err(r.refuse()),
        Ok(FileType::Symlink) => follow(r, &options, path).map(|_| ()),
        Ok(_) => Ok(()),
    }
}

/// Ends the request, which met a symlink at `path`, with a line in the log.
pub(crate) fn refuse(r: Request<'_>, refusal: Refusal, path: &CStr) -> Answer {
    let path = path.to_string_lossy();
    match refusal {
        Refusal::NotAllowed => log!(r, Error, "RD20: symbolic link not allowed: {path}"),
        // RD12 says it of a link of the document root already; this line comes with each request.
        Refusal::NoTarget => log!(r, Info, "RD20: link target not accessible: {path}"),
    }
    r.refuse()
}
