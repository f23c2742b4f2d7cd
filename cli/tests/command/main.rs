//! `realdoc` as a user types it, on real directories.
//!
//! The builds under test have debug assertions, and so the faults of `src/step.rs`.

mod at_once;
mod common;
mod deploying;
mod failing;
mod help;
mod hostile;
mod killed;
mod looking;
mod owners;
mod refused;
mod removing;
mod status;
mod then;
mod withdrawing;
