//! httpd's API, as safe Rust: the only folder that knows C.
//!
//! It serves any [`Module`] and knows none. What the rest of the crate needs of httpd it gets
//! from [`Request`], [`Server`], [`Pool`] and [`log!`]. The invariants that hold across files are
//! in SAFETY.md.

mod answer;
mod auth;
mod command;
mod conftree;
mod dir_config;
mod escape;
mod exit;
#[cfg(feature = "test-hooks")]
mod faults;
mod file;
mod filters;
mod hooks;
mod htaccess;
mod log;
mod module;
mod names;
mod order;
mod other_module;
mod panic;
mod parent;
mod path;
mod path_bound;
mod pool;
mod pool_list;
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
mod raw;
mod rebased;
mod regex;
mod request;
mod server;
mod shared;
mod startup;
mod state;
mod subrequest;
mod tables;
mod translation;
mod walks;

pub(crate) use answer::Answer;
pub(crate) use auth::is_per_config as auth_is_per_config;
pub(crate) use command::{Args, Command, Directive, Set, Values, command_table};
pub(crate) use conftree::{Node, has_directive, has_node_in_section, server_texts, sets_handler};
pub(crate) use dir_config::{DirConfig, Options, Section, SectionKind, matches_pattern};
pub(crate) use exit::AtExit;
pub(crate) use file::{File, FileType};
pub(crate) use filters::FilterGuard;
pub(crate) use hooks::{Hooks, StatusFormat};
pub(crate) use log::{Level, Log, c_file, log};
pub(crate) use module::{Module, export_module};
pub(crate) use names::Context;
pub(crate) use order::Order;
pub(crate) use other_module::{OtherConfig, OtherModule};
pub(crate) use path::{PoolPath, PoolVec};
pub(crate) use pool::Pool;
pub(crate) use pool_list::{PoolList, Shorten};
pub(crate) use rebased::RebasedSections;
pub(crate) use regex::Regex;
pub(crate) use request::{Request, names_handler};
pub(crate) use server::{Server, ServerId};
pub(crate) use shared::retained_slice;
pub(crate) use startup::{Startup, is_defined, is_first_start, is_preflight, runtime_path};
pub(crate) use state::{Loaded, ModuleState, Record, is_loaded};
pub(crate) use subrequest::{HiddenMain, Subrequest};
pub(crate) use tables::Env;
pub(crate) use translation::Untranslated;
