//! Regexes of the configuration, as httpd compiles them (PCRE).

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

use super::pool::Pool;
use super::raw;

/// A regex that lives for `'c`.
#[derive(Clone, Copy)]
pub(crate) struct Regex<'c> {
    raw: NonNull<raw::ap_regex_t>,
    life: PhantomData<&'c ()>,
}

// SAFETY: a compiled regex is only read (ap_regexec takes it as const).
unsafe impl Send for Regex<'_> {}
// SAFETY: as above.
unsafe impl Sync for Regex<'_> {}

impl<'c> Regex<'c> {
    /// Compiles `pattern`. `None`: it is not a regex.
    pub(crate) fn compile(pool: Pool<'c>, pattern: &CStr) -> Option<Self> {
        // SAFETY: the pool is alive, and httpd frees the regex with it.
        let raw = unsafe {
            raw::ap_pregcomp(pool.as_ptr(), pattern.as_ptr(), raw::AP_REG_EXTENDED as i32)
        };
        let life = PhantomData;
        NonNull::new(raw).map(|raw| Regex { raw, life })
    }

    /// Whether it matches anywhere in `text`.
    pub(crate) fn is_match(self, text: &CStr) -> bool {
        // SAFETY: the regex is alive, `text` is a string, and no groups are asked for.
        unsafe { raw::ap_regexec(self.raw.as_ptr(), text.as_ptr(), 0, null_mut(), 0) == 0 }
    }
}
