//! The kernel's and realpath(3)'s word on a docroot.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use realdoc_core::fs::Errno;

/// The longest name that file systems commonly take.
pub(crate) const NAME_MAX: usize = 255;

pub(crate) fn c(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).expect("no NUL in a path of ours")
}

pub(crate) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).expect("an error of the system's")
}

/// realpath(3) of a directory.
pub(crate) fn realpath(docroot: &str) -> Result<PathBuf, Errno> {
    let real = fs::canonicalize(docroot).map_err(|e| errno(&e))?;
    let stat = fs::metadata(&real).map_err(|e| errno(&e))?;
    if stat.is_dir() {
        Ok(real)
    } else {
        Err(Errno::NOTDIR)
    }
}

/// The parts of `docroot` that end with a name, outermost first.
pub(crate) fn prefixes(docroot: &str) -> impl Iterator<Item = &str> {
    let ends = docroot.char_indices().map(|(i, _)| i).skip(1);
    ends.chain([docroot.len()])
        .map(|end| &docroot[..end])
        .filter(|prefix| {
            let rest = &docroot[prefix.len()..];
            !prefix.ends_with('/') && (rest.is_empty() || rest.starts_with('/'))
        })
}

pub(crate) fn is_symlink(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok_and(|stat| stat.is_symlink())
}

/// The first symlink that `UseReadlink` is to find, and its text.
pub(crate) fn first_link<'a>(docroot: &'a str, from: Option<&str>) -> Option<(&'a str, String)> {
    let start = from.map_or(0, |from| from.trim_end_matches('/').len());
    let link = prefixes(docroot).find(|p| p.len() >= start && is_symlink(p))?;
    let text = fs::read_link(link).expect("a symlink has a text");
    Some((link, text.into_os_string().into_string().expect("UTF-8")))
}

/// What `UseReadlink` is to give for a docroot that exists: the first symlink
/// replaced by its own text, and the whole made canonical by name, but where
/// `..` stands behind a symlink.
pub(crate) fn one_step(docroot: &str, from: Option<&str>) -> PathBuf {
    let text = match first_link(docroot, from) {
        None => docroot.to_string(),
        Some((link, text)) if text.starts_with('/') => text + &docroot[link.len()..],
        Some((link, text)) => {
            let directory = &link[..link.rfind('/').expect("a link is absolute")];
            format!("{directory}/{text}{}", &docroot[link.len()..])
        }
    };
    let mut here = PathBuf::from("/");
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                if here.is_symlink() {
                    here = fs::canonicalize(&here).expect("the docroot's way leads through here");
                }
                here.pop();
            }
            name => here.push(name),
        }
    }
    here
}

/// The text of a symlink.
pub(crate) fn text_of(link: impl AsRef<Path>) -> Box<[u8]> {
    let text = fs::read_link(link).expect("a symlink");
    text.into_os_string().into_vec().into()
}
