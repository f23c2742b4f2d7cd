//! A request's notes, and its variables for scripts.

use std::ffi::CStr;
use std::marker::PhantomData;

use super::raw;
use super::request::Request;

/// A copy of a request's variables for scripts.
#[derive(Clone, Copy)]
pub(crate) struct Env<'r> {
    raw: *mut raw::apr_table_t,
    life: PhantomData<&'r ()>,
}

impl Env<'_> {
    pub(super) fn as_ptr(self) -> *mut raw::apr_table_t {
        self.raw
    }
}

impl<'r> Request<'r> {
    /// A copy of the variables for scripts.
    pub(crate) fn copy_env(self) -> Env<'r> {
        // SAFETY: the pool and the table are the request's, and the strings live as long.
        let raw = unsafe {
            let r = self.as_ptr();
            raw::apr_table_copy((*r).pool, (*r).subprocess_env)
        };
        let life = PhantomData;
        Env { raw, life }
    }

    /// Whether there is a note of this name.
    pub(crate) fn has_note(self, name: &CStr) -> bool {
        // SAFETY: the table is the request's.
        unsafe { !raw::apr_table_get((*self.as_ptr()).notes, name.as_ptr()).is_null() }
    }

    /// Sets a header of the answer, whatever that will be, unless it is set.
    pub(crate) fn set_missing_header(self, name: &'static CStr, value: &'static CStr) {
        // SAFETY: the table is the request's, and the strings live as long.
        unsafe {
            let headers = (*self.as_ptr()).err_headers_out;
            if raw::apr_table_get(headers, name.as_ptr()).is_null() {
                raw::apr_table_setn(headers, name.as_ptr(), value.as_ptr());
            }
        }
    }

    /// Leaves a note, or takes it away.
    pub(crate) fn set_note(self, name: &'static CStr, note: Option<&'r CStr>) {
        // SAFETY: the table is the request's, and the strings live as long.
        unsafe {
            let notes = (*self.as_ptr()).notes;
            match note {
                Some(note) => raw::apr_table_setn(notes, name.as_ptr(), note.as_ptr()),
                None => raw::apr_table_unset(notes, name.as_ptr()),
            }
        }
    }

    /// Sets a variable for scripts.
    pub(crate) fn set_env(self, name: &'r CStr, value: &'r CStr) {
        // SAFETY: the table is the request's, and the strings live as long.
        unsafe {
            raw::apr_table_setn(
                (*self.as_ptr()).subprocess_env,
                name.as_ptr(),
                value.as_ptr(),
            );
        }
    }

    /// Gives variables for scripts another value, where `replace` has one.
    pub(crate) fn replace_env(self, mut replace: impl FnMut(&'r CStr) -> Option<&'r CStr>) {
        let mut n = 0;
        while let Some(entry) = self.env_entry(n) {
            // SAFETY: the entry is the table's; null, or a string that lives as long as the
            // request.
            let value = unsafe {
                let value = (*entry).val;
                (!value.is_null()).then(|| CStr::from_ptr(value))
            };
            // Looked up again, since `replace` may have made the table grow.
            if let Some((new, entry)) = value.and_then(&mut replace).zip(self.env_entry(n)) {
                // SAFETY: the entry is the table's, and the string lives as long as the request.
                unsafe { (*entry).val = new.as_ptr().cast_mut() };
            }
            n += 1;
        }
    }

    /// The nth entry of the table of variables for scripts.
    fn env_entry(self, n: usize) -> Option<*mut raw::apr_table_entry_t> {
        // SAFETY: the table is the request's, and an array of such entries (apr_tables.h,
        // apr_table_elts).
        unsafe {
            let entries = raw::apr_table_elts((*self.as_ptr()).subprocess_env);
            let entry = (*entries).elts.cast::<raw::apr_table_entry_t>();
            (n < (*entries).nelts as usize).then(|| entry.add(n))
        }
    }
}
