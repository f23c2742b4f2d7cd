//! What a process keeps of a docroot.

use std::ffi::{CStr, CString};

use super::concern::Concern;
use super::failure::Failure;
use super::time::NEVER;
use super::turn::Turn;
use crate::Micros;
use crate::fs::Fs;
use crate::paths::strip_dir;
use crate::resolve::{Mode, prefixes};
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
            concern: Concern::unknown(),
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

    /// The docroot and the directories above it, as configured. Each of them may be a link.
    pub fn prefixes(&self) -> impl Iterator<Item = CString> {
        let prefixes = prefixes(self.path.to_bytes());
        prefixes.filter_map(|prefix| CString::new(prefix).ok())
    }

    /// How it is resolved.
    #[must_use]
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Whether the file or directory `name` may lie behind a symlink on the docroot's path: below
    /// any that it had when it was last resolved, or below the docroot. The first such question in
    /// a process asks the file system which component is a symlink, but not where that leads.
    #[must_use]
    pub fn concerns(&self, name: &[u8], fs: &impl Fs) -> bool {
        let includes = || self.concern.includes(&self.path, name);
        if self.concern.is_known() || !includes() {
            return includes();
        }
        if strip_dir(name, self.path.to_bytes()).is_some() {
            // It is resolved next.
            return true;
        }
        if let Some(_asking) = self.turn.try_begin() {
            self.concern.find(&self.path, fs);
        }
        includes()
    }
}
