//! What is kept for a virtual host while requests are served.

use std::sync::Arc;

use realdoc_core::docroot::{Docroot, Docroots, Policy};
use realdoc_core::harmless::Actions;
use realdoc_core::log_once::LogOnce;
use realdoc_core::table::LinkTable;

use crate::httpd::{OtherModule, RebasedSections};

/// What a virtual host's requests need.
pub(crate) struct Site {
    /// First that of the document root, then those of `RealdocLink`.
    pub(crate) roots: Docroots,
    pub(crate) policy: Policy,
    /// Whether rules may test files through the link before a request is pinned.
    pub(crate) tests_files: bool,
    pub(crate) table: LinkTable,
    pub(crate) log_once: LogOnce,
    /// Whether the `<Directory>` sections of the link's name apply; else those of the release's.
    pub(crate) by_link: bool,
    /// Whether the document root must be the release's before a URL is translated: rules or another
    /// module may read it.
    pub(crate) pins_early: bool,
    /// Whether `RealdocSections Auto` found no section to choose by.
    pub(crate) is_undecided: bool,
    /// Whether a link is followed only if its owner is that of its target, although the sections of
    /// the release apply.
    pub(crate) owners_must_match: bool,
    pub(crate) auth_is_per_config: bool,
    pub(crate) rebased: Arc<RebasedSections>,
    /// Whether `RealdocPrevious` stands somewhere in its configuration, and links may have former
    /// releases.
    pub(crate) has_previous: bool,
    /// Whether `RealdocPreviousNames` stands there, too.
    pub(crate) has_previous_names: bool,
    /// What scripts of mod_actions may answer, in any virtual host.
    pub(crate) actions: Arc<Actions>,
    /// Whether there are rules of mod_rewrite outside of all sections.
    pub(crate) has_server_rules: bool,
    /// mod_rewrite, if it is loaded.
    pub(crate) rewrite: Option<OtherModule>,
}

impl Site {
    /// That of the document root.
    pub(crate) fn docroot(&self) -> &Docroot {
        &self.roots.all()[0]
    }
}
