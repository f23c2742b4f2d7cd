//! A deploy: by the script `realdoc-deploy`, or by nothing but its rename(2).

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use testbed::Releases;

use crate::site::Version;

/// One deploy of so many is by the script. If all were, a small machine would do little else.
const BY_SCRIPT: Version = 10;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../apache-conf/realdoc-deploy");

/// The link leads to another release.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deploy {
    pub(crate) version: Version,
    /// When rename(2) had returned.
    pub(crate) at: Instant,
}

/// Deploys a release.
pub(crate) fn deploy(site: &Releases, version: Version) -> Deploy {
    let at = if version % BY_SCRIPT == 0 {
        run_script(site, version)
    } else {
        site.deploy(&version.to_string());
        Instant::now()
    };
    Deploy { version, at }
}

/// Returns when it had flipped the link.
fn run_script(site: &Releases, version: Version) -> Instant {
    let mut script = Command::new(SCRIPT)
        .arg(site.current())
        .arg(site.release(&version.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Ctrl-C is for the demo, which ends between two deploys.
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {SCRIPT}: {error}"));
    // Its first line says that the link is flipped; then it looks for old releases.
    let mut said = BufReader::new(script.stdout.take().expect("it is piped")).lines();
    let flipped = said.next();
    let at = Instant::now();
    assert!(
        matches!(&flipped, Some(Ok(line)) if line.contains(" -> ")),
        "{SCRIPT} said {flipped:?}"
    );
    said.for_each(drop);
    let status = script.wait().expect("a child process can be waited for");
    assert!(status.success(), "{SCRIPT}: {status}");
    at
}
