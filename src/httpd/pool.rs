//! APR's pools: memory that is freed with the request or configuration that it belongs to.

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::process;
use std::sync::Arc;

use super::raw;

/// A pool that lives at least for `'p`.
#[derive(Clone, Copy, PartialEq, Eq)]
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
            super::panic::catch_panic("a pool's cleanup", std::ptr::null(), (), || unsafe {
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

    /// Puts `value` in the pool. It is never dropped.
    pub(crate) fn put<T: 'p>(self, value: T) -> &'p T {
        const { assert!(!std::mem::needs_drop::<T>(), "a pool does not drop") };
        let place: *mut T = self.allocate(1);
        // SAFETY: `place` has room for a T, is fresh, and lives as long as the pool.
        unsafe {
            place.write(value);
            &*place
        }
    }

    /// Puts the `len` values that `values` yields in the pool. They are never dropped.
    pub(crate) fn put_all<T: 'p>(self, values: impl ExactSizeIterator<Item = T>) -> &'p [T] {
        const { assert!(!std::mem::needs_drop::<T>(), "a pool does not drop") };
        let room = values.len();
        let start: *mut T = self.allocate(room);
        let mut len = 0;
        for value in values.take(room) {
            // SAFETY: there is room for `room` values, of which this is not yet the last.
            unsafe { start.add(len).write(value) };
            len += 1;
        }
        // SAFETY: `len` values have been written, and live as long as the pool.
        unsafe { std::slice::from_raw_parts(start, len) }
    }

    /// Puts a copy of `text` in the pool.
    pub(crate) fn put_text(self, text: &CStr) -> &'p CStr {
        let [copy] = self.put_texts([text]);
        copy
    }

    /// The same for several, in one piece of memory.
    pub(crate) fn put_texts<const N: usize>(self, texts: [&CStr; N]) -> [&'p CStr; N] {
        let room = texts.iter().map(|text| text.count_bytes() + 1).sum();
        let mut next: *mut u8 = self.allocate(room);
        texts.map(|text| {
            let bytes = text.to_bytes_with_nul();
            let copy = next;
            // SAFETY: there is room for each text with its NUL, one behind the other, and the
            // copies live as long as the pool.
            unsafe {
                next = copy.add(bytes.len());
                copy.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                CStr::from_bytes_with_nul_unchecked(std::slice::from_raw_parts(copy, bytes.len()))
            }
        })
    }

    /// The absolute `path` as httpd spells paths, without empty, `.` and `..` components. The file
    /// system is not asked. `None`: the path is too long.
    pub(crate) fn canonicalize(self, path: &CStr) -> Option<&'p CStr> {
        let mut canonical = std::ptr::null_mut();
        // SAFETY: the pool is alive; APR reads the path, and makes a new one in the pool.
        unsafe {
            let status = raw::apr_filepath_merge(
                &raw mut canonical,
                std::ptr::null(),
                path.as_ptr(),
                raw::APR_FILEPATH_NOTRELATIVE as raw::apr_int32_t,
                self.raw,
            );
            (status == 0 && !canonical.is_null()).then(|| CStr::from_ptr(canonical))
        }
    }

    /// Room for `len` values.
    pub(super) fn allocate<T>(self, len: usize) -> *mut T {
        // APR aligns to 8 (apr_general.h, APR_ALIGN_DEFAULT).
        const { assert!(align_of::<T>() <= 8) };
        let size = len.saturating_mul(size_of::<T>());
        // APR calls httpd's abort function when memory is out, so this is never null.
        // SAFETY: the pool is alive and ours to use.
        unsafe { raw::apr_palloc(self.raw, size as raw::apr_size_t) }.cast()
    }

    /// Keeps `value` alive until the pool is cleared, in whatever thread that is.
    pub(super) fn hold<T: Send + Sync + 'static>(self, value: Arc<T>) -> &'p T {
        unsafe extern "C" fn let_go<T>(value: *mut c_void) -> raw::apr_status_t {
            // SAFETY: it is what `hold` registered with this very function; APR runs a cleanup
            // once.
            super::panic::catch_panic("a pool's cleanup", std::ptr::null(), (), || unsafe {
                drop(Arc::from_raw(value.cast::<T>()));
            });
            0
        }
        let value = Arc::into_raw(value);
        // SAFETY: the pool is alive; the cleanup gets the pointer that it expects, and `value`
        // lives until then.
        unsafe {
            raw::apr_pool_cleanup_register(
                self.raw,
                value.cast_mut().cast(),
                Some(let_go::<T>),
                Some(raw::apr_pool_cleanup_null),
            );
            &*value
        }
    }

    pub(super) fn as_ptr(self) -> *mut raw::apr_pool_t {
        self.raw
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

/// A pool of our own that is independent of all others: any thread can clear it at any time.
pub(super) struct OwnPool(*mut raw::apr_pool_t);

// SAFETY: a pool belongs to no thread; only one at a time can use it, and `pool` is what lends it.
unsafe impl Send for OwnPool {}

impl OwnPool {
    /// A new pool. When memory is out it does what `like` does.
    pub(super) fn new(like: Pool<'_>) -> Self {
        let mut raw = std::ptr::null_mut();
        // SAFETY: `like` is alive. Without an allocator the new pool makes its own.
        unsafe {
            let abort = raw::apr_pool_abort_get(like.raw);
            raw::apr_pool_create_unmanaged_ex(&raw mut raw, abort, std::ptr::null_mut());
        }
        OwnPool(raw)
    }

    /// The pool, while it exists.
    pub(super) fn pool(&self) -> Pool<'_> {
        // SAFETY: it lives as long as `self`, which is one thread's (it is not `Sync`).
        unsafe { Pool::from_raw(self.0) }
    }
}

impl Drop for OwnPool {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nothing that was borrowed from it is in use.
        unsafe { raw::apr_pool_destroy(self.0) }
    }
}
