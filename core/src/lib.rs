//! What mod_realdoc does, without httpd: resolving a docroot that leads through
//! symlinks, and deciding which release a request gets so that the whole server
//! switches at once.
//!
//! - [`resolve`]: from the configured docroot to the resolved one, as a pure walk
//!   over a small file-system interface ([`fs`]).
//! - `held`: a directory that is held open, so that a look at a symlink in it is quicker.
//! - [`cell`]: the one word a link that all processes of the server share.
//! - [`switch`]: how what a process finds and what the cells say come to agree.
//! - [`docroot`]: what a process knows of one docroot, and when it looks again.
//! - [`figures`]: what is counted for the status page.
//! - [`names`]: patterns and regexes in the configuration.
//! - [`cursor`]: the way down to a file, along both names; [`symlinks`]: which ones it may follow.
//! - [`denials`]: rules that deny by the link's name only, with [`regex`] to see that.
//! - [`paths`]: paths as bytes.
//! - [`settings`]: the values of the directives.
//!
//! Nothing here is unsafe, allocates on a request's common path, or holds a lock
//! across a system call.
#![forbid(unsafe_code)]

pub mod cell;
pub mod cursor;
pub mod denials;
pub mod docroot;
pub mod figures;
pub mod fs;
mod held;
pub mod names;
pub mod paths;
pub mod regex;
pub mod resolve;
pub mod settings;
pub mod switch;
pub mod symlinks;
mod sync;

/// A moment or a span of time in microseconds, as httpd's `apr_time_t`.
pub type Micros = i64;

/// A second in [`Micros`].
pub const SECOND: Micros = 1_000_000;
