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

use std::ffi::CStr;

use realdoc_core::fs::OsFs;
use realdoc_core::paths::strip_dir;

use crate::httpd::{
    Answer, DirConfig, File, FileType, Options, PoolPath, PoolVec, Request, Section, SectionKind,
    Symlinks, log,
};
use crate::module::Realdoc;
use crate::pin::{Directory, Link, RequestState};
use crate::storage::Name;

/// How a request's file was found: what those that come from it can use again.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'r> {
    /// Where it ended, by the name under the link, and whether that is a directory.
    end: &'r [u8],
    is_directory: bool,
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
    /// For which path in the release the section was made anew, if it was.
    path: Option<&'r CStr>,
    merged: DirConfig<'r>,
}

impl<'r> Walk<'r> {
    /// The directory of the file, by the name under the link.
    fn dir(&self) -> &'r [u8] {
        if self.is_directory {
            self.end
        } else {
            parent_of(self.end)
        }
    }
}

/// Finds the request's file and its per-directory configuration.
pub(crate) fn directory_walk<'r>(
    r: Request<'r>,
    state: &'r RequestState<'r>,
    name: Name<'r>,
) -> Answer {
    let by_name = name.text.to_bytes();
    if r.file_type() == FileType::Nothing || r.file_type() == FileType::Symlink {
        let ends_with_slash = by_name.ends_with(b"/");
        let known = r.stat_filename() && r.file_type() != FileType::Nothing;
        if !known || (ends_with_slash && r.file_type() != FileType::Directory) {
            r.forget_file();
        }
    }
    let sections = r.server().sections();
    let known = RequestState::of_parent(r)
        .and_then(|parent| parent.walk)
        .filter(|walk| std::ptr::eq(walk.sections, sections) && is_same(walk.link, name.link));

    if let Some(known) = known.filter(|known| is_in_directory(r, by_name, known.dir())) {
        let config = r.dir_config();
        if config == known.result || config == known.base {
            r.set_dir_config(known.result);
            state.walk.set(Some(known));
            return symlink_at_end(r, known.result);
        }
    }

    let is_per_config = state.pin().site.is_some_and(|site| site.auth_is_per_config);
    let Some(mut way) = Way::new(r, state, name, known) else {
        tell_too_long(r);
        return Answer::SERVER_ERROR;
    };
    if let Err(answer) = way.down() {
        return answer;
    }
    way.regexes();
    let end = way.name_here();
    let is_directory = r.file_type() == FileType::Directory;
    let merges = way.finish();

    let base = r.dir_config();
    let (steps, merged, unchanged) = merges.finish();
    let result = match known.filter(|known| unchanged && is_per_config && known.base == base) {
        Some(known) => known.result,
        None => {
            let merged = merged.unwrap_or_else(|| DirConfig::empty(r.pool()));
            base.merge_with::<Realdoc>(r.pool(), merged, |_| Directory {
                found_by: name.link,
            })
        }
    };
    r.set_dir_config(result);
    state.walk.set(Some(r.pool().put(Walk {
        end,
        is_directory,
        link: name.link,
        sections,
        base,
        result,
        steps,
    })));
    Answer::OK
}

/// Why a request ends here: httpd cannot clean the name either (AH00030, AH00033).
#[cold]
pub(crate) fn tell_too_long(r: Request<'_>) {
    let uri = r.uri().to_string_lossy();
    log!(r, Info, "RD24: the name of the file is too long: {uri}");
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
    let mut file = File::unknown();
    if r.lstat_component(&mut file).is_err() || file.file_type() == FileType::Nothing {
        return r.refuse();
    }
    let name = r.filename().map(CStr::to_owned).unwrap_or_default();
    if file.file_type() == FileType::Symlink {
        let owner = || Some(r.stat(&name, false)?.owner());
        if let Err(refusal) = follow(r, &options, owner, &name) {
            return refusal.tell(r, &name);
        }
    }
    Answer::OK
}

/// Why a symlink is not followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `Options` does not allow it.
    NotAllowed,
    /// It leads nowhere.
    NoTarget,
}

impl Refusal {
    /// Ends the request with a line in the log.
    pub(crate) fn tell(self, r: Request<'_>, name: &CStr) -> Answer {
        let name = name.to_string_lossy();
        match self {
            Refusal::NotAllowed => log!(r, Error, "RD20: symbolic link not allowed: {name}"),
            // Of a docroot's link RD12 tells already; here it would be told for each request.
            Refusal::NoTarget => log!(r, Info, "RD20: link target not accessible: {name}"),
        }
        r.refuse()
    }
}

