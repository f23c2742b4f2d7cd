//! What a process knows of one docroot, and when it asks again.
//!
//! [`Docroot::pin`] answers a request. Mostly it compares the stamps of the docroot's
//! links with those under which the process last resolved it, sees that no check is due,
//! and hands out what it has. Else it asks the file system, and at a flip brings the whole
//! server over ([`crate::switch`]).
//!
//! The file system may hang. In each process one thread at a time asks it for a docroot.
//! The others go on with what the process knows while its stamps are current. Where they
//! are not, or nothing is known, they wait for that thread, for at most a second.

mod ask;
mod behind;
mod check;
mod concern;
mod event;
mod failure;
mod index;
mod pin;
mod state;
#[cfg(all(test, not(loom)))]
mod tests;
mod time;
mod turn;

pub use ask::flips;
pub use check::{Check, NoAnswer, Pinned, Policy, When};
pub use event::Event;
pub use index::Docroots;
pub use state::Docroot;
