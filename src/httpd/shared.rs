//! Memory that all processes of the server share, old and new generations of a
//! graceful restart alike.

use std::ffi::CStr;
use std::io;
use std::ptr::null_mut;

use realdoc_core::table::Slot;

use super::raw;

/// A type for which zeroed memory is a valid value, and which processes may
/// share: it holds no pointer, and changes only by atomic operations.
///
/// # Safety
/// That is so.
pub(crate) unsafe trait Shareable: Sync + 'static {}

// SAFETY: atomic integers (realdoc_core::table).
unsafe impl Shareable for Slot {}

/// Kept by httpd under our key over restarts.
struct Retained {
    start: *mut libc::c_void,
}

/// `len` values in shared memory, zeroed when they are made, the same ones at each
/// call with this `key`, which is to change whenever `T` or `len` does.
///
/// For httpd's parent process, whose children inherit the memory. It is never
/// unmapped: at a child's exit threads may still use it.
///
/// # Errors
/// Those of mmap(2).
pub(crate) fn retained_slice<T: Shareable>(key: &CStr, len: usize) -> io::Result<&'static [T]> {
    // SAFETY: httpd's retained data is there for the life of the process, zeroed when
    // made. One thread runs when the configuration is read.
    unsafe {
        let mut retained: *mut Retained = raw::ap_retained_data_get(key.as_ptr()).cast();
        if retained.is_null() {
            let size = size_of::<Retained>() as raw::apr_size_t;
            retained = raw::ap_retained_data_create(key.as_ptr(), size).cast();
        }
        if (*retained).start.is_null() {
            let start = libc::mmap(
                null_mut(),
                len * size_of::<T>(),
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
        // The mapping is page-aligned, zeroed, `len` values long and never unmapped;
        // `Shareable` says that this makes a valid slice.
        Ok(std::slice::from_raw_parts((*retained).start.cast(), len))
    }
}
