//! What is to be seen while it runs: a line that is rewritten, or dots where that is not possible.

use std::io::{IsTerminal, stderr};

use testbed::{Module, Mpm};

use crate::outcome::DEPLOYS;
use crate::table::{thousands, with_or_without};

/// The dots of a run where the output is no terminal.
const DOTS: usize = 8;

/// Numbers the runs.
pub(crate) struct Progress {
    runs: usize,
    run: usize,
}

/// A run's line on standard error. It ends when this is dropped.
pub(crate) struct Line {
    terminal: bool,
    label: String,
}

impl Progress {
    /// For so many runs.
    pub(crate) fn new(runs: usize) -> Self {
        Self { runs, run: 0 }
    }

    /// A run begins.
    pub(crate) fn begin(&mut self, mpm: Mpm, module: Module) -> Line {
        self.run += 1;
        let (run, runs) = (self.run, self.runs);
        let label = format!(
            "{run}/{runs} {mpm} {} mod_realdoc ",
            with_or_without(module)
        );
        eprint!("{label}");
        Line {
            terminal: stderr().is_terminal(),
            label,
        }
    }
}

impl Line {
    /// So much is done.
    pub(crate) fn step(&self, deploys: usize, requests: usize) {
        if self.terminal {
            let (label, requests) = (&self.label, thousands(requests));
            eprint!("\r{label}{deploys} of {DEPLOYS} deploys, {requests} requests");
        } else if deploys % (DEPLOYS as usize / DOTS) == 0 {
            eprint!(".");
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.terminal {
            // Back to the beginning of the line, which is erased to its end.
            eprint!("\r\x1b[K");
        } else {
            eprintln!();
        }
    }
}
