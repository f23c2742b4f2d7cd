//! From a configured docroot to the resolved one.
//!
//! Two modes, as the directive `UseReadlink` chooses: [`Mode::Realpath`] follows
//! every symlink, as realpath(3); [`Mode::Readlink`] replaces only the first one
//! that it meets, by one step. Both give a canonical path: no `.`, `..`, `//` or
//! trailing slash, so that a file name that httpd builds from it begins with it.

use std::ffi::{CStr, CString};
use std::fmt;

use crate::fs::{Errno, Fs};

/// How many symlinks one resolution may follow (`MAXSYMLINKS`, path_resolution(7)).
const MAX_SYMLINKS: u32 = 40;

/// Which symlinks of a docroot are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// All of them.
    Realpath,
    /// The first one, by what it points to, one step.
    Readlink {
        /// The component to begin looking at; `None` or a path that is no prefix
        /// of the docroot (see [`starts_at_component`]): the first one.
        from: Option<CString>,
    },
}

impl Mode {
    pub(crate) fn is_readlink(&self) -> bool {
        matches!(self, Mode::Readlink { .. })
    }
}

/// A symlink on a docroot's path and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The link's name as configured: a prefix of the docroot.
    pub path: CString,
    /// Where it leads, canonical.
    pub target: CString,
    /// The symlink's own text, where that alone says where it leads: always in [`Mode::Readlink`]; in
    /// [`Mode::Realpath`] unless there are further symlinks on its way.
    pub text: Option<Box<[u8]>>,
}

/// A docroot, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// An existing directory, canonical.
    pub docroot: CString,
    /// The symlinks on the docroot's path, outermost first; in
    /// [`Mode::Readlink`] at most one. Empty: the docroot is what it seems.
    pub links: Vec<Link>,
}

/// Why a docroot does not resolve: the path that was looked at, and the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveError {
    /// The path at which resolving stopped.
    pub path: CString,
    /// What the system said of it.
    pub errno: Errno,
    /// The symlink on the docroot's path that had been followed to get there; `None`: none had been.
    pub link: Option<CString>,
}

impl ResolveError {
    /// Whether the cause is one that a deploy in progress can have, so that the
    /// last good target may serve for a while: the link is missing or leads
    /// nowhere just now, or the file system is away.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self.errno,
            Errno::NOENT | Errno::NOTDIR | Errno::STALE | Errno::IO
        )
    }
}

impl fmt::Display for ResolveError {
    /// `/srv/app/current: No such file or directory`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.path.to_string_lossy(),
            strerror(self.errno)
        )
    }
}

impl std::error::Error for ResolveError {}

/// The system's text for an error, as strerror(3).
#[must_use]
pub fn strerror(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    // std appends "(os error 2)", which tells an administrator nothing.
    text.split(" (os error").next().unwrap_or_default().into()
}

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
/// Mostly it is enough that a link still has its text. Else the link and its target are compared
/// as they are now: both names lead to one directory at about one moment. (A remembered inode number
/// would prove nothing, since it is reused at once.) What this cannot see a [`resolve`] from time to time
/// does: a directory that was removed, or made a symlink, behind a link that has its text; a directory with two names.
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

/// A walk through the file system from its root: where it stands is a canonical
/// path.
struct Walk<'a, F> {
    fs: &'a F,
    /// The path so far, without a trailing slash: empty at the root.
    path: Vec<u8>,
    symlinks: u32,
    /// How much of the docroot's own path has been walked.
    prefix: &'a [u8],
    /// The last of the symlinks on that path.
    link: Option<&'a [u8]>,
}

impl<'a, F: Fs> Walk<'a, F> {
    fn new(fs: &'a F) -> Self {
        Walk {
            fs,
            path: Vec::new(),
            symlinks: 0,
            prefix: &[],
            link: None,
        }
    }

    fn here(&self) -> CString {
        c_string(if self.path.is_empty() {
            b"/"
        } else {
            &self.path
        })
    }

    fn error<T>(&self, errno: Errno) -> Result<T, ResolveError> {
        Err(ResolveError {
            path: self.here(),
            errno,
            link: self.link.map(c_string),
        })
    }

    /// Asks about where the walk stands, without a copy of its path for each step.
    fn ask<T>(&mut self, question: impl FnOnce(&F, &CStr) -> T) -> T {
        if self.path.is_empty() {
            return question(self.fs, c"/");
        }
        self.path.push(0);
        let here = CStr::from_bytes_with_nul(&self.path).expect(NO_NUL);
        let answer = question(self.fs, here);
        self.path.pop();
        answer
    }

    fn must_be_directory(&mut self) -> Result<(), ResolveError> {
        match self.ask(|fs, here| fs.stat(here)) {
            Ok(stat) if stat.is_dir => Ok(()),
            Ok(_) => self.error(Errno::NOTDIR),
            Err(errno) => self.error(errno),
        }
    }

    fn up(&mut self) {
        let parent = self.path.iter().rposition(|&b| b == b'/').unwrap_or(0);
        self.path.truncate(parent);
    }

    fn down(&mut self, name: &[u8]) {
        self.path.push(b'/');
        self.path.extend_from_slice(name);
    }

    /// The text of the symlink that the walk stands on, if it stands on one.
    fn symlink(&mut self) -> Result<Option<Vec<u8>>, ResolveError> {
        match self.ask(|fs, here| fs.read_link(here, <[u8]>::to_vec)) {
            Ok(text) => Ok(Some(text)),
            Err(Errno::INVAL) => Ok(None),
            Err(errno) => self.error(errno),
        }
    }

    /// One component on, through symlinks; the component's text if it was one.
    fn step(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>, ResolveError> {
        match name {
            b"." => {}
            b".." => {
                self.must_be_directory()?;
                self.up();
            }
            _ => {
                self.down(name);
                if let Some(text) = self.symlink()? {
                    self.symlinks += 1;
                    self.link = Some(self.prefix);
                    if self.symlinks > MAX_SYMLINKS {
                        return self.error(Errno::LOOP);
                    }
                    self.up();
                    self.follow(&text)?;
                    return Ok(Some(text));
                }
            }
        }
        Ok(None)
    }

    /// On by the whole of `text`, a path or a symlink's text, through symlinks.
    fn follow(&mut self, text: &[u8]) -> Result<(), ResolveError> {
        if text.starts_with(b"/") {
            self.path.clear();
        }
        for (name, _) in components(text) {
            self.step(name)?;
        }
        Ok(())
    }

    /// On by the names in `text`, keeping those of symlinks. Only `..` must know
    /// where it is: behind a symlink the parent is that of its target.
    fn follow_by_name(&mut self, text: &[u8]) -> Result<(), ResolveError> {
        for (name, _) in components(text) {
            match name {
                b"." => {}
                b".." => {
                    if self.symlink()?.is_some() {
                        // From the root: its text may lead by `..` across another.
                        let path = std::mem::take(&mut self.path);
                        self.follow(&path)?;
                    }
                    self.must_be_directory()?;
                    self.up();
                }
                _ => self.down(name),
            }
        }
        Ok(())
    }
}

/// The names in `path`, each with the part of `path` that ends with it.
fn components(path: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut end = 0;
    path.split(|&b| b == b'/').filter_map(move |name| {
        end += name.len();
        let prefix = &path[..end];
        end += 1;
        (!name.is_empty()).then_some((name, prefix))
    })
}

/// `bytes` with the NUL that a system call wants.
fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).expect(NO_NUL)
}

const NO_NUL: &str = "a part of a C string holds no NUL";
