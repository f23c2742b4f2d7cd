//! Which docroots there are: made when the configuration has been read, one state
//! for all virtual hosts with the same docroot and way to resolve it.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::sync::Arc;

use realdoc_core::cell::{Cells, Slot};
use realdoc_core::docroot::{Docroot, Policy};
use realdoc_core::fs::OsFs;
use realdoc_core::resolve::{Link, Mode, resolve, starts_at_component};

use crate::config::{ServerConfig, Settings, misplaced_start};
use crate::httpd::{Pool, Server, is_rehearsal, log, retained_slice};

/// How many links have a cell of their own: 256 KiB, of which only touched pages
/// take memory. With more, some share one.
const SLOTS: usize = 16_384;

/// Names the layout of the table of cells: another layout or size takes another key,
/// since httpd keeps the memory over restarts.
const CELLS: &CStr = c"mod_realdoc cells 1, 16384";

/// What a virtual host's requests need.
pub(crate) struct Site {
    pub(crate) docroot: Arc<Docroot>,
    pub(crate) policy: Policy,
    pub(crate) cells: Cells,
}

/// The post_config hook: gives every server its [`Site`].
pub(crate) fn set_up(pool: Pool<'_>, main: Server<'_>) {
    let cells = cells(main);
    let mut docroots: HashMap<(CString, Mode), Arc<Docroot>> = HashMap::new();
    let mut told = HashSet::new();
    for server in main.all() {
        let Some(config) = server.config() else {
            continue;
        };
        let settings = config.settings.clone();
        let path = server
            .document_root()
            .filter(|path| path.to_bytes().starts_with(b"/"));
        let site = path.filter(|_| settings.is_on()).map(|path| {
            let mode = settings.mode();
            let policy = settings.policy();
            let docroot =
                docroots
                    .entry((path.to_owned(), mode))
                    .or_insert_with_key(|(path, mode)| {
                        let docroot = Docroot::new(path.clone(), mode.clone());
                        report(server, &docroot, &mut told);
                        Arc::new(docroot)
                    });
            Site {
                docroot: Arc::clone(docroot),
                policy,
                cells: own_cells(&settings).unwrap_or(cells),
            }
        });
        server.set_config(pool.keep(ServerConfig {
            settings,
            server: Some(server.id()),
            site,
        }));
    }
}

/// The cells that all processes share; without them each process switches by itself.
fn cells(main: Server<'_>) -> Cells {
    match retained_slice::<Slot>(CELLS, SLOTS) {
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

/// Tells of a docroot at start. What counts is what the children see, who may have fewer
/// rights: this is to show a mistake before the first request does.
fn report<'s>(server: Server<'s>, docroot: &Docroot, told: &mut HashSet<&'s CStr>) {
    if is_rehearsal() {
        return;
    }
    let path = docroot.path().to_string_lossy();
    if let Some(from) = misplaced_start(docroot.mode(), docroot.path()) {
        let from = from.to_string_lossy();
        log!(
            server,
            Warn,
            "RD03: UseReadlink {from} is ignored for DocumentRoot {path}, which does not lie under it"
        );
    }
    match resolve(&OsFs, docroot.path(), docroot.mode()) {
        Ok(resolved) if resolved.links.is_empty() => {
            log!(
                server,
                Info,
                "RD04: DocumentRoot {path} has no symlink on its path"
            );
        }
        Ok(resolved) => {
            let target = resolved.docroot.to_string_lossy();
            log!(
                server,
                Info,
                "RD04: DocumentRoot {path} resolves to {target}"
            );
            for section in server.directory_sections() {
                if let Some(link) = left_by(section, &resolved.links)
                    && told.insert(section)
                {
                    log!(
                        server,
                        Warn,
                        "RD06: <Directory \"{}\"> does not apply to requests any longer, since they run \
                         in {}, where {} leads; name the directory that holds the releases",
                        section.to_string_lossy(),
                        link.target.to_string_lossy(),
                        link.path.to_string_lossy()
                    );
                }
            }
        }
        Err(error) if error.behind_link => {
            log!(
                server,
                Warn,
                "RD05: DocumentRoot {path} does not resolve ({error}); until it does, requests \
                 are answered as without mod_realdoc"
            );
        }
        Err(error) => {
            log!(
                server,
                Info,
                "RD05: DocumentRoot {path} does not resolve ({error})"
            );
        }
    }
}

/// The link by whose name `section` applies, if it does not apply to the target too.
/// (A section that is named by a pattern or a regex is nothing that can be told here.)
fn left_by<'a>(section: &CStr, links: &'a [Link]) -> Option<&'a Link> {
    let above = |path: &CStr| starts_at_component(path, section);
    links.iter().find(|link| {
        let below_link = starts_at_component(section, &link.path);
        (below_link || above(&link.path)) && !above(&link.target)
    })
}
