//! A request's pin: where symlinks lead for it and for all that comes from it.
//!
//! A link is added when the first name leads through it, and its target stays from then on.

mod events;
mod former;
mod taking;
mod values;

use std::ffi::CStr;
use std::ptr;

use realdoc_core::paths::longest_prefix;

use crate::httpd::{OtherConfig, Pool, PoolList, ServerId, Shorten};
use crate::link::Link;
use crate::previous::Settings;
use crate::site::Site;
pub(crate) use realdoc_core::docroot::NoAnswer;

/// What we keep with the configuration of a directory.
#[derive(Clone, Copy, Default)]
pub(crate) struct Directory<'c> {
    /// How the directory was found. It is known only of what a request has merged.
    pub(crate) found: Option<Found<'c>>,
    /// What `RealdocPrevious` and its like say.
    pub(crate) previous: Option<&'c Settings<'c>>,
}

/// How a walk has found a directory.
#[derive(Clone, Copy)]
pub(crate) struct Found<'c> {
    /// By the name of this link.
    pub(crate) by: Option<&'c Link<'c>>,
    pub(crate) rules: Rules<'c>,
}

/// The rules of mod_rewrite that apply to a directory: it knows only one section or .htaccess file
/// at a time, the last one that holds any.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'c> {
    /// What mod_rewrite has made of them. A `<Location>` exchanges it.
    pub(crate) config: Option<OtherConfig<'c>>,
    pub(crate) place: Option<RulesPlace<'c>>,
}

/// Where rules are.
#[derive(Clone, Copy)]
pub(crate) enum RulesPlace<'c> {
    /// In a section above all links, or in one with a pattern or a regex, which is matched against
    /// the whole name.
    AboveLinks,
    /// At the link or in what it leads to.
    Under(&'c Link<'c>),
}

impl<'c> Directory<'c> {
    /// A directive changes what `RealdocPrevious` and its like say.
    pub(crate) fn change_previous(
        &mut self,
        pool: Pool<'c>,
        change: impl FnOnce(&mut Settings<'c>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut settings = self.previous.copied().unwrap_or_default();
        change(&mut settings)?;
        self.previous = Some(pool.put(settings));
        Ok(())
    }

    /// `own` over `base`. A section says nothing of the link.
    pub(crate) fn merge(pool: Pool<'c>, base: Directory<'c>, own: Directory<'c>) -> Directory<'c> {
        Directory {
            found: own.found.or(base.found),
            previous: match (base.previous, own.previous) {
                (Some(base), Some(own)) => Some(pool.put(Settings::merge(base, own))),
                (base, own) => own.or(base),
            },
        }
    }
}

/// A path that the request has asked for, and the symlinks on it.
struct PinnedRoot<'r> {
    source: Source<'r>,
    /// Outermost first. Empty: the path leads through no symlink, or does not resolve.
    links: &'r [Link<'r>],
}

/// Who has set a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source<'r> {
    /// The configuration: one of the site's roots, by its number.
    Site(usize),
    /// Another module, as the request's document root (`VirtualDocumentRoot`).
    Request(&'r CStr),
    /// Nobody: it is a link that leads back to a former release.
    Former,
}

impl Source<'_> {
    fn copy_to<'p>(self, pool: Pool<'p>) -> Source<'p> {
        match self {
            Source::Site(n) => Source::Site(n),
            Source::Request(path) => Source::Request(pool.put_text(path)),
            Source::Former => Source::Former,
        }
    }
}

impl Shorten for PinnedRoot<'static> {
    type At<'a> = PinnedRoot<'a>;

    fn shorten<'s, 'l: 's>(long: &'s PinnedRoot<'l>) -> &'s PinnedRoot<'s> {
        long
    }
}

/// A value that [`Pin::release_value`] has made.
struct Renamed<'r> {
    configured: &'r CStr,
    release: &'r CStr,
    /// How many paths the request had asked for: the next may name another link.
    asked: usize,
}

impl Shorten for Renamed<'static> {
    type At<'a> = Renamed<'a>;

    fn shorten<'s, 'l: 's>(long: &'s Renamed<'l>) -> &'s Renamed<'s> {
        long
    }
}

/// The last root that a pin was asked for, to compare.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Knowledge(Option<*const ()>);

/// The targets that are fixed for a request and all that comes from it.
pub(crate) struct Pin<'r> {
    /// The virtual host that it is taken for.
    pub(crate) server: ServerId,
    pub(crate) site: &'r Site,
    /// Whether a link leads back to a former release.
    is_former: bool,
    roots: PoolList<'r, PinnedRoot<'static>>,
    /// Variables for scripts that name the release.
    renamed: PoolList<'r, Renamed<'static>>,
}

impl<'r> Pin<'r> {
    /// A pin for requests to `server`, without links yet. `pool` is that of the request from which
    /// all others come.
    pub(crate) fn new(pool: Pool<'r>, server: ServerId, site: &'r Site) -> Self {
        Pin {
            server,
            site,
            is_former: false,
            roots: PoolList::new(pool),
            renamed: PoolList::new(pool),
        }
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = &'r Link<'r>> + Clone {
        self.roots.iter().flat_map(|root| root.links)
    }

    /// Whether URLs are translated by the release's document root, and not by the link's. A former
    /// release is not where the link leads, so that rules which test files would ask another one.
    pub(crate) fn translates_by_release(&self) -> bool {
        !self.site.by_link || self.is_former
    }

    /// What the pin knows. Two are equal if the same pin knew the same links.
    pub(crate) fn knowledge(&self) -> Knowledge {
        Knowledge(
            self.roots
                .iter()
                .next()
                .map(|root| ptr::from_ref(root).cast()),
        )
    }

    /// Whether it is that of a request that looks into a former release.
    pub(crate) fn is_former(&self) -> bool {
        self.is_former
    }

    pub(crate) fn has_links(&self) -> bool {
        self.links().next().is_some()
    }

    /// The longest link that `path` leads through.
    pub(crate) fn link_of(&self, path: &[u8]) -> Option<&'r Link<'r>> {
        longest_prefix(path, self.links(), |link| link.name.to_bytes()).map(|(link, _)| link)
    }

    /// Whether a link of `other`, which has been asked for the same paths, leads elsewhere, or only
    /// one of the two has it.
    fn differs_from(&self, other: &Pin<'_>) -> bool {
        // Path by path: `UseReadlink` and a RealdocLink may say different things of one link.
        let same = |(root, other): (&PinnedRoot<'_>, &PinnedRoot<'_>)| {
            let links = root.links.iter().map(|link| (link.name, link.target));
            links.eq(other.links.iter().map(|link| (link.name, link.target)))
        };
        self.roots.iter().count() != other.roots.iter().count()
            || !self.roots.iter().zip(other.roots.iter()).all(same)
    }

    fn has_roots(&self) -> bool {
        self.roots.iter().next().is_some()
    }

    fn has_asked(&self, source: Source<'_>) -> bool {
        self.roots.iter().any(|root| root.source == source)
    }
}
