//! The module record, and what httpd does with it.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, null, null_mut};

use super::boundary::{boundary, install_panic_hook};
use super::hooks::Hooks;
use super::pool::Pool;
use super::raw;
use crate::config::ServerConfig;

/// What `LoadModule` looks for. httpd writes in it: its index, its place in the list.
#[unsafe(no_mangle)]
pub(crate) static mut realdoc_module: raw::module = raw::module {
    version: raw::MODULE_MAGIC_NUMBER_MAJOR as c_int,
    minor_version: raw::MODULE_MAGIC_NUMBER_MINOR as c_int,
    module_index: -1,
    name: c"mod_realdoc.c".as_ptr(),
    dynamic_load_handle: null_mut(),
    next: null_mut(),
    magic: raw::MODULE_MAGIC_COOKIE as _,
    rewrite_args: None,
    create_dir_config: None,
    merge_dir_config: None,
    create_server_config: Some(create_server_config),
    merge_server_config: Some(merge_server_config),
    cmds: ptr::from_ref(&crate::COMMANDS).cast(),
    register_hooks: Some(register_hooks),
    flags: 0,
};

/// Our slot in one of httpd's vectors of module data (ap_get_module_config).
///
/// # Safety
/// `vector` was made by httpd after it had loaded the module.
pub(super) unsafe fn slot(vector: *mut raw::ap_conf_vector_t) -> *mut *mut c_void {
    // SAFETY: as the caller promises.
    unsafe { slot_of(&raw const realdoc_module, vector) }
}

/// The slot of `module`.
///
/// # Safety
/// `vector` was made by httpd after it had loaded `module`.
pub(super) unsafe fn slot_of(
    module: *const raw::module,
    vector: *mut raw::ap_conf_vector_t,
) -> *mut *mut c_void {
    // SAFETY: httpd gives each loaded module an index below the length of every
    // vector, and writes it before any of our code runs.
    unsafe {
        vector
            .cast::<*mut c_void>()
            .add((*module).module_index as usize)
    }
}

/// A module that httpd has loaded, by its source file's name.
pub(super) fn linked(name: &CStr) -> Option<*const raw::module> {
    // SAFETY: httpd compares names in its list of modules.
    let module = unsafe { raw::ap_find_linked_module(name.as_ptr()) };
    (!module.is_null()).then_some(module.cast_const())
}

/// Whether httpd has loaded the module with this source file.
pub(crate) fn is_loaded(name: &CStr) -> bool {
    linked(name).is_some()
}

unsafe extern "C" fn create_server_config(
    pool: *mut raw::apr_pool_t,
    _: *mut raw::server_rec,
) -> *mut c_void {
    boundary("create_server_config", null(), null_mut(), || {
        // SAFETY: httpd's configuration pool.
        let pool = unsafe { Pool::from_raw(pool) };
        pool.keep_mut(ServerConfig::default()).cast()
    })
}

unsafe extern "C" fn merge_server_config(
    pool: *mut raw::apr_pool_t,
    base: *mut c_void,
    own: *mut c_void,
) -> *mut c_void {
    boundary("merge_server_config", null(), base, || {
        // SAFETY: httpd's configuration pool, and two of what `create_server_config`
        // made (or null), which nobody changes any longer.
        let (pool, base_config, own) = unsafe {
            (
                Pool::from_raw(pool),
                base.cast::<ServerConfig>().as_ref(),
                own.cast::<ServerConfig>().as_ref(),
            )
        };
        match (base_config, own) {
            (Some(base), Some(own)) => pool.keep_mut(ServerConfig::merge(base, own)).cast(),
            _ => base,
        }
    })
}

unsafe extern "C" fn register_hooks(_: *mut raw::apr_pool_t) {
    boundary("install_panic_hook", null(), (), install_panic_hook);
    boundary("register_hooks", null(), (), || {
        // SAFETY: httpd runs this to have the hooks registered.
        crate::register(&unsafe { Hooks::new() });
    });
}
