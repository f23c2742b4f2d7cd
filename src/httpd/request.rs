//! A request as httpd knows it.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::answer::Answer;
use super::dir_config::{DirConfig, Options};
use super::log::{Level, Log, c_string};
use super::pool::Pool;
use super::raw;
use super::server::Server;
use super::state::{self, Loaded};

/// A request that lives for `'r`, with its pool.
#[derive(Clone, Copy)]
pub(crate) struct Request<'r> {
    raw: NonNull<raw::request_rec>,
    life: PhantomData<fn(&'r ()) -> &'r ()>,
}

impl<'r> Request<'r> {
    /// # Safety
    /// `raw` is a request that httpd has set up as far as its create_request hook
    /// demands (server, pool and request_config), that lives for `'r`, and that no
    /// other thread uses meanwhile.
    pub(super) unsafe fn from_raw(raw: NonNull<raw::request_rec>) -> Self {
        let life = PhantomData;
        Request { raw, life }
    }

    pub(super) fn as_ptr(self) -> *mut raw::request_rec {
        self.raw.as_ptr()
    }

    /// The virtual host that answers.
    pub(crate) fn server(self) -> Server<'r> {
        // SAFETY: a request always has a server; it was there before the request
        // and stays as long.
        unsafe { Server::from_raw((*self.as_ptr()).server) }
    }

    /// The main server, of the configuration that the request runs under.
    pub(crate) fn main_server(self) -> Server<'r> {
        // SAFETY: httpd sets it before it serves, and this process reads no other configuration.
        unsafe { Server::from_raw(raw::ap_server_conf) }
    }

    /// When httpd began to read the request, in microseconds since 1970.
    pub(crate) fn time(self) -> i64 {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).request_time }
    }

    /// The request that this one is an internal redirect of. For `Parent`, which hides that it can be written.
    pub(super) fn redirected_from(self) -> Option<Request<'r>> {
        // SAFETY: the request is alive; the requests that it came from live at least
        // as long, and are set up.
        unsafe { NonNull::new((*self.as_ptr()).prev).map(|r| Request::from_raw(r)) }
    }

    /// The request that this one is a subrequest of. For `Parent`, as above.
    pub(super) fn main_request(self) -> Option<Request<'r>> {
        // SAFETY: as above.
        unsafe { NonNull::new((*self.as_ptr()).main).map(|r| Request::from_raw(r)) }
    }

    /// The pool of the request.
    pub(crate) fn pool(self) -> Pool<'r> {
        // SAFETY: the pool lives as long as the request, and is used by its thread.
        unsafe { Pool::from_raw((*self.as_ptr()).pool) }
    }

    /// What the module `M` keeps with the request.
    pub(crate) fn state<M: Loaded>(self) -> Option<&'r M::Request<'r>> {
        // SAFETY: only `set_state` writes this slot of a request's vector, with what
        // lives as long as this request.
        unsafe {
            let slot = state::slot::<M>((*self.as_ptr()).request_config);
            (*slot).cast::<M::Request<'r>>().as_ref()
        }
    }

    /// Gives the request what the module `M` keeps with it.
    pub(crate) fn set_state<M: Loaded>(self, state: &'r M::Request<'r>) {
        // SAFETY: the slot is the module's. httpd takes a mutable pointer, nobody writes by it.
        unsafe {
            let slot = state::slot::<M>((*self.as_ptr()).request_config);
            *slot = std::ptr::from_ref(state).cast::<c_void>().cast_mut();
        }
    }

    /// Whether it is a part of another request's answer.
    pub(crate) fn is_subrequest(self) -> bool {
        // SAFETY: the request is alive.
        unsafe { !(*self.as_ptr()).main.is_null() }
    }

    /// Whether it came from a client, and not from another request.
    pub(crate) fn is_initial(self) -> bool {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).main.is_null() && (*self.as_ptr()).prev.is_null() }
    }

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
        // SAFETY: core's create_request hook has run; null or strings that live as long as the request.
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
        // SAFETY: null or a string that lives as long as the request. What httpd changes in place is a
        // copy of its own, and no hook of ours runs meanwhile.
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

    /// The handler that a mapping has set.
    pub(crate) fn handler(self) -> Option<&'r CStr> {
        // SAFETY: null, or a string that lives as long as the request.
        unsafe {
            let handler = (*self.as_ptr()).handler;
            (!handler.is_null()).then(|| CStr::from_ptr(handler))
        }
    }

    /// Whether the method is GET or HEAD.
    pub(crate) fn is_get(self) -> bool {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).method_number == raw::M_GET as c_int }
    }

    /// Sets the type of the response.
    pub(crate) fn set_content_type(self, content_type: &'static CStr) {
        // SAFETY: the request is alive and being answered; the type lives as long.
        unsafe { raw::ap_set_content_type(self.as_ptr(), content_type.as_ptr()) };
    }

    /// Leaves a note, or takes it away.
    pub(crate) fn set_note(self, name: &'static CStr, note: Option<&'r CStr>) {
        // SAFETY: the table is the request's, and the strings live as long.
        unsafe {
            let notes = (*self.as_ptr()).notes;
            match note {
                Some(note) => raw::apr_table_setn(notes, name.as_ptr(), note.as_ptr()),
                None => raw::apr_table_unset(notes, name.as_ptr()),
            }
        }
    }

    /// Adds to the answer's body.
    pub(crate) fn write(self, text: &str) {
        // In pieces whose length fits; who cannot be sent any more is gone, which httpd notices by
        // itself.
        for piece in text.as_bytes().chunks(1 << 20) {
            // SAFETY: the request is alive and being answered; httpd copies the bytes.
            unsafe { raw::ap_rwrite(piece.as_ptr().cast(), piece.len() as c_int, self.as_ptr()) };
        }
    }

    /// Sets a variable for scripts.
    pub(crate) fn set_env(self, name: &'r CStr, value: &'r CStr) {
        // SAFETY: the table is the request's, and the strings live as long.
        unsafe {
            raw::apr_table_setn(
                (*self.as_ptr()).subprocess_env,
                name.as_ptr(),
                value.as_ptr(),
            );
        }
    }

    /// Gives variables for scripts another value, where `replace` has one.
    pub(crate) fn replace_env(self, mut replace: impl FnMut(&'r CStr) -> Option<&'r CStr>) {
        let mut n = 0;
        while let Some(entry) = self.env_entry(n) {
            // SAFETY: the entry is the table's; null, or a string that lives as long as the request.
            let value = unsafe {
                let value = (*entry).val;
                (!value.is_null()).then(|| CStr::from_ptr(value))
            };
            // Looked up again, since `replace` may have made the table grow.
            if let Some((new, entry)) = value.and_then(&mut replace).zip(self.env_entry(n)) {
                // SAFETY: the entry is the table's, and the string lives as long as the request.
                unsafe { (*entry).val = new.as_ptr().cast_mut() };
            }
            n += 1;
        }
    }

    /// The nth entry of the table of variables for scripts.
    fn env_entry(self, n: usize) -> Option<*mut raw::apr_table_entry_t> {
        // SAFETY: the table is the request's, and an array of such entries (apr_tables.h, apr_table_elts).
        unsafe {
            let entries = raw::apr_table_elts((*self.as_ptr()).subprocess_env);
            let entry = (*entries).elts.cast::<raw::apr_table_entry_t>();
            (n < (*entries).nelts as usize).then(|| entry.add(n))
        }
    }

    /// The per-directory configuration in force so far.
    pub(crate) fn dir_config(self) -> DirConfig<'r> {
        // SAFETY: a request always has one: the server's defaults, or one merged from it.
        unsafe { DirConfig::from_raw(NonNull::new_unchecked((*self.as_ptr()).per_dir_config)) }
    }

    pub(crate) fn set_dir_config(self, config: DirConfig<'r>) {
        // SAFETY: the request is alive, and the configuration lives as long.
        unsafe { (*self.as_ptr()).per_dir_config = config.as_ptr() }
    }

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
        // SAFETY: the request is alive, and so is the pool that the record names. As in httpd, the record's
        // path is the file's name.
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

    /// Asks for a component on the way, `path`, without following it. Where there is nothing, all but
    /// the type of `file` stays as it was, as in httpd's own walk: what is said of a missing file is
    /// said of the directory above it.
    ///
    /// # Errors
    /// APR's status, on Unix an errno.
    pub(crate) fn lstat_component(
        self,
        path: &CStr,
        mut file: File<'r>,
    ) -> Result<File<'r>, c_int> {
        const INCOMPLETE: c_int = raw::REALDOC_APR_INCOMPLETE as c_int;
        let wanted = raw::APR_FINFO_MIN | raw::APR_FINFO_NAME | raw::APR_FINFO_LINK;
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

    /// Calls httpd with `name` as the name of the request's file.
    fn with_filename<T>(self, name: &CStr, call: impl FnOnce(*mut raw::request_rec) -> T) -> T {
        let r = self.as_ptr();
        // SAFETY: the request is alive, and so is `name` until the file's name is put back.
        unsafe {
            let filename = std::mem::replace(&mut (*r).filename, name.as_ptr().cast_mut());
            let result = call(r);
            (*r).filename = filename;
            result
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

    /// The request ends with this answer.
    pub(crate) fn refuse(self) -> Answer {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).status = Answer::FORBIDDEN.0 };
        Answer::FORBIDDEN
    }
}

impl Log for Request<'_> {
    fn logs(&self, level: Level) -> bool {
        // SAFETY: the request is alive, and only read.
        unsafe { raw::realdoc_logs_request(self.as_ptr(), level as c_int) != 0 }
    }

    fn write(&self, file: &'static CStr, line: u32, level: Level, message: fmt::Arguments<'_>) {
        let message = c_string(message);
        // SAFETY: the request is alive; both strings end with a NUL and are copied.
        unsafe {
            raw::realdoc_log_request(
                file.as_ptr(),
                line as c_int,
                level as c_int,
                self.as_ptr(),
                message.as_ptr(),
            );
        }
    }
}

/// What an Alias or the like has set: the directory that it maps to, and the URL's beginning that leads there.
#[derive(Clone, Copy)]
pub(crate) struct Context<'r> {
    pub(crate) prefix: Option<&'r CStr>,
    pub(crate) document_root: Option<&'r CStr>,
}

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

    /// The user id of its owner.
    pub(crate) fn owner(&self) -> u32 {
        self.raw.user
    }
}
