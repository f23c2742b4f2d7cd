//! Ctrl-C: noticed between two deploys, so that everything ends in good order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_usize;

use crate::outcome::Unfinished;

/// The signal that asks the demo to end, if one came.
pub(crate) struct Interrupt {
    /// Zero: none.
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Catches SIGINT and SIGTERM from now on.
    pub(crate) fn catch() -> Self {
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM] {
            let value = number.try_into().expect("signals have positive numbers");
            register_usize(number, Arc::clone(&signal), value)
                .expect("SIGINT and SIGTERM may be caught");
        }
        Self { signal }
    }

    /// An error once a signal has come.
    pub(crate) fn check(&self) -> Result<(), Unfinished> {
        match self.signal.load(Ordering::Relaxed) {
            0 => Ok(()),
            number => Err(Unfinished::Interrupted {
                signal: number.try_into().expect("signals have small numbers"),
            }),
        }
    }
}
