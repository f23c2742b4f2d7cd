//! What the configuration says of the virtual hosts, and where their document roots lead at that moment: what
//! [`site`](crate::site) goes by, what [`report`](crate::report) and [`dump`](crate::dump) tell.
//!
//! What counts in the end is what the children see, who may have fewer rights and another root directory.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::rc::Rc;
use std::sync::Arc;

use realdoc_core::docroot::Docroot;
use realdoc_core::fs::{CachedFs, Fs, OsFs};
use realdoc_core::names::{pattern_is_below, regex_is_about};
use realdoc_core::paths::strip_dir;
use realdoc_core::resolve::{Link, Mode, ResolveError, Resolved, resolve, starts_at_component};
use realdoc_core::settings::Sections;

use crate::config::Settings;
use crate::httpd::{Pool, Section, SectionKind, Server, matches_pattern};

/// Looks at each document root once, however many virtual hosts have it.
pub(crate) struct Survey<'c> {
    pool: Pool<'c>,
    fs: Rc<CachedFs<'static, OsFs>>,
    /// By path.
    realpath: HashMap<CString, Root>,
    /// The same for each beginning that `UseReadlink` gives. (Not by `Mode` in one table: valgrind takes the
    /// machine code that compares two of them for a use of what is not there.)
    readlink: HashMap<Option<CString>, HashMap<CString, Root>>,
}

/// A document root, or a path of `RealdocLink`, and where it leads.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) docroot: Arc<Docroot>,
    /// Looked at when somebody asks: of thousands of virtual hosts few have something to tell at start.
    leads: Rc<OnceCell<Result<Resolved, ResolveError>>>,
    fs: Rc<CachedFs<'static, OsFs>>,
}

impl Root {
    pub(crate) fn leads(&self) -> &Result<Resolved, ResolveError> {
        let look = || resolve(&*self.fs, self.docroot.path(), self.docroot.mode());
        self.leads.get_or_init(look)
    }

    /// Whether it leads to a directory: cheaper to ask than where.
    pub(crate) fn is_there(&self) -> bool {
        let is_directory = || OsFs.stat(self.docroot.path()).is_ok_and(|stat| stat.is_dir);
        self.leads.get().map_or_else(is_directory, Result::is_ok)
    }

    /// The symlinks on its path; none if it does not resolve.
    pub(crate) fn links(&self) -> &[Link] {
        self.leads()
            .as_ref()
            .map_or(&[], |resolved| &resolved.links)
    }

    /// Where it leads, if through a symlink.
    fn resolved(&self) -> Option<&CStr> {
        let resolved = self.leads().as_ref().ok()?;
        (!resolved.links.is_empty()).then_some(&resolved.docroot)
    }

    /// Whether it leads through a symlink.
    pub(crate) fn leads_on(&self) -> bool {
        self.resolved().is_some()
    }

    /// Whether `UseReadlink` follows the first symlink only.
    pub(crate) fn is_by_readlink(&self) -> bool {
        matches!(self.docroot.mode(), Mode::Readlink { .. })
    }

    /// The link that `UseReadlink` follows, if that leads to a symlink.
    pub(crate) fn link_to_symlink(&self) -> Option<&Link> {
        let is_symlink = |path: &CStr| OsFs.read_link(path, |_| ()).is_ok();
        let mut links = self.links().iter();
        links.find(|link| self.is_by_readlink() && is_symlink(&link.target))
    }

    /// What `UseReadlink` says to begin at, where the path does not lie under that.
    pub(crate) fn ignored_beginning(&self) -> Option<&CStr> {
        match self.docroot.mode() {
            Mode::Readlink { from: Some(from) } => {
                Some(&**from).filter(|from| !starts_at_component(self.docroot.path(), from))
            }
            _ => None,
        }
    }
}

/// A virtual host, or the main server, that is not left alone from the start.
pub(crate) struct Host<'c> {
    pub(crate) server: Server<'c>,
    /// As configured.
    pub(crate) path: &'c CStr,
    pub(crate) root: Root,
    /// Of `RealdocLink`.
    pub(crate) further: Vec<Root>,
    pub(crate) choice: Choice,
    /// All but `<Directory "/">`.
    pub(crate) sections: Vec<Section<'c>>,
}

impl<'c> Survey<'c> {
    pub(crate) fn new(pool: Pool<'c>) -> Self {
        Survey {
            pool,
            fs: Rc::new(CachedFs::new(&OsFs)),
            realpath: HashMap::new(),
            readlink: HashMap::new(),
        }
    }

