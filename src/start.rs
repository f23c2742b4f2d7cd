//! What is made when the configuration has been read: a [`Site`] for each virtual host, with one
//! state for all that have the same document root and resolve it in the same way.

use std::ffi::CStr;
use std::io;
use std::sync::Arc;

use realdoc_core::docroot::{Docroot, Docroots, Policy};
use realdoc_core::file_tests::tests_file;
use realdoc_core::harmless::Actions;
use realdoc_core::log_once::LogOnce;
use realdoc_core::table::LinkTable;

use crate::analysis::Analyzer;
use crate::config::{ServerConfig, Settings};
use crate::history;
use crate::httpd::{
    AtExit, Node, OtherModule, Pool, RebasedSections, Server, ServerId, Startup,
    auth_is_per_config, has_directive, is_first_start, is_loaded, is_preflight, log,
    retained_slice, server_texts,
};
use crate::module::Realdoc;
use crate::report::{StartReport, log_warning};
use crate::site::Site;
use crate::warnings::Finder;

/// How many links have a slot of their own. With more, some share one. The slots are 2 MiB of
/// shared memory. A further KiB for each takes memory only where it is used.
const SLOTS: usize = 16_384;

/// How many links have a history, where RealdocPrevious is used. A link in use takes 18 KiB.
const HISTORIES: usize = 512;

/// The same where memory cannot be shared.
const PRIVATE_SLOTS: usize = 1_024;

