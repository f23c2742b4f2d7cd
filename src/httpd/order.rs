//! When a hook runs among those of other modules.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null;

use super::pool::Pool;
use super::raw;

/// A position, and the modules whose hooks come before and after (apr_hooks.h).
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(super) position: c_int,
    after: &'static [&'static CStr],
    before: &'static [&'static CStr],
}

impl Order {
    pub(crate) const REALLY_FIRST: Order = Order::at(raw::APR_HOOK_REALLY_FIRST);
    pub(crate) const FIRST: Order = Order::at(raw::APR_HOOK_FIRST as c_int);
    pub(crate) const MIDDLE: Order = Order::at(raw::APR_HOOK_MIDDLE as c_int);
    pub(crate) const LAST: Order = Order::at(raw::APR_HOOK_LAST as c_int);
    pub(crate) const REALLY_LAST: Order = Order::at(raw::APR_HOOK_REALLY_LAST as c_int);
    /// Before core's own, which run at REALLY_LAST.
    pub(crate) const BEFORE_CORE: Order = Order::at(raw::APR_HOOK_REALLY_LAST as c_int - 1);

    const fn at(position: c_int) -> Order {
        Order {
            position,
            after: &[],
            before: &[],
        }
    }

    /// After the hooks of these modules, named by their source files.
    pub(crate) const fn after(self, modules: &'static [&'static CStr]) -> Order {
        Order {
            after: modules,
            ..self
        }
    }

    /// Before the hooks of these modules.
    pub(crate) const fn before(self, modules: &'static [&'static CStr]) -> Order {
        Order {
            before: modules,
            ..self
        }
    }

    /// The modules to run after and before, as arrays that httpd reads: they end with null.
    pub(super) fn names(self, pool: Pool<'_>) -> (*const *const c_char, *const *const c_char) {
        let array = |modules: &[&CStr]| {
            if modules.is_empty() {
                return null();
            }
            let name = |i| modules.get(i).map_or(null(), |name: &&CStr| name.as_ptr());
            pool.put_all((0..modules.len() + 1).map(name)).as_ptr()
        };
        (array(self.after), array(self.before))
    }
}
