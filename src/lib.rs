//! mod_realdoc: one request, one release, when a web site is deployed by flipping
//! a symlink.
//!
//! A request passes the hooks in [`Realdoc::register`]. The rest of the crate:
//!
//! - [`config`]: the directives;
//! - [`start`]: when the configuration has been read, a [`site`] for each virtual host;
//! - [`analysis`]: what the configuration says of each virtual host;
//! - [`warnings`]: what of it does not work as it did;
//! - [`report`]: what the error log says of it;
//! - [`dump`]: what `apachectl -t -D DUMP_REALDOC` says of it;
//! - [`history`]: what is remembered of links while httpd is stopped;
//! - [`link`]: a pinned symlink;
//! - [`pin`]: where links lead for a request;
//! - [`state`]: what we keep with a request; [`roots`], a part of it: its document root and its
//!   context's;
//! - [`mapping`]: from the names under links to those in the release;
//! - [`file_tests`]: tests of files on that way;
//! - [`owner`]: `SymLinksIfOwnerMatch`, where httpd's own walk does not meet the link;
//! - [`walk`]: the configuration that applies there; [`healing`]: the walk again, in a newer
//!   release;
//! - [`previous`]: a file of an earlier release that this one does not have;
//! - the names that others are shown: [`rewriting`] for mod_rewrite, [`environment`] for scripts,
//!   [`proxy`] for FastCGI servers;
//! - [`status`]: a part of mod_status' page;
//! - [`httpd`]: the only folder that knows C and holds `unsafe`; it knows none of the above;
//! - `realdoc-core`, the folder `core`: resolving, and the switch of the whole
//!   server, without httpd.

#![deny(unsafe_code)]

mod analysis;
mod config;
mod dump;
mod environment;
#[cfg(feature = "test-hooks")]
mod faults;
mod file_tests;
mod healing;
mod history;
#[allow(unsafe_code)]
mod httpd;
mod link;
mod mapping;
#[cfg(misuse)]
#[path = "../tests/misuse/mod.rs"]
mod misuse;
mod module;
mod owner;
mod pin;
mod previous;
mod proxy;
mod report;
mod rewriting;
mod roots;
mod site;
mod start;
mod state;
mod status;
mod walk;
mod warnings;

use std::ffi::CStr;

use httpd::{Directive, Hooks, Module, ModuleState, Node, Order, Pool};
use module::Realdoc;

httpd::export_module!(Realdoc, realdoc_module);

impl Module for Realdoc {
    const NAME: &'static CStr = c"mod_realdoc.c";
    const DIRECTIVES: &'static [Directive<Realdoc>] = config::DIRECTIVES;

    fn register(hooks: &Hooks<'_, Realdoc>) {
        hooks.pre_config(register_needed);
        hooks.test_config(dump::print);
        hooks.post_config(start::set_up, Order::MIDDLE);
        hooks.pre_mpm(start::forget_figures);

        // Before any module can look at the document root.
        hooks.post_read_request(mapping::begin, Order::REALLY_FIRST);
        hooks.translate_name(mapping::begin_translation, Order::REALLY_FIRST);
        // Before core translates by the document root.
        hooks.translate_name(mapping::pin_translation, Order::BEFORE_CORE);
        // Before any module can look at the file.
        hooks.map_to_storage(mapping::map_to_release, Order::REALLY_FIRST);
        // In the place of core's own walk.
        hooks.map_to_storage(healing::directory_walk, Order::BEFORE_CORE);
        // When all that the configuration sets is set.
        hooks.fixups(environment::name_release, Order::REALLY_LAST);

        // When an administrator asks.
        hooks.status(status::show);
    }
}

impl ModuleState for Realdoc {
    type Server = config::ServerConfig;
    type Request<'r> = state::RequestState<'r>;
    type Inherited<'r> = state::Inherited<'r>;
    type Directory<'c> = pin::Directory<'c>;

    fn inherit<'r, 'p: 'r>(parent: &'r Self::Request<'p>) -> Self::Inherited<'r> {
        parent.inherit()
    }

    fn merge_server(base: &Self::Server, own: &Self::Server) -> Self::Server {
        config::ServerConfig::merge(base, own)
    }

    fn merge_directory<'c>(
        pool: Pool<'c>,
        base: Self::Directory<'c>,
        own: Self::Directory<'c>,
    ) -> Self::Directory<'c> {
        pin::Directory::merge(pool, base, own)
    }

    fn shorten_directory<'s, 'l: 's>(directory: Self::Directory<'l>) -> Self::Directory<'s> {
        directory
    }
}

/// Whether a directory may have rules of mod_rewrite: in a section, or in an .htaccess file.
fn may_rewrite_in_directories() -> bool {
    let is_about_rules = |name: &CStr| name.to_bytes().to_ascii_lowercase().starts_with(b"rewrite");
    let allows_files = |node: &Node<'_>| {
        let is_none = node.args().to_bytes().eq_ignore_ascii_case(b"None");
        let name = node.name().to_bytes();
        name.to_ascii_lowercase().starts_with(b"allowoverride") && !is_none
    };
    httpd::has_directive(c"RealdocPrevious")
        // Its code in the configuration may add sections.
        || httpd::is_loaded(c"mod_perl.c")
        || httpd::has_node_in_section(|node| is_about_rules(node.name()) || allows_files(node))
}

/// Registers the hooks that depend on the configuration, or on what other modules are loaded.
fn register_needed(hooks: &Hooks<'_, Realdoc>, _: Pool<'_>) {
    if httpd::is_loaded(c"mod_rewrite.c") && may_rewrite_in_directories() {
        // Around its rules for directories.
        const REWRITE: &[&CStr] = &[c"mod_rewrite.c"];
        hooks.fixups(rewriting::show_names, Order::FIRST.before(REWRITE));
        hooks.fixups(rewriting::restore_names, Order::FIRST.after(REWRITE));
    }
    // When mod_proxy has found its worker by the name that the configuration gives.
    hooks.proxy_pre_request(proxy::rewrite_fcgi_path);
    if httpd::has_directive(c"RealdocPrevious") {
        hooks.post_perdir_config(previous::prepare_trial, Order::REALLY_LAST);
        hooks.check_access_ex(previous::hide_main, Order::REALLY_FIRST);
        hooks.check_authn(previous::show_main, Order::REALLY_FIRST);
        hooks.check_authz(previous::hide_main, Order::REALLY_FIRST);
        hooks.fixups(previous::show_main, Order::REALLY_FIRST);
        hooks.guard_output_filter::<previous::NoIncludes>();
        // When the rules of the release have refused a request or led it elsewhere, and before a
        // page takes the place of what is missing.
        const RULES: &[&CStr] = &[c"mod_rewrite.c", c"mod_alias.c"];
        const PAGES: &[&CStr] = &[c"mod_dir.c", c"mod_headers.c", c"mod_speling.c"];
        hooks.fixups(previous::serve, Order::LAST.after(RULES).before(PAGES));
        hooks.insert_error_filter(previous::forbid_caching);
    }
    if httpd::sets_handler(status::HANDLER) {
        hooks.handler(status::answer, Order::MIDDLE);
    }
}
