//! A request as httpd knows it.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use realdoc_core::Micros;

use super::pool::Pool;
use super::server::Server;
use super::{module, raw};
use crate::pin::Pin;

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

    /// When httpd began to read the request.
    pub(crate) fn time(self) -> Micros {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).request_time }
    }

    /// The request that this one came from: by an internal redirect, else as a
    /// subrequest. (In a redirect within a subrequest, `main` is not set yet when
    /// create_request runs; http_request.c, internal_internal_redirect.)
    pub(crate) fn parent(self) -> Option<Request<'r>> {
        // SAFETY: the request is alive; the requests that it came from live at least
        // as long, and are set up.
        unsafe {
            let r = self.as_ptr();
            let parent = NonNull::new((*r).prev).or(NonNull::new((*r).main))?;
            Some(Request::from_raw(parent))
        }
    }

    /// The pool of the request.
    pub(crate) fn pool(self) -> Pool<'r> {
        // SAFETY: the pool lives as long as the request, and is used by its thread.
        unsafe { Pool::from_raw((*self.as_ptr()).pool) }
    }

    /// The request's pin, taken or inherited.
    pub(crate) fn pin(self) -> Option<&'r Pin<'r>> {
        // SAFETY: only `set_pin` writes our slot of a request's vector, with a pin
        // that lives as long as this request.
        unsafe {
            let slot = module::slot((*self.as_ptr()).request_config);
            (*slot).cast::<Pin<'r>>().as_ref()
        }
    }

    /// Gives the request its pin.
    pub(crate) fn set_pin(self, pin: &'r Pin<'r>) {
        // SAFETY: the slot is ours. httpd takes a mutable pointer, nobody writes by it.
        unsafe {
            let slot = module::slot((*self.as_ptr()).request_config);
            *slot = std::ptr::from_ref(pin).cast::<c_void>().cast_mut();
        }
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
        // SAFETY: core's create_request hook has run (ours is at APR_HOOK_LAST), so the
        // request has core's request configuration; the string lives as long.
        unsafe { raw::ap_set_document_root(self.as_ptr(), root) }
    }
}
