//! What a configuration says that does not work as it did without the module, and that only its
//! text shows: conditions of mod_rewrite that name the link, and WebDAV under a link. Also where
//! `RealdocPrevious` has no effect.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};

use realdoc_core::auto::is_below;
use realdoc_core::conditions::compares_path;
use realdoc_core::docroot::Docroot;
use realdoc_core::paths::strip_dir;
use realdoc_core::patterns::SectionKind;

use crate::analysis::HostAnalysis;
use crate::httpd::{Node, Pool, Section, Server, ServerId, Startup, server_texts};

/// A directive, by its place in the text.
pub(crate) struct Warning {
    pub(crate) kind: WarningKind,
    pub(crate) file: CString,
    pub(crate) line: u32,
    /// The directive as it is written.
    pub(crate) directive: String,
    /// The link that it concerns.
    pub(crate) link: CString,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WarningKind {
    /// A condition that compares the link's name with a path in the release.
    Condition,
    /// mod_dav, which keeps locks by the path in the release.
    Dav,
    /// `RealdocPrevious`, where this directive leaves it without effect.
    Previous(&'static str),
}

impl WarningKind {
    /// Its tag in the error log.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            WarningKind::Condition => "RD26",
            WarningKind::Dav => "RD27",
            WarningKind::Previous(_) => "RD25",
        }
    }
}

/// Finds what to warn of, each directive once however many virtual hosts it concerns.
pub(crate) struct Finder<'s, 'c> {
    startup: &'s Startup,
    pool: Pool<'c>,
    /// The sections of each server that hold rewrite conditions.
    conditions: HashMap<ServerId, Vec<Node<'c>>>,
    /// Each `Dav` directive that is not off, and where it holds.
    dav: HashMap<ServerId, Vec<(Node<'c>, Place)>>,
    /// Each `RealdocPrevious` that is not off.
    previous: HashMap<ServerId, Vec<Node<'c>>>,
    /// Each server's `VirtualDocumentRoot`.
    virtual_roots: HashMap<ServerId, CString>,
    main: ServerId,
    found: HashSet<(CString, u32)>,
}

const VIRTUAL_ROOTS: [&CStr; 2] = [c"VirtualDocumentRoot", c"VirtualDocumentRootIP"];

/// Where a directive holds.
#[derive(Clone)]
enum Place {
    /// In all of the server, or in a part of it that cannot be told.
    Server,
    /// In `<Directory>`.
    Directory(CString),
    /// In `<Location>`.
    Location(CString),
}

impl<'s, 'c> Finder<'s, 'c> {
    pub(crate) fn new(startup: &'s Startup, pool: Pool<'c>, main: Server<'c>) -> Self {
        let mut finder = Finder {
            startup,
            pool,
            conditions: HashMap::new(),
            dav: HashMap::new(),
            previous: HashMap::new(),
            virtual_roots: HashMap::new(),
            main: main.id(),
            found: HashSet::new(),
        };
        for (server, nodes) in server_texts(startup, main) {
            for node in nodes {
                finder.read(server.id(), node, &Place::Server);
            }
        }
        finder
    }

    fn read(&mut self, server: ServerId, node: Node<'c>, place: &Place) {
        let mut inner = None;
        if node.name() == c"<Directory" || node.name() == c"<DirectoryMatch" {
            let mut has_conditions = false;
            node.visit(&mut |node| has_conditions |= node.name() == c"RewriteCond");
            if has_conditions {
                self.conditions.entry(server).or_default().push(node);
            }
            inner = Some(Place::Directory(node.section_name(self.pool)));
        } else if node.name() == c"<Location" {
            inner = Some(Place::Location(node.first_word()));
        } else if VIRTUAL_ROOTS.contains(&node.name()) {
            self.virtual_roots.insert(server, node.first_word());
        } else if node.name() == c"DAV" {
            let value = node.first_word();
            let is_off = ["off", "none"].iter().any(|word| is_word(&value, word));
            if !is_off {
                let dav = self.dav.entry(server).or_default();
                dav.push((node, place.clone()));
            }
        } else if node.name() == c"RealdocPrevious" && !is_word(&node.first_word(), "off") {
            self.previous.entry(server).or_default().push(node);
        }
        for child in node.children() {
            self.read(server, child, inner.as_ref().unwrap_or(place));
        }
    }

    /// What mod_vhost_alias makes the document root of `server` of. A virtual host without a
    /// directive has that of the main server.
    pub(crate) fn virtual_root(&self, server: Server<'_>) -> Option<CString> {
        let of = |server| self.virtual_roots.get(&server);
        let root = of(server.id()).or_else(|| of(self.main))?;
        Some(root.clone()).filter(|root| !is_word(root, "none"))
    }

