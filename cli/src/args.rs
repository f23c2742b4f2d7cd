//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::time::{Span, span};

#[derive(Debug, Parser)]
#[command(
    name = "realdoc",
    version,
    about = "Deploys a web site by one rename of its symlink, rolls back, looks and prunes",
    long_about = LONG,
    after_long_help = AFTER,
    after_help = "`realdoc --help` explains it by examples; `realdoc COMMAND --help` a command.",
    disable_help_subcommand = true,
    max_term_width = 90
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print errors and warnings only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

const LONG: &str = "\
Deploys a web site by one rename of its symlink, rolls back, looks and prunes.

A site has a directory for each release, and a symlink LINK that leads to the one that serves:

  /srv/app/releases/42
  /srv/app/releases/43
  /srv/app/current -> releases/42

  realdoc deploy /srv/app/current /srv/app/releases/43
  realdoc list /srv/app/current
  realdoc rollback /srv/app/current

At every moment LINK leads to a complete release: the flip is one rename(2). With mod_realdoc \
each request is served from one release, and the whole server goes over to the new one at once.";

const AFTER: &str = "\
Run by root, realdoc becomes the owner of the directory that holds LINK before it touches \
anything there, so it creates nothing that belongs to root, and can do no more than that owner.

What LINK led to before is recorded beside it, in .NAME.deploy/record. A link that was made by \
hand, by Capistrano or by Deployer needs no preparation.

Exit status of all commands but status:
  0  done
  1  refused or failed; LINK is as it was
  2  wrong usage
  3  LINK leads to RELEASE, but not everything old could be removed
  4  LINK leads to RELEASE, but the command of --then failed
Exit status of status, as monitoring plugins have it:
  0  every link resolves, and leads where the server serves from
  1  a warning: there were failures in the last hour
  2  critical: a link does not resolve, or the server serves another release
  3  unknown: no answer, or no mod_realdoc in it";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let LINK lead to RELEASE, and remove old releases
    #[command(after_help = "\
Examples:
  realdoc deploy /srv/app/current /srv/app/releases/43
  realdoc deploy --dry-run /srv/app/current /srv/app/releases/43
  realdoc deploy --require web/index.php --then 'systemctl reload php8.2-fpm' \\
      /srv/app/current /srv/app/releases/43")]
    Deploy(Deploy),

    /// Lead LINK back to the release before, or to RELEASE
    #[command(after_help = "\
A release that was itself rolled back or withdrawn is passed over.

Examples:
  realdoc rollback /srv/app/current
  realdoc rollback /srv/app/current 41")]
    Rollback(Rollback),

    /// Show which releases there are: what was current when, and what can go
    List(List),

    /// Remove old releases, without a deploy
    Prune(Prune),

    /// Make a former release unservable at once
    #[command(after_help = "\
Takes all permissions from the release's directory: nothing in it is served from now on, not even
files that a page of that release still asks for. `chmod 755` undoes it.

Example:
  realdoc withdraw /srv/app/current 42")]
    Withdraw(Withdraw),

    /// Show what this server serves now, as mod_realdoc sees it
    #[command(after_help = "\
Reads the page of mod_status, which says what mod_realdoc has counted. The first line and the exit
status are made for monitoring (Nagios, Icinga) and CI.

Examples:
  realdoc status
  realdoc status --link /srv/app/current http://127.0.0.1:8080/server-status
  curl -sn https://www.example.com/server-status?auto | realdoc status -")]
    Status(Status),

    /// Print a shell's completions
    #[command(hide = true)]
    Completions {
        /// bash, zsh or fish
        shell: Shell,
    },

    /// Print the man page realdoc(8)
    #[command(hide = true)]
    Man,

    /// Wait on standard input for the moment to run a command
    #[command(hide = true, name = crate::then::SUBCOMMAND)]
    RunThen {
        /// What --then said
        command: OsString,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// The symlink that the server's DocumentRoot leads through
    pub(crate) link: PathBuf,

    /// The directory to serve from, ready to be served
    pub(crate) release: PathBuf,

    /// Make LINK if there is none
    #[arg(long)]
    pub(crate) create: bool,

    /// Deploy a release that is empty or that others cannot read
    #[arg(long)]
    pub(crate) force: bool,

    /// Refuse a RELEASE that does not hold PATH; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) require: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) flip: Flip,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The symlink that the server's DocumentRoot leads through
    pub(crate) link: PathBuf,

    /// A former release, by its name in `realdoc list` or by its path
    pub(crate) release: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) flip: Flip,
}

/// What a flip of the link can be accompanied by.
#[derive(Debug, Args)]
pub(crate) struct Flip {
    /// Run COMMAND by sh -c after the flip, as the caller
    ///
    /// It is run after the flip and before old releases are deleted. It finds in its environment
    /// REALDOC_LINK, REALDOC_FROM (where the link led; empty for a new one) and REALDOC_TO. It is
    /// not run where LINK led to RELEASE already.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) then: Option<OsString>,

    #[command(flatten)]
    pub(crate) policy: Policy,

    /// Only say what would be done
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

/// Which releases can go.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Policy {
    /// Keep N releases, the current one included; 2 or more
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) keep: u32,

    /// Keep releases that were current less than TIME ago: 90, 90s, 5m, 24h, 7d
    ///
    /// Choose more than RealpathEvery plus your longest request; with RealdocPrevious, its time.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = span)]
    pub(crate) grace: Span,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The symlink that the server's DocumentRoot leads through
    pub(crate) link: PathBuf,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) policy: Policy,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// The symlink that the server's DocumentRoot leads through
    pub(crate) link: PathBuf,

    #[command(flatten)]
    pub(crate) policy: Policy,

    /// Only say what would be done
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// The symlink that the server's DocumentRoot leads through
    pub(crate) link: PathBuf,

    /// A release beside the current one, by its name in `realdoc list` or by its path
    pub(crate) release: PathBuf,

    /// Only say what would be done
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The page of mod_status, by http; `-`: standard input
    #[arg(default_value = "http://localhost/server-status")]
    pub(crate) url: String,

    /// Compare with where LINK leads; may be given several times
    #[arg(long, value_name = "LINK")]
    pub(crate) link: Vec<PathBuf>,

    /// Look only at the links of this server, by its name on the page
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
