//! What a module is to httpd, and the record that httpd loads it by.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, null, null_mut};

use super::command::{self, Directive};
use super::hooks::Hooks;
use super::panic::{catch_panic, install_panic_hook};
use super::pool::Pool;
use super::raw;

/// A module: its directives, its hooks, and what httpd keeps for it with each server, request and
/// directory.
pub(crate) trait Module: Sized + 'static {
    /// The name by which other modules order their hooks around ours: that of a source file.
    const NAME: &'static CStr;

    /// What the configuration can say.
    const DIRECTIVES: &'static [Directive<Self>];

    /// The configuration of a server. It is made when the server is first mentioned, written while
    /// its directives are read, and only read from then on, by all threads.
    type Server: Default + Send + Sync + 'static;

    /// What is kept with a request, in its pool.
    type Request<'r>;

    /// What is kept with a directory's configuration. Threads share those of the configuration,
    /// hence `Sync`; copies are all that is ever changed.
    type Directory<'c>: Copy + Default + Sync;

    /// Registers the hooks.
    fn register(hooks: &Hooks<'_, Self>);

    /// A virtual host's configuration: `own` over the main server's `base`.
    fn merge_server(base: &Self::Server, own: &Self::Server) -> Self::Server;

    /// The configuration of a directory: `own` over that of the directories above it.
    fn merge_directory<'c>(
        base: Self::Directory<'c>,
        own: Self::Directory<'c>,
    ) -> Self::Directory<'c>;

    /// Returns `directory`. That this compiles is the proof that it can be used for a shorter time
    /// than it lives.
    fn shorten_directory<'s, 'l: 's>(directory: Self::Directory<'l>) -> Self::Directory<'s>;
}

/// A module that httpd has loaded.
///
/// # Safety
/// `record` is the symbol that `LoadModule` names. [`export_module!`] implements this.
pub(crate) unsafe trait Loaded: Module {
    /// httpd's record of the module.
    fn record() -> &'static Record<Self>;
}

/// httpd's record of the module `M`. httpd writes in it: its index, its place in the list.
#[repr(transparent)]
pub(crate) struct Record<M>(UnsafeCell<raw::module>, PhantomData<fn() -> M>);

// SAFETY: httpd writes the record when it loads the module and one thread runs; we only read it.
unsafe impl<M> Sync for Record<M> {}

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
            static $symbol: Record<$module> = Record::new(&COMMANDS);

            // SAFETY: it is the symbol above.
            unsafe impl Loaded for $module {
                fn record() -> &'static Record<Self> {
                    &$symbol
                }
            }
        };
    };
}
pub(crate) use export_module;

impl<M: Loaded> Record<M> {
    /// For [`export_module!`].
    pub(crate) const fn new(commands: &'static [command::Command]) -> Self {
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
        Record(UnsafeCell::new(record), PhantomData)
    }
}

/// The slot of `M` in one of httpd's vectors of module data (ap_get_module_config).
///
/// # Safety
/// `vector` was made by httpd after it had loaded the module.
pub(super) unsafe fn slot<M: Loaded>(vector: *mut raw::ap_conf_vector_t) -> *mut *mut c_void {
    // SAFETY: as the caller promises, and `Loaded`.
    unsafe { slot_of(M::record().0.get(), vector) }
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
        // SAFETY: the pool of the merge, and two of what is in our slot of what is merged, which lives
        // as long.
        unsafe {
            let base = directory::<M>(base);
            let merged = M::merge_directory(base, directory::<M>(own));
            put_directory::<M>(Pool::from_raw(pool), merged)
        }
    })
}

/// What is in our slot of a directory's configuration.
///
/// # Safety
/// `slot` is null or was put there by [`put_directory`], and lives for `'c`.
pub(super) unsafe fn directory<'c, M: Loaded>(slot: *const c_void) -> M::Directory<'c> {
    // SAFETY: as the caller promises. It may live longer than `'c`: that it can be used as if it did
    // not is what `shorten_directory` proves.
    let directory = unsafe { slot.cast::<M::Directory<'c>>().as_ref() };
    directory.map_or_else(M::Directory::default, |directory| {
        M::shorten_directory(*directory)
    })
}

/// Puts what is to be in our slot of a directory's configuration in the pool of that.
pub(super) fn put_directory<'c, M: Loaded>(
    pool: Pool<'c>,
    directory: M::Directory<'c>,
) -> *mut c_void {
    ptr::from_ref(pool.put(directory)).cast_mut().cast()
}

unsafe extern "C" fn register_hooks<M: Loaded>(pool: *mut raw::apr_pool_t) {
    catch_panic("install_panic_hook", null(), (), install_panic_hook);
    catch_panic("register_hooks", null(), (), || {
        // SAFETY: httpd runs this to have the hooks registered, with its configuration pool.
        M::register(&unsafe { Hooks::new(Pool::from_raw(pool)) });
    });
}
