//! The walk down to a request's file, as httpd's own (ap_directory_walk, server/request.c), but along
//! two names at once.
//!
//! The name under the link decides what applies: `<Directory>` sections, regexes, which symlinks
//! may be followed, whether an .htaccess file counts. From the link on, the name in the release is the one
//! that the file system is asked for: files, .htaccess files, symlinks inside the release. So the request gets just
//! the configuration that httpd applies to the link's name, in httpd's order, and nothing that
//! stands between the root and the release by its real name.
//!
//! For a file that no link led to both names are the same, and the walk is httpd's. All requests
//! of a virtual host whose sections go by the link take this one, so that what comes from a request can see that
//! it has the same configuration, and is not authorized twice.

use std::ffi::{CStr, CString};

use crate::httpd::{
    Answer, DirConfig, File, FileType, Kind, Options, PoolPath, PoolVec, Request, Section,
    Symlinks, log,
};
use crate::pin::{Link, Visit};
use crate::storage::Name;

/// How a request's file was found: what those that come from it can use again.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'r> {
    /// The directory of the file, by the name under the link.
    dir: &'r [u8],
    link: Option<&'r Link<'r>>,
    sections: &'r [Section<'r>],
    /// What the request had before the walk.
    base: DirConfig<'r>,
    /// `base`, and over it all that applied.
    result: DirConfig<'r>,
    steps: &'r [Step<'r>],
}

/// A section or .htaccess file that applied, and the merge of all up to it.
#[derive(Clone, Copy)]
struct Step<'r> {
    matched: DirConfig<'r>,
    merged: DirConfig<'r>,
}

/// Finds the request's file and its per-directory configuration.
pub(crate) fn directory_walk<'r>(r: Request<'r>, visit: &'r Visit<'r>, name: Name<'r>) -> Answer {
    let by_name = name.text.to_bytes();
    if r.file_type() == FileType::Nothing || r.file_type() == FileType::Symlink {
        let ends_with_slash = by_name.ends_with(b"/");
        let known = r.stat_filename() && r.file_type() != FileType::Nothing;
        if !known || (ends_with_slash && r.file_type() != FileType::Directory) {
            r.forget_file();
        }
    }
    let sections = r.server().sections();
    let known = r
        .parent()
        .and_then(Request::visit)
        .and_then(|parent| parent.walk.get())
        .filter(|walk| std::ptr::eq(walk.sections, sections) && is_same(walk.link, name.link));

    if let Some(known) = known.filter(|known| is_in_directory(r, by_name, known.dir)) {
        let config = r.dir_config();
        if config == known.result || config == known.base {
            r.set_dir_config(known.result);
            visit.walk.set(Some(known));
            return symlink_at_end(r, known.result);
        }
    }

    let is_per_config = visit.pin().site.is_some_and(|site| site.auth_is_per_config);
    let mut way = Way::new(r, visit, name, known);
    if let Err(answer) = way.down() {
        return answer;
    }
    way.regexes();
    let Way {
        merges,
        name: by_name,
        file,
        ..
    } = way;
    r.settle_filename(file.finish());
    let by_name = by_name.finish().to_bytes();
    let dir = match r.file_type() {
        FileType::Directory => by_name,
        _ => parent_of(by_name),
    };

    let base = r.dir_config();
    let (steps, merged, unchanged) = merges.finish();
    let result = match known.filter(|known| unchanged && is_per_config && known.base == base) {
        Some(known) => known.result,
        None => {
            let merged = merged.unwrap_or_else(|| DirConfig::empty(r.pool()));
            let result = base.merge(r.pool(), merged);
            result.set_found_by(name.link);
            result
        }
    };
    r.set_dir_config(result);
    visit.walk.set(Some(r.pool().put(Walk {
        dir,
        link: name.link,
        sections,
        base,
        result,
        steps,
    })));
    Answer::OK
}