/// What the symlink with the owner `link_owner` leads to, `target`, if the options allow that (resolve_symlink).
fn follow(
    r: Request<'_>,
    options: &Options,
    link_owner: impl FnOnce() -> Option<u32>,
    target: &CStr,
) -> Result<File, Refusal> {
    let owner = match options.symlinks() {
        Symlinks::Refused => return Err(Refusal::NotAllowed),
        Symlinks::Followed => None,
        Symlinks::IfOwnerMatch => Some(link_owner().ok_or(Refusal::NoTarget)?),
    };
    let file = r.stat(target, true).ok_or(Refusal::NoTarget)?;
    match owner {
        Some(owner) if owner != file.owner() => Err(Refusal::NotAllowed),
        _ => Ok(file),
    }
}

/// A walk on its way.
struct Way<'r> {
    r: Request<'r>,
    state: &'r RequestState<'r>,
    /// The whole name under the link, and how far the walk has come in it: to the end of a component.
    name: &'r CStr,
    at: usize,
    /// The link behind which it is.
    link: Option<&'r Link<'r>>,
    /// The longest link that the whole name leads through.
    last_link: Option<&'r Link<'r>>,
    /// The name in the release of where the walk stands; made where it is needed.
    file: Option<PoolPath<'r>>,
    /// What the request had as its path info before.
    path_info: Option<&'r CStr>,
    /// httpd knows the file by its right name already, if all of the name is walked.
    is_named: bool,
    sections: &'r [Section<'r>],
    options: Options,
    merges: Merges<'r>,
}

impl<'r> Way<'r> {
    /// `None`: the name is too long for httpd.
    fn new(
        r: Request<'r>,
        state: &'r RequestState<'r>,
        name: Name<'r>,
        known: Option<&'r Walk<'r>>,
    ) -> Option<Self> {
        let mut path_info = r.path_info();
        let mut text = name.text;
        let mut last_link = name.link;
        let mut is_named = true;
        // A directory has no path info: what looks like it is yet to be walked.
        if r.file_type() == FileType::Directory {
            if let Some(info) = path_info.take().filter(|info| !info.is_empty()) {
                let joined = r.join(text, info);
                text = r.pool().canonicalize(joined)?;
                last_link = state.pin().link_of(text.to_bytes()).map(|(link, _)| link);
                is_named = false;
            }
        }
        Some(Way {
            r,
            state,
            name: text,
            at: 0,
            link: None,
            last_link,
            file: None,
            path_info,
            is_named,
            sections: r.server().sections(),
            options: Options::of(r.dir_config()),
            merges: Merges::new(r, known),
        })
    }

    /// Down to the file, or to where there is none.
    fn down(&mut self) -> Result<(), Answer> {
        let r = self.r;
        let known = r.file_type();
        let mut depth = 1;
        let mut file = File::directory();
        loop {
            self.apply_sections(depth);
            self.apply_htaccess()?;
            let is_clear =
                known != FileType::Nothing && self.options.symlinks() == Symlinks::Followed;
            if is_clear && !self.options.allow_htaccess() {
                match self.skip_to_section(depth) {
                    Some(next) => depth = next,
                    None => break,
                }
                continue;
            }
            if self.is_at_end() || !self.step() {
                break;
            }
            depth += 1;
            let link = self.link_here();
            if is_clear {
                // The file is there, and no symlink on the way matters: there is nothing to ask.
                self.link = link.or(self.link);
                continue;
            }
            file = match link {
                Some(link) => self.follow_pinned(link)?,
                None => self.look(file)?,
            };
            match file.file_type() {
                FileType::Directory => {}
                FileType::Regular | FileType::Nothing => break,
                _ => {
                    log!(
                        r,
                        Error,
                        "RD21: forbidden: {} doesn't point to a file or directory",
                        self.file_here().to_string_lossy()
                    );
                    return Err(r.refuse());
                }
            }
        }
        if matches!(known, FileType::Nothing | FileType::Symlink) {
            r.set_file(&file);
        }
        let rest = self.ahead();
        r.set_path_info(match self.path_info {
            Some(info) if rest.is_empty() => Some(info),
            Some(info) => Some(r.join(rest, info)),
            None => Some(rest),
        });
        Ok(())
    }

