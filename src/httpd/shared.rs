//! Memory that all processes of the server share, old and new generations of a
//! graceful restart alike.

use std::any::type_name;
use std::ffi::CString;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::AtomicU64;

use realdoc_core::chain::SharedChain;
use realdoc_core::history::SharedHistory;
use realdoc_core::table::Slot;

use super::raw;
use super::startup::Startup;

/// A type for which any memory is a valid value, and which processes may share: it
/// holds no pointer, and changes only by atomic operations.
///
/// # Safety
/// That is so.
pub(crate) unsafe trait Shareable: Sync + 'static {}

// SAFETY: atomic integers (realdoc_core::table).
unsafe impl Shareable for Slot {}
// SAFETY: an atomic integer.
unsafe impl Shareable for AtomicU64 {}

// SAFETY: atomic integers (realdoc_core::chain).
unsafe impl Shareable for SharedChain {}

// SAFETY: atomic integers (realdoc_core::history).
unsafe impl Shareable for SharedHistory {}

/// Kept by httpd under our key over restarts.
struct Retained {
    start: *mut libc::c_void,
}

/// `len` values in shared memory, zeroed when they are made, the same ones at each call with this
/// `name`, type and `len`.
///
/// For httpd's parent process, whose children inherit the memory. It is never
/// unmapped: at a child's exit threads may still use it.
///
/// # Errors
/// Those of mmap(2).
pub(crate) fn retained_slice<T: Shareable>(
    _: &Startup,
    name: &str,
    len: usize,
) -> io::Result<&'static [T]> {
    let size = len.saturating_mul(size_of::<T>());
    // Another version of the module may have retained its own.
    let key = format!("{name}: {size} bytes of {}", type_name::<T>());
    let key = CString::new(key)?;
    // SAFETY: httpd's retained data is there for the life of the process, zeroed when made, and
    // found by a copy of the key. One thread runs.
    unsafe {
        let mut retained: *mut Retained = raw::ap_retained_data_get(key.as_ptr()).cast();
        if retained.is_null() {
            let size = size_of::<Retained>() as raw::apr_size_t;
            retained = raw::ap_retained_data_create(key.as_ptr(), size).cast();
        }
        if (*retained).start.is_null() {
            let start = libc::mmap(
                null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if start == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            (*retained).start = start;
        }
        // The mapping is page-aligned and never unmapped. It has been zeroed, or holds what a
        // version of the module with the same key has left, which `Shareable` allows too. Its
        // length is in the key.
        Ok(std::slice::from_raw_parts((*retained).start.cast(), len))
    }
}
