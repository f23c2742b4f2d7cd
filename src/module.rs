//! The module as a type: what httpd keeps for us is found by it. lib.rs implements it.

/// mod_realdoc.
pub(crate) enum Realdoc {}
