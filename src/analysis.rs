//! What the configuration says of each virtual host. [`site`](crate::site) serves requests by it,
//! [`report`](crate::report) logs it, [`dump`](crate::dump) prints it.
//!
//! No symlink is followed here: a link that hangs must not keep httpd from starting.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::Arc;

use realdoc_core::auto::outermost_symlink;
use realdoc_core::docroot::Docroot;
use realdoc_core::fs::OsFs;
use realdoc_core::resolve::Mode;
use realdoc_core::symlinks::Symlinks;

use crate::config::Settings;
use crate::httpd::{Options, Pool, Server};

mod sections;

pub(crate) use sections::{OneName, SectionChoice, directive, sections_by_one_name};

/// A virtual host, or the main server, that is not left alone.
pub(crate) struct HostAnalysis<'c> {
    pub(crate) server: Server<'c>,
    pub(crate) docroot: Arc<Docroot>,
    /// Of `RealdocLink`.
    pub(crate) further: Vec<Arc<Docroot>>,
    pub(crate) choice: SectionChoice<'c>,
    /// Asked for where it is needed: of thousands of virtual hosts few need it.
    link: OnceCell<Option<CString>>,
}

impl HostAnalysis<'_> {
    /// The outermost symlink on the `DocumentRoot`.
    pub(crate) fn link(&self) -> Option<&CStr> {
        let find = || outermost_symlink(&OsFs, self.docroot.path(), self.docroot.mode());
        self.link.get_or_init(find).as_deref()
    }

    /// The document root and the further links, each with the name of its directive.
    pub(crate) fn docroots(&self) -> impl Iterator<Item = (&'static str, &Docroot)> {
        let further = self.further.iter().map(|root| ("RealdocLink", &**root));
        std::iter::once(("DocumentRoot", &*self.docroot)).chain(further)
    }

    /// Whether the owner of each link must be that of its target: what stock httpd demands by the
    /// link's name stays in force where `Auto`, and not the administrator, has chosen the
    /// release's.
    pub(crate) fn owners_must_match(&self) -> bool {
        if !self.choice.is_target_by_auto() {
            return false;
        }
        // No other section applies to the docroot by the link's name, or Auto had chosen that.
        let options = options_in(self.server, b"/");
        options.is_some_and(|options| options.symlinks() == Symlinks::IfOwnerMatch)
    }
}

/// What the `<Directory>` sections of `server` say in `dir`, which ends with a slash.
pub(crate) fn options_in<'c>(server: Server<'c>, dir: &[u8]) -> Option<Options<'c>> {
    let mut options = server.dir_config().map(Options::of)?;
    let sections = || server.sections().iter();
    for section in sections().filter(|section| sections::is_everywhere(section)) {
        options.merge(section.config());
    }
    let ends = (1..=dir.len()).filter(|end| dir[..*end].ends_with(b"/"));
    for end in ends {
        let dir = CString::new(&dir[..end]).unwrap_or_default();
        let own = sections().filter(|section| section.components() > 0);
        for section in own.filter(|section| section.applies_to(&dir)) {
            options.merge(section.config());
        }
    }
    Some(options)
}

/// Analyses virtual hosts. Those with the same document root, resolved in the same mode, share it.
pub(crate) struct Analyzer<'c> {
    pool: Pool<'c>,
    docroots: HashMap<(CString, Mode), Arc<Docroot>>,
}

impl<'c> Analyzer<'c> {
    pub(crate) fn new(pool: Pool<'c>) -> Self {
        let docroots = HashMap::new();
        Analyzer { pool, docroots }
    }

    /// `None`: the server is left alone, by `Realdoc Off` or since it has no document root.
    pub(crate) fn analyze(
        &mut self,
        server: Server<'c>,
        settings: &Settings,
    ) -> Option<HostAnalysis<'c>> {
        let path = server
            .document_root()
            .filter(|path| settings.is_on() && path.to_bytes().starts_with(b"/"))?;
        let docroot = self.docroot(path, settings.mode());
        let further = settings.links().iter();
        let further = further
            .map(|link| self.docroot(link, Mode::Realpath))
            .collect();
        let link = OnceCell::new();
        let find = || {
            let find = || outermost_symlink(&OsFs, docroot.path(), docroot.mode());
            link.get_or_init(find).as_deref()
        };
        let choice = SectionChoice::new(settings.sections(), server, docroot.path(), find);
        Some(HostAnalysis {
            server,
            further,
            choice,
            link,
            docroot,
        })
    }

    fn docroot(&mut self, path: &CStr, mode: Mode) -> Arc<Docroot> {
        // As httpd spells file names.
        let path = self.pool.canonicalize(path).unwrap_or(path).to_bytes();
        let path = path
            .strip_suffix(b"/")
            .filter(|path| !path.is_empty())
            .unwrap_or(path);
        let key = (CString::new(path).unwrap_or_default(), mode);
        let docroot = self
            .docroots
            .entry(key)
            .or_insert_with_key(|(path, mode)| Arc::new(Docroot::new(path.clone(), mode.clone())));
        Arc::clone(docroot)
    }
}
