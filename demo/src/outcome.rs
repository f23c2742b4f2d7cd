//! What a run is, and what it showed.

use std::time::Duration;

use testbed::{ConfigError, Module, Mpm};

use crate::tally::Tally;

/// How many times the link is flipped in a run.
pub(crate) const DEPLOYS: u32 = 200;

/// The time from one deploy to the next.
pub(crate) const PERIOD: Duration = Duration::from_millis(40);

/// What a run showed.
pub(crate) struct Run {
    pub(crate) mpm: Mpm,
    pub(crate) module: Module,
    /// The server's name and version, as it gives them.
    pub(crate) server: String,
    pub(crate) tally: Tally,
}

/// Why a run did not come to its end.
pub(crate) enum Unfinished {
    /// By this signal.
    Interrupted { signal: u8 },
    /// Apache did not start.
    NoServer(ConfigError),
}
