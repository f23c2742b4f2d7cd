//! `make demo`: the same deploys under the same traffic, without mod_realdoc and with it, on a
//! private Apache; and pages that are open meanwhile.

mod deploy;
mod interrupt;
mod outcome;
mod pages;
mod progress;
mod run;
mod site;
mod table;
mod tally;
mod traffic;
mod verdict;

use std::process::ExitCode;

use testbed::{Module, Mpm};

use interrupt::Interrupt;
use outcome::{Run, Unfinished};
use progress::Progress;

/// Each MPM first without the module: the control, which must show the problem.
const RUNS: [(Mpm, Module); 4] = [
    (Mpm::Event, Module::Off),
    (Mpm::Event, Module::On),
    (Mpm::Prefork, Module::Off),
    (Mpm::Prefork, Module::On),
];

const NEXT_STEPS: &str = "\
For your own Apache (Debian, Ubuntu; elsewhere `make install` says what to do):
  sudo make install
  sudo a2enmod realdoc
  sudo apachectl configtest && sudo systemctl restart apache2
It works for each virtual host whose DocumentRoot leads through a symlink; its
configuration stays as it is. What can be set, and how to watch it work, is
written in /etc/apache2/mods-available/realdoc.conf";

fn main() -> ExitCode {
    match run_all() {
        Ok((runs, pages)) => conclude(&runs, &pages),
        Err(Unfinished::Interrupted { signal }) => {
            eprintln!("Interrupted. The demo's Apache is stopped, its files are deleted.");
            // As a shell reports a process that the signal ended.
            ExitCode::from(128 + signal)
        }
        Err(Unfinished::NoServer(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run_all() -> Result<(Vec<Run>, Vec<pages::Run>), Unfinished> {
    let interrupt = Interrupt::catch();
    let mut progress = Progress::new(RUNS.len() + pages::RUNS.len());
    let runs = RUNS
        .into_iter()
        .map(|(mpm, module)| run::run(mpm, module, &mut progress, &interrupt))
        .collect::<Result<_, _>>()?;
    let pages = pages::RUNS
        .into_iter()
        .map(|module| pages::run(module, &mut progress, &interrupt))
        .collect::<Result<_, _>>()?;
    Ok((runs, pages))
}

fn conclude(runs: &[Run], pages: &[pages::Run]) -> ExitCode {
    println!("\n{}\n{}", table::render(runs), pages::render(pages));
    let problems = runs.iter().flat_map(verdict::problems);
    let problems: Vec<String> = problems
        .chain(pages.iter().flat_map(pages::problems))
        .collect();
    if problems.is_empty() {
        println!("{NEXT_STEPS}");
        ExitCode::SUCCESS
    } else {
        eprintln!("FAILED:\n  {}", problems.join("\n  "));
        ExitCode::FAILURE
    }
}
