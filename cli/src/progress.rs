//! How far a removal is, on a terminal, when it takes long.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::is_quiet;

/// What takes less is not worth a line.
const LONG: Duration = Duration::from_millis(500);

pub(crate) struct Progress {
    started: Instant,
    entries: Cell<u64>,
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn start(what: String) -> Self {
        // Hides itself where standard error is not a terminal.
        let target = if is_quiet() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {prefix} files") {
            bar.set_style(style);
        }
        Self {
            started: Instant::now(),
            entries: Cell::new(0),
            bar,
        }
    }

    /// One more entry.
    pub(crate) fn tick(&self) {
        let entries = self.entries.get() + 1;
        self.entries.set(entries);
        if entries % 256 == 0 && self.started.elapsed() > LONG {
            self.bar.set_prefix(HumanCount(entries).to_string());
            self.bar.tick();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
