//! Why a docroot does not resolve.

use std::ffi::CString;
use std::fmt;

use crate::fs::Errno;

/// Why a docroot does not resolve: the path that was looked at, and the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveError {
    /// The path at which resolving stopped.
    pub path: CString,
    /// What the system said of it.
    pub errno: Errno,
    /// The symlink on the docroot's path that had been followed to get there; `None`: none had
    /// been.
    pub link: Option<CString>,
}

impl ResolveError {
    /// Whether the cause is one that a deploy in progress can have, so that the
    /// last good target may serve for a while: the link is missing or leads
    /// nowhere just now, or the file system is away.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self.errno,
            Errno::NOENT | Errno::NOTDIR | Errno::STALE | Errno::IO
        )
    }
}

impl fmt::Display for ResolveError {
    /// `/srv/app/current: No such file or directory`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.path.to_string_lossy(),
            strerror(self.errno)
        )
    }
}

impl std::error::Error for ResolveError {}

/// The system's text for an error, as strerror(3).
#[must_use]
pub fn strerror(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    // std appends "(os error 2)", which tells an administrator nothing.
    text.split(" (os error").next().unwrap_or_default().into()
}
