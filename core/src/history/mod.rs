//! What a link led to before: where `RealdocPrevious` looks for a file that the current release
//! does not have.
//!
//! Each link has a [`SharedHistory`] in the memory that all processes share. What the link leads to
//! now is in it too, with the identity that the directory has while it is current: so any process
//! can note a flip, also one that has just begun.

mod asker;
mod entry;
pub mod file;
mod former;
mod merge;
mod note;
mod owners;
mod shared;
#[cfg(all(test, not(loom)))]
mod tests;

pub use asker::Asker;
pub use entry::MAX_PATH;
pub use former::{Former, Formers};
pub use owners::Owners;
pub use shared::{FORMER, SharedHistory};
