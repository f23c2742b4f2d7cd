//! A request's file, and what the file system says of others.

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;

use super::raw;
use super::request::Request;

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileType {
    /// Nothing, or nothing that is known yet.
    Nothing,
    Regular,
    Directory,
    Symlink,
    Other,
}

impl FileType {
    fn of(raw: raw::apr_filetype_e) -> Self {
        match raw {
            raw::apr_filetype_e_APR_NOFILE => FileType::Nothing,
            raw::apr_filetype_e_APR_REG => FileType::Regular,
            raw::apr_filetype_e_APR_DIR => FileType::Directory,
            raw::apr_filetype_e_APR_LNK => FileType::Symlink,
            _ => FileType::Other,
        }
    }
}

/// What the file system says of a file, in memory that lives for `'r`.
#[derive(Clone, Copy)]
pub(crate) struct File<'r> {
    raw: raw::apr_finfo_t,
    life: PhantomData<&'r ()>,
}

impl File<'_> {
    /// A file of which nothing is known.
    pub(crate) fn unknown() -> Self {
        File {
            // SAFETY: numbers and pointers, for which zero is a value; zero is also APR_NOFILE.
            raw: unsafe { std::mem::zeroed() },
            life: PhantomData,
        }
    }

    /// The path that was asked for may live shorter than the record.
    fn forget_paths(&mut self) {
        self.raw.fname = std::ptr::null();
        self.raw.name = std::ptr::null();
    }

    /// A directory of which nothing else is known.
    pub(crate) fn directory() -> Self {
        let mut file = File::unknown();
        file.raw.filetype = raw::apr_filetype_e_APR_DIR;
        file.raw.valid = raw::APR_FINFO_TYPE as i32;
        file
    }

    pub(crate) fn file_type(&self) -> FileType {
        FileType::of(self.raw.filetype)
    }

    /// When its content was last changed, in microseconds since 1970.
    pub(crate) fn modified_at(&self) -> i64 {
        self.raw.mtime
    }

    /// The user id of its owner.
    pub(crate) fn owner(&self) -> u32 {
        self.raw.user
    }
}

impl<'r> Request<'r> {
    /// What is known of the file.
    pub(crate) fn file_type(self) -> FileType {
        // SAFETY: the request is alive.
        FileType::of(unsafe { (*self.as_ptr()).finfo.filetype })
    }

    pub(crate) fn forget_file(self) {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).finfo.filetype = raw::apr_filetype_e_APR_NOFILE }
    }

    pub(crate) fn set_file(self, file: &File<'r>) {
        let r = self.as_ptr();
        // SAFETY: the request is alive, and so is the pool that the record names. As in httpd, the
        // record's path is the file's name.
        unsafe {
            (*r).finfo = file.raw;
            (*r).finfo.fname = (*r).filename;
        }
    }

    /// Asks, as httpd's own walk does, what the file's name leads to; false if to nothing.
    pub(crate) fn stat_filename(self) -> bool {
        let r = self.as_ptr();
        // SAFETY: the request is alive, with a file name.
        let stat = || unsafe {
            raw::ap_run_dirwalk_stat(&raw mut (*r).finfo, r, raw::APR_FINFO_MIN as i32)
        };
        self.filename().is_some() && stat() == 0
    }

    /// Asks for a component on the way, `path`, without following it. Where there is nothing, all
    /// but the type of `file` stays as it was, as in httpd's own walk: what is said of a missing
    /// file is said of the directory above it.
    ///
    /// # Errors
    /// APR's status, on Unix an errno.
    pub(crate) fn lstat_component(self, path: &CStr, file: File<'r>) -> Result<File<'r>, c_int> {
        self.ask_component(path, file, raw::APR_FINFO_LINK)
    }

    /// If the request's file is the only thing that is missing on the way to it, in the directory
    /// `dir`: what [`lstat_component`](Self::lstat_component) says of it there.
    pub(crate) fn lstat_missing_in(self, dir: &CStr) -> Option<File<'r>> {
        let dir = self.ask_component(dir, File::unknown(), 0).ok()?;
        let is_directory = dir.file_type() == FileType::Directory;
        let file = self.filename().filter(|_| is_directory)?;
        let file = self.lstat_component(file, dir).ok()?;
        (file.file_type() == FileType::Nothing).then_some(file)
    }

    fn ask_component(self, path: &CStr, mut file: File<'r>, more: u32) -> Result<File<'r>, c_int> {
        const INCOMPLETE: c_int = raw::REALDOC_APR_INCOMPLETE as c_int;
        let wanted = raw::APR_FINFO_MIN | raw::APR_FINFO_NAME | more;
        let status = self.with_filename(path, |r| {
            // SAFETY: the request is alive, with a file name.
            unsafe { raw::ap_run_dirwalk_stat(&raw mut file.raw, r, wanted as i32) }
        });
        file.forget_paths();
        let is_known = file.raw.valid & raw::APR_FINFO_TYPE as i32 != 0;
        match status {
            0 | INCOMPLETE if is_known => {}
            0 | INCOMPLETE => return Err(libc::EIO),
            libc::ENOENT => file.raw.filetype = raw::apr_filetype_e_APR_NOFILE,
            status => return Err(status),
        }
        Ok(file)
    }

    /// Asks what `path` is; `follow`: what it leads to.
    pub(crate) fn stat(self, path: &CStr, follow: bool) -> Option<File<'r>> {
        let mut file = File::unknown();
        let mut wanted = raw::APR_FINFO_MIN | raw::APR_FINFO_OWNER;
        if !follow {
            wanted |= raw::APR_FINFO_LINK;
        }
        // SAFETY: the record is ours, the pool is alive.
        let status = unsafe {
            raw::apr_stat(
                &raw mut file.raw,
                path.as_ptr(),
                wanted as i32,
                (*self.as_ptr()).pool,
            )
        };
        file.forget_paths();
        (status == 0).then_some(file)
    }
}
