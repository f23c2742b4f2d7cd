//! httpd, as the module sees it: the only place that knows C.
//!
//! Everything outside of this folder is safe Rust over [`Request`], [`Server`],
//! [`Pool`] and [`log!`]. The rules that hold across its files stand in
//! SAFETY.md.

mod auth;
mod boundary;
mod command;
mod conftree;
mod dir_config;
mod escape;
#[cfg(feature = "test-hooks")]
mod faults;
mod hooks;
mod log;
mod path;
mod pool;
mod request;
mod rerun;
mod server;
mod shared;

pub(crate) use auth::is_per_config as auth_is_per_config;
pub(crate) use command::{Command, Directive, Takes};
pub(crate) use conftree::regex_mappings;
pub(crate) use dir_config::{DirConfig, Kind, Options, Section, Symlinks, matches_pattern};
#[cfg(feature = "test-hooks")]
pub(crate) use faults::{HangingFs, wait_at_gate};
pub(crate) use hooks::{Answer, Audience, Hooks, Order, is_defined, is_first_start, is_rehearsal};
pub(crate) use log::{Level, Log, log};
pub(crate) use module::is_loaded;
pub(crate) use path::{PoolPath, PoolVec};
pub(crate) use pool::Pool;
pub(crate) use request::{File, FileType, Request};
pub(crate) use rerun::Reruns;
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
