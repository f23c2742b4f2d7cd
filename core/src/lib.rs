//! What mod_realdoc does, without httpd: resolving a docroot that leads through
//! symlinks, and deciding which release a request gets so that the whole server
//! switches at once.
//!
//! - [`resolve`]: from the configured docroot to the resolved one, as a pure walk
//!   over a small file-system interface ([`fs`]).
//! - [`stamp`]: the word of a link that all processes of the server share.
//! - [`table`]: the shared table of all links, with a stamp and counters for each.
//! - [`chain`]: where a link leads, as text in that table.
//! - [`counters`]: what is counted for the status page.
//! - [`history`]: what a link led to before.
//! - [`switch`]: how what a process finds and what the stamps say come to agree.
//! - [`docroot`]: what a process knows of one docroot, and when it asks again.
//! - [`mapping`]: the names that a request gets once its URL has been translated.
//! - [`cursor`]: the way down to a file, along both names; [`symlinks`]: which ones it may follow.
//! - [`conditions`]: rewrite conditions that compare a path with the link's name.
//! - [`paths`]: paths as bytes.
//! - [`patterns`]: what regexes and wildcards in section names are about.
//! - [`auto`]: what `RealdocSections Auto` chooses.
//! - [`harmless`]: what may run a file instead of sending it.
//! - [`json`], [`shown`]: what a status page shows.
//! - [`file_tests`]: directives that test files while a URL is translated.
//! - [`log_once`]: log lines that the whole server writes once.
//! - [`record`]: what the command `realdoc` keeps beside a link.
//! - [`previous`]: the names of files that may come from a former release.
//! - [`settings`]: the values of the directives.
//!
//! Nothing here is unsafe, allocates on a request's common path, or holds a lock
//! across a system call.
#![forbid(unsafe_code)]

use std::time::{SystemTime, UNIX_EPOCH};

pub mod auto;
pub mod chain;
pub mod conditions;
pub mod counters;
pub mod cursor;
pub mod docroot;
pub mod file_tests;
pub mod fs;
pub mod harmless;
pub mod history;
pub mod json;
pub mod log_once;
pub mod mapping;
pub mod paths;
pub mod patterns;
pub mod previous;
pub mod record;
mod record_file;
pub mod resolve;
pub mod settings;
pub mod shown;
pub mod stamp;
pub mod switch;
pub mod symlinks;
mod sync;
pub mod table;

/// A moment or a span of time in microseconds, as httpd's `apr_time_t`.
pub type Micros = i64;

/// A second in [`Micros`].
pub const SECOND: Micros = 1_000_000;

/// The time, as `apr_time_now()`. 0 where the clock is set to before 1970.
#[must_use]
pub fn now() -> Micros {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |time| time.as_micros() as Micros)
}
