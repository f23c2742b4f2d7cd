//! What the log is to say of a docroot.

use std::ffi::CStr;

use crate::resolve::{ResolveError, Resolved};

/// What happened, for the log.
#[derive(Debug)]
pub enum Event<'a> {
    /// The process has resolved the docroot for the first time.
    First {
        /// To what.
        resolved: &'a Resolved,
    },
    /// The file system was asked.
    Checked {
        /// What the docroot resolves to.
        resolved: &'a CStr,
    },
    /// The process goes over to another target.
    Flipped {
        /// The resolved docroot so far.
        from: &'a CStr,
        /// The new one.
        to: &'a CStr,
    },
    /// The docroot does not resolve. At most once a minute.
    Failed {
        /// Why.
        error: &'a ResolveError,
        /// The resolved docroot that goes on to serve, if one does.
        serving: Option<&'a CStr>,
        /// Whether a symlink is known to be or to have been on the docroot's path:
        /// if not, it is a directory that simply is not there.
        linked: bool,
    },
    /// A thread that asks the file system for the docroot has not come back for a second.
    /// At most once a minute.
    Hangs {
        /// The resolved docroot that goes on to serve, if one does.
        serving: Option<&'a CStr>,
    },
    /// The docroot resolves again, after a failure or a hang that was logged.
    Recovered {
        /// What the docroot resolves to.
        resolved: &'a CStr,
    },
}
