//! httpd's three ways to run processes and threads.

use std::fmt;

/// A multi-processing module of httpd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mpm {
    /// Processes of one thread each.
    Prefork,
    /// Processes of several threads, one a connection.
    Worker,
    /// As worker, with an event loop for idle connections; most systems' default.
    Event,
}

impl Mpm {
    /// Every MPM.
    pub const ALL: [Mpm; 3] = [Mpm::Prefork, Mpm::Worker, Mpm::Event];

    /// The name in file and module names: `mod_mpm_event.so`.
    pub fn name(self) -> &'static str {
        match self {
            Mpm::Prefork => "prefork",
            Mpm::Worker => "worker",
            Mpm::Event => "event",
        }
    }

    /// Whether a child process serves several connections at once.
    pub fn is_threaded(self) -> bool {
        self != Mpm::Prefork
    }

    /// The directives for a pool that keeps its size, so that tests know which processes there are.
    pub(crate) fn pool(self, children: usize, threads: usize) -> String {
        // As many spare ones as there are at all: one that ends is always replaced. Slots beyond
        // the pool are for processes of an older generation that finish their requests.
        let slots = 2 * children + 4;
        match self {
            Mpm::Prefork => format!(
                "StartServers {children}\n\
                 MinSpareServers {children}\n\
                 MaxSpareServers {children}\n\
                 ServerLimit {slots}\n\
                 MaxRequestWorkers {children}\n"
            ),
            Mpm::Worker | Mpm::Event => format!(
                "StartServers {children}\n\
                 ServerLimit {slots}\n\
                 ThreadsPerChild {threads}\n\
                 ThreadLimit {threads}\n\
                 MinSpareThreads {workers}\n\
                 MaxSpareThreads {more}\n\
                 MaxRequestWorkers {workers}\n",
                workers = children * threads,
                more = (children + 1) * threads,
            ),
        }
    }
}

impl fmt::Display for Mpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