fn is_same<T>(a: Option<&T>, b: Option<&T>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => std::ptr::eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// `/a/b/` for `/a/b/c` (ap_make_dirstr_parent).
fn parent_of(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    &path[..end]
}

/// Whether the file, a complete one, lies in the directory that another request's walk has ended in.
fn is_in_directory(r: Request<'_>, name: &[u8], dir: &[u8]) -> bool {
    match r.file_type() {
        FileType::Regular => parent_of(name) == dir,
        FileType::Directory if r.path_info().is_none_or(CStr::is_empty) => {
            let name = name.strip_suffix(b"/").unwrap_or(name);
            dir.strip_suffix(b"/") == Some(name)
        }
        _ => false,
    }
}

/// The last component, where all above it is known to be as it was.
fn symlink_at_end(r: Request<'_>, config: DirConfig<'_>) -> Answer {
    let options = Options::of(config);
    if options.has_follow_symlinks() {
        return Answer::OK;
    }
    let Ok(file) = r.lstat_component() else {
        return r.refuse();
    };
    let name = r.filename().map(CStr::to_owned).unwrap_or_default();
    if file.file_type() == FileType::Symlink && follow(r, &options, &name, &name).is_none() {
        return refuse_symlink(r, &name);
    }
    Answer::OK
}

/// What the symlink `link` leads to, `target`, if the options allow that (resolve_symlink).
fn follow(r: Request<'_>, options: &Options, link: &CStr, target: &CStr) -> Option<File> {
    match options.symlinks() {
        Symlinks::Refused => None,
        Symlinks::Followed => r.stat(target, true),
        Symlinks::IfOwnerMatch => {
            let link = r.stat(link, false)?;
            r.stat(target, true).filter(|file| file.has_owner_of(&link))
        }
    }
}

fn refuse_symlink(r: Request<'_>, name: &CStr) -> Answer {
    log!(
        r,
        Error,
        "RD20: symbolic link not allowed or link target not accessible: {}",
        name.to_string_lossy()
    );
    r.refuse()
}

/// A walk on its way. Neither name ends with a slash; both are empty at the root.
struct Way<'r> {
    r: Request<'r>,
    visit: &'r Visit<'r>,
    /// The name under the link, as far as the walk has come.
    name: PoolPath<'r>,
    /// The name in the release.
    file: PoolPath<'r>,
    /// What is ahead, from its slash on.
    ahead: &'r CStr,
    /// What the request had as its path info before.
    path_info: Option<&'r CStr>,
    /// Whether the name leads through links at all.
    is_linked: bool,
    sections: &'r [Section<'r>],
    options: Options,
    merges: Merges<'r>,
}

impl<'r> Way<'r> {
    fn new(
        r: Request<'r>,
        visit: &'r Visit<'r>,
        name: Name<'r>,
        known: Option<&'r Walk<'r>>,
    ) -> Self {
        let pool = r.pool();
        let mut path_info = r.path_info();
        let mut ahead = name.text;
        // A directory has no path info: what looks like it is yet to be walked.
        if r.file_type() == FileType::Directory {
            if let Some(info) = path_info.take().filter(|info| !info.is_empty()) {
                ahead = r.join(ahead, info);
                ahead = pool.clean(ahead).unwrap_or(ahead);
            }
        }
        let room = ahead.to_bytes().len() + 2;
        let longest_target = visit
            .pin()
            .links()
            .map(|(_, link)| link.target.to_bytes().len())
            .max()
            .unwrap_or(0);
        Way {
            r,
            visit,
            name: PoolPath::with_room(pool, room),
            file: PoolPath::with_room(pool, room + longest_target),
            ahead,
            path_info,
            is_linked: name.link.is_some(),
            sections: r.server().sections(),
            options: Options::of(r.dir_config()),
            merges: Merges::new(r, known),
        }
    }

    /// Down to the file, or to where there is none.
    fn down(&mut self) -> Result<(), Answer> {
        let r = self.r;
        let known = r.file_type();
        let mut depth = 1;
        let mut file;
        loop {
            self.apply_sections(depth);
            self.apply_htaccess()?;
            if self.ahead.is_empty() {
                file = File::directory();
                break;
            }
            if !self.step() {
                // Only a slash was left.
                file = File::directory();
                break;
            }
            let link = self.link_here();
            if known != FileType::Nothing && self.options.symlinks() == Symlinks::Followed {
                // The file is there, and no symlink on the way matters: there is nothing to ask.
                if let Some(link) = link {
                    self.enter_release(link);
                }
                depth += 1;
                continue;
            }
            file = match link {
                Some(link) => self.follow_pinned(link)?,
                None => self.look()?,
            };
            match file.file_type() {
                FileType::Directory => depth += 1,
                FileType::Regular | FileType::Nothing => break,
                _ => {
                    log!(
                        r,
                        Error,
                        "RD21: forbidden: {} doesn't point to a file or directory",
                        self.file.as_c_str().to_string_lossy()
                    );
                    return Err(r.refuse());
                }
            }
        }
        if matches!(known, FileType::Nothing | FileType::Symlink) {
            r.set_file(&file);
        }
        let rest = Some(self.ahead).filter(|rest| !rest.is_empty());
        r.set_path_info(match (rest, self.path_info) {
            (Some(rest), Some(info)) => Some(r.join(rest, info)),
            (None, Some(info)) => Some(info),
            (_, None) => Some(self.ahead),
        });
        Ok(())
    }

    /// One component on; false if nothing but a slash is left.
    fn step(&mut self) -> bool {
        let ahead = self.ahead.to_bytes();
        let end = ahead
            .iter()
            .skip(1)
            .position(|&b| b == b'/')
            .map_or(ahead.len(), |at| at + 1);
        self.name.push(&ahead[..end]);
        self.file.push(&ahead[..end]);
        self.ahead = rest_of(self.ahead, end);
        self.r.show_filename(&self.file);
        end > 1
    }

