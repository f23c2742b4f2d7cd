//! What a request asks of a docroot.

use std::ffi::CStr;

use crate::Micros;
use crate::table::LinkTable;

/// When to check, and how long to go on with a docroot that does not resolve. Virtual
/// hosts that share a docroot may differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Minimum interval between two checks (`RealpathEvery`); 0: check for each request.
    pub check_every: Micros,
    /// How long the last good target serves while the docroot does not resolve
    /// (`RealdocGrace`); 0: not at all.
    pub grace: Micros,
}

/// What a request asks of a docroot.
pub struct Check<'a, F> {
    /// When the request began. It may have taken long to be read.
    pub began: Micros,
    /// The time. (It is not free, and seldom needed.)
    pub clock: fn() -> Micros,
    /// What the request's virtual host says.
    pub policy: Policy,
    /// What all processes share.
    pub table: LinkTable,
    /// The file system.
    pub fs: &'a F,
    /// Whether the file system has to be asked.
    pub when: When,
    /// What the request has pinned already; `None`: nothing.
    pub pinned: Option<&'a Pinned<'a>>,
}

/// The target to which a request has pinned the link with this name.
pub type Pinned<'a> = dyn Fn(&[u8]) -> Option<&'a CStr> + 'a;

/// When to ask the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When the policy says so, and no other thread is asking.
    Due,
    /// For this request: it has looked through the link itself, at what that led to just now.
    Own,
    /// Now: the request missed something where an earlier answer had led it.
    Now {
        /// It did not end at a regular file, so the docroot may be gone although its links
        /// are as they were.
        is_lost: bool,
    },
}

/// The file system does not answer, and no other answer would be safe: other processes may
/// have served a newer release already, or the request asked with [`When::Now`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer;
