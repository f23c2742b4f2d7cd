//! APR pools: memory that lives as long as what it belongs to.

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::process;

use super::raw;

/// A pool that lives at least for `'p`.
#[derive(Clone, Copy)]
pub(crate) struct Pool<'p> {
    raw: *mut raw::apr_pool_t,
    life: PhantomData<&'p ()>,
}

/// A value in a pool, and the process that put it there.
struct Owned<T> {
    pid: u32,
    value: T,
}

impl<'p> Pool<'p> {
    /// # Safety
    /// `raw` is a pool that lives for `'p`, and no other thread uses it meanwhile.
    pub(super) unsafe fn from_raw(raw: *mut raw::apr_pool_t) -> Self {
        let life = PhantomData;
        Pool { raw, life }
    }

    /// Keeps `value` until the pool is cleared, and drops it then.
    ///
    /// For configuration: a child that exits clears the pools that it got by fork
    /// while its threads may still be serving, so there the value is left alone. (With
    /// `httpd -X`, for debugging, that process is the child; httpd ends its threads first.)
    pub(crate) fn keep<T: Send + Sync + 'static>(self, value: T) -> &'p T {
        // SAFETY: `keep_mut` made it, it lives as long as the pool, and nobody else has it.
        unsafe { &*self.keep_mut(value) }
    }

    /// [`keep`](Self::keep), for values that change while the configuration is read.
    pub(super) fn keep_mut<T: Send + Sync + 'static>(self, value: T) -> *mut T {
        unsafe extern "C" fn drop_owned<T>(data: *mut c_void) -> raw::apr_status_t {
            let owned: *mut Owned<T> = data.cast();
            // SAFETY: `data` is the leaked box that `keep` registered with this very
            // function, and APR runs a cleanup once. Nobody else in this process can
            // hold the value any longer: its `'p` is over.
            super::boundary::boundary("a pool's cleanup", std::ptr::null(), (), || unsafe {
                if (*owned).pid == process::id() {
                    drop(Box::from_raw(owned));
                }
            });
            0
        }

        let pid = process::id();
        let owned = Box::into_raw(Box::new(Owned { pid, value }));
        // SAFETY: the pool is alive; the cleanup gets the pointer that it expects.
        // A program that httpd executes does not need the value: the no-op.
        unsafe {
            raw::apr_pool_cleanup_register(
                self.raw,
                owned.cast(),
                Some(drop_owned::<T>),
                Some(raw::apr_pool_cleanup_null),
            );
        }
        // SAFETY: the box was just made, and is freed only when the pool is cleared.
        unsafe { &raw mut (*owned).value }
    }

    /// Places a `T`, made from a copy of `text`, behind it in one piece of memory.
    /// Never dropped, hence `Copy`.
    pub(crate) fn place<T: Copy + 'p>(
        self,
        text: &CStr,
        make: impl FnOnce(&'p CStr) -> T,
    ) -> &'p T {
        let bytes = text.to_bytes_with_nul();
        // APR aligns to 8 (apr_general.h, APR_ALIGN_DEFAULT).
        const { assert!(align_of::<T>() <= 8) };
        // SAFETY: the pool is alive and ours to use; the size cannot overflow.
        let memory: *mut u8 =
            unsafe { raw::apr_palloc(self.raw, (size_of::<T>() + bytes.len()) as raw::apr_size_t) }
                .cast();
        // APR calls httpd's abort function when memory is out, so this is never null.
        // SAFETY: `memory` has room for a T and, behind it, the text with its NUL; it
        // is fresh, so nothing else refers to it, and lives as long as the pool.
        unsafe {
            let copy = memory.add(size_of::<T>());
            copy.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            let copy = std::slice::from_raw_parts(copy, bytes.len());
            let text = CStr::from_bytes_with_nul_unchecked(copy);
            let place: *mut T = memory.cast();
            place.write(make(text));
            &*place
        }
    }

    /// A copy of `text` for httpd.
    pub(super) fn copy(self, text: &str) -> *const c_char {
        // SAFETY: the pool is alive; APR reads just the bytes of `text` and adds a NUL.
        unsafe {
            raw::apr_pstrmemdup(
                self.raw,
                text.as_ptr().cast(),
                text.len() as raw::apr_size_t,
            )
        }
    }
}