    /// What to warn of for `host`.
    pub(crate) fn find(&mut self, host: &HostAnalysis<'c>) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if host.docroot.mode().is_readlink() {
            warnings = self.previous(host.server, host.docroot.path(), "UseReadlink");
        } else if self.virtual_root(host.server).is_some() {
            warnings = self.previous(host.server, host.docroot.path(), "VirtualDocumentRoot");
        }
        let mut servers = vec![self.main, host.server.id()];
        servers.dedup();
        let conditions = servers
            .iter()
            .filter_map(|server| self.conditions.get(server));
        let conditions: Vec<_> = conditions.flatten().copied().collect();
        let dav = servers.iter().filter_map(|server| self.dav.get(server));
        let dav: Vec<_> = dav.flatten().cloned().collect();
        if conditions.is_empty() && dav.is_empty() {
            return warnings;
        }
        let Some(link) = host.link() else {
            return warnings;
        };
        for section in conditions {
            self.conditions_in(host, link, section, &mut warnings);
        }
        for (node, place) in dav {
            if is_under_link(host, link, &place) {
                warnings.extend(self.warning(WarningKind::Dav, node, link));
            }
        }
        warnings
    }

    /// What to warn of for a server with `Realdoc Off`.
    pub(crate) fn find_for_off(&mut self, server: Server<'c>) -> Vec<Warning> {
        let root = server.document_root().unwrap_or_default();
        self.previous(server, root, "Realdoc Off")
    }

    /// Those in the server's own text. What the main server says may be meant for others.
    fn previous(&mut self, server: Server<'c>, root: &CStr, why: &'static str) -> Vec<Warning> {
        let nodes = self.previous.get(&server.id()).cloned().unwrap_or_default();
        let kind = WarningKind::Previous(why);
        let warnings = nodes
            .into_iter()
            .filter_map(|node| self.warning(kind, node, root));
        warnings.collect()
    }

    /// Those of a section at the link or below it. Rules above the link are shown its name.
    fn conditions_in(
        &mut self,
        host: &HostAnalysis<'c>,
        link: &CStr,
        node: Node<'c>,
        warnings: &mut Vec<Warning>,
    ) {
        let name = node.section_name(self.pool);
        let section = section_of(host.server, &name);
        let is_in_release =
            |section: Section<'_>| section.kind() == SectionKind::Path && is_below(section, link);
        if !host.choice.by_link || !section.is_some_and(is_in_release) {
            return;
        }
        let mut lost = Vec::new();
        node.visit(&mut |node| {
            let is_condition = node.name() == c"RewriteCond";
            if is_condition && compares_path(node.args().to_bytes(), link.to_bytes()) {
                lost.push(node);
            }
        });
        for node in lost {
            warnings.extend(self.warning(WarningKind::Condition, node, link));
        }
    }

    /// `None`: it has been found already.
    fn warning(&mut self, kind: WarningKind, node: Node<'c>, link: &CStr) -> Option<Warning> {
        let (file, line) = node.place(self.startup);
        let file = file.to_owned();
        self.found.insert((file.clone(), line)).then(|| Warning {
            kind,
            file,
            line,
            directive: format!(
                "{} {}",
                node.name().to_string_lossy(),
                node.args().to_string_lossy()
            ),
            link: link.to_owned(),
        })
    }
}

/// The section of `server` with this name, which is without a slash at its end.
fn section_of<'c>(server: Server<'c>, name: &CStr) -> Option<Section<'c>> {
    let without_slash = |name: &'c [u8]| name.strip_suffix(b"/").unwrap_or(name);
    let wanted = name.to_bytes();
    let wanted = wanted.strip_suffix(b"/").unwrap_or(wanted);
    let mut sections = server.sections().iter().copied();
    sections.find(|section| without_slash(section.name().to_bytes()) == wanted)
}

/// Whether a directive there concerns files whose path is the release's. A `RealdocLink` to the
/// directory resolves it to where it lies in every release.
fn is_under_link(host: &HostAnalysis<'_>, link: &CStr, place: &Place) -> bool {
    let docroot = host.docroot.path().to_bytes();
    let dir = match place {
        Place::Server => docroot.to_vec(),
        Place::Directory(dir) => dir.to_bytes().to_vec(),
        Place::Location(path) => [docroot, path.to_bytes()].concat(),
    };
    let dir = dir.strip_suffix(b"/").unwrap_or(&dir);
    let is_shared = |root: &Docroot| strip_dir(dir, root.path().to_bytes()).is_some();
    let concerns_link =
        strip_dir(dir, link.to_bytes()).is_some() || strip_dir(link.to_bytes(), dir).is_some();
    concerns_link && !host.further.iter().any(|root| is_shared(root))
}

fn is_word(value: &CStr, word: &str) -> bool {
    value.to_bytes().eq_ignore_ascii_case(word.as_bytes())
}
