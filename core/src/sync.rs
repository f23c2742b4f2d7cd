//! The synchronisation that a docroot's state is built from: that of std, `arc_swap` and
//! `parking_lot`, or loom's where a model is checked (`--cfg loom`).

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicI64, AtomicU64, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicI64, AtomicU64, fence};

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

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

    pub(crate) fn store(&self, new: Arc<T>) {
        self.value.store(Some(new));
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

    pub(crate) fn store(&self, new: Arc<T>) {
        *self.value.lock() = Some(new);
    }
}

#[cfg(not(loom))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

/// Waits until `condvar` is notified, or until the `deadline`.
#[cfg(not(loom))]
pub(crate) fn wait_until<'a, T>(
    condvar: &Condvar,
    mut guard: MutexGuard<'a, T>,
    deadline: Instant,
) -> MutexGuard<'a, T> {
    condvar.wait_until(&mut guard, deadline);
    guard
}

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, MutexGuard};

/// loom's mutex with `parking_lot`'s face.
#[cfg(loom)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

#[cfg(loom)]
impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect(NO_POISON)
    }
}

/// In a model no time passes: whoever waits is notified.
#[cfg(loom)]
pub(crate) fn wait_until<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    _: Instant,
) -> MutexGuard<'a, T> {
    condvar.wait(guard).expect(NO_POISON)
}

#[cfg(loom)]
const NO_POISON: &str = "no thread of a model panics and goes on";
