//! A deploy: one rename(2).

use std::time::Instant;

use testbed::Releases;

use crate::site::Version;

/// The link leads to another release.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deploy {
    pub(crate) version: Version,
    /// When rename(2) had returned.
    pub(crate) at: Instant,
}

/// Deploys a release.
pub(crate) fn deploy(site: &Releases, version: Version) -> Deploy {
    site.deploy(&version.to_string());
    Deploy {
        version,
        at: Instant::now(),
    }
}
