//! The walk down to a request's file, as httpd's own (ap_directory_walk, server/request.c), but
//! along two names at once.
//!
//! The path by the link's name decides what applies: `<Directory>` sections, which symlinks may be
//! followed, whether .htaccess files count. From the link on, the real path is what the file system
//! is asked for: files, .htaccess files, symlinks inside the release. So the request gets the
//! configuration that httpd applies to the link's name, in httpd's order, and nothing of what is
//! between the root and the release by its real name.
//!
//! Where no link is on the way both paths are the same, and the walk is httpd's. All requests of a
//! virtual host in Link mode take this one, so that what comes from a request can see
//! that it has the same configuration, and is not authorized twice.

pub(crate) mod cache;
mod sections;
mod symlinks;
mod walker;

use std::ffi::CStr;

use realdoc_core::symlinks::Symlinks;

use crate::httpd::{Answer, DirConfig, File, FileType, Request, log};
use crate::link::LinkedPath;
use crate::module::Realdoc;
use crate::pin::{Directory, Found, Pin, Rules};
use cache::{WalkCache, parent_of};
pub(crate) use symlinks::refuse;
pub(crate) use walker::WalkError;

use walker::{Walker, WholePath};

/// Finds the request's file and its per-directory configuration. `before`: the walk of the request
/// that this one came from.
///
/// # Errors
/// The request ends here.
pub(crate) fn directory_walk<'r>(
    r: Request<'r>,
    pin: &'r Pin<'r>,
    path: LinkedPath<'r>,
    before: Option<&'r WalkCache<'r>>,
) -> Result<&'r WalkCache<'r>, WalkError<'r>> {
    stat_file(r, path.path);
    let sections = r.server().sections();
    let before = before.filter(|walk| walk.is_for(sections, path.link));

    if let Some(before) = before.filter(|before| is_in(r, path.path.to_bytes(), before.dir())) {
        let config = r.dir_config();
        if config == before.result || config == before.base {
            r.set_dir_config(before.result);
            symlinks::check_last(r, before.result)?;
            return Ok(before);
        }
    }

    let Some(whole) = WholePath::of(r, pin, path) else {
        log_too_long(r);
        return Err(Answer::SERVER_ERROR.into());
    };
    let mut walker = Walker::new(r, pin, whole, before);
    if let Err(error) = walker.walk() {
        // As by httpd, the file's name ends where the walk did.
        r.rename(walker.take_real_path());
        return Err(error);
    }
    walker.apply_regexes();
    let end = walker.cursor.here();
    let is_directory = r.file_type() == FileType::Directory;
    let rules = walker.rules;
    let merges = walker.finish();

    let base = r.dir_config();
    let is_per_config = pin.site.auth_is_per_config;
    let is_same =
        |before: &&WalkCache<'_>| is_per_config && before.base == base && merges.is_unchanged();
    let result = match before.filter(is_same) {
        Some(before) => before.result,
        None => {
            let merged = merges.merged();
            let merged = merged.unwrap_or_else(|| DirConfig::empty(r.pool()));
            base.merge_with::<Realdoc>(r.pool(), merged, |merged| {
                let config = pin
                    .site
                    .rewrite
                    .and_then(|rewrite| merged.of_module(rewrite));
                let found = Found {
                    by: path.link,
                    rules: Rules {
                        config,
                        place: rules,
                    },
                };
                Directory {
                    found: Some(found),
                    ..merged.state::<Realdoc>()
                }
            })
        }
    };
    r.set_dir_config(result);
    Ok(r.pool().put(WalkCache {
        end,
        is_directory,
        link: path.link,
        sections,
        base,
        result,
        merges: merges.finish(),
    }))
}

/// httpd's `<Files>` sections, which are matched against the last component of the file's name. For
/// a link itself that is the link's name, not the release's.
pub(crate) fn file_walk<'r>(r: Request<'r>, walk: &WalkCache<'r>) -> Answer {
    match walk.link.filter(|link| link.name.to_bytes() == walk.end) {
        Some(link) => r.file_walk_as(link.name),
        None => r.file_walk(),
    }
}

/// Logs why a request ends here: httpd cannot canonicalize the path either (AH00030, AH00033).
#[cold]
pub(crate) fn log_too_long(r: Request<'_>) {
    let uri = r.uri().to_string_lossy();
    log!(r, Info, "RD24: the name of the file is too long: {uri}");
}

/// Asks what the request's file is, if that is not known.
fn stat_file(r: Request<'_>, path: &CStr) {
    if matches!(r.file_type(), FileType::Nothing | FileType::Symlink) {
        let is_known = r.stat_filename() && r.file_type() != FileType::Nothing;
        let is_no_directory = || r.file_type() != FileType::Directory;
        if !is_known || path.to_bytes().ends_with(b"/") && is_no_directory() {
            r.forget_file();
        }
    }
}

/// Whether the request's file, a complete one, lies in `dir`, where the walk before ended.
fn is_in(r: Request<'_>, path: &[u8], dir: &[u8]) -> bool {
    match r.file_type() {
        FileType::Regular => parent_of(path) == dir,
        FileType::Directory if r.path_info().is_none_or(CStr::is_empty) => {
            let path = path.strip_suffix(b"/").unwrap_or(path);
            dir.strip_suffix(b"/") == Some(path)
        }
        _ => false,
    }
}

impl<'r> Walker<'r> {
    /// Down to the file, or to where there is none.
    fn walk(&mut self) -> Result<(), WalkError<'r>> {
        let r = self.r;
        let known = r.file_type();
        let missing = match known {
            FileType::Nothing => self.stat_missing(),
            _ => None,
        };
        let is_known = known != FileType::Nothing || missing.is_some();
        let mut file = File::directory();
        let is_whole = loop {
            self.apply_sections();
            self.apply_htaccess()?;
            let is_clear = is_known && self.options.symlinks() == Symlinks::Followed;
            if is_clear && !self.options.allow_htaccess() {
                if self.skip_to_section() {
                    continue;
                }
                break true;
            }
            if !self.cursor.step() {
                break true;
            }
            let link = self.cursor.link_here(self.pin.links());
            file = match link {
                Some(link) if is_clear => {
                    self.cursor.follow(link);
                    continue;
                }
                // All is there, and no symlink on the way matters: there is nothing to ask.
                None if is_clear => continue,
                Some(link) => self.follow_pinned(link)?,
                None => self.stat_component(file)?,
            };
            match file.file_type() {
                FileType::Directory => {}
                FileType::Regular | FileType::Nothing => break false,
                _ => {
                    log!(
                        r,
                        Error,
                        "RD21: forbidden: {} doesn't point to a file or directory",
                        self.real_path().as_c_str().to_string_lossy()
                    );
                    return Err(r.refuse().into());
                }
            }
        };
        if let Some(missing) = missing {
            self.cursor.extend(self.path.to_bytes());
            if is_whole {
                self.cursor.skip_to_end();
                file = missing;
            }
        }
        if matches!(known, FileType::Nothing | FileType::Symlink) {
            r.set_file(&file);
        }
        self.set_path_info();
        Ok(())
    }
}
