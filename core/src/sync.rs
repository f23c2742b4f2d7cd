//! The synchronisation that the link's state is built from: std's and arc-swap's,
//! or loom's where a model is checked (`--cfg loom`).

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, fence};

use std::ops::Deref;
use std::sync::Arc;

/// A value that is replaced as a whole and read without waiting.
pub(crate) struct Published<T> {
    #[cfg(not(loom))]
    value: arc_swap::ArcSwapOption<T>,
    #[cfg(loom)]
    value: Mutex<Option<Arc<T>>>,
}

#[cfg(not(loom))]
impl<T> Published<T> {
    pub(crate) fn empty() -> Self {
        Published {
            value: arc_swap::ArcSwapOption::empty(),
        }
    }

    pub(crate) fn load(&self) -> impl Deref<Target = Option<Arc<T>>> {
        self.value.load()
    }

    /// Publishes `new` in the place of `old`; false if another value stands there.
    pub(crate) fn replace(&self, old: Option<&Arc<T>>, new: &Arc<T>) -> bool {
        let new = Some(Arc::clone(new));
        let found = self.value.compare_and_swap(&old.cloned(), new);
        same(found.as_ref(), old)
    }
}

#[cfg(loom)]
impl<T> Published<T> {
    pub(crate) fn empty() -> Self {
        Published {
            value: Mutex::new(None),
        }
    }

    pub(crate) fn load(&self) -> impl Deref<Target = Option<Arc<T>>> {
        Box::new(self.value.lock().clone())
    }

    pub(crate) fn replace(&self, old: Option<&Arc<T>>, new: &Arc<T>) -> bool {
        let mut value = self.value.lock();
        let is_old = same(value.as_ref(), old);
        if is_old {
            *value = Some(Arc::clone(new));
        }
        is_old
    }
}

fn same<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
    a.map(Arc::as_ptr) == b.map(Arc::as_ptr)
}

#[cfg(not(loom))]
pub(crate) use parking_lot::Mutex;

/// loom's mutex with `parking_lot`'s face.
#[cfg(loom)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

#[cfg(loom)]
impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0
            .lock()
            .expect("no thread of a model panics and goes on")
    }
}
