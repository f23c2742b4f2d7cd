//! httpd's start: the time in which one thread runs, and what httpd knows then.

use std::ffi::{CStr, OsStr, c_int};
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::pool::Pool;
use super::raw;

/// Proof that httpd is starting or restarting: this process has one thread and answers no request.
pub(crate) struct Startup(PhantomData<*const ()>);

impl Startup {
    /// # Safety
    /// That is so for as long as the value lives.
    pub(super) unsafe fn new() -> Self {
        Startup(PhantomData)
    }
}

/// Whether httpd has read its configuration to serve for the first time: nobody has served yet.
pub(crate) fn is_first_start() -> bool {
    // SAFETY: it reads a number of httpd's.
    let generation = unsafe { raw::ap_state_query(raw::AP_SQ_CONFIG_GEN as c_int) };
    generation <= 1
}

/// Whether httpd was called with `-D name`.
pub(crate) fn is_defined(name: &CStr) -> bool {
    // SAFETY: httpd compares the name with those that it was given.
    unsafe { raw::ap_exists_config_define(name.as_ptr()) != 0 }
}

/// Whether httpd reads the configuration for the first of the two times at its start, only to see
/// whether it is valid.
pub(crate) fn is_preflight() -> bool {
    // SAFETY: it reads a number of httpd's.
    let state = unsafe { raw::ap_state_query(raw::AP_SQ_MAIN_STATE as c_int) };
    state == raw::AP_SQ_MS_CREATE_PRE_CONFIG as c_int
}

/// The path of the file `name` in `DefaultRuntimeDir`. `None`: it is too long.
pub(crate) fn runtime_path(_: &Startup, pool: Pool<'_>, name: &CStr) -> Option<PathBuf> {
    // SAFETY: httpd reads the name, and makes a string in the pool, or null.
    let path = unsafe {
        let path = raw::ap_runtime_dir_relative(pool.as_ptr(), name.as_ptr());
        (!path.is_null()).then(|| CStr::from_ptr(path))?
    };
    Some(OsStr::from_bytes(path.to_bytes()).into())
}
