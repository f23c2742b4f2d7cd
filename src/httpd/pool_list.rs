//! A list that grows in a pool, by whoever may read it.

use std::cell::Cell;
use std::ffi::c_void;
use std::iter::successors;
use std::marker::PhantomData;
use std::ptr::{self, null};

use super::pool::Pool;

/// A type with a lifetime, `At<'_>`, whose values can be used for a shorter time than they live.
pub(crate) trait Shorten: 'static {
    /// The type.
    type At<'a>: 'a;

    /// Returns `long`. That this compiles is the proof.
    fn shorten<'s, 'l: 's>(long: &'s Self::At<'l>) -> &'s Self::At<'s>;
}

/// A list of `T::At<'p>`, in the pool that its values live in.
///
/// A request can add to a list of the request that it came from, which lives longer, since a value
/// is then [made](Self::push) of nothing but the list's own pool.
pub(crate) struct PoolList<'p, T> {
    pool: Pool<'p>,
    last: Cell<*const c_void>,
    values: PhantomData<fn() -> T>,
}

struct Node<V> {
    value: V,
    before: *const c_void,
}

impl<'p, T: Shorten> PoolList<'p, T> {
    pub(crate) fn new(pool: Pool<'p>) -> Self {
        PoolList {
            pool,
            last: Cell::new(null()),
            values: PhantomData,
        }
    }

    /// Adds what `make` makes in the list's pool.
    pub(crate) fn push(&self, make: impl for<'a> FnOnce(Pool<'a>) -> T::At<'a>) {
        let value = make(self.pool);
        let before = self.last.get();
        let node = self.pool.put(Node { value, before });
        self.last.set(ptr::from_ref(node).cast());
    }

    /// The values, the last one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'p T::At<'p>> + Clone {
        // SAFETY: null, or a node of this list, in its pool. The list, and what was pushed, may
        // live longer than `'p`: that it can be used as if it did not is what `shorten` proves.
        let node = |at: *const c_void| unsafe { at.cast::<Node<T::At<'p>>>().as_ref::<'p>() };
        successors(node(self.last.get()), move |at| node(at.before)).map(|at| T::shorten(&at.value))
    }
}
