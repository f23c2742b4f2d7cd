//! The directives: their values, what holds where nothing is said, and how a
//! virtual host's go over the server's.

use std::ffi::CString;

use realdoc_core::docroot::Policy;
use realdoc_core::resolve::Mode;
use realdoc_core::settings::{self, Sections, UseReadlink};
use realdoc_core::{Micros, SECOND};

use crate::httpd::{Directive, ServerId, Takes};
use crate::site::Site;

/// What the directives say for one server. `None`: nothing, which is not the same
/// as the default, since a virtual host that says nothing has the server's.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    realdoc: Option<bool>,
    realpath_every: Option<Micros>,
    use_readlink: Option<UseReadlink>,
    grace: Option<Micros>,
    links: Option<Vec<CString>>,
    sections: Option<Sections>,
    #[cfg(feature = "test-hooks")]
    private_cells: Option<bool>,
}

impl Settings {
    fn merge(base: &Settings, own: &Settings) -> Settings {
        Settings {
            realdoc: own.realdoc.or(base.realdoc),
            realpath_every: own.realpath_every.or(base.realpath_every),
            use_readlink: own
                .use_readlink
                .clone()
                .or_else(|| base.use_readlink.clone()),
            grace: own.grace.or(base.grace),
            links: own.links.clone().or_else(|| base.links.clone()),
            sections: own.sections.or(base.sections),
            #[cfg(feature = "test-hooks")]
            private_cells: own.private_cells.or(base.private_cells),
        }
    }

    /// `Realdoc`: whether the virtual host is ours at all.
    pub(crate) fn is_on(&self) -> bool {
        self.realdoc.unwrap_or(true)
    }

    /// `RealpathEvery` and `RealdocGrace`.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            check_every: self.realpath_every.unwrap_or(0),
            grace: self.grace.unwrap_or(10 * SECOND),
        }
    }

    /// `UseReadlink`, as the way to resolve.
    pub(crate) fn mode(&self) -> Mode {
        match &self.use_readlink {
            None | Some(UseReadlink::Off) => Mode::Realpath,
            Some(UseReadlink::On) => Mode::Readlink { from: None },
            Some(UseReadlink::From(path)) => Mode::Readlink {
                from: Some(path.clone()),
            },
        }
    }

    /// `RealdocLink`.
    pub(crate) fn links(&self) -> &[CString] {
        self.links.as_deref().unwrap_or_default()
    }

    /// `RealdocSections`.
    pub(crate) fn sections(&self) -> Sections {
        self.sections.unwrap_or(Sections::Auto)
    }

    /// `RealdocTestPrivateCells`: whether each process switches by itself.
    #[cfg(feature = "test-hooks")]
    pub(crate) fn has_private_cells(&self) -> bool {
        self.private_cells.unwrap_or(false)
    }
}

/// What httpd keeps for us with a server.
#[derive(Default)]
pub(crate) struct ServerConfig {
    pub(crate) settings: Settings,
    /// Which server it was made for in post_config; until then several may have it,
    /// and later a copy of a server_rec may come by with it.
    pub(crate) server: Option<ServerId>,
    /// What is to be resolved; `None`: the server is left alone.
    pub(crate) site: Option<Site>,
}

impl ServerConfig {
    /// A virtual host's configuration: its own, and where it says nothing the server's.
    pub(crate) fn merge(base: &ServerConfig, own: &ServerConfig) -> ServerConfig {
        ServerConfig {
            settings: Settings::merge(&base.settings, &own.settings),
            ..ServerConfig::default()
        }
    }
}

pub(crate) const REALDOC: Directive = Directive {
    name: c"Realdoc",
    usage: c"On (default) or Off: whether this server's document root is resolved",
    takes: Takes::One,
    set: |settings, name, value| {
        settings.realdoc = Some(settings::flag(name, value)?);
        Ok(())
    },
};

pub(crate) const REALPATH_EVERY: Directive = Directive {
    name: c"RealpathEvery",
    usage:
        c"how often to look where the links lead, at most: 2, 500ms; 0 (default): for each request",
    takes: Takes::One,
    set: |settings, name, value| {
        settings.realpath_every = Some(settings::time(name, value)?);
        Ok(())
    },
};

pub(crate) const USE_READLINK: Directive = Directive {
    name: c"UseReadlink",
    usage: c"On, Off (default) or the path to begin at: replace only the first link, by one step",
    takes: Takes::One,
    set: |settings, name, value| {
        settings.use_readlink = Some(settings::use_readlink(name, value)?);
        Ok(())
    },
};

pub(crate) const REALDOC_GRACE: Directive = Directive {
    name: c"RealdocGrace",
    usage: c"how long the last good target serves while the link is missing: 10 (default), 500ms; 0: not at all",
    takes: Takes::One,
    set: |settings, name, value| {
        settings.grace = Some(settings::time(name, value)?);
        Ok(())
    },
};

pub(crate) const REALDOC_LINK: Directive = Directive {
    name: c"RealdocLink",
    usage: c"absolute paths of further links to pin, below the document root or where an Alias leads; or None (default)",
    takes: Takes::Many,
    set: |settings, name, value| {
        let link = settings::link(name, value)?;
        let links = settings.links.get_or_insert_default();
        match link {
            Some(link) => links.push(link),
            None => links.clear(),
        }
        Ok(())
    },
};

pub(crate) const REALDOC_SECTIONS: Directive = Directive {
    name: c"RealdocSections",
    usage: c"the sections of which name apply: Link, Target or Auto (default)",
    takes: Takes::One,
    set: |settings, name, value| {
        settings.sections = Some(settings::sections(name, value)?);
        Ok(())
    },
};

#[cfg(feature = "test-hooks")]
pub(crate) const TEST_PRIVATE_CELLS: Directive = Directive {
    name: c"RealdocTestPrivateCells",
    usage: c"On or Off",
    takes: Takes::One,
    set: |settings, name, value| {
        settings.private_cells = Some(settings::flag(name, value)?);
        Ok(())
    },
};
