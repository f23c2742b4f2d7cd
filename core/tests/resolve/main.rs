//! `resolve` and `unchanged`: by cases, on random trees, and while somebody changes the tree.

mod cases;
mod changes;
#[path = "../common/mod.rs"]
mod common;
mod limits;
// Other tests use the rest of it.
#[allow(dead_code)]
#[path = "../memory_fs/mod.rs"]
mod memory_fs;
mod mutating;
mod oracle;
mod properties;
