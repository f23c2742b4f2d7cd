//! Which docroots there are: made when the configuration has been read, one state
//! for all virtual hosts with the same docroot and way to resolve it.

use std::ffi::CString;
use std::io;
use std::sync::Arc;

use realdoc_core::docroot::{Docroot, Policy};
use realdoc_core::fs::{Fs, OsFs};
use realdoc_core::names::Substitution;
use realdoc_core::table::{LinkTable, Slot};

use crate::config::{ServerConfig, Settings};
use crate::httpd::{
    Pool, RebasedSections, Server, Startup, auth_is_per_config, is_first_start, is_loaded,
    is_preflight, log, regex_mappings, retained_slice,
};
use crate::module::Realdoc;
use crate::report::Report;
use crate::survey::Survey;

/// How many links have a slot of their own, in up to 2 MiB of shared memory. With more, some share one.
const SLOTS: usize = 16_384;

/// What a virtual host's requests need.
pub(crate) struct Site {
    pub(crate) docroot: Arc<Docroot>,
    /// As configured; scripts may rely on it.
    pub(crate) docroot_ends_with_slash: bool,
    /// Of `RealdocLink`.
    pub(crate) further: Vec<Arc<Docroot>>,
    pub(crate) policy: Policy,
    pub(crate) table: LinkTable,
    /// Whether the `<Directory>` sections of the link's name apply; else those of the release's.
    pub(crate) by_link: bool,
    /// Whether the docroot must be told from the same path in a rewrite rule ([`Pin::marked`](crate::pin::Pin)).
    pub(crate) marks_docroot: bool,
    pub(crate) auth_is_per_config: bool,
    pub(crate) rebased: Arc<RebasedSections>,
}

/// The post_config hook: gives every server its [`Site`].
pub(crate) fn set_up<'c>(startup: &Startup, pool: Pool<'c>, main: Server<'c>) {
    if is_preflight() {
        return;
    }
    let table = table(startup, main);
    let auth_is_per_config = auth_is_per_config(pool);
    if is_loaded(c"mpm_itk.c") {
        log!(
            main,
            Warn,
            "RD09: mod_realdoc has not been tried with mpm-itk: use prefork, worker or event, or Realdoc Off"
        );
    }
    let rebased = Arc::new(RebasedSections::find(
        startup,
        main,
        pool,
        |server, section, why| {
            log!(
                server,
                Warn,
                "RD08: <Directory \"{}\"> cannot be carried over to releases where modules remember its path: {why}",
                section.name().to_string_lossy()
            );
        },
    ));
    let maps_to_files = maps_to_files(pool);
    let mut survey = Survey::new(pool);
    let mut report = Report::default();
    let servers = main.all();
    let servers: Vec<_> = servers
        .filter_map(|server| Some((server, ServerConfig::of(server)?)))
        .collect();
    let configs = servers.iter().map(|&(server, config)| {
        let settings = config.settings.clone();
        let host = survey.look_at(server, &settings);
        let site = host.map(|host| {
            report.add(&host);
            let by_link = host.choice.by_link;
            let marks_docroot = by_link && maps_to_files && host.names_differ();
            Site {
                docroot_ends_with_slash: host.path.count_bytes() > 1
                    && host.path.to_bytes().ends_with(b"/"),
                further: host.further.into_iter().map(|root| root.docroot).collect(),
                policy: settings.policy(),
                table: own_table(&settings).unwrap_or(table),
                by_link,
                marks_docroot,
                auth_is_per_config,
                rebased: Arc::clone(&rebased),
                docroot: host.root.docroot,
            }
        });
        ServerConfig {
            settings,
            server: Some(server.id()),
            site,
        }
    });
    // In one piece: thousands of them would each have to be registered with the pool.
    let configs: &[_] = pool.keep(configs.collect::<Vec<_>>());
    for ((server, _), config) in servers.into_iter().zip(configs) {
        server.set_state::<Realdoc>(startup, config);
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

/// The pre_mpm hook, which httpd runs at its start and after a restart that is not graceful: the figures
/// begin anew, as those of the scoreboard do.
pub(crate) fn forget_figures(startup: &Startup) {
    if is_first_start() {
        return;
    }
    // Where no memory is shared the processes that have counted are gone.
    if let Ok(table) = shared_table(startup) {
        table.clear_counters();
    }
}

/// The table that all processes share; without it each process switches by itself.
fn table(startup: &Startup, main: Server<'_>) -> LinkTable {
    shared_table(startup).unwrap_or_else(|error| {
        log!(
            main,
            Warn,
            "RD02: no shared memory ({error}): after a deploy, processes will go over to the \
             new release one by one"
        );
        LinkTable::private(SLOTS)
    })
}

fn shared_table(startup: &Startup) -> io::Result<LinkTable> {
    // Another layout takes another name.
    retained_slice::<Slot>(startup, "mod_realdoc table 3", SLOTS).map(LinkTable::new)
}

#[cfg(feature = "test-hooks")]
fn own_table(settings: &Settings) -> Option<LinkTable> {
    settings
        .has_private_cells()
        .then(|| LinkTable::private(SLOTS))
}

#[cfg(not(feature = "test-hooks"))]
fn own_table(_: &Settings) -> Option<LinkTable> {
    None
}
