//! The directives: their values, what holds where nothing is said, and how a
//! virtual host's go over the server's.

use std::ffi::CString;

use realdoc_core::docroot::Policy;
use realdoc_core::resolve::Mode;
use realdoc_core::settings::{self, Sections, UseReadlink};
use realdoc_core::{Micros, SECOND};

use crate::httpd::{self, Args, Directive, Server, ServerId};
use crate::module::Realdoc;
use crate::site::Site;

/// Declares the settings that directives make, each of them optional: a virtual host that does not
/// make one has the main server's.
macro_rules! settings {
    ($($(#[$cfg:meta])? $name:ident: $type:ty,)+) => {
        /// What the directives say for one server.
        #[derive(Clone, Default)]
        pub(crate) struct Settings {
            $($(#[$cfg])? $name: Option<$type>,)+
        }

        impl Settings {
            fn merge(base: &Settings, own: &Settings) -> Settings {
                Settings {
                    $($(#[$cfg])? $name: own.$name.as_ref().or(base.$name.as_ref()).cloned(),)+
                }
            }
        }
    };
}

settings! {
    realdoc: bool,
    realpath_every: Micros,
    use_readlink: UseReadlink,
    grace: Micros,
    links: Vec<CString>,
    sections: Sections,
    #[cfg(feature = "test-hooks")]
    private_cells: bool,
}

impl Settings {
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
    /// That of `server`.
    pub(crate) fn of(server: Server<'_>) -> Option<&ServerConfig> {
        server.state::<Realdoc>()
    }

    /// A virtual host's configuration: its own, and where it says nothing the server's.
    pub(crate) fn merge(base: &ServerConfig, own: &ServerConfig) -> ServerConfig {
        ServerConfig {
            settings: Settings::merge(&base.settings, &own.settings),
            ..ServerConfig::default()
        }
    }
}

type Set = httpd::Set<Realdoc>;

/// All directives.
pub(crate) const DIRECTIVES: &[Directive<Realdoc>] = &[
    Directive {
        name: c"Realdoc",
        usage: c"On (default) or Off: whether this server's document root is resolved",
        args: Args::Take1,
        set: Set::Server(|config, name, value| {
            config.settings.realdoc = Some(settings::flag(name, value)?);
            Ok(())
        }),
    },
    Directive {
        name: c"RealpathEvery",
        usage:
            c"how often to look where the links lead, at most: 2, 500ms; 0 (default): for each request",
        args: Args::Take1,
        set: Set::Server(|config, name, value| {
            config.settings.realpath_every = Some(settings::time(name, value)?);
            Ok(())
        }),
    },
    Directive {
        name: c"UseReadlink",
        usage: c"On, Off (default) or the path to begin at: replace only the first link, by one step",
        args: Args::Take1,
        set: Set::Server(|config, name, value| {
            config.settings.use_readlink = Some(settings::use_readlink(name, value)?);
            Ok(())
        }),
    },
    Directive {
        name: c"RealdocGrace",
        usage: c"how long the last good target serves while the link is missing: 10 (default), 500ms; 0: not at all",
        args: Args::Take1,
        set: Set::Server(|config, name, value| {
            config.settings.grace = Some(settings::time(name, value)?);
            Ok(())
        }),
    },
    Directive {
        name: c"RealdocLink",
        usage: c"absolute paths of further links to pin, below the document root or where an Alias leads; or None (default)",
        args: Args::Iterate,
        set: Set::Server(|config, name, value| {
            let link = settings::link(name, value)?;
            let links = config.settings.links.get_or_insert_default();
            match link {
                Some(link) => links.push(link),
                None => links.clear(),
            }
            Ok(())
        }),
    },
    Directive {
        name: c"RealdocSections",
        usage: c"the sections of which name apply: Link, Target or Auto (default)",
        args: Args::Take1,
        set: Set::Server(|config, name, value| {
            config.settings.sections = Some(settings::sections(name, value)?);
            Ok(())
        }),
    },
    Directive {
        name: c"RealdocPrevious",
        usage: c"Off (default), On or how long ago a release may have been left whose hashed files are still served, and how many such releases count: 24h 5",
        args: Args::Take12,
        set: Set::Directory(|directory, pool, name, values| {
            directory.change_previous(pool, |previous| previous.set_window(name, values))
        }),
    },
    Directive {
        name: c"RealdocPreviousNames",
        usage: c"Hashed (default) or a regex for the paths of the URLs that RealdocPrevious is for",
        args: Args::Take1,
        set: Set::Directory(|directory, pool, name, values| {
            directory.change_previous(pool, |previous| previous.set_names(pool, name, values))
        }),
    },
    Directive {
        name: c"RealdocPreviousMissing",
        usage: c"Pass (default) or NotFound: what becomes of a request for such a file that no release has",
        args: Args::Take1,
        set: Set::Directory(|directory, pool, name, values| {
            directory.change_previous(pool, |previous| previous.set_missing(name, values))
        }),
    },
    #[cfg(feature = "test-hooks")]
    Directive {
        name: c"RealdocTestPrivateCells",
        usage: c"On or Off",
        args: Args::Take1,
        set: Set::Server(|config, name, value| {
            config.settings.private_cells = Some(settings::flag(name, value)?);
            Ok(())
        }),
    },
];
