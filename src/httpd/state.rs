//! What httpd keeps for a module with each server, request and directory.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_void};
use std::ptr;

use super::pool::Pool;
use super::raw;

/// The types of what is kept.
pub(crate) trait ModuleState: Sized + 'static {
    /// The configuration of a server. It is made when the server is first mentioned, written while
    /// its directives are read, and only read from then on, by all threads.
    type Server: Default + Send + Sync + 'static;

    /// What is kept with a request, in its pool.
    type Request<'r>: 'r;

    /// What of that those know that come from the request.
    type Inherited<'r>;

    /// What is kept with a directory's configuration. Threads share those of the configuration,
    /// hence `Sync`; copies are all that is ever changed.
    type Directory<'c>: Copy + Default + Sync;

    /// What of `parent` a request knows that lives no longer than `'r`.
    fn inherit<'r, 'p: 'r>(parent: &'r Self::Request<'p>) -> Self::Inherited<'r>;

    /// A virtual host's configuration: `own` over the main server's `base`.
    fn merge_server(base: &Self::Server, own: &Self::Server) -> Self::Server;

    /// The configuration of a directory: `own` over that of the directories above it.
    fn merge_directory<'c>(
        pool: Pool<'c>,
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
/// `record` is the symbol that `LoadModule` names. [`export_module!`](super::export_module)
/// implements this.
pub(crate) unsafe trait Loaded: ModuleState {
    /// httpd's record of the module.
    fn record() -> &'static Record;
}

/// httpd's record of a module. httpd writes in it: its index, its place in the list.
#[repr(transparent)]
pub(crate) struct Record(pub(super) UnsafeCell<raw::module>);

// SAFETY: httpd writes the record when it loads the module and one thread runs; we only read it.
unsafe impl Sync for Record {}

/// The module's name, by which others order their hooks.
pub(super) fn name_of<M: Loaded>() -> &'static CStr {
    // SAFETY: the record of a loaded module has a name.
    unsafe { CStr::from_ptr((*M::record().0.get()).name) }
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

/// What is in our slot of a directory's configuration.
///
/// # Safety
/// `slot` is null or was put there by [`put_directory`], and lives for `'c`.
pub(super) unsafe fn directory<'c, M: Loaded>(slot: *const c_void) -> M::Directory<'c> {
    // SAFETY: as the caller promises. It may live longer than `'c`: that it can be used as if it
    // did not is what `shorten_directory` proves.
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
