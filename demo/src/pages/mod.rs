//! Pages that are open while their application is deployed, without mod_realdoc and with
//! `RealdocPrevious`.

mod app;
mod table;
mod visitor;

use std::collections::VecDeque;

use testbed::{Module, Mpm, Server};

use crate::interrupt::Interrupt;
use crate::outcome::Unfinished;
use crate::progress::Progress;
use visitor::{Broken, Page};

pub(crate) use table::render;

/// First without the module: the control, which must show the problem.
pub(crate) const RUNS: [Module; 2] = [Module::Off, Module::On];

const MPM: Mpm = Mpm::Event;

/// Pages that are opened in each release.
const VISITORS: usize = 20;

/// Deploys that a page lives to see before its visitor clicks: one, up to so many.
const DEPLOYS_SEEN: usize = 4;

/// What a run showed.
pub(crate) struct Run {
    module: Module,
    pages: usize,
    deploys: usize,
    broken: Vec<Broken>,
}

/// Runs once. Apache and its files are gone on return, whatever it is.
pub(crate) fn run(
    module: Module,
    progress: &mut Progress,
    interrupt: &Interrupt,
) -> Result<Run, Unfinished> {
    let _line = progress.begin(MPM, module);
    let setup = app::configure(Server::builder(MPM).module(module).log_level("warn"));
    let (site, releases) = app::prepare(&setup);
    site.deploy(releases[0]);
    let server = setup.try_start().map_err(Unfinished::NoServer)?;
    let mut client = server.client();

    // By the number of deploys that they have still to see.
    let mut open: VecDeque<Vec<Page>> = (0..DEPLOYS_SEEN).map(|_| Vec::new()).collect();
    let mut run = Run {
        module,
        pages: 0,
        deploys: releases.len() - 1,
        broken: Vec::new(),
    };
    for release in &releases[1..] {
        for visitor in 0..VISITORS {
            open[visitor % DEPLOYS_SEEN].push(Page::open(&mut client, visitor));
        }
        interrupt.check()?;
        site.deploy(release);
        let clicked = open.pop_front().expect("it is never empty");
        open.push_back(Vec::new());
        run.pages += clicked.len();
        let results = clicked.into_iter().map(|page| page.click(&mut client));
        run.broken.extend(results.filter_map(Result::err));
    }
    server.stop();
    Ok(run)
}

/// What is wrong with a run. Without the module: that no page broke.
pub(crate) fn problems(run: &Run) -> Vec<String> {
    match (run.module, run.broken.len()) {
        (Module::Off, 0) => vec![
            "without mod_realdoc: no page broke, so the run with RealdocPrevious proves nothing"
                .into(),
        ],
        (Module::Off, _) | (_, 0) => Vec::new(),
        (_, broken) => vec![format!("with RealdocPrevious: {broken} pages broke")],
    }
}
