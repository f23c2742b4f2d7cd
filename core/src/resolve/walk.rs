//! The way through the file system that a path leads, symlink by symlink.

use std::ffi::{CStr, CString};

use super::ResolveError;
use crate::fs::{Errno, Fs};

/// How many symlinks one resolution may follow (`MAXSYMLINKS`, path_resolution(7)).
pub(super) const MAX_SYMLINKS: u32 = 40;

/// A walk through the file system from its root: where it stands is a canonical
/// path.
pub(super) struct Walk<'a, F> {
    fs: &'a F,
    /// The path so far, without a trailing slash: empty at the root.
    pub(super) path: Vec<u8>,
    pub(super) symlinks: u32,
    /// How much of the docroot's own path has been walked.
    pub(super) prefix: &'a [u8],
    /// The last of the symlinks on that path.
    pub(super) link: Option<&'a [u8]>,
}

impl<'a, F: Fs> Walk<'a, F> {
    pub(super) fn new(fs: &'a F) -> Self {
        Walk {
            fs,
            path: Vec::new(),
            symlinks: 0,
            prefix: &[],
            link: None,
        }
    }

    pub(super) fn here(&self) -> CString {
        c_string(if self.path.is_empty() {
            b"/"
        } else {
            &self.path
        })
    }

    pub(super) fn error<T>(&self, errno: Errno) -> Result<T, ResolveError> {
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

    pub(super) fn must_be_directory(&mut self) -> Result<(), ResolveError> {
        match self.ask(|fs, here| fs.stat(here)) {
            Ok(stat) if stat.is_dir => Ok(()),
            Ok(_) => self.error(Errno::NOTDIR),
            Err(errno) => self.error(errno),
        }
    }

    pub(super) fn up(&mut self) {
        let parent = self.path.iter().rposition(|&b| b == b'/').unwrap_or(0);
        self.path.truncate(parent);
    }

    pub(super) fn down(&mut self, name: &[u8]) {
        self.path.push(b'/');
        self.path.extend_from_slice(name);
    }

    /// The text of the symlink that the walk stands on, if it stands on one.
    pub(super) fn symlink(&mut self) -> Result<Option<Vec<u8>>, ResolveError> {
        match self.ask(|fs, here| fs.read_link(here, <[u8]>::to_vec)) {
            Ok(text) => Ok(Some(text)),
            Err(Errno::INVAL) => Ok(None),
            Err(errno) => self.error(errno),
        }
    }

    /// One component on, through symlinks; the component's text if it was one.
    pub(super) fn step(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>, ResolveError> {
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
    pub(super) fn follow(&mut self, text: &[u8]) -> Result<(), ResolveError> {
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
    pub(super) fn follow_by_name(&mut self, text: &[u8]) -> Result<(), ResolveError> {
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
pub(super) fn components(path: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut end = 0;
    path.split(|&b| b == b'/').filter_map(move |name| {
        end += name.len();
        let prefix = &path[..end];
        end += 1;
        (!name.is_empty()).then_some((name, prefix))
    })
}

/// The beginnings of `path` that end with one of its names, shortest first.
pub(crate) fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    components(path).map(|(_, prefix)| prefix)
}

/// `bytes` with the NUL that a system call wants.
pub(super) fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).expect(NO_NUL)
}

const NO_NUL: &str = "a part of a C string holds no NUL";
