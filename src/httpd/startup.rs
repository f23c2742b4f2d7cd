//! The time in which one thread runs.

use std::marker::PhantomData;

/// Proof that httpd is starting or restarting: this process has one thread and answers no request.
pub(crate) struct Startup(PhantomData<*const ()>);

impl Startup {
    /// # Safety
    /// That is so for as long as the value lives.
    pub(super) unsafe fn new() -> Self {
        Startup(PhantomData)
    }
}
