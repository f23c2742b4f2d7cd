//! What somebody sends or makes who means harm: requests that no client would send, and releases
//! whose owner may write in them, but not in the configuration. Stock httpd's answers are the
//! measure.

mod exchanged;
mod mapped;
mod releases;
mod requests;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

use testbed::{Builder, Mpm, Releases, Server};

use crate::common::side_by_side;

/// Stock httpd and one with the module, with one configuration on one tree.
struct Pair {
    stock: Server,
    module: Server,
    site: Releases,
    _home: Builder,
}

/// What httpd says of requests like these, at warning or worse.
const REFUSALS: [&str; 10] = [
    "[authz_core:error]",
    "[autoindex:error]",
    "[core:error]",
    "[rewrite:error]",
    "AH00112:",
    "AH00529:",
    "RD12:",
    "RD20:",
    "RD21:",
    "RD22:",
];

impl Pair {
    /// Lets `make` make the tree that the configuration knows as `{site}`, and starts both.
    fn start(config: &str, make: impl FnOnce(&Releases)) -> Self {
        let home = Server::builder(Mpm::Event);
        let site = Releases::at(home.root().join("site"));
        make(&site);
        let config = config.replace("{site}", &site.dir().display().to_string());
        let start = |module| {
            let mut setup = Server::builder(Mpm::Event)
                .module(module)
                .children(1)
                .threads(8);
            setup = setup.load_all(&["alias", "autoindex", "include", "rewrite"]);
            for refusal in REFUSALS {
                setup = setup.allow(refusal);
            }
            setup.config(&config).start()
        };
        let [stock, module] = side_by_side(start);
        Self {
            stock,
            module,
            site,
            _home: home,
        }
    }

    /// Both answers.
    fn ask(&self, request: &[u8]) -> [String; 2] {
        [&self.stock, &self.module].map(|server| normal(server, &server.on(1).send(request)))
    }

    /// Nobody has died.
    fn stop(self, children: [Vec<u32>; 2]) {
        assert_eq!(self.children(), children);
        self.stock.stop();
        self.module.stop();
    }

    fn children(&self) -> [Vec<u32>; 2] {
        [&self.stock, &self.module].map(Server::children)
    }
}

/// An answer without what is different for each server and at each moment.
fn normal(server: &Server, answer: &str) -> String {
    let lines: Vec<String> = answer
        .lines()
        .filter(|line| !line.starts_with("Date: "))
        .map(|line| match line.strip_prefix("Allow: ") {
            Some(methods) => {
                let methods: BTreeSet<&str> = methods.split(',').collect();
                format!("Allow: {methods:?}")
            }
            None => line
                .replace(&format!(":{}", server.port(1)), ":PORT")
                // As long as the file is new.
                .replace("ETag: W/", "ETag: "),
        })
        .collect();
    lines.join("\n")
}

/// In files that must not be served.
const SECRET: &str = "top secret";

/// The user to whom belongs what is another's.
const ANOTHER: u32 = 12345;

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