    /// `None`: the server is left alone, by `Realdoc Off` or since it has no document root.
    pub(crate) fn look_at(&mut self, server: Server<'c>, settings: &Settings) -> Option<Host<'c>> {
        let path = server
            .document_root()
            .filter(|path| path.to_bytes().starts_with(b"/"));
        let path = path.filter(|_| settings.is_on())?;
        let root = self.root(path, settings.mode());
        let further = settings.links().iter();
        let further = further
            .map(|link| self.root(link, Mode::Realpath))
            .collect();
        let sections: Vec<_> = server
            .sections()
            .iter()
            // A regex without a slash has no components either.
            .filter(|section| section.components() != 0 || section.kind() == SectionKind::Regex)
            .copied()
            .collect();
        let choice = choose(settings.sections(), &sections, &root);
        Some(Host {
            server,
            path,
            further,
            choice,
            sections,
            root,
        })
    }

    fn root(&mut self, path: &CStr, mode: Mode) -> Root {
        // As httpd spells file names.
        let path = self.pool.canonicalize(path).unwrap_or(path).to_bytes();
        let path = path
            .strip_suffix(b"/")
            .filter(|p| !p.is_empty())
            .unwrap_or(path);
        let path = CString::new(path).unwrap_or_default();
        let roots = match &mode {
            Mode::Realpath => &mut self.realpath,
            Mode::Readlink { from } => self.readlink.entry(from.clone()).or_default(),
        };
        let root = roots.entry(path).or_insert_with_key(|path| Root {
            leads: Rc::default(),
            fs: Rc::clone(&self.fs),
            docroot: Arc::new(Docroot::new(path.clone(), mode)),
        });
        root.clone()
    }
}

impl<'c> Host<'c> {
    /// The document root and the further links, each with the name of its directive.
    pub(crate) fn roots(&self) -> impl Iterator<Item = (&'static str, &Root)> {
        let further = self.further.iter().map(|root| ("RealdocLink", root));
        std::iter::once(("DocumentRoot", &self.root)).chain(further)
    }

    /// The sections that apply by one of the names alone: of the link, or in the release.
    pub(crate) fn sections_by(&self, link: bool) -> impl Iterator<Item = Section<'c>> {
        let root = &self.root;
        let is_alone = move |section: &Section<'c>| {
            if link {
                // A docroot without a symlink has no release that sections could be carried over to.
                !by_target(*section, root) && by_link(*section, root) && root.leads_on()
            } else {
                !by_link(*section, root) && by_target(*section, root)
            }
        };
        self.sections.iter().copied().filter(is_alone)
    }

    /// Whether it makes a difference whose sections apply.
    pub(crate) fn names_differ(&self) -> bool {
        // A pattern or regex may make one further below.
        let differ = |section: &Section<'_>| {
            section.kind() != SectionKind::Path
                || by_link(*section, &self.root) != by_target(*section, &self.root)
        };
        self.sections.iter().any(differ)
    }
}

/// Whose sections apply to a virtual host.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    /// Those of the link's name; else those of the release's.
    pub(crate) by_link: bool,
    pub(crate) why: &'static str,
}

/// Whether `section` applies to the docroot, or to something below a link, by the link's name.
fn by_link(section: Section<'_>, root: &Root) -> bool {
    section.applies_on_the_way_to(root.docroot.path())
        || root
            .links()
            .iter()
            .any(|link| is_below(section, &link.path))
        || may_match_below(section, root, |link| &link.path)
}

/// The same by the name in the release.
fn by_target(section: Section<'_>, root: &Root) -> bool {
    let is_on_the_way = |resolved| section.applies_on_the_way_to(resolved);
    root.resolved().is_some_and(is_on_the_way)
        || root
            .links()
            .iter()
            .any(|link| is_below(section, &link.target))
        || may_match_below(section, root, |link| &link.target)
}

/// Whether a regex that does not match the docroot by either name may match what is below.
fn may_match_below(section: Section<'_>, root: &Root, name: impl Fn(&Link) -> &CStr) -> bool {
    let applies = |path| section.applies_on_the_way_to(path);
    let is_about = |dir: &CStr| regex_is_about(section.name().to_bytes(), dir.to_bytes());
    section.kind() == SectionKind::Regex
        && !applies(root.docroot.path())
        && !root.resolved().is_some_and(applies)
        && root.links().iter().any(|link| is_about(name(link)))
}

/// Whether `section` is named at `dir` or below it.
fn is_below(section: Section<'_>, dir: &CStr) -> bool {
    let (name, dir_name) = (section.name().to_bytes(), dir.to_bytes());
    let matches = |head: &[u8]| CString::new(head).is_ok_and(|head| matches_pattern(&head, dir));
    match section.kind() {
        SectionKind::Path => strip_dir(name, dir_name).is_some(),
        SectionKind::Pattern => pattern_is_below(name, dir_name, matches),
        SectionKind::Regex => false,
    }
}

/// Whether the sections of the link's name apply, and why.
fn choose(choice: Sections, sections: &[Section<'_>], root: &Root) -> Choice {
    let any = |is_about: fn(Section<'_>, &Root) -> bool| {
        sections.iter().any(|section| is_about(*section, root))
    };
    // The first question says the most without a look at the file system.
    let is_on_the_way =
        |section: Section<'_>, root: &Root| section.applies_on_the_way_to(root.docroot.path());
    let (by_link, why) = match choice {
        Sections::Link => (true, "RealdocSections Link"),
        Sections::Target => (false, "RealdocSections Target"),
        Sections::Auto if any(is_on_the_way) || any(by_link) => {
            (true, "RealdocSections Auto: there are sections for it")
        }
        Sections::Auto if any(by_target) => (
            false,
            "RealdocSections Auto: there are sections for it, and none for the link's",
        ),
        Sections::Auto => (
            true,
            "RealdocSections Auto: there are no sections for either",
        ),
    };
    Choice { by_link, why }
}
