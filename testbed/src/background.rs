//! A thread that works until told to stop: a flipper, a client.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Tells a background thread to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Makes one that is not requested yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the thread to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the thread is asked to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A background thread. It is stopped and joined at the latest when dropped; a panic in it is
/// passed on.
#[derive(Debug)]
pub struct Background<T = ()> {
    stop: Stop,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Background<T> {
    /// Starts `work`, which has to return soon once [`Stop::requested`].
    pub fn run(work: impl FnOnce(&Stop) -> T + Send + 'static) -> Self {
        let stop = Stop::new();
        let seen = stop.clone();
        let thread = Some(thread::spawn(move || work(&seen)));
        Self { stop, thread }
    }
}

impl Background {
    /// Repeats `step` until stopped.
    pub fn repeat(mut step: impl FnMut() + Send + 'static) -> Self {
        Self::run(move |stop| {
            while !stop.requested() {
                step();
            }
        })
    }
}

impl<T> Background<T> {
    /// Whether the thread has ended by itself.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops the thread and returns its result.
    ///
    /// # Panics
    ///
    /// When the thread did.
    pub fn finish(mut self) -> T {
        self.stop.request();
        let thread = self.thread.take().expect("only finish and drop take it");
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl<T> Drop for Background<T> {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            if !thread::panicking() {
                resume_unwind(panic);
            }
        }
    }
}
