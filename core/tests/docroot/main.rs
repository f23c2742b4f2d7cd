//! `Docroot::take` with a file system in memory and a made-up clock: when it
//! looks, what it answers, what it tells, what it costs.

mod cost;
mod failures;
mod figures;
mod looks;
#[path = "../memory_fs/mod.rs"]
mod memory_fs;
mod process;
mod switch;
