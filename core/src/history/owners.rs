//! Whose releases a link may lead back to.

/// Who owns a link, the release that it leads to, and one that it led to before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owners {
    /// The symlink's own owner.
    pub link: u32,
    /// The owner of the release that is current.
    pub current: u32,
    /// The owner of the former release.
    pub former: u32,
}

impl Owners {
    /// Whether the former release counts: it belongs to the link's owner or, where root owns the
    /// link, to the owner of the current release. A forged history then reaches only what the
    /// forger could let the link lead to.
    #[must_use]
    pub fn allow(self) -> bool {
        self.former == self.link || (self.link == 0 && self.former == self.current)
    }
}
