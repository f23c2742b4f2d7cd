//! Other modules that httpd has loaded, and their per-directory configuration.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::dir_config::DirConfig;
use super::raw;
use super::state::{linked, slot_of};

/// Another module that httpd has loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherModule(*const raw::module);

// SAFETY: httpd writes a module's record while one thread runs, and we only read it.
unsafe impl Send for OtherModule {}
// SAFETY: as above.
unsafe impl Sync for OtherModule {}

impl OtherModule {
    /// The module with this source file.
    pub(crate) fn find(name: &CStr) -> Option<OtherModule> {
        linked(name).map(OtherModule)
    }

    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = OtherModule> {
        // SAFETY: httpd's list of modules, which changes only while one thread runs.
        let first = unsafe { raw::ap_top_module };
        let modules = std::iter::successors(NonNull::new(first), |module| {
            // SAFETY: as above.
            NonNull::new(unsafe { module.as_ref() }.next)
        });
        modules.map(|module| OtherModule(module.as_ptr()))
    }

    /// The name of its source file.
    pub(super) fn name<'c>(self) -> &'c CStr {
        // SAFETY: a loaded module has a name. httpd unloads it with the configuration.
        unsafe { CStr::from_ptr((*self.0).name) }
    }

    pub(super) fn as_ptr(self) -> *const raw::module {
        self.0
    }
}

/// What another module keeps with a directory's configuration, to be compared and never read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherConfig<'c> {
    raw: NonNull<c_void>,
    life: PhantomData<&'c ()>,
}

// SAFETY: the pointer is compared and never followed.
unsafe impl Send for OtherConfig<'_> {}
// SAFETY: as above.
unsafe impl Sync for OtherConfig<'_> {}

impl<'c> DirConfig<'c> {
    /// What `module` keeps with this configuration. `None`: nothing in it is of that module.
    pub(crate) fn of_module(self, module: OtherModule) -> Option<OtherConfig<'c>> {
        // SAFETY: httpd has loaded the module, and made the vector later (`from_raw`).
        let raw = unsafe { *slot_of(module.0, self.as_ptr()) };
        let life = PhantomData;
        NonNull::new(raw).map(|raw| OtherConfig { raw, life })
    }
}
