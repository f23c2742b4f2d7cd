//! httpd's hooks, with safe functions.

use std::ffi::c_int;
use std::ptr::{NonNull, null};

use super::boundary::boundary;
use super::pool::Pool;
use super::raw;
use super::request::Request;
use super::server::Server;

/// What a hook tells httpd.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// Go on with the next module's.
    Declined = raw::DECLINED as isize,
}

/// When a hook runs among those of other modules (apr_hooks.h).
#[derive(Clone, Copy)]
pub(crate) struct Order(c_int);

impl Order {
    pub(crate) const REALLY_FIRST: Order = Order(raw::APR_HOOK_REALLY_FIRST);
    pub(crate) const MIDDLE: Order = Order(raw::APR_HOOK_MIDDLE as c_int);
    pub(crate) const LAST: Order = Order(raw::APR_HOOK_LAST as c_int);
    /// Before core's own, which run at REALLY_LAST.
    pub(crate) const BEFORE_CORE: Order = Order(raw::APR_HOOK_REALLY_LAST as c_int - 1);
}

/// Where a module hangs in its functions while httpd registers them.
pub(crate) struct Hooks(());

/// A function of a request hook. Functions and closures without captures have no size
/// and can be called from nothing but their type, which an `extern "C"` function can carry.
pub(crate) trait RequestHook:
    Fn(Request<'_>) -> Answer + Copy + Send + Sync + 'static
{
}
impl<F: Fn(Request<'_>) -> Answer + Copy + Send + Sync + 'static> RequestHook for F {}

/// The value of a type without size. [`Hooks`]' methods are given one, so it exists.
fn conjure<F: Copy + Send + Sync + 'static>() -> F {
    const { assert!(size_of::<F>() == 0, "a hook must not capture anything") };
    // SAFETY: reading a value without size from a dangling, aligned pointer reads
    // nothing (std::ptr), and F is Copy, so that one value stands for all.
    unsafe { NonNull::<F>::dangling().read() }
}

/// A request hook's way into Rust.
///
/// # Safety
/// `r` is what httpd hands to a request hook.
unsafe fn enter<F: RequestHook>(name: &'static str, r: *mut raw::request_rec) -> c_int {
    let Some(r) = NonNull::new(r) else {
        return raw::DECLINED;
    };
    // SAFETY: httpd hands a hook a request with a server.
    let server = unsafe { r.as_ref().server };
    boundary(name, server, raw::DECLINED, || {
        // SAFETY: httpd hands a hook a request that it has set up, and waits for the
        // hook's end; a request is one thread's at a time.
        conjure::<F>()(unsafe { Request::from_raw(r) }) as c_int
    })
}

macro_rules! request_hooks {
    ($($(#[$doc:meta])* $name:ident => $register:ident;)+) => {
        $(
            $(#[$doc])*
            pub(crate) fn $name<F: RequestHook>(&self, _: F, order: Order) {
                unsafe extern "C" fn hook<F: RequestHook>(r: *mut raw::request_rec) -> c_int {
                    // SAFETY: httpd calls this as a request hook.
                    unsafe { enter::<F>(stringify!($name), r) }
                }
                // SAFETY: only `register` makes `Hooks`, while httpd registers ours.
                unsafe { raw::$register(Some(hook::<F>), null(), null(), order.0) }
            }
        )+
    };
}

impl Hooks {
    /// # Safety
    /// To be called only while httpd runs the module's register_hooks.
    pub(super) unsafe fn new() -> Self {
        Hooks(())
    }

    request_hooks! {
        /// A request has been made: an initial one, a subrequest or a redirect.
        create_request => ap_hook_create_request;
        /// An initial request or a redirect has been read.
        post_read_request => ap_hook_post_read_request;
        /// From the URL to a file name.
        translate_name => ap_hook_translate_name;
        /// From the file name to its directory's configuration.
        map_to_storage => ap_hook_map_to_storage;
    }

    /// The configuration has been read. `f` gets the pool that lives as long as it, and the
    /// main server.
    pub(crate) fn post_config<F>(&self, _: F, order: Order)
    where
        F: for<'c> Fn(Pool<'c>, Server<'c>) + Copy + Send + Sync + 'static,
    {
        unsafe extern "C" fn hook<F>(
            pconf: *mut raw::apr_pool_t,
            _: *mut raw::apr_pool_t,
            _: *mut raw::apr_pool_t,
            main: *mut raw::server_rec,
        ) -> c_int
        where
            F: for<'c> Fn(Pool<'c>, Server<'c>) + Copy + Send + Sync + 'static,
        {
            boundary("post_config", main, raw::OK as c_int, || {
                // SAFETY: httpd hands over its configuration pool and its main server,
                // which both live until the next reading of the configuration.
                let (pool, main) = unsafe { (Pool::from_raw(pconf), Server::from_raw(main)) };
                conjure::<F>()(pool, main);
                raw::OK as c_int
            })
        }
        // SAFETY: as for the request hooks.
        unsafe { raw::ap_hook_post_config(Some(hook::<F>), null(), null(), order.0) }
    }
}

/// Whether httpd reads the configuration for the first of the two times at its start:
/// only to see that it can.
pub(crate) fn is_rehearsal() -> bool {
    // SAFETY: it reads a number of httpd's.
    let state = unsafe { raw::ap_state_query(raw::AP_SQ_MAIN_STATE as c_int) };
    state == raw::AP_SQ_MS_CREATE_PRE_CONFIG as c_int
}
