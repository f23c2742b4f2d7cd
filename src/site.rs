//! Which docroots there are: made when the configuration has been read, one state
//! for all virtual hosts with the same docroot and way to resolve it.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::Arc;

use realdoc_core::cell::{Cells, Slot};
use realdoc_core::docroot::{Docroot, Policy};
use realdoc_core::fs::{Fs, OsFs};
use realdoc_core::names::Substitution;
use realdoc_core::resolve::Mode;

use crate::config::{ServerConfig, Settings};
use crate::httpd::{
    Pool, Reruns, Server, auth_is_per_config, is_loaded, is_rehearsal, log, regex_mappings,
    retained_slice,
};
use crate::report::Report;

/// How many links have a cell of their own: 256 KiB, of which only touched pages
/// take memory. With more, some share one.
const SLOTS: usize = 16_384;

/// What a virtual host's requests need.
pub(crate) struct Site {
    pub(crate) docroot: Arc<Docroot>,
    /// As configured; scripts may rely on it.
    pub(crate) docroot_ends_with_slash: bool,
    /// Of `RealdocLink`.
    pub(crate) further: Vec<Arc<Docroot>>,
    pub(crate) policy: Policy,
    pub(crate) cells: Cells,
    /// Whether the `<Directory>` sections of the link's name apply; else those of the release's.
    pub(crate) by_link: bool,
    /// Whether the docroot must be told from the same path in a rewrite rule ([`Pin::marked`](crate::pin::Pin)).
    pub(crate) marks_docroot: bool,
    pub(crate) auth_is_per_config: bool,
    pub(crate) reruns: Arc<Reruns>,
}

/// The post_config hook: gives every server its [`Site`].
pub(crate) fn set_up<'c>(pool: Pool<'c>, main: Server<'c>) {
    let cells = cells(main);
    let auth_is_per_config = auth_is_per_config(pool);
    if is_loaded(c"mpm_itk.c") && !is_rehearsal() {
        log!(
            main,
            Warn,
            "RD09: mod_realdoc has not been tried with mpm-itk: use prefork, worker or event, or Realdoc Off"
        );
    }
    let reruns = Arc::new(Reruns::find(main, pool, |server, section, why| {
        log!(
            server,
            Warn,
            "RD08: <Directory \"{}\"> cannot be carried over to releases where modules remember its path: {why}",
            section.name().to_string_lossy()
        );
    }));
    let maps_to_files = maps_to_files(pool);
    let mut report = Report::new();
    let mut docroots: HashMap<(CString, Mode), Arc<Docroot>> = HashMap::new();
    let mut docroot = |path: &CStr, mode: Mode| {
        // As httpd spells file names.
        let path = pool.clean(path).unwrap_or(path).to_bytes();
        let path = path
            .strip_suffix(b"/")
            .filter(|p| !p.is_empty())
            .unwrap_or(path);
        let path = CString::new(path).unwrap_or_default();
        let made = docroots
            .entry((path, mode))
            .or_insert_with_key(|(path, mode)| Arc::new(Docroot::new(path.clone(), mode.clone())));
        Arc::clone(made)
    };
    for server in main.all() {
        let Some(config) = server.config() else {
            continue;
        };
        let settings = config.settings.clone();
        let path = server
            .document_root()
            .filter(|path| path.to_bytes().starts_with(b"/"));
        let site = path.filter(|_| settings.is_on()).map(|path| {
            let docroot_of_site = docroot(path, settings.mode());
            let further: Vec<_> = settings
                .links()
                .iter()
                .map(|link| docroot(link, Mode::Realpath))
                .collect();
            let choice = report.add(server, &docroot_of_site, &further, settings.sections());
            Site {
                docroot: docroot_of_site,
                docroot_ends_with_slash: path.count_bytes() > 1 && path.to_bytes().ends_with(b"/"),
                further,
                policy: settings.policy(),
                cells: own_cells(&settings).unwrap_or(cells),
                by_link: choice.by_link,
                marks_docroot: choice.by_link && choice.names_differ && maps_to_files,
                auth_is_per_config,
                reruns: Arc::clone(&reruns),
            }
        });
        server.set_config(pool.keep(ServerConfig {
            settings,
            server: Some(server.id()),
            site,
        }));
    }
}

/// Whether a regex may map a URL to a file that it names by its path.
fn maps_to_files(pool: Pool<'_>) -> bool {
    regex_mappings(pool)
        .iter()
        .any(|text| match Substitution::of(text.to_bytes()) {
            Substitution::NoPath => false,
            Substitution::Open => true,
            Substitution::Component(name) => {
                let path = CString::new([b"/", name].concat()).unwrap_or_default();
                !name.is_empty() && OsFs.stat(&path).is_ok()
            }
        })
}

/// The cells that all processes share; without them each process switches by itself.
fn cells(main: Server<'_>) -> Cells {
    // httpd keeps the memory over restarts: another layout or size takes another key.
    let key = CString::new(format!("mod_realdoc cells 1, {SLOTS}")).unwrap_or_default();
    match retained_slice::<Slot>(&key, SLOTS) {
        Ok(slots) => Cells::new(slots),
        Err(error) => {
            log!(
                main,
                Warn,
                "RD02: no shared memory ({error}): after a deploy, processes will go over to the \
                 new release one by one"
            );
            Cells::private(SLOTS)
        }
    }
}

#[cfg(feature = "test-hooks")]
fn own_cells(settings: &Settings) -> Option<Cells> {
    settings.has_private_cells().then(|| Cells::private(SLOTS))
}

#[cfg(not(feature = "test-hooks"))]
fn own_cells(_: &Settings) -> Option<Cells> {
    None
}
