//! Translating the URL of a request once more.

use std::ffi::{c_char, c_int};

use super::answer::Answer;
use super::names::Context;
use super::pool::Pool;
use super::raw;
use super::request::Request;
use super::tables::Env;

/// What a request was before its URL was translated.
pub(crate) struct Untranslated<'r> {
    uri: *mut c_char,
    args: *mut c_char,
    filename: *mut c_char,
    canonical_filename: *mut c_char,
    path_info: *mut c_char,
    handler: *const c_char,
    proxyreq: c_int,
    status: c_int,
    /// That of `<Location>` sections.
    dir_config: *mut raw::ap_conf_vector_t,
    document_root: *const c_char,
    context: Context<'r>,
    /// Copies of the tables. `None`: it was empty.
    tables: [Option<*mut raw::apr_table_t>; 4],
}

impl<'r> Untranslated<'r> {
    /// A copy of the variables for scripts.
    pub(crate) fn env(&self, pool: Pool<'r>) -> Env<'r> {
        let [_, env, ..] = self.tables;
        Env::of(pool, env)
    }
}

impl<'r> Request<'r> {
    /// What it is now, in the hook translate_name, before all other modules.
    pub(crate) fn untranslated(self) -> Untranslated<'r> {
        let r = self.as_ptr();
        // SAFETY: the request and its tables are alive; a copy lives in the request's pool, as the
        // strings do.
        unsafe {
            let copy = |table: *mut *mut raw::apr_table_t| {
                let is_empty = (*raw::apr_table_elts(*table)).nelts == 0;
                (!is_empty).then(|| raw::apr_table_copy((*r).pool, *table))
            };
            Untranslated {
                uri: (*r).uri,
                args: (*r).args,
                filename: (*r).filename,
                canonical_filename: (*r).canonical_filename,
                path_info: (*r).path_info,
                handler: (*r).handler,
                proxyreq: (*r).proxyreq,
                status: (*r).status,
                dir_config: (*r).per_dir_config,
                document_root: raw::ap_document_root(r),
                context: self.context(),
                tables: self.tables().map(copy),
            }
        }
    }

    /// Makes it what it `was`, and has its URL translated again, in the hook map_to_storage. What
    /// another answer than OK says ends the request.
    pub(crate) fn translate_again(self, was: &Untranslated<'r>) -> Answer {
        let r = self.as_ptr();
        // SAFETY: the request is alive, and all that it had lives as long. httpd calls
        // translate_name just before map_to_storage, and with the configuration that the request
        // had then.
        unsafe {
            (*r).uri = was.uri;
            (*r).args = was.args;
            (*r).filename = was.filename;
            (*r).canonical_filename = was.canonical_filename;
            (*r).finfo.filetype = raw::apr_filetype_e_APR_NOFILE;
            (*r).finfo.valid = 0;
            (*r).path_info = was.path_info;
            (*r).handler = was.handler;
            (*r).proxyreq = was.proxyreq;
            (*r).status = was.status;
            raw::ap_set_document_root(r, was.document_root);
            self.set_context(was.context);
            for (table, copy) in self.tables().into_iter().zip(was.tables) {
                match copy {
                    Some(copy) => *table = raw::apr_table_copy((*r).pool, copy),
                    None => raw::apr_table_clear(*table),
                }
            }
            let dir_config = std::mem::replace(&mut (*r).per_dir_config, was.dir_config);
            let answer = raw::ap_run_translate_name(r);
            (*r).per_dir_config = dir_config;
            match answer {
                raw::DECLINED => Answer::SERVER_ERROR,
                answer => Answer(answer),
            }
        }
    }

    /// The tables that the translation of a URL may write to.
    fn tables(self) -> [*mut *mut raw::apr_table_t; 4] {
        let r = self.as_ptr();
        // SAFETY: the request is alive; no reference is made.
        unsafe {
            [
                &raw mut (*r).notes,
                &raw mut (*r).subprocess_env,
                &raw mut (*r).headers_out,
                &raw mut (*r).err_headers_out,
            ]
        }
    }
}
