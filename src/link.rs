//! A pinned symlink, and a file's path by its name.

use std::ffi::CStr;

use once_cell::sync::OnceCell;
use realdoc_core::cursor::PinnedLink;

/// A symlink, by its configured name, and where it leads in this request.
pub(crate) struct Link<'r> {
    pub(crate) name: &'r CStr,
    pub(crate) target: &'r CStr,
    /// Its owner when it pointed there, for `SymLinksIfOwnerMatch`; asked by the first walk that
    /// needs it.
    pub(crate) owner: OnceCell<u32>,
}

impl<'r> PinnedLink<'r> for &'r Link<'r> {
    fn path(self) -> &'r [u8] {
        self.name.to_bytes()
    }

    fn target(self) -> &'r [u8] {
        self.target.to_bytes()
    }
}

/// How a request's file is known.
#[derive(Clone, Copy)]
pub(crate) struct LinkedPath<'r> {
    /// By the link's name; without a link the real path.
    pub(crate) path: &'r CStr,
    /// The file in the release, as the request names it.
    pub(crate) file: &'r CStr,
    /// The longest pinned link that the path leads through.
    pub(crate) link: Option<&'r Link<'r>>,
    /// Whether the `<Directory>` sections of this path apply; else those of the real path.
    pub(crate) has_sections: bool,
}
