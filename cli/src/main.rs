//! `realdoc`: deploys a web site by one rename of its symlink, rolls back, looks and prunes.
//!
//! A run goes through these files: [`args`], what was typed; [`place`], the directory that holds
//! the link, whose owner this process becomes ([`identity`]); [`site`], what is there, under
//! [`lock`]; then the flip in [`deploy`]; and [`removal`] of what is old, as [`history`] and
//! [`in_use`] judge. All paths are walked by descriptors, in [`walk`].
#![forbid(unsafe_code)]

mod args;
mod delete;
mod deploy;
mod history;
mod http;
mod identity;
mod in_use;
mod link;
mod list;
mod lock;
mod man;
mod mounts;
mod output;
mod page;
mod place;
mod progress;
mod prune;
mod release;
mod removal;
mod site;
mod state;
mod status;
mod step;
mod then;
mod time;
mod walk;
mod withdraw;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::{Done, Result};

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::be_quiet(cli.quiet);
    match run(&cli.command) {
        Ok(Done::All) => ExitCode::SUCCESS,
        Ok(Done::NotAllRemoved) => ExitCode::from(3),
        Ok(Done::ThenFailed) => ExitCode::from(4),
        Ok(Done::Status(level)) => ExitCode::from(level),
        Err(failure) => {
            output::error(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<Done> {
    match command {
        Command::Deploy(args) => deploy::deploy(args),
        Command::Rollback(args) => deploy::rollback(args),
        Command::List(args) => list::list(args).map(|()| Done::All),
        Command::Prune(args) => prune::prune(args),
        Command::Withdraw(args) => withdraw::withdraw(args),
        Command::RunThen { command } => then::wait_and_run(command).map(|()| Done::All),
        Command::Man => man::man().map(|()| Done::All),
        Command::Completions { shell } => {
            man::completions(*shell);
            Ok(Done::All)
        }
        Command::Status(args) => Ok(Done::Status(status::status(args))),
    }
}