    fn name_here(&self) -> &'r [u8] {
        &self.name.to_bytes()[..self.at]
    }

    fn is_at_end(&self) -> bool {
        self.at == self.name.to_bytes().len()
    }

    /// What is ahead, from its slash on.
    fn ahead(&self) -> &'r CStr {
        if self.is_at_end() {
            return c"";
        }
        CStr::from_bytes_with_nul(&self.name.to_bytes_with_nul()[self.at..]).unwrap_or_default()
    }

    /// Where only sections can have a say: on from `depth` to the directory that the next one is for, and how
    /// deep that is; or to the end.
    fn skip_to_section(&mut self, mut depth: u32) -> Option<u32> {
        while let Some((section, rest)) = self.sections.split_first() {
            let components = section.components();
            match section.kind() {
                SectionKind::Path => {
                    let dir = section.name().to_bytes();
                    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
                    if strip_dir(self.name.to_bytes(), dir).is_none() {
                        self.sections = rest;
                        continue;
                    }
                    self.at = dir.len();
                }
                SectionKind::Pattern => {
                    while depth < components && !self.is_at_end() && self.step() {
                        depth += 1;
                    }
                    if depth < components {
                        break;
                    }
                }
                SectionKind::Regex => break,
            }
            self.link = self.link_above();
            return Some(components);
        }
        self.at = self.name.to_bytes().len();
        None
    }

    /// The link behind which the walk stands, found anew.
    fn link_above(&self) -> Option<&'r Link<'r>> {
        let last = self.last_link?;
        if self.at >= last.name.count_bytes() {
            return Some(last);
        }
        let link = self.state.pin().link_of(self.name_here());
        link.map(|(link, _)| link)
    }

    /// One component on; false if nothing but a slash is left.
    fn step(&mut self) -> bool {
        let ahead = &self.name.to_bytes()[self.at..];
        let slash = ahead[1..].iter().position(|&b| b == b'/');
        self.at += slash.map_or(ahead.len(), |at| at + 1);
        ahead.len() > 1
    }

    /// The pinned link that the walk stands on.
    fn link_here(&self) -> Option<&'r Link<'r>> {
        self.last_link?;
        let name = self.name_here();
        self.state
            .pin()
            .links()
            .map(|(_, link)| link)
            .find(|link| link.name.to_bytes() == name)
    }

    /// The name in the release, which httpd is shown as the request's file name.
    fn file_here(&mut self) -> &CStr {
        let name = &self.name.to_bytes()[..self.at];
        let (r, state, room) = (self.r, self.state, self.name.to_bytes().len() + 2);
        let file = self.file.get_or_insert_with(|| {
            let targets = state
                .pin()
                .links()
                .map(|(_, link)| link.target.to_bytes().len());
            PoolPath::with_room(r.pool(), room + targets.max().unwrap_or(0))
        });
        file.truncate(0);
        match self.link {
            Some(link) => {
                let target = link.target.to_bytes();
                file.push(target.strip_suffix(b"/").unwrap_or(target));
                file.push(&name[link.name.to_bytes().len()..]);
            }
            None => file.push(name),
        }
        r.show_filename(file);
        file.as_c_str()
    }

    /// Through a pinned link, if the options allow it to be followed.
    fn follow_pinned(&mut self, link: &'r Link<'r>) -> Result<File, Answer> {
        let (r, options) = (self.r, self.options);
        let here = self.file_here();
        // Another link may stand there by now. Whether this one might be followed it cannot say.
        let owner = || {
            let ask = || OsFs.owner_of_link_to(here, link.target).ok().flatten();
            link.owner.get_or_try_init(|| ask().ok_or(())).ok().copied()
        };
        match follow(r, &options, owner, link.target) {
            Ok(file) => {
                self.link = Some(link);
                Ok(file)
            }
            Err(refusal) => {
                // Told when it is certain: the link may lead elsewhere by now.
                self.state.refused.set(Some((refusal, link.name)));
                Err(r.refuse())
            }
        }
    }

    /// What stands here; `file` is what stood there before.
    fn look(&mut self, mut file: File) -> Result<File, Answer> {
        let (r, options) = (self.r, self.options);
        let name = self.file_here();
        match r.lstat_component(&mut file) {
            Ok(()) if file.file_type() == FileType::Symlink => {
                let owner = || Some(r.stat(name, false)?.owner());
                follow(r, &options, owner, name).map_err(|refusal| refusal.tell(r, name))
            }
            Ok(()) => Ok(file),
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
        while let Some((&section, rest)) = self.sections.split_first() {
            let components = section.components();
            if components > depth || section.kind() == SectionKind::Regex {
                break;
            }
            self.sections = rest;
            if components == 0 {
                self.apply(section.config(), None, section.config());
            } else if components == depth && self.is_for_here(section) {
                let (path, config) = self.for_release(section);
                self.apply(section.config(), path, config);
            }
        }
    }

    fn is_for_here(&self, section: Section<'_>) -> bool {
        let here = self.name_here();
        if section.kind() == SectionKind::Path {
            return section.name().to_bytes().strip_suffix(b"/") == Some(here);
        }
        let mut dir = PoolPath::with_room(self.r.pool(), here.len() + 1);
        dir.push(here);
        dir.push(b"/");
        section.applies_to(dir.as_c_str())
    }

    fn apply_htaccess(&mut self) -> Result<(), Answer> {
        if !self.options.allow_htaccess() {
            return Ok(());
        }
        let (r, options) = (self.r, self.options);
        let end = self.file_here().count_bytes();
        let found = match &mut self.file {
            Some(dir) => {
                dir.push(b"/");
                let found = r.htaccess(&options, dir.as_c_str());
                dir.truncate(end);
                found?
            }
            None => None,
        };
        if let Some(config) = found {
            self.apply(config, None, config);
        }
        Ok(())
    }

    /// The regex sections, which are held against the whole name.
    fn regexes(&mut self) {
        let r = self.r;
        if self.sections.is_empty() {
            return;
        }
        let name = if self.is_at_end() {
            self.name
        } else {
            let mut name = PoolPath::with_room(r.pool(), self.at);
            name.push(self.name_here());
            name.finish()
        };
        for &section in self.sections {
            let capture = |variable, value: &[u8]| {
                let mut copy = PoolPath::with_room(r.pool(), value.len());
                copy.push(value);
                r.set_env(variable, copy.finish());
            };
            if section.matches(name, capture) {
                self.apply(section.config(), None, section.config());
            }
        }
    }

    /// What `section`, which applies here, says for the release: where modules remember its path, that is
    /// to be the path in the release.
    fn for_release(&self, section: Section<'r>) -> (Option<&'r CStr>, DirConfig<'r>) {
        let own = (None, section.config());
        let Some(site) = self.state.pin().site.filter(|_| self.last_link.is_some()) else {
            return own;
        };
        if !site.rebased.concern(section) {
            return own;
        }
        let Some(path) = self.path_for(section) else {
            return own;
        };
        match site.rebased.run(section, path, self.r.pool()) {
            None => own,
            Some(Ok(config)) => (Some(path), config),
            Some(Err(error)) => {
                log!(
                    self.r,
                    Error,
                    "RD23: <Directory \"{}\"> cannot be made for {}: {error}",
                    section.name().to_string_lossy(),
                    path.to_string_lossy()
                );
                own
            }
        }
    }

    /// The path that `section` is to be made for: the directory in the release. For a section above the
    /// link that is the target, unless the section's path is above that too.
    fn path_for(&self, section: Section<'r>) -> Option<&'r CStr> {
        let pool = self.r.pool();
        let (target, tail) = match self.link {
            Some(link) => (link.target, &self.name_here()[link.name.count_bytes()..]),
            None => {
                let (link, _) = self.state.pin().link_of(self.name.to_bytes())?;
                if section.applies_on_the_way_to(link.target) {
                    return None;
                }
                (link.target, &b""[..])
            }
        };
        let target = target.to_bytes();
        let target = target.strip_suffix(b"/").unwrap_or(target);
        let mut path = PoolPath::with_room(pool, target.len() + tail.len() + 1);
        path.push(target);
        path.push(tail);
        path.push(b"/");
        Some(path.finish())
    }

    /// `own`: the section or file that says it; `config`: what it says here, made for `path`.
    fn apply(&mut self, own: DirConfig<'r>, path: Option<&'r CStr>, config: DirConfig<'r>) {
        self.options.merge(config);
        self.merges.add(own, path, config);
    }

    /// The file has its final name.
    fn finish(mut self) -> Merges<'r> {
        let named = self
            .r
            .filename()
            .filter(|_| self.is_named && self.is_at_end() && self.file.is_none());
        match named {
            Some(file) => self.r.set_canonical_filename(file),
            None => {
                self.link = self.link_above();
                self.file_here();
                if let Some(mut file) = self.file {
                    // The link leads to the file system's root.
                    if file.as_bytes().is_empty() {
                        file.push(b"/");
                    }
                    self.r.set_canonical_filename(file.finish());
                }
            }
        }
        self.merges
    }
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
            steps: PoolVec::new(r.pool(), 4),
        }
    }

    fn add(&mut self, matched: DirConfig<'r>, path: Option<&'r CStr>, config: DirConfig<'r>) {
        let known = self
            .known
            .split_first()
            .filter(|(step, _)| !self.differs && step.matched == matched && step.path == path);
        let merged = match known {
            Some((step, rest)) => {
                self.known = rest;
                step.merged
            }
            None => {
                self.differs = true;
                match self.merged {
                    Some(merged) => merged.merge(self.r.pool(), config),
                    None => config,
                }
            }
        };
        self.merged = Some(merged);
        self.steps.push(Step {
            matched,
            path,
            merged,
        });
    }

    /// All steps, the last merge, and whether all is as in the other request.
    fn finish(self) -> (&'r [Step<'r>], Option<DirConfig<'r>>, bool) {
        let unchanged = !self.differs && self.known.is_empty();
        (self.steps.finish(), self.merged, unchanged)
    }
}
