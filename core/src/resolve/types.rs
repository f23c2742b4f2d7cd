//! How a docroot is resolved, and to what.

use std::ffi::CString;

/// Which symlinks of a docroot are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// All of them.
    Realpath,
    /// The first one, by what it points to, one step.
    Readlink {
        /// The component to begin looking at; `None` or a path that is no prefix
        /// of the docroot (see [`starts_at_component`]): the first one.
        from: Option<CString>,
    },
}

impl Mode {
    /// Whether it is that of `UseReadlink`.
    #[must_use]
    pub fn is_readlink(&self) -> bool {
        matches!(self, Mode::Readlink { .. })
    }
}

/// A symlink on a docroot's path and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The link's name as configured: a prefix of the docroot.
    pub path: CString,
    /// Where it leads, canonical.
    pub target: CString,
    /// The symlink's own text, where that alone says where it leads: always in [`Mode::Readlink`];
    /// in [`Mode::Realpath`] unless there are further symlinks on its way.
    pub text: Option<Box<[u8]>>,
}

/// A docroot, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// An existing directory, canonical.
    pub docroot: CString,
    /// The symlinks on the docroot's path, outermost first; in
    /// [`Mode::Readlink`] at most one. Empty: the docroot is what it seems.
    pub links: Vec<Link>,
}
