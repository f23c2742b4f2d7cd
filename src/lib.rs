//! mod_realdoc: one request, one release, when a web site is deployed by flipping
//! a symlink.
//!
//! A request's way is in [`register`]. The rest of the crate:
//!
//! - [`config`]: the directives;
//! - [`site`]: when the configuration has been read, which docroots there are;
//! - [`survey`]: what that says, and where the docroots lead then;
//! - [`report`]: what the error log says of it;
//! - [`dump`]: what `apachectl -t -D DUMP_REALDOC` says of it;
//! - [`pin`]: the release that a request runs in;
//! - [`storage`]: from a file's name under the link to the file in the release;
//! - [`walk`]: the configuration that applies there;
//! - [`status`]: a part of mod_status' page;
//! - [`httpd`]: the only folder that knows C and holds `unsafe`;
//! - `realdoc-core`, the folder `core`: resolving, and the switch of the whole
//!   server, without httpd.

mod config;
mod dump;
mod httpd;
mod pin;
mod report;
mod site;
mod status;
mod storage;
mod survey;
mod walk;

use httpd::{Command, Hooks, Order};

/// The directives that httpd reads for us.
static COMMANDS: [Command; COMMANDS_LEN] = [
    Command::new(&config::REALDOC),
    Command::new(&config::REALPATH_EVERY),
    Command::new(&config::USE_READLINK),
    Command::new(&config::REALDOC_GRACE),
    Command::new(&config::REALDOC_LINK),
    Command::new(&config::REALDOC_SECTIONS),
    #[cfg(feature = "test-hooks")]
    Command::new(&config::TEST_PRIVATE_CELLS),
    Command::END,
];
const COMMANDS_LEN: usize = if cfg!(feature = "test-hooks") { 8 } else { 7 };

/// Where the module takes part: at start, and on a request's way.
fn register(hooks: &Hooks) {
    hooks.test_config(dump::print);
    hooks.post_config(site::set_up, Order::MIDDLE);
    hooks.pre_mpm(site::forget_figures);

    // Before any module can look at the document root.
    hooks.post_read_request(pin::take, Order::REALLY_FIRST);
    hooks.translate_name(pin::take_for_url, Order::REALLY_FIRST);
    // Before any module can look at the file.
    hooks.map_to_storage(storage::enter, Order::REALLY_FIRST);
    // In the place of core's own walk.
    hooks.map_to_storage(storage::walk, Order::BEFORE_CORE);
    // When mod_proxy has found its worker by the name that the configuration gives.
    hooks.proxy_pre_request(storage::lead_proxied);

    // When an administrator asks.
    hooks.status(status::show);
}
