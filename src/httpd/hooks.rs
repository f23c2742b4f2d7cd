//! httpd's hooks, for safe functions.

use std::ffi::{c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null};

use super::answer::Answer;
use super::exit::AtExit;
use super::order::Order;
use super::panic::catch_panic;
use super::pool::Pool;
use super::raw;
use super::request::Request;
use super::server::Server;
use super::startup::Startup;
use super::state::{Loaded, name_of};

/// mod_proxy's hook, and the function that registers it (mod_proxy.h). Of the types that are
/// mod_proxy's own only the pointers matter.
type ProxyHook = unsafe extern "C" fn(
    worker: *mut c_void,
    balancer: *mut c_void,
    r: *mut raw::request_rec,
    conf: *mut c_void,
    url: *mut c_void,
) -> c_int;
type RegisterProxyHook =
    unsafe extern "C" fn(Option<ProxyHook>, *const *const c_char, *const *const c_char, c_int);

/// Registers functions of the module `M` with httpd's hooks.
pub(crate) struct Hooks<'p, M> {
    /// The configuration's pool. httpd clears it at a restart, and has the hooks registered again.
    pool: Pool<'p>,
    module: PhantomData<M>,
}

/// A function for a request hook. Functions, and closures without captures, have no size: their
/// type alone is enough to call them, and a generic `extern "C"` function has that.
pub(crate) trait RequestHook:
    Fn(Request<'_>) -> Answer + Copy + Send + Sync + 'static
{
}
impl<F: Fn(Request<'_>) -> Answer + Copy + Send + Sync + 'static> RequestHook for F {}

/// The value of a type without size. One exists: it was given to a method of [`Hooks`].
fn zst_instance<F: Copy + Send + Sync + 'static>() -> F {
    const { assert!(size_of::<F>() == 0, "a hook must not capture anything") };
    // SAFETY: reading a value without size from a dangling, aligned pointer reads
    // nothing (std::ptr), and F is Copy, so that one value stands for all.
    unsafe { NonNull::<F>::dangling().read() }
}

/// Calls a function of a request hook.
///
/// # Safety
/// `r` is what httpd hands to a request hook.
unsafe fn call<F: RequestHook>(
    name: &'static str,
    on_panic: Answer,
    r: *mut raw::request_rec,
) -> c_int {
    let Some(r) = NonNull::new(r) else {
        return raw::DECLINED;
    };
    // SAFETY: httpd hands a hook a request with a server.
    let server = unsafe { r.as_ref().server };
    catch_panic(name, server, on_panic.0, || {
        // SAFETY: httpd hands a hook a request that it has set up, and waits for the
        // hook's end; a request is one thread's at a time.
        zst_instance::<F>()(unsafe { Request::from_raw(r) }).0
    })
}

macro_rules! request_hooks {
    ($($(#[$doc:meta])* $name:ident => $register:ident, $on_panic:ident $(, $kind:ident)?;)+) => {
        $(
            $(#[$doc])*
            pub(crate) fn $name<F: RequestHook>(&self, _: F, order: Order) {
                unsafe extern "C" fn hook<F: RequestHook>(r: *mut raw::request_rec) -> c_int {
                    // SAFETY: httpd calls this as a request hook.
                    unsafe { call::<F>(stringify!($name), Answer::$on_panic, r) }
                }
                let (after, before) = order.names(self.pool);
                // SAFETY: `Hooks` is made only while httpd has hooks registered.
                unsafe {
                    raw::$register(
                        Some(hook::<F>), after, before, order.position $(, raw::$kind as c_int)?
                    );
                }
            }
        )+
    };
}

impl<'p, M: Loaded> Hooks<'p, M> {
    /// # Safety
    /// To be called only while httpd runs register_hooks or pre_config, with the configuration's
    /// pool.
    pub(super) unsafe fn new(pool: Pool<'p>) -> Self {
        let module = PhantomData;
        Hooks { pool, module }
    }

    request_hooks! {
        /// httpd has read a request, or made an internal redirect.
        post_read_request => ap_hook_post_read_request, DECLINED;
        /// httpd maps the URL to a file name. A panic ends the request, as at map_to_storage.
        translate_name => ap_hook_translate_name, SERVER_ERROR;
        /// httpd finds the configuration of the file's directory. A panic ends the request, which
        /// would go on with the wrong sections.
        map_to_storage => ap_hook_map_to_storage, SERVER_ERROR;
        /// The request has all of its configuration, and is yet to be authorized. A panic ends it.
        post_perdir_config => ap_hook_post_perdir_config, SERVER_ERROR;
        /// Rules may let a request pass without a user. A panic ends it, as at the next two. (None
        /// of the three makes httpd authorize more subrequests.)
        check_access_ex => ap_hook_check_access_ex, SERVER_ERROR, AP_AUTH_INTERNAL_PER_CONF;
        /// httpd finds out who the user is.
        check_authn => ap_hook_check_authn, SERVER_ERROR, AP_AUTH_INTERNAL_PER_CONF;
        /// Rules may let the user pass.
        check_authz => ap_hook_check_authz, SERVER_ERROR, AP_AUTH_INTERNAL_PER_CONF;
        /// A request is to be answered.
        handler => ap_hook_handler, SERVER_ERROR;
        /// The request has its file and its configuration, and is authorized: modules make their
        /// last changes. A panic ends the request, which may be half changed.
        fixups => ap_hook_fixups, SERVER_ERROR;
    }

    /// httpd is about to answer with an error of its own.
    pub(crate) fn insert_error_filter<F>(&self, _: F)
    where
        F: Fn(Request<'_>) + Copy + Send + Sync + 'static,
    {
        unsafe extern "C" fn hook<F>(r: *mut raw::request_rec)
        where
            F: Fn(Request<'_>) + Copy + Send + Sync + 'static,
        {
            let Some(r) = NonNull::new(r) else {
                return;
            };
            // SAFETY: httpd hands a hook a request with a server.
            let server = unsafe { r.as_ref().server };
            catch_panic("insert_error_filter", server, (), || {
                // SAFETY: the request is this thread's until the hook's end.
                zst_instance::<F>()(unsafe { Request::from_raw(r) });
            });
        }
        // SAFETY: as for the request hooks.
        unsafe {
            let order = raw::APR_HOOK_MIDDLE as c_int;
            raw::ap_hook_insert_error_filter(Some(hook::<F>), null(), null(), order);
        }
    }

    /// httpd has read the text of the configuration, as a tree, and is about to set the directives.
    /// `f` registers the hooks that this configuration needs.
    pub(crate) fn pre_config<F>(&self, _: F)
    where
        F: Fn(&Hooks<'_, M>, Pool<'_>) + Copy + Send + Sync + 'static,
    {
        unsafe extern "C" fn hook<M: Loaded, F>(
            pconf: *mut raw::apr_pool_t,
            _: *mut raw::apr_pool_t,
            ptemp: *mut raw::apr_pool_t,
        ) -> c_int
        where
            F: Fn(&Hooks<'_, M>, Pool<'_>) + Copy + Send + Sync + 'static,
        {
            // SAFETY: httpd hands over the configuration's pool, and one that it clears when it has
            // read the configuration. One thread runs. The variable names the module that is
            // registering hooks; others order theirs by it.
            unsafe {
                let others = raw::apr_hook_debug_current;
                raw::apr_hook_debug_current = name_of::<M>().as_ptr();
                catch_panic("pre_config", null(), (), || {
                    let hooks = Hooks::new(Pool::from_raw(pconf));
                    zst_instance::<F>()(&hooks, Pool::from_raw(ptemp));
                });
                raw::apr_hook_debug_current = others;
            }
            raw::OK as c_int
        }
        // SAFETY: as for the request hooks.
        unsafe {
            let order = raw::APR_HOOK_MIDDLE as c_int;
            raw::ap_hook_pre_config(Some(hook::<M, F>), null(), null(), order);
        }
    }

    /// mod_proxy has chosen the server for a request and is about to send it. To be registered in
    /// [`pre_config`](Self::pre_config), when all modules are loaded. Where mod_proxy is not, `f`
    /// is never called.
    pub(crate) fn proxy_pre_request<F: RequestHook>(&self, _: F) {
        unsafe extern "C" fn hook<F: RequestHook>(
            _: *mut c_void,
            _: *mut c_void,
            r: *mut raw::request_rec,
            _: *mut c_void,
            _: *mut c_void,
        ) -> c_int {
            // SAFETY: mod_proxy calls this with a request that it handles.
            unsafe { call::<F>("proxy_pre_request", Answer::SERVER_ERROR, r) }
        }
        // SAFETY: httpd loads modules with RTLD_GLOBAL; the function is what mod_proxy.h declares
        // by APR_DECLARE_EXTERNAL_HOOK.
        unsafe {
            let found = libc::dlsym(libc::RTLD_DEFAULT, c"proxy_hook_pre_request".as_ptr());
            if !found.is_null() {
                let register: RegisterProxyHook = std::mem::transmute(found);
                register(Some(hook::<F>), null(), null(), raw::APR_HOOK_REALLY_FIRST);
            }
        }
    }

    /// httpd has read its configuration. `f` gets the pool that lives as long as the configuration,
    /// and the main server.
    pub(crate) fn post_config<F: PostConfigHook>(&self, _: F, order: Order) {
        unsafe extern "C" fn hook<F: PostConfigHook>(
            pconf: *mut raw::apr_pool_t,
            plog: *mut raw::apr_pool_t,
            _: *mut raw::apr_pool_t,
            main: *mut raw::server_rec,
        ) -> c_int {
            // SAFETY: httpd calls this as such a hook, when its logs are open.
            unsafe {
                let at_exit = AtExit::new(plog);
                call_config("post_config", pconf, main, |startup, pool, main| {
                    zst_instance::<F>()(startup, at_exit, pool, main);
                });
            }
            raw::OK as c_int
        }
        // SAFETY: as for the request hooks.
        unsafe { raw::ap_hook_post_config(Some(hook::<F>), null(), null(), order.position) }
    }

    /// httpd has read its configuration, and does no more (`httpd -t`).
    pub(crate) fn test_config<F: ConfigHook>(&self, _: F) {
        unsafe extern "C" fn hook<F: ConfigHook>(
            pconf: *mut raw::apr_pool_t,
            main: *mut raw::server_rec,
        ) {
            // SAFETY: httpd calls this as such a hook.
            unsafe { call_config("test_config", pconf, main, zst_instance::<F>()) };
        }
        // SAFETY: as for the request hooks.
        unsafe { raw::ap_hook_test_config(Some(hook::<F>), null(), null(), Order::MIDDLE.position) }
    }

    /// httpd is about to serve and has cleared its scoreboard: at its start, and after a restart
    /// that is not graceful.
    pub(crate) fn pre_mpm<F: Fn(&Startup) + Copy + Send + Sync + 'static>(&self, _: F) {
        unsafe extern "C" fn hook<F: Fn(&Startup) + Copy + Send + Sync + 'static>(
            _: *mut raw::apr_pool_t,
            _: raw::ap_scoreboard_e,
        ) -> c_int {
            catch_panic("pre_mpm", null(), (), || {
                // SAFETY: httpd calls this before it starts a thread.
                zst_instance::<F>()(&unsafe { Startup::new() });
            });
            raw::OK as c_int
        }
        // SAFETY: as for the request hooks.
        unsafe { raw::ap_hook_pre_mpm(Some(hook::<F>), null(), null(), Order::MIDDLE.position) }
    }

    /// mod_status writes its page. Where it is not loaded, `f` is never called.
    pub(crate) fn status<F>(&self, _: F)
    where
        F: Fn(Request<'_>, StatusFormat) + Copy + Send + Sync + 'static,
    {
        unsafe extern "C" fn hook<F>(r: *mut raw::request_rec, flags: c_int) -> c_int
        where
            F: Fn(Request<'_>, StatusFormat) + Copy + Send + Sync + 'static,
        {
            let format = match flags & raw::AP_STATUS_SHORT as c_int {
                0 => StatusFormat::Html,
                _ => StatusFormat::Auto,
            };
            let Some(r) = NonNull::new(r) else {
                return raw::DECLINED;
            };
            // SAFETY: mod_status hands over the request that it answers, which has a server.
            let server = unsafe { r.as_ref().server };
            catch_panic("status_hook", server, raw::DECLINED, || {
                // SAFETY: the request is this thread's until the hook's end.
                zst_instance::<F>()(unsafe { Request::from_raw(r) }, format);
                raw::OK as c_int
            })
        }
        let hook: unsafe extern "C" fn(*mut raw::request_rec, c_int) -> c_int = hook::<F>;
        // SAFETY: mod_status.h declares the hook with this type, and by its name APR gives the
        // function back to mod_status as that (APR_OPTIONAL_HOOK, apr_optional_hooks.h).
        unsafe {
            let hook = std::mem::transmute::<
                unsafe extern "C" fn(*mut raw::request_rec, c_int) -> c_int,
                unsafe extern "C" fn(),
            >(hook);
            let name = c"status_hook".as_ptr();
            raw::apr_optional_hook_add(name, Some(hook), null(), null(), Order::MIDDLE.position);
        }
    }
}

/// How mod_status writes its page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusFormat {
    Html,
    /// `?auto`: in lines of `name: value`.
    Auto,
}

/// A function of a hook for the whole configuration; see [`RequestHook`].
pub(crate) trait ConfigHook:
    for<'c> Fn(&Startup, Pool<'c>, Server<'c>) + Copy + Send + Sync + 'static
{
}
impl<F: for<'c> Fn(&Startup, Pool<'c>, Server<'c>) + Copy + Send + Sync + 'static> ConfigHook
    for F
{
}

/// The same for post_config, which can also leave what is to be done at httpd's end.
pub(crate) trait PostConfigHook:
    for<'c> Fn(&Startup, AtExit<'_>, Pool<'c>, Server<'c>) + Copy + Send + Sync + 'static
{
}
impl<F> PostConfigHook for F where
    F: for<'c> Fn(&Startup, AtExit<'_>, Pool<'c>, Server<'c>) + Copy + Send + Sync + 'static
{
}

/// Calls `f` with what such a function gets.
///
/// # Safety
/// `pconf` and `main` are what httpd hands to such a hook.
unsafe fn call_config(
    name: &'static str,
    pconf: *mut raw::apr_pool_t,
    main: *mut raw::server_rec,
    f: impl for<'c> FnOnce(&Startup, Pool<'c>, Server<'c>),
) {
    catch_panic(name, main, (), || {
        // SAFETY: httpd hands over its configuration pool and its main server, which both live
        // until the next reading of the configuration. It calls these hooks before it starts a
        // thread.
        let (startup, pool, main) = unsafe {
            (
                Startup::new(),
                Pool::from_raw(pconf),
                Server::from_raw(main),
            )
        };
        f(&startup, pool, main);
    });
}
