//! Load and faults: short here, long with `make stress`.
//!
//! More of it is elsewhere: sections under load in `sections_load`, HUP, TERM and a graceful stop
//! in `lifecycle`, panics in `faults`, thousands of targets in `sections_load`.

mod load;
mod memory;
mod previous;
mod restarts;
mod shortage;

use std::env;

use testbed::{Builder, Module, Mpm, Releases, Response, Server};

use crate::traffic::Answer;

/// How much of something: `short`, or such a part of `long` as `REALDOC_STRESS` says, but not less
/// than `short`. `1`: all of it.
fn amount(short: usize, long: usize) -> usize {
    match env::var("REALDOC_STRESS") {
        Err(_) => short,
        Ok(part) => {
            let part: f64 = part.parse().expect("REALDOC_STRESS is a number");
            short.max((long as f64 * part) as usize)
        }
    }
}

/// Whether this is a part of all tests.
fn is_short() -> bool {
    env::var_os("REALDOC_STRESS").is_none()
}

/// Enough for an outdated answer not to look like one after a rollback.
const RELEASES: usize = 20;

/// What clients ask for: a file, a page of several parts, an index, rewritten, guarded by a
/// .htaccess file, denied.
const ASKS: [&str; 6] = [
    FILE,
    PAGE,
    "/index/",
    "/section/item",
    "/guarded/file.txt",
    "/denied/file.txt",
];
const FILE: &str = "/page.txt";
const PAGE: &str = "/page.shtml";

/// And a script, less often: it costs more than all others.
const SCRIPT: &str = "/script.cgi";

/// What is granted, only a section of the link's name grants.
const CONFIG: &str = "
DocumentRoot {root}/app/current/web
AddOutputFilter INCLUDES .shtml
<Directory {root}/app/current>
    Require all granted
    AllowOverride All
    Options FollowSymLinks Includes ExecCGI
    ErrorDocument 403 /denied.txt
</Directory>
<Directory {root}/app/current/web/denied>
    Require all denied
</Directory>
<Directory {root}/app/current/web/section>
    RewriteEngine On
    RewriteRule ^item$ item.txt
</Directory>
";

/// Makes a release whose every text is its number. Each second one denies what is guarded.
fn create(site: &Releases, release: usize) {
    let line = format!("{release}\n");
    let page = format!(
        "{release} <!--#include virtual=\"/page.txt\" --> <!--#include virtual=\"/index/\" --> \
         <!--#include virtual=\"/section/item\" --> {release}"
    );
    let script = format!(
        "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n{release} '\n\
         read page <\"$DOCUMENT_ROOT/page.txt\"\necho $page\n"
    );
    let guard = match status("/guarded/file.txt", release) {
        403 => "Require all denied",
        _ => "Require all granted",
    };
    let files = [
        ("web/page.txt", line.as_str()),
        ("web/page.shtml", &page),
        ("web/index/index.html", &line),
        ("web/section/item.txt", &line),
        ("web/guarded/.htaccess", guard),
        ("web/guarded/file.txt", &line),
        ("web/denied/file.txt", "secret"),
        ("web/denied.txt", &line),
        ("web/script.cgi", &script),
    ];
    site.create(&release.to_string(), &files);
}

/// The status of `path` in a release.
fn status(path: &str, release: usize) -> u16 {
    match path {
        "/denied/file.txt" => 403,
        "/guarded/file.txt" if release % 2 == 1 => 403,
        _ => 200,
    }
}

/// Notes a response. Right is one release's name, with that release's status.
fn note(path: &str, response: &Response) -> Answer {
    let text = response.text();
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.parse().map(|release| status(path, release)) == Ok(response.status) {
        return Answer::from(&Response {
            status: 200,
            ..response.clone()
        });
    }
    Answer {
        started: response.started,
        finished: response.finished,
        release: format!("{path}: status {} {text:?}", response.status),
    }
}

/// A server to be, and its site, of which release `0` is deployed.
fn prepare(mpm: Mpm, module: Module) -> (Builder, Releases) {
    let setup = Server::builder(mpm)
        .module(module)
        .load("include")
        .load("rewrite")
        .log_level("warn authz_core:crit")
        .root_section("Options FollowSymLinks\nAllowOverride None\nRequire all denied")
        .config(CONFIG);
    let site = Releases::at(setup.root().join("app"));
    for release in 0..RELEASES {
        create(&site, release);
    }
    site.deploy("0");
    (setup, site)
}
