//! The man page realdoc(8), and the shells' completions: made from the command line's definition.

use std::io::{self, Write, stdout};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::Cli;
use crate::output::{Failure, Result};

/// Writes a shell's completions to standard output.
pub(crate) fn completions(shell: Shell) {
    clap_complete::generate(shell, &mut Cli::command(), "realdoc", &mut stdout());
}

/// Writes the man page to standard output: all commands on one page.
pub(crate) fn man() -> Result<()> {
    let mut page = Vec::new();
    let written = write_page(&mut page).and_then(|()| stdout().write_all(&page));
    written.map_err(|error| Failure::new(format!("standard output: {error}")))
}

fn write_page(page: &mut Vec<u8>) -> io::Result<()> {
    // The options of all commands first, so that they need not be said with each.
    let mut cli = Cli::command();
    cli.build();
    let man = Man::new(cli.clone())
        .section("8")
        .manual("System administration");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    for command in cli
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        write_command(page, command)?;
    }
    let mut roff = Roff::new();
    roff.control("SH", ["NOTES"]);
    let notes = cli.get_after_long_help().map(ToString::to_string);
    literal(&mut roff, &notes.unwrap_or_default());
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("apachectl"), roman("(8)")]);
    roff.to_writer(page)
}

fn write_command(page: &mut Vec<u8>, command: &Command) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [format!("realdoc {}", command.get_name()).as_str()]);
    let about = command.get_about().map(ToString::to_string);
    roff.text([roman(format!("{}.", about.unwrap_or_default()))]);
    let mut usage = command.clone();
    let usage = usage.render_usage().to_string();
    literal(&mut roff, usage.trim_start_matches("Usage: "));
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        if matches!(arg.get_id().as_str(), "help" | "version" | "quiet") {
            continue;
        }
        let help = arg
            .get_long_help()
            .or(arg.get_help())
            .map(ToString::to_string);
        let default: Vec<_> = arg
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy())
            .collect();
        let default = match default.as_slice() {
            [value] if arg.get_action().takes_values() => format!(" [default: {value}]"),
            _ => String::new(),
        };
        roff.control("TP", []);
        roff.text([bold(arg.to_string())]);
        roff.text([roman(help.unwrap_or_default() + &default)]);
    }
    if let Some(after) = command.get_after_help() {
        literal(&mut roff, &after.to_string());
    }
    roff.to_writer(page)
}

/// Text whose lines and spaces stay as they are.
fn literal(roff: &mut Roff, text: &str) {
    roff.control("PP", []);
    roff.control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}