    /// The pinned link that the walk stands on.
    fn link_here(&self) -> Option<&'r Link<'r>> {
        if !self.is_linked {
            return None;
        }
        let name = self.name.as_bytes();
        self.visit
            .pin()
            .links()
            .map(|(_, link)| link)
            .find(|link| link.name.to_bytes() == name)
    }

    fn enter_release(&mut self, link: &Link<'_>) {
        let target = link.target.to_bytes();
        self.file.truncate(0);
        self.file.push(target.strip_suffix(b"/").unwrap_or(target));
        self.r.show_filename(&self.file);
    }

    /// Through a pinned link, if the options allow it to be followed.
    fn follow_pinned(&mut self, link: &Link<'_>) -> Result<File, Answer> {
        let followed = follow(self.r, &self.options, self.file.as_c_str(), link.target);
        match followed {
            Some(file) => {
                self.enter_release(link);
                Ok(file)
            }
            None => Err(refuse_symlink(self.r, self.name.as_c_str())),
        }
    }

    /// What stands here, by the file's name.
    fn look(&self) -> Result<File, Answer> {
        let (r, name) = (self.r, self.file.as_c_str());
        match r.lstat_component() {
            Ok(file) if file.file_type() == FileType::Symlink => {
                follow(r, &self.options, name, name).ok_or_else(|| refuse_symlink(r, name))
            }
            Ok(file) => Ok(file),
            Err(libc::ENOENT) => Ok(File::unknown()),
            Err(error) => {
                log!(
                    r,
                    Error,
                    "RD22: access to {} denied: {}",
                    name.to_string_lossy(),
                    std::io::Error::from_raw_os_error(error)
                );
                Err(r.refuse())
            }
        }
    }

    /// The sections for the directory that the walk stands in, `depth` slashes deep. Those for fewer
    /// components have been passed.
    fn apply_sections(&mut self, depth: u32) {
        let end = self.name.as_bytes().len();
        self.name.push(b"/");
        while let Some((&section, rest)) = self.sections.split_first() {
            let components = section.components();
            if components > depth || section.kind() == Kind::Regex {
                break;
            }
            self.sections = rest;
            let at_depth = components == 0 || components == depth;
            if at_depth && section.applies_to(self.name.as_c_str()) {
                self.apply(section.config());
            }
        }
        self.name.truncate(end);
    }

    fn apply_htaccess(&mut self) -> Result<(), Answer> {
        if !self.options.allow_htaccess() {
            return Ok(());
        }
        let end = self.file.as_bytes().len();
        self.file.push(b"/");
        let found = self.r.htaccess(&self.options, self.file.as_c_str())?;
        self.file.truncate(end);
        if let Some(config) = found {
            self.apply(config);
        }
        Ok(())
    }

    /// The regex sections, which are held against the whole name.
    fn regexes(&mut self) {
        let r = self.r;
        for &section in self.sections {
            let capture = |name, value: &[u8]| {
                let value = CString::new(value).unwrap_or_default();
                r.set_env(name, r.pool().put_text(&value));
            };
            if section.matches(self.name.as_c_str(), capture) {
                self.apply(section.config());
            }
        }
    }

    fn apply(&mut self, config: DirConfig<'r>) {
        self.options.merge(config);
        self.merges.add(config);
    }
}

/// The text from `at` on, with its NUL.
fn rest_of(text: &CStr, at: usize) -> &CStr {
    CStr::from_bytes_with_nul(&text.to_bytes_with_nul()[at..]).unwrap_or_default()
}

/// The merges on the way. As long as they are those of the request that this one came from, step by
/// step, the results are taken from there.
struct Merges<'r> {
    r: Request<'r>,
    /// Of the other request, those that are yet to be met.
    known: &'r [Step<'r>],
    /// This one has another step, or one more.
    differs: bool,
    merged: Option<DirConfig<'r>>,
    steps: PoolVec<'r, Step<'r>>,
}

impl<'r> Merges<'r> {
    fn new(r: Request<'r>, known: Option<&'r Walk<'r>>) -> Self {
        Merges {
            r,
            known: known.map_or(&[], |walk| walk.steps),
            differs: known.is_none(),
            merged: None,
            steps: PoolVec::new(r.pool(), 8),
        }
    }

    fn add(&mut self, matched: DirConfig<'r>) {
        let known = self.known.split_first();
        let merged = match known.filter(|(step, _)| !self.differs && step.matched == matched) {
            Some((step, rest)) => {
                self.known = rest;
                step.merged
            }
            None => {
                self.differs = true;
                match self.merged {
                    Some(merged) => merged.merge(self.r.pool(), matched),
                    None => matched,
                }
            }
        };
        self.merged = Some(merged);
        self.steps.push(Step { matched, merged });
    }

    /// All steps, the last merge, and whether all is as in the other request.
    fn finish(self) -> (&'r [Step<'r>], Option<DirConfig<'r>>, bool) {
        let unchanged = !self.differs && self.known.is_empty();
        (self.steps.finish(), self.merged, unchanged)
    }
}
