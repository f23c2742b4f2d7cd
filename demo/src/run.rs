//! One run: a server, its traffic, and deploys meanwhile.

use std::thread::sleep;
use std::time::Instant;

use testbed::{Module, Mpm, Server};

use crate::deploy::deploy;
use crate::interrupt::Interrupt;
use crate::outcome::{DEPLOYS, PERIOD, Run, Unfinished};
use crate::progress::Progress;
use crate::site::{STATIC, configure, prepare};
use crate::tally::Tally;
use crate::traffic::{Traffic, clients};

/// Runs once. Apache and its files are gone on return, whatever it is.
pub(crate) fn run(
    mpm: Mpm,
    module: Module,
    progress: &mut Progress,
    interrupt: &Interrupt,
) -> Result<Run, Unfinished> {
    let line = progress.begin(mpm, module);
    // Without the module's debug messages, which nobody has in normal work.
    let setup = configure(Server::builder(mpm).module(module).log_level("warn"));
    let setup = if mpm.is_threaded() {
        setup
    } else {
        // Each of them serves one connection; some more for those that close and open.
        setup.children(clients() + 4)
    };
    let newest = 1 + DEPLOYS;
    let site = prepare(&setup, newest);
    let server = setup.try_start().map_err(Unfinished::NoServer)?;
    let first = server.get(STATIC.path);

    let traffic = Traffic::start(server.on(1));
    let mut deploys = Vec::new();
    let mut begun = Instant::now();
    for version in 2..=newest {
        sleep(PERIOD.saturating_sub(begun.elapsed()));
        interrupt.check()?;
        begun = Instant::now();
        deploys.push(deploy(&site, version));
        line.step(deploys.len(), traffic.requests());
    }
    let exchanges = traffic.finish();
    drop(line);
    server.stop();
    interrupt.check()?;
    Ok(Run {
        mpm,
        module,
        server: first.header("server").unwrap_or("Apache").to_owned(),
        tally: Tally::of(&exchanges, &deploys),
    })
}
