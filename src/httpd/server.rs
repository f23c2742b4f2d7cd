//! A virtual host, or the main server, as httpd knows it.

use std::ffi::{CStr, c_int};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::dir_config::{DirConfig, Section};
use super::log::{Level, Log, write_server};
use super::raw;
use super::startup::Startup;
use super::state::{self, Loaded};

/// A server that lives for `'s`.
#[derive(Clone, Copy)]
pub(crate) struct Server<'s> {
    raw: *mut raw::server_rec,
    life: PhantomData<fn(&'s ()) -> &'s ()>,
}

/// Tells servers apart while they live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServerId(*const raw::server_rec);

// SAFETY: the pointer is compared and never followed.
unsafe impl Send for ServerId {}
// SAFETY: as above.
unsafe impl Sync for ServerId {}

impl<'s> Server<'s> {
    /// # Safety
    /// `raw` is a server whose configuration has been created and that lives for `'s`.
    pub(super) unsafe fn from_raw(raw: *mut raw::server_rec) -> Self {
        let life = PhantomData;
        Server { raw, life }
    }

    pub(super) fn as_ptr(self) -> *mut raw::server_rec {
        self.raw
    }

    pub(crate) fn id(self) -> ServerId {
        ServerId(self.raw)
    }

    /// This server and those that follow it in httpd's list.
    pub(crate) fn all(self) -> impl Iterator<Item = Server<'s>> {
        std::iter::successors(Some(self), |server| {
            // SAFETY: the list's members live as long as its head.
            let next = unsafe { (*server.raw).next };
            // SAFETY: as above.
            (!next.is_null()).then(|| unsafe { Server::from_raw(next) })
        })
    }

    /// This server, the main one, and the virtual hosts in the order of the text. (httpd's list has
    /// the last one first: core.c, virtualhost_section.)
    pub(crate) fn in_order(self) -> Vec<Server<'s>> {
        let mut servers: Vec<_> = self.all().collect();
        servers[1..].reverse();
        servers
    }

    /// The configuration that the module `M` has for the server.
    pub(crate) fn state<M: Loaded>(self) -> Option<&'s M::Server> {
        // SAFETY: only `module` and `set_state` write this slot of a server's vector,
        // with a configuration that lives as long as the server.
        unsafe {
            let slot = state::slot::<M>((*self.raw).module_config);
            (*slot).cast::<M::Server>().as_ref()
        }
    }

    /// Replaces the configuration that the module `M` has for this server, and for no other:
    /// before, a virtual host without directives of the module has the main server's
    /// (ap_merge_server_configs, server/config.c).
    pub(crate) fn set_state<M: Loaded>(self, _: &Startup, config: &'s M::Server) {
        // SAFETY: every server has a vector of its own, and this slot of it is the module's. No
        // other thread reads it.
        unsafe {
            let slot = state::slot::<M>((*self.raw).module_config);
            *slot = std::ptr::from_ref(config).cast_mut().cast();
        }
    }

    /// The `ServerName`, or what httpd uses in its place.
    pub(crate) fn name(self) -> &'s CStr {
        // SAFETY: the server is alive; null, or a string that lives as long.
        unsafe {
            let name = (*self.raw).server_hostname;
            if name.is_null() {
                c""
            } else {
                CStr::from_ptr(name)
            }
        }
    }

    /// Where a virtual host is defined: file and line. httpd may forget the file's name later
    /// (`Node::file`).
    pub(crate) fn definition(self, _: &Startup) -> Option<(&CStr, u32)> {
        // SAFETY: the server is alive, and at that time the file's name too.
        unsafe {
            let file = (*self.raw).defn_name;
            let line = (*self.raw).defn_line_number;
            (!file.is_null()).then(|| (CStr::from_ptr(file), line))
        }
    }

    /// The configuration of a request before any section applies.
    pub(crate) fn dir_config(self) -> Option<DirConfig<'s>> {
        // SAFETY: the server's own, which lives as long.
        unsafe { NonNull::new((*self.raw).lookup_defaults).map(|raw| DirConfig::from_raw(raw)) }
    }

    /// The `DocumentRoot` as configured.
    pub(crate) fn document_root(self) -> Option<&'s CStr> {
        // SAFETY: `core` is alive, and so is the string.
        unsafe {
            let root = (*self.core()?).ap_document_root;
            (!root.is_null()).then(|| CStr::from_ptr(root))
        }
    }

    /// The server's `<Directory>` sections, in the order in which httpd looks at them: by the
    /// number of components, then regexes.
    pub(crate) fn sections(self) -> &'s [Section<'s>] {
        // SAFETY: the array lives as long as the server; its elements are the sections' vectors,
        // never null (http_core.h, `sec_dir`), and a `Section` is such a pointer.
        unsafe {
            match self.core().and_then(|core| (*core).sec_dir.as_ref()) {
                Some(array) if array.nelts > 0 => {
                    std::slice::from_raw_parts(array.elts.cast(), array.nelts as usize)
                }
                _ => &[],
            }
        }
    }

    /// The names of .htaccess files (`AccessFileName`).
    pub(super) fn access_name(self) -> *const std::ffi::c_char {
        // SAFETY: core's configuration is alive; it always has the name.
        self.core().map_or(std::ptr::null(), |core| unsafe {
            (*core).access_name.cast_const()
        })
    }

    fn core(self) -> Option<*const raw::core_server_config> {
        // SAFETY: core's configuration is in its slot of every server's vector, and
        // lives as long as the server.
        let core =
            unsafe { *state::slot_of(&raw const raw::core_module, (*self.raw).module_config) };
        (!core.is_null()).then_some(core.cast::<raw::core_server_config>().cast_const())
    }
}

impl Log for Server<'_> {
    fn logs(&self, level: Level) -> bool {
        // SAFETY: the server is alive, and only read.
        unsafe { raw::realdoc_logs_server(self.as_ptr(), level as c_int) != 0 }
    }

    fn write(&self, file: &'static CStr, line: u32, level: Level, message: fmt::Arguments<'_>) {
        write_server(self.as_ptr(), file, line, level, message);
    }
}
