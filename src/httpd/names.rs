//! What a request is mapped to: its roots, its file's name and what follows that in the URL.

use std::ffi::{CStr, c_char};

use super::raw;
use super::request::Request;
use super::state;

/// What an Alias or the like has set: the directory that it maps to, and the URL's beginning that
/// leads there.
#[derive(Clone, Copy)]
pub(crate) struct Context<'r> {
    pub(crate) prefix: Option<&'r CStr>,
    pub(crate) document_root: Option<&'r CStr>,
}

impl<'r> Request<'r> {
    /// The document root in force for this request.
    pub(crate) fn document_root(self) -> Option<&'r CStr> {
        // SAFETY: core's create_request hook has run; the string lives in the
        // configuration or in the request's pool.
        unsafe {
            let root = raw::ap_document_root(self.as_ptr());
            (!root.is_null()).then(|| CStr::from_ptr(root))
        }
    }

    /// Sets the document root of this request; `None`: the virtual host's own again.
    pub(crate) fn set_document_root(self, root: Option<&'r CStr>) {
        let root = root.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: core's create_request hook has run, as `from_raw` demands, so the
        // request has core's request configuration; the string lives as long.
        unsafe { raw::ap_set_document_root(self.as_ptr(), root) }
    }

    /// What an Alias or the like has set.
    pub(crate) fn context(self) -> Context<'r> {
        // SAFETY: core's create_request hook has run; null or strings that live as long as the
        // request.
        unsafe {
            let core = self.core();
            let text = |text: *const c_char| (!text.is_null()).then(|| CStr::from_ptr(text));
            Context {
                prefix: text((*core).context_prefix),
                document_root: text((*core).context_document_root),
            }
        }
    }

    pub(crate) fn set_context(self, context: Context<'r>) {
        let raw = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: core's create_request hook has run; the strings live as long as the request.
        unsafe {
            let core = self.core();
            (*core).context_prefix = raw(context.prefix);
            (*core).context_document_root = raw(context.document_root);
        }
    }

    /// Core's part of the request. (There is no function that takes a context away.)
    fn core(self) -> *mut raw::core_request_config {
        // SAFETY: core's create_request hook has run, as `from_raw` demands.
        unsafe {
            let vector = (*self.as_ptr()).request_config;
            (*state::slot_of(&raw const raw::core_module, vector)).cast()
        }
    }

    /// The file that the request was mapped to.
    pub(crate) fn filename(self) -> Option<&'r CStr> {
        // SAFETY: null or a string that lives as long as the request. What httpd changes in place
        // is a copy of its own, and no hook of ours runs meanwhile.
        unsafe {
            let name = (*self.as_ptr()).filename;
            (!name.is_null()).then(|| CStr::from_ptr(name))
        }
    }

    /// Maps the request to another file, of which nothing is known yet.
    pub(crate) fn set_filename(self, file: &'r CStr) {
        let r = self.as_ptr();
        let file = file.as_ptr().cast_mut();
        // SAFETY: the request is alive, and the string lives as long. httpd tells by comparing the
        // pointers, or the texts, whether the name is canonical.
        unsafe {
            let canonical = (*r).canonical_filename;
            let same = !canonical.is_null()
                && ((*r).filename == canonical
                    || CStr::from_ptr((*r).filename) == CStr::from_ptr(canonical));
            if same {
                (*r).canonical_filename = file;
            }
            (*r).filename = file;
            (*r).finfo.filetype = raw::apr_filetype_e_APR_NOFILE;
            (*r).finfo.valid = 0;
        }
    }

    /// Gives what the request was mapped to another name; what is known of it stays.
    pub(crate) fn rename(self, name: &'r CStr) {
        // SAFETY: the request is alive, and the string lives as long.
        unsafe { (*self.as_ptr()).filename = name.as_ptr().cast_mut() }
    }

    /// The path of the URL.
    pub(crate) fn uri(self) -> &'r CStr {
        // SAFETY: the request is alive; null, or a string that lives as long.
        unsafe {
            let uri = (*self.as_ptr()).uri;
            if uri.is_null() {
                c""
            } else {
                CStr::from_ptr(uri)
            }
        }
    }

    /// Sets what [`uri`](Self::uri) gives.
    pub(crate) fn set_uri(self, uri: &'r CStr) {
        // SAFETY: the request is alive, and the string lives as long.
        unsafe { (*self.as_ptr()).uri = uri.as_ptr().cast_mut() }
    }

    /// The URL as the client has sent it, encoded, from its path on.
    pub(super) fn sent_url(self) -> &'r CStr {
        // SAFETY: the request is alive; null, or a string that lives as long.
        let sent = unsafe {
            let uri = (*self.as_ptr()).unparsed_uri;
            (!uri.is_null()).then(|| CStr::from_ptr(uri))
        };
        let sent = sent.unwrap_or_default();
        path_on(sent).unwrap_or(sent)
    }

    /// The path of that URL.
    pub(crate) fn sent_path(self) -> &'r [u8] {
        let sent = self.sent_url().to_bytes();
        sent.split(|&byte| byte == b'?').next().unwrap_or_default()
    }

    /// The file's name is final and canonical.
    pub(crate) fn set_canonical_filename(self, file: &'r CStr) {
        let file = file.as_ptr().cast_mut();
        // SAFETY: the request is alive, and the string lives as long.
        unsafe {
            (*self.as_ptr()).filename = file;
            (*self.as_ptr()).canonical_filename = file;
        }
    }

    /// What follows the file's name in the URL.
    pub(crate) fn path_info(self) -> Option<&'r CStr> {
        // SAFETY: null, or a string that lives as long as the request.
        unsafe {
            let info = (*self.as_ptr()).path_info;
            (!info.is_null()).then(|| CStr::from_ptr(info))
        }
    }

    /// Whether anything follows it.
    pub(crate) fn has_path_info(self) -> bool {
        // SAFETY: null, or a string that lives as long as the request.
        unsafe {
            (*self.as_ptr())
                .path_info
                .as_ref()
                .is_some_and(|first| *first != 0)
        }
    }

    pub(crate) fn set_path_info(self, info: Option<&'r CStr>) {
        let info = info.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: the request is alive, and the string lives as long.
        unsafe { (*self.as_ptr()).path_info = info.cast_mut() }
    }

    /// `info`, and `more` as a path below it (ap_make_full_path).
    pub(crate) fn join(self, info: &CStr, more: &CStr) -> &'r CStr {
        // SAFETY: the pool is alive; httpd copies both strings into it.
        unsafe {
            CStr::from_ptr(raw::ap_make_full_path(
                (*self.as_ptr()).pool,
                info.as_ptr(),
                more.as_ptr(),
            ))
        }
    }

    /// Calls httpd with `name` as the name of the request's file.
    pub(super) fn with_filename<T>(
        self,
        name: &CStr,
        call: impl FnOnce(*mut raw::request_rec) -> T,
    ) -> T {
        let r = self.as_ptr();
        // SAFETY: the request is alive, and so is `name` until the file's name is put back.
        unsafe {
            let filename = std::mem::replace(&mut (*r).filename, name.as_ptr().cast_mut());
            let result = call(r);
            (*r).filename = filename;
            result
        }
    }
}

/// `url` without the scheme and the host, if it has both, and a path.
fn path_on(url: &CStr) -> Option<&CStr> {
    let bytes = url.to_bytes_with_nul();
    let host = bytes.windows(3).position(|three| three == b"://")? + 3;
    let is_before = |end: &[u8]| !bytes[..host].iter().any(|byte| end.contains(byte));
    let end = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
    let path = host + bytes[host..].iter().position(end)?;
    let has_path = bytes[path] == b'/' && is_before(b"?#") && bytes[0] != b'/';
    CStr::from_bytes_with_nul(&bytes[path..])
        .ok()
        .filter(|_| has_path)
}