/// The post_config hook: gives every server its [`Site`].
pub(crate) fn set_up<'c>(startup: &Startup, at_exit: AtExit<'_>, pool: Pool<'c>, main: Server<'c>) {
    if is_preflight() {
        return;
    }
    let table = table(startup, main);
    let auth_is_per_config = auth_is_per_config(pool);
    if is_loaded(c"mpm_itk.c") {
        log!(
            main,
            Info,
            "RD09: with mpm-itk each connection has a process of its own, so RealdocGrace has no effect"
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
    let file_tests = servers_with(startup, main, |node| {
        tests_file(node.name().to_bytes(), node.args().to_bytes())
    });
    let rules = servers_with(startup, main, |node| node.name() == c"RewriteRule");
    let readers = servers_with(startup, main, |node| {
        reads_root_early(node) || has(node, |node| names_document_root(node.args().to_bytes()))
    });
    let anywhere =
        |name: &'static CStr| servers_with(startup, main, |node| has(node, |it| it.name() == name));
    let previous = anywhere(c"RealdocPrevious");
    let names = anywhere(c"RealdocPreviousNames");
    let actions = Arc::new(actions(startup, main));
    let log_once = log_once(startup);
    let mut analyzer = Analyzer::new(pool);
    let mut report = StartReport::default();
    let mut warnings = Finder::new(startup, pool, main);
    let servers = main.all();
    let servers: Vec<_> = servers
        .filter_map(|server| Some((server, ServerConfig::of(server)?)))
        .collect();
    let configs = servers.iter().map(|&(server, config)| {
        let settings = config.settings.clone();
        let host = analyzer.analyze(server, &settings);
        if !settings.is_on() {
            for warning in warnings.find_for_off(server) {
                log_warning(server, &warning);
            }
        }
        let site = host.map(|host| {
            report.add(&host);
            for warning in warnings.find(&host) {
                log_warning(host.server, &warning);
            }
            let by_link = host.choice.by_link;
            let is_in = |servers: &[ServerId]| {
                [server.id(), main.id()]
                    .iter()
                    .any(|id| servers.contains(id))
            };
            let tests_files = by_link && is_in(&file_tests);
            Site {
                policy: policy(&settings, tests_files),
                tests_files,
                table: own_table(&settings).unwrap_or(table),
                log_once,
                by_link,
                pins_early: !by_link && is_in(&readers),
                is_undecided: host.choice.is_undecided(),
                owners_must_match: host.owners_must_match(),
                auth_is_per_config,
                rebased: Arc::clone(&rebased),
                has_previous: is_in(&previous) && !host.docroot.mode().is_readlink(),
                has_previous_names: is_in(&names),
                actions: Arc::clone(&actions),
                has_server_rules: is_in(&rules),
                rewrite: OtherModule::find(c"mod_rewrite.c"),
                roots: roots(host.docroot, host.further),
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
    if table.has_histories() {
        let sites = configs.iter().filter_map(|config| config.site.as_ref());
        let roots = sites.flat_map(|site| site.roots.all().iter().map(Arc::as_ref));
        history::keep(startup, at_exit, pool, table, roots);
    }
    for ((server, _), config) in servers.into_iter().zip(configs) {
        server.set_state::<Realdoc>(startup, config);
    }
}

/// The document root, then the further links, each before those that lead through it: they are
/// pinned in this order.
fn roots(docroot: Arc<Docroot>, mut further: Vec<Arc<Docroot>>) -> Docroots {
    further.sort_by_key(|link| link.path().count_bytes());
    further.insert(0, docroot);
    Docroots::new(further)
}

/// The servers with such a directive, or such a section, outside of all sections.
fn servers_with(
    startup: &Startup,
    main: Server<'_>,
    is_it: impl Fn(&Node<'_>) -> bool,
) -> Vec<ServerId> {
    server_texts(startup, main)
        .into_iter()
        .filter(|(_, nodes)| nodes.iter().any(&is_it))
        .map(|(server, _)| server.id())
        .collect()
}

/// Whether `is_it` is true of `node` or of anything that it holds.
fn has(node: &Node<'_>, is_it: impl Fn(&Node<'_>) -> bool) -> bool {
    let mut is_there = false;
    node.visit(&mut |node| is_there |= is_it(&node));
    is_there
}

/// Whether a directive outside of all sections may make its module ask for the document root while
/// the URL is translated, or before.
fn reads_root_early(node: &Node<'_>) -> bool {
    let name = node.name().to_bytes();
    let is_script = name.starts_with(b"Lua") || name.starts_with(b"Perl");
    is_script || name == b"RewriteRule" || name == b"SetEnvIfExpr"
}

/// Whether an expression does. (Those of `<Location>` choose what an Alias leads to.)
fn names_document_root(args: &[u8]) -> bool {
    const NAME: &[u8] = b"DOCUMENT_ROOT";
    args.windows(NAME.len()).any(|part| part == NAME)
}

/// The directives of mod_actions, wherever they stand.
fn actions(startup: &Startup, main: Server<'_>) -> Actions {
    let mut actions = Actions::default();
    for (_, nodes) in server_texts(startup, main) {
        for node in nodes {
            node.visit(&mut |node| {
                actions.add(node.name().to_bytes(), node.first_word().to_bytes());
            });
        }
    }
    actions
}

/// In Link mode a test during translation goes through the link: the pin, which is taken right
/// after it, must not be older.
fn policy(settings: &Settings, tests_files: bool) -> Policy {
    let policy = settings.policy();
    Policy {
        check_every: if tests_files { 0 } else { policy.check_every },
        ..policy
    }
}

/// The pre_mpm hook, which httpd runs at its start and after a restart that is not graceful: the
/// figures begin anew, as those of the scoreboard do.
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
        LinkTable::private(PRIVATE_SLOTS)
    })
}

fn shared_table(startup: &Startup) -> io::Result<LinkTable> {
    // Another layout takes another name.
    let slots = retained_slice(startup, "mod_realdoc table 4", SLOTS)?;
    let chains = retained_slice(startup, "mod_realdoc chains 1", SLOTS)?;
    let table = LinkTable::new(slots, chains);
    if !has_directive(c"RealdocPrevious") {
        return Ok(table);
    }
    let histories = retained_slice(startup, "mod_realdoc histories 1", HISTORIES)?;
    Ok(table.with_histories(histories))
}

/// Shared like the table. Without shared memory each process writes its lines.
fn log_once(startup: &Startup) -> LogOnce {
    const LINES: usize = 4096;
    let memory = retained_slice(startup, "mod_realdoc log_once", LINES);
    let log_once = memory.map_or_else(|_| LogOnce::private(LINES), LogOnce::new);
    log_once.clear();
    log_once
}

#[cfg(feature = "test-hooks")]
fn own_table(settings: &Settings) -> Option<LinkTable> {
    settings
        .has_private_cells()
        .then(|| LinkTable::private(PRIVATE_SLOTS))
}

#[cfg(not(feature = "test-hooks"))]
fn own_table(_: &Settings) -> Option<LinkTable> {
    None
}
