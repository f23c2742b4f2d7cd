//! What is remembered of a link.
//!
//! - [`flips`]: what was current, for how long;
//! - [`restarts`]: over restarts, and a stop and a start;
//! - [`forged`]: what others may have written.

mod flips;
mod forged;
mod restarts;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testbed::{Builder, Module, Mpm, Releases, Server};

use crate::common::command;

/// Somebody who owns nothing here.
const STRANGER: u32 = 54_321;

const RELEASES: [&str; 4] = ["42", "43", "44", "45"];

/// A directory for a site and what httpd keeps of it, for one server after the other.
struct Home {
    mpm: Mpm,
    site: Releases,
    run: PathBuf,
    /// Never started: its directory is the one.
    _owner: Builder,
}

impl Home {
    /// With four releases, of which 42 is deployed.
    fn new(mpm: Mpm) -> Self {
        let owner = Server::builder(mpm);
        let site = Releases::at(owner.root().join("app"));
        for release in RELEASES {
            let chunk = chunk(release);
            site.create(release, &[("index.html", release), (&chunk[1..], release)]);
        }
        site.deploy("42");
        let run = owner.root().join("kept");
        fs::create_dir(&run).expect("it is new");
        Home {
            mpm,
            site,
            run,
            _owner: owner,
        }
    }

    fn setup(&self) -> Builder {
        let config = format!(
            "DocumentRoot {}\n\
             DefaultRuntimeDir {}\n\
             RealdocPrevious 1h 16\n\
             <Location /json>\nSetHandler realdoc-status\n</Location>",
            self.site.current().display(),
            self.run.display()
        );
        let setup = Server::builder(self.mpm).module(Module::On);
        setup.config(&config)
    }

    fn start(&self) -> Server {
        self.setup().start()
    }

    /// The file that is there while httpd is stopped.
    fn file(&self) -> PathBuf {
        self.run.join("realdoc.history")
    }

    /// Deploys, and has a request see it.
    #[track_caller]
    fn deploy(&self, server: &Server, release: &str) {
        self.site.deploy(release);
        self.visit(server, release);
    }

    /// Deploys by the command, which records it. False: it does not run as root here.
    fn record_deploy(&self, release: &str) -> bool {
        let paths = [&*self.site.current(), &*self.site.release(release)];
        let is_safe = !run(&["deploy"], &paths).contains("not safe for root");
        if !is_safe {
            eprintln!("left out: others can exchange the directory for temporary files");
        }
        is_safe
    }

    #[track_caller]
    fn visit(&self, server: &Server, release: &str) {
        assert_eq!(server.get("/index.html").text(), release);
    }
}

/// The hashed file that a release has and no other.
fn chunk(release: &str) -> String {
    format!("/app-3f2aB{release}c.js")
}

/// The former releases that the server remembers, and when each was left.
#[track_caller]
fn previous(server: &Server) -> Vec<(String, i64)> {
    let json = server.get("/json").text();
    let list = json.split_once("\"previous\": [").expect("a link").1;
    let list = list.split_once(']').expect("its end").0;
    let entries = list.split('}').filter_map(|entry| {
        let (name, left) = entry
            .split_once("\"release\": \"")?
            .1
            .split_once("\", \"left\": ")?;
        let name = name.strip_prefix("releases/").unwrap_or(name);
        Some((name.to_owned(), left.parse().expect("it is a time")))
    });
    entries.collect()
}

/// The server remembers these releases, the newest first, and no others. Of those it serves the
/// files that the current one does not have.
#[track_caller]
fn assert_remembered(server: &Server, releases: &[&str]) {
    let previous = previous(server);
    let names: Vec<_> = previous.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, releases);
    let current = server.get("/index.html").text();
    for release in RELEASES {
        let is_there = release == current || releases.contains(&release);
        let answer = server.get(&chunk(release));
        let expected = if is_there { 200 } else { 404 };
        assert_eq!(answer.status, expected, "{release}, {previous:?}");
    }
}

/// When the link was last changed.
fn changed_at(site: &Releases) -> i64 {
    let link = fs::symlink_metadata(site.current());
    link.expect("it is there").ctime()
}

fn run(arguments: &[&str], paths: &[&Path]) -> String {
    let mut realdoc = Command::new(command());
    let output = realdoc.args(arguments).args(paths).stdin(Stdio::null());
    let output = output.output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_refused = said.contains("not safe for root");
    assert!(output.status.success() || is_refused, "{output:?}");
    said
}

/// Whether the tests run as root, who alone can give files away.
fn is_root() -> bool {
    fs::metadata("/proc/self").expect("Linux has it").uid() == 0
}
