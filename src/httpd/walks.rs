//! httpd's own walks down to a request's file, and what they find.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use super::answer::Answer;
use super::dir_config::{DirConfig, Options};
use super::raw;
use super::request::Request;

impl<'r> Request<'r> {
    /// Back to where the request was before its walk (ap_process_request_internal).
    pub(crate) fn restart_walk(self) {
        let r = self.as_ptr();
        // SAFETY: the request and its server are alive; core has a place for each walk's note in
        // every request.
        unsafe {
            (*r).per_dir_config = (*(*r).server).lookup_defaults;
            (*r).status = raw::HTTP_OK as c_int;
            // What was found is remembered by directory, whose name another release may have taken
            // over.
            (*r).htaccess = std::ptr::null();
            raw::apr_table_unset((*r).notes, c"error-notes".as_ptr());
            for walk in [raw::AP_NOTE_DIRECTORY_WALK, raw::AP_NOTE_FILE_WALK] {
                *raw::ap_get_request_note(r, walk as usize) = std::ptr::null_mut();
            }
        }
    }

    /// What an .htaccess file in `dir` says, with a slash at the end; none if there is none.
    ///
    /// # Errors
    /// The answer to the request: the file is bad, or cannot be read. httpd has told the log.
    pub(crate) fn htaccess(
        self,
        options: &Options<'_>,
        dir: &CStr,
    ) -> Result<Option<DirConfig<'r>>, Answer> {
        let mut config = std::ptr::null_mut();
        // SAFETY: the request is alive; httpd copies `dir`; the tables and the name live in the
        // configuration.
        let status = self.with_filename(dir, |r| unsafe {
            raw::ap_parse_htaccess(
                &raw mut config,
                r,
                options.overrides as c_int,
                options.override_options as c_int,
                options.override_list,
                dir.as_ptr(),
                self.server().access_name(),
            )
        });
        if status != raw::OK as c_int {
            return Err(Answer(status));
        }
        // SAFETY: null, or made in the request's pool, or in that of the one it came from.
        Ok(NonNull::new(config).map(|config| unsafe { DirConfig::from_raw(config) }))
    }

    /// Whether .htaccess files had a say, or would have had one.
    pub(crate) fn has_asked_htaccess(self) -> bool {
        // SAFETY: the request is alive. httpd notes there each directory in which it has looked for
        // one.
        unsafe { !(*self.as_ptr()).htaccess.is_null() }
    }

    /// httpd's own walk down to the file: sections and .htaccess files by its real name.
    pub(crate) fn directory_walk(self) -> Answer {
        // SAFETY: the request is alive.
        Answer(unsafe { raw::ap_directory_walk(self.as_ptr()) })
    }

    /// httpd's `<Files>` sections.
    pub(crate) fn file_walk(self) -> Answer {
        // SAFETY: the request is alive.
        Answer(unsafe { raw::ap_file_walk(self.as_ptr()) })
    }

    /// The same for the last component of `path`, not of the file's name.
    pub(crate) fn file_walk_as(self, path: &CStr) -> Answer {
        let r = self.as_ptr();
        // SAFETY: the request is alive. httpd reads the name and copies what it keeps
        // (ap_file_walk, server/request.c); `path` lives until the name is put back.
        unsafe {
            let filename = std::mem::replace(&mut (*r).filename, path.as_ptr().cast_mut());
            let answer = raw::ap_file_walk(r);
            (*r).filename = filename;
            Answer(answer)
        }
    }
}
