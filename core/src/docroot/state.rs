//! What a process keeps of a docroot.

use std::ffi::{CStr, CString};

use super::concern::Concern;
use super::failure::Failure;
use super::time::NEVER;
use super::turn::Turn;
use crate::Micros;
use crate::resolve::Mode;
use crate::switch::Snapshot;
use crate::sync::{AtomicI64, Published};

/// One configured docroot in one process.
pub struct Docroot {
    pub(super) path: CString,
    pub(super) mode: Mode,
    pub(super) latest: Published<Snapshot>,
    /// When the last check was; [`NEVER`]: none was good, so ask for each request.
    pub(super) checked_at: AtomicI64,
    pub(super) turn: Turn<Memory>,
    pub(super) concern: Concern,
}

/// What the thread whose turn it is knows of the ones before.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    /// When the docroot was last resolved in full.
    pub(super) resolved_at: Micros,
    pub(super) failure: Failure,
}

impl Docroot {
    /// A docroot that nobody has asked for. `path` is absolute.
    #[must_use]
    pub fn new(path: CString, mode: Mode) -> Self {
        Docroot {
            concern: Concern::unknown(&path),
            path,
            mode,
            latest: Published::empty(),
            checked_at: AtomicI64::new(NEVER),
            turn: Turn::new(Memory {
                resolved_at: NEVER,
                failure: Failure::none(),
            }),
        }
    }

    /// The docroot as configured.
    #[must_use]
    pub fn path(&self) -> &CStr {
        &self.path
    }

    /// How it is resolved.
    #[must_use]
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Whether a file or directory may lie behind a symlink on the docroot's path: below any
    /// that it had when it was last resolved, below the docroot, or, before it was first
    /// resolved, anywhere below the first component.
    #[must_use]
    pub fn concerns(&self, name: &[u8]) -> bool {
        self.concern.includes(&self.path, name)
    }
}
