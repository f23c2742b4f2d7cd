//! `Docroot::pin` with a file system in memory and a set clock: when it asks, what it
//! answers, what it logs, what it costs.

mod checks;
#[path = "../common/mod.rs"]
mod common;
mod cost;
mod counters;
mod failures;
mod former;
mod hangs;
#[path = "../memory_fs/mod.rs"]
mod memory_fs;
mod pinned;
mod process;
mod switch;
