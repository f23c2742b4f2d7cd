//! httpd, as the module sees it: the only place that knows C.
//!
//! Everything outside of this folder is safe Rust over [`Request`], [`Server`],
//! [`Pool`] and [`log!`]. The rules that hold across its files stand in
//! SAFETY.md.

mod boundary;
mod command;
#[cfg(feature = "test-hooks")]
mod faults;
mod hooks;
mod log;
mod pool;
mod request;
mod server;
mod shared;

pub(crate) use command::{Command, Directive};
pub(crate) use hooks::{Answer, Hooks, Order, is_rehearsal};
pub(crate) use log::{Level, Log, log};
pub(crate) use pool::Pool;
pub(crate) use request::Request;
pub(crate) use server::{Server, ServerId};
pub(crate) use shared::retained_slice;

#[doc(hidden)]
pub(crate) mod module;

/// bindgen's view of httpd's headers.
#[allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]
mod raw {
    include!(concat!(env!("OUT_DIR"), "/httpd.rs"));
}
