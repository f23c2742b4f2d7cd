//! The steps of a program.

use super::class::Class;

/// A step: it is passed by a byte, or without one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Byte(Class),
    /// On at both places.
    Split(usize, usize),
    Start,
    End,
    /// An assertion about what follows.
    LookAhead,
    /// An assertion about what stands before.
    LookBehind,
    Match,
}
