//! Another module (`exchange/mod_exchange.c`) that exchanges a request's virtual host when the pin
//! has been taken.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use testbed::{Module, Mpm, Releases, Server};

use crate::common::{ENV, build_module, variable};

/// The built module.
fn module() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build_module("mod_exchange", include_str!("exchange/mod_exchange.c")))
}

struct Setup {
    server: Server,
    first: Releases,
    second: Releases,
}

/// Virtual hosts `first` and `second` with a site each, and `off`, which is none of ours.
fn start(mpm: Mpm) -> Setup {
    let setup = Server::builder(mpm)
        .module(Module::On)
        .children(1)
        .cgi()
        .load("include");
    let setup = setup.root_section("Options FollowSymLinks ExecCGI Includes\nRequire all granted");
    let page = "<!--#include virtual=\"/env.cgi\" -->";
    let [first, second] = ["first", "second"].map(|name| {
        let site = Releases::at(setup.root().join(name));
        for release in ["42", "43"] {
            let files = [
                ("web/env.cgi", ENV),
                ("web/page.shtml", page),
                ("other/env.cgi", ENV),
            ];
            site.create(release, &files);
        }
        site.deploy("42");
        site
    });
    let host = |name: &str, docroot: &str, realdoc: &str| {
        format!(
            "<VirtualHost *:{{port}}>\nServerName {name}\nDocumentRoot {{root}}/{docroot}\n\
             <IfModule realdoc_module>\nRealdoc {realdoc}\n</IfModule>\n</VirtualHost>"
        )
    };
    let server = setup
        .config(&format!(
            "LoadModule exchange_module {}",
            module().display()
        ))
        .config("AddOutputFilter INCLUDES .shtml")
        .config(&host("first", "first/current/web", "On"))
        .config(&host("second", "second/current/web", "On"))
        .config(&host("off", "second/current/web", "Off"))
        .start();
    Setup {
        server,
        first,
        second,
    }
}

impl Setup {
    /// The docroot that a script sees, directly and as a part of a page, for a request to virtual
    /// host `host` that the module exchanges for `to`.
    #[track_caller]
    fn docroot(&self, host: &str, to: &str) -> String {
        let root = format!("{}/", self.server.root().display());
        let headers = [("Host", host), ("X-Exchange", to)];
        let [script, page] = ["/env.cgi", "/page.shtml"].map(|path| {
            let response = self.server.request("GET", path, &headers);
            let docroot = variable(&response, "DOCUMENT_ROOT").to_owned();
            let file = variable(&response, "SCRIPT_FILENAME");
            assert_eq!(file, format!("{docroot}/env.cgi"), "{path}");
            docroot.replace(&root, "")
        });
        assert_eq!(script, page);
        script
    }
}

each_mpm!(known_hosts_are_pinned_anew);
/// A request that goes on as another virtual host runs in that one's release, and as one that is
/// not ours, in none.
fn known_hosts_are_pinned_anew(mpm: Mpm) {
    let setup = start(mpm);
    for (from, to, docroot) in [
        ("first", "first", "first/releases/42/web"),
        ("first", "second", "second/releases/42/web"),
        ("off", "second", "second/releases/42/web"),
        ("first", "off", "second/current/web"),
    ] {
        assert_eq!(
            setup.docroot(from, to),
            docroot,
            "{from} exchanged for {to}"
        );
    }
    setup.second.deploy("43");
    assert_eq!(setup.docroot("first", "second"), "second/releases/43/web");
    assert_eq!(setup.docroot("second", "first"), "first/releases/42/web");
    setup.server.stop();
}

each_mpm!(copies_are_left_alone);
/// A virtual host that was made for the request alone has the docroot that its maker gave it, as
/// without the module.
fn copies_are_left_alone(mpm: Mpm) {
    let setup = start(mpm);
    let copy = setup.first.current().join("web");
    for host in ["first", "second", "off"] {
        let docroot = setup.docroot(host, &copy.to_string_lossy());
        assert_eq!(docroot, "first/current/web", "from {host}");
    }
    // Nothing of it stays behind.
    setup.first.deploy("43");
    assert_eq!(setup.docroot("first", "first"), "first/releases/43/web");
    setup.server.stop();
}
