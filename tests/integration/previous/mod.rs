//! `RealdocPrevious`: files with hashed names that only an earlier release has.
//!
//! - [`serving`]: a page keeps its files over deploys;
//! - [`rules`]: the rules of both releases hold;
//! - [`differential`]: the same of generated configurations;
//! - [`history`]: what is remembered of a link;
//! - [`never`]: what is not served from an earlier release;
//! - [`code`]: nothing of it runs;
//! - [`misses`]: what the others get;
//! - [`recipes`]: what the documentation says to copy.

mod code;
mod differential;
mod history;
mod misses;
mod never;
mod recipes;
mod rules;
mod serving;

use testbed::{Builder, Module, Mpm, Releases, Response, Server};

use crate::common::SECTION_MODULES;

/// A hashed file of release 42, which 43 does not have.
const CHUNK: &str = "/assets/app-3f2aB91c.js";

/// What a site is made of.
struct Setup {
    builder: Builder,
    site: Releases,
}

impl Setup {
    /// A site with `config`, in which each release has an `index.html` that names it.
    fn new(mpm: Mpm, config: &str) -> Self {
        let builder = Server::builder(mpm)
            .module(Module::On)
            .load_all(&SECTION_MODULES)
            .root_section("Options FollowSymLinks\nAllowOverride All\nRequire all granted")
            .config("DocumentRoot {root}/app/current/web")
            .config(config);
        let site = Releases::at(builder.root().join("app"));
        for release in ["42", "43"] {
            site.create(release, &[("web/index.html", release)]);
        }
        site.create("42", &[(&format!("web{CHUNK}"), "chunk of 42")]);
        site.create("43", &[("web/assets/app-77c0Ffee.js", "chunk of 43")]);
        Setup { builder, site }
    }

    /// Also loads a module of httpd, or makes another change.
    fn with(mut self, change: impl FnOnce(Builder) -> Builder) -> Self {
        self.builder = change(self.builder);
        self
    }

    /// Writes files of a release, as (path below `web`, content).
    fn put(self, release: &str, files: &[(&str, &str)]) -> Self {
        for (file, content) in files {
            self.site
                .create(release, &[(&format!("web/{file}"), content)]);
        }
        self
    }

    /// Release 43 has no directory `assets`.
    fn without_assets(self) -> Self {
        let assets = self.site.release("43").join("web/assets");
        std::fs::remove_dir_all(assets).expect("it was made");
        self
    }

    /// The same, where a release may refuse its page: any answer shows that the flip was seen.
    fn start_without_look(self) -> (Server, Releases) {
        let Setup { builder, site } = self;
        site.deploy("42");
        let server = builder.start();
        server.get("/index.html");
        site.deploy("43");
        server.get("/index.html");
        (server, site)
    }

    /// Starts the server, has 42 seen as the release that is current, and deploys 43.
    fn start(self) -> (Server, Releases) {
        let Setup { builder, site } = self;
        site.deploy("42");
        let server = builder.start();
        see(&server, "42");
        site.deploy("43");
        see(&server, "43");
        (server, site)
    }
}

/// A request sees which release is current.
#[track_caller]
fn see(server: &Server, release: &str) {
    let response = server.get("/index.html");
    assert_eq!((response.status, response.text().as_str()), (200, release));
}

/// The answer is the old release's file.
#[track_caller]
fn assert_served(response: &Response) {
    let text = response.text();
    assert_eq!((response.status, text.as_str()), (200, "chunk of 42"));
}

/// The answer has this status, and nothing of an old file.
#[track_caller]
fn assert_refused(response: &Response, status: u16) {
    let text = response.text();
    assert_eq!(response.status, status, "{text}");
    assert!(!text.contains("of 42"), "{text}");
}
