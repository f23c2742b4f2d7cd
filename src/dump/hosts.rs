//! What there is to print.

use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use realdoc_core::docroot::Docroot;
use realdoc_core::fs::OsFs;
use realdoc_core::resolve::{
    Link, Mode, ResolveError, Resolved, chain, resolve, starts_at_component,
};
use realdoc_core::symlinks::Symlinks;

use crate::analysis::{Analyzer, HostAnalysis, OneName, options_in, sections_by_one_name};
use crate::config::ServerConfig;
use crate::httpd::{Pool, Section, Server, Startup};
use crate::warnings::{Finder, Warning};

/// A virtual host, or the main server.
pub(super) struct Host<'c> {
    pub(super) name: &'c CStr,
    /// File and line; `None`: the main server.
    pub(super) definition: Option<(CString, u32)>,
    pub(super) state: State<'c>,
}

pub(super) enum State<'c> {
    /// `Realdoc Off`
    Off,
    NoDocumentRoot,
    On(Box<Pinned<'c>>),
}

/// What is pinned, if it leads through a symlink.
pub(super) struct Pinned<'c> {
    pub(super) analysis: HostAnalysis<'c>,
    pub(super) roots: Vec<Root>,
    /// What mod_vhost_alias makes the document root of with each request.
    pub(super) virtual_root: Option<CString>,
    /// Those that apply by one of the names only.
    pub(super) by_link_only: Vec<Section<'c>>,
    pub(super) by_release_only: Vec<Section<'c>>,
    pub(super) warnings: Vec<Warning>,
}

/// A document root or a further link.
pub(super) struct Root {
    pub(super) directive: &'static str,
    pub(super) path: CString,
    pub(super) is_readlink: bool,
    /// What `UseReadlink` says to begin at, where the path does not lie under that.
    pub(super) ignored_beginning: Option<CString>,
    pub(super) resolved: Result<Resolved, ResolveError>,
    pub(super) links: Vec<LinkState>,
}

/// A symlink on the path of a root.
pub(super) struct LinkState {
    pub(super) path: CString,
    /// Its own target, then that with each further symlink replaced, at the end the release.
    pub(super) chain: Vec<CString>,
    pub(super) permission: Permission,
}

/// Whether the link is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    Followed,
    /// As without the module.
    Refused,
    /// Although stock httpd would refuse it.
    FollowedOnlyHere,
}

impl Pinned<'_> {
    /// Whether a request runs in a release.
    pub(super) fn has_links(&self) -> bool {
        self.virtual_root.is_some() || self.roots.iter().any(|root| !root.links.is_empty())
    }
}

pub(super) fn hosts<'c>(startup: &Startup, pool: Pool<'c>, main: Server<'c>) -> Vec<Host<'c>> {
    let mut analyzer = Analyzer::new(pool);
    let mut warnings = Finder::new(startup, pool, main);
    let servers = main.in_order().into_iter();
    servers
        .map(|server| {
            let settings = ServerConfig::of(server).map(|config| &config.settings);
            let analysis = settings.and_then(|settings| analyzer.analyze(server, settings));
            let state = match analysis {
                Some(analysis) => State::On(Box::new(pinned(analysis, &mut warnings))),
                None if settings.is_some_and(|settings| settings.is_on()) => State::NoDocumentRoot,
                None => State::Off,
            };
            let definition = server.definition(startup);
            Host {
                name: server.name(),
                definition: definition.map(|(file, line)| (file.to_owned(), line)),
                state,
            }
        })
        .collect()
}

fn pinned<'c>(analysis: HostAnalysis<'c>, warnings: &mut Finder<'_, 'c>) -> Pinned<'c> {
    let roots: Vec<_> = analysis
        .docroots()
        .map(|(directive, docroot)| root(&analysis, directive, docroot))
        .collect();
    let sections = |name| {
        let Ok(resolved) = &roots[0].resolved else {
            return Vec::new();
        };
        let docroot = analysis.docroot.path();
        sections_by_one_name(analysis.server, docroot, resolved, name).collect()
    };
    Pinned {
        by_link_only: sections(OneName::Link),
        by_release_only: sections(OneName::Release),
        virtual_root: warnings.virtual_root(analysis.server),
        warnings: warnings.find(&analysis),
        roots,
        analysis,
    }
}

fn root(host: &HostAnalysis<'_>, directive: &'static str, docroot: &Docroot) -> Root {
    let resolved = resolve(&OsFs, docroot.path(), docroot.mode());
    let links = resolved.as_ref().map_or(&[][..], |found| &found.links);
    let ignored_beginning = match docroot.mode() {
        Mode::Readlink { from: Some(from) } if !starts_at_component(docroot.path(), from) => {
            Some(from.clone())
        }
        _ => None,
    };
    Root {
        directive,
        path: docroot.path().to_owned(),
        is_readlink: matches!(docroot.mode(), Mode::Readlink { .. }),
        ignored_beginning,
        links: links.iter().map(|link| link_state(host, link)).collect(),
        resolved,
    }
}

fn link_state(host: &HostAnalysis<'_>, link: &Link) -> LinkState {
    let permission = if is_followed(host.server, link) {
        Permission::Followed
    } else if host.choice.by_link || host.owners_must_match() && owners_match(link) == Some(false) {
        Permission::Refused
    } else {
        Permission::FollowedOnlyHere
    };
    LinkState {
        path: link.path.clone(),
        chain: chain(&OsFs, link).unwrap_or_else(|_| vec![link.target.clone()]),
        permission,
    }
}

/// Whether the options that `<Directory>` sections give above the link allow to follow it. (What an
/// .htaccess file says is known when a request comes by.)
fn is_followed(server: Server<'_>, link: &Link) -> bool {
    let path = link.path.to_bytes();
    let slash = path.iter().rposition(|byte| *byte == b'/');
    let options = options_in(server, &path[..=slash.unwrap_or(0)]);
    match options.map(|options| options.symlinks()) {
        None | Some(Symlinks::Followed) => true,
        Some(Symlinks::Refused) => false,
        // What cannot be asked is reported elsewhere.
        Some(Symlinks::IfOwnerMatch) => owners_match(link).unwrap_or(true),
    }
}

/// Whether the link belongs to the owner of its target, if that can be asked.
fn owners_match(link: &Link) -> Option<bool> {
    let path = |path: &CStr| Path::new(OsStr::from_bytes(path.to_bytes())).to_owned();
    let itself = fs::symlink_metadata(path(&link.path)).ok()?;
    let target = fs::metadata(path(&link.target)).ok()?;
    Some(itself.uid() == target.uid())
}
