//! A module, and the record that httpd loads it by.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{null, null_mut};

use super::command::{Command, Directive};
use super::hooks::Hooks;
use super::panic::{catch_panic, install_panic_hook};
use super::pool::Pool;
use super::raw;
use super::state::{Loaded, ModuleState, Record, directory, put_directory};

/// A module of httpd's.
pub(crate) trait Module: ModuleState {
    /// The name by which other modules order their hooks around ours: that of a source file.
    const NAME: &'static CStr;

    /// What the configuration can say.
    const DIRECTIVES: &'static [Directive<Self>];

    /// Registers the hooks.
    fn register(hooks: &Hooks<'_, Self>);
}

/// Exports the record of the module `$module` as `$symbol`, for `LoadModule $symbol`. To be used
/// once.
macro_rules! export_module {
    ($module:ty, $symbol:ident) => {
        #[allow(unsafe_code)]
        const _: () = {
            use $crate::httpd::{Command, Loaded, Module, Record, command_table};

            static COMMANDS: [Command; <$module>::DIRECTIVES.len() + 1] =
                command_table(<$module>::DIRECTIVES);

            // SAFETY: no other symbol of httpd's or of a module's has this name.
            #[allow(non_upper_case_globals)]
            #[unsafe(no_mangle)]
            static $symbol: Record = Record::new::<$module>(&COMMANDS);

            // SAFETY: it is the symbol above.
            unsafe impl Loaded for $module {
                fn record() -> &'static Record {
                    &$symbol
                }
            }
        };
    };
}
pub(crate) use export_module;

impl Record {
    /// The record of the module `M`, for [`export_module!`].
    pub(crate) const fn new<M: Loaded + Module>(commands: &'static [Command]) -> Self {
        let record = raw::module {
            version: raw::MODULE_MAGIC_NUMBER_MAJOR as c_int,
            minor_version: raw::MODULE_MAGIC_NUMBER_MINOR as c_int,
            module_index: -1,
            name: M::NAME.as_ptr(),
            dynamic_load_handle: null_mut(),
            next: null_mut(),
            magic: raw::MODULE_MAGIC_COOKIE as _,
            rewrite_args: None,
            create_dir_config: Some(create_dir_config::<M>),
            merge_dir_config: Some(merge_dir_config::<M>),
            create_server_config: Some(create_server_config::<M>),
            merge_server_config: Some(merge_server_config::<M>),
            cmds: commands.as_ptr().cast(),
            register_hooks: Some(register_hooks::<M>),
            flags: 0,
        };
        Record(UnsafeCell::new(record))
    }
}

unsafe extern "C" fn create_server_config<M: Loaded>(
    pool: *mut raw::apr_pool_t,
    _: *mut raw::server_rec,
) -> *mut c_void {
    catch_panic("create_server_config", null(), null_mut(), || {
        // SAFETY: httpd's configuration pool.
        let pool = unsafe { Pool::from_raw(pool) };
        pool.keep_mut(M::Server::default()).cast()
    })
}

unsafe extern "C" fn merge_server_config<M: Loaded>(
    pool: *mut raw::apr_pool_t,
    base: *mut c_void,
    own: *mut c_void,
) -> *mut c_void {
    catch_panic("merge_server_config", null(), base, || {
        // SAFETY: httpd's configuration pool, and two of what `create_server_config`
        // made (or null), which nobody changes any longer.
        let (pool, base_config, own) = unsafe {
            (
                Pool::from_raw(pool),
                base.cast::<M::Server>().as_ref(),
                own.cast::<M::Server>().as_ref(),
            )
        };
        match (base_config, own) {
            (Some(base), Some(own)) => pool.keep_mut(M::merge_server(base, own)).cast(),
            _ => base,
        }
    })
}

unsafe extern "C" fn create_dir_config<M: Loaded>(
    pool: *mut raw::apr_pool_t,
    _: *mut c_char,
) -> *mut c_void {
    catch_panic("create_dir_config", null(), null_mut(), || {
        // SAFETY: the pool of what is configured.
        let pool = unsafe { Pool::from_raw(pool) };
        put_directory::<M>(pool, M::Directory::default())
    })
}

unsafe extern "C" fn merge_dir_config<M: Loaded>(
    pool: *mut raw::apr_pool_t,
    base: *mut c_void,
    own: *mut c_void,
) -> *mut c_void {
    catch_panic("merge_dir_config", null(), base, || {
        // SAFETY: the pool of the merge, and two of what is in our slot of what is merged, which
        // lives as long.
        unsafe {
            let pool = Pool::from_raw(pool);
            let base = directory::<M>(base);
            let merged = M::merge_directory(pool, base, directory::<M>(own));
            put_directory::<M>(pool, merged)
        }
    })
}

unsafe extern "C" fn register_hooks<M: Loaded + Module>(pool: *mut raw::apr_pool_t) {
    catch_panic("install_panic_hook", null(), (), install_panic_hook);
    catch_panic("register_hooks", null(), (), || {
        // SAFETY: httpd runs this to have the hooks registered, with its configuration pool.
        M::register(&unsafe { Hooks::new(Pool::from_raw(pool)) });
    });
}
