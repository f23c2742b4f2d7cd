//! A request's notes, and its variables for scripts.

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::slice;

use super::parent::Parent;
use super::pool::Pool;
use super::raw;
use super::request::Request;

/// A table of variables for scripts.
#[derive(Clone, Copy)]
pub(crate) struct Env<'r> {
    raw: *mut raw::apr_table_t,
    life: PhantomData<&'r ()>,
}

impl<'r> Env<'r> {
    /// A copy of `table`, which lives as long as `pool`, or an empty one.
    pub(super) fn of(pool: Pool<'r>, table: Option<*mut raw::apr_table_t>) -> Self {
        // SAFETY: the pool and the table are alive.
        let raw = unsafe {
            match table {
                Some(table) => raw::apr_table_copy(pool.as_ptr(), table),
                None => raw::apr_table_make(pool.as_ptr(), 0),
            }
        };
        let life = PhantomData;
        Env { raw, life }
    }

    pub(super) fn as_ptr(self) -> *mut raw::apr_table_t {
        self.raw
    }

    /// The table as an array.
    fn as_array(self) -> *mut raw::apr_array_header_t {
        // SAFETY: the table is alive. Nobody writes the array by the result but the one who may.
        unsafe { raw::apr_table_elts(self.raw).cast_mut() }
    }
}

impl<'r> Parent<'r> {
    /// Its variables for scripts.
    pub(crate) fn env(self) -> Env<'r> {
        self.request().env()
    }
}

impl<'r> Request<'r> {
    /// The variables for scripts.
    pub(super) fn env(self) -> Env<'r> {
        // SAFETY: the request is alive, and so is its table.
        let raw = unsafe { (*self.as_ptr()).subprocess_env };
        let life = PhantomData;
        Env { raw, life }
    }

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

    /// The note of this name.
    pub(crate) fn note(self, name: &CStr) -> Option<&'r CStr> {
        // SAFETY: the table is the request's; null, or a string that lives as long.
        unsafe {
            let note = raw::apr_table_get((*self.as_ptr()).notes, name.as_ptr());
            (!note.is_null()).then(|| CStr::from_ptr(note))
        }
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

    /// Gives variables for scripts another value, where `replace` has one. It is not asked about
    /// the values that are those of `known`, at the same place.
    pub(crate) fn replace_env(
        self,
        known: Option<Env<'_>>,
        mut replace: impl FnMut(&'r CStr) -> Option<&'r CStr>,
    ) {
        let env = self.env().as_array();
        // SAFETY: an array of a table's entries (apr_tables.h, apr_table_elts). Nobody writes that
        // of `known` meanwhile.
        let known = known.map_or(&[][..], |known| unsafe {
            let array = known.as_array();
            let first = (*array).elts.cast::<raw::apr_table_entry_t>();
            slice::from_raw_parts(first, (*array).nelts as usize)
        });
        let mut n = 0;
        // SAFETY: such an array, too, which is the request's, and looked at again each time, since
        // `replace` may have made it grow. A value is null, or a string that lives as long as the
        // request.
        unsafe {
            let entry = |n| (*env).elts.cast::<raw::apr_table_entry_t>().add(n);
            while n < (*env).nelts as usize {
                let value = (*entry(n)).val;
                let is_known = known.get(n).is_some_and(|known| known.val == value);
                if !is_known && !value.is_null() {
                    if let Some(new) = replace(CStr::from_ptr(value)) {
                        (*entry(n)).val = new.as_ptr().cast_mut();
                    }
                }
                n += 1;
            }
        }
    }
}

/// The entries of `table` that `other` does not have with the very same value.
///
/// # Safety
/// Both are tables, and lie in pools that live as long as `r`, a request that is alive.
pub(super) unsafe fn without(
    table: *mut raw::apr_table_t,
    other: *const raw::apr_table_t,
    r: *mut raw::request_rec,
) -> *mut raw::apr_table_t {
    // SAFETY: as the caller promises. A table's entries have a name each.
    unsafe {
        let own = entries(table);
        let is_in_other = |entry: &raw::apr_table_entry_t| {
            entries(other).iter().any(|other| is_same(entry, other))
        };
        if !own.iter().any(is_in_other) {
            return table;
        }
        let kept = raw::apr_table_make((*r).pool, own.len() as c_int);
        for entry in own.iter().filter(|entry| !is_in_other(entry)) {
            raw::apr_table_addn(kept, entry.key, entry.val);
        }
        kept
    }
}

/// # Safety
/// The table is alive and does not change for `'t`.
unsafe fn entries<'t>(table: *const raw::apr_table_t) -> &'t [raw::apr_table_entry_t] {
    // SAFETY: as the caller promises; a table is an array of such entries (apr_tables.h,
    // apr_table_elts).
    unsafe {
        let list = raw::apr_table_elts(table);
        if (*list).nelts == 0 {
            return &[];
        }
        slice::from_raw_parts((*list).elts.cast(), (*list).nelts as usize)
    }
}

/// # Safety
/// Both are entries of a table.
unsafe fn is_same(one: &raw::apr_table_entry_t, other: &raw::apr_table_entry_t) -> bool {
    // SAFETY: an entry has a name; its value is null or a string.
    unsafe {
        let name = |entry: &raw::apr_table_entry_t| CStr::from_ptr(entry.key).to_bytes();
        let value = |entry: &raw::apr_table_entry_t| {
            (!entry.val.is_null()).then(|| CStr::from_ptr(entry.val))
        };
        name(one).eq_ignore_ascii_case(name(other)) && value(one) == value(other)
    }
}
