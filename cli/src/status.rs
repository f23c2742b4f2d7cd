//! `realdoc status`: what the server serves now, for a person, a program, or a monitoring system.

use std::io::{Read, stdin};
use std::path::Path;

use realdoc_core::{Micros, SECOND, now};

use crate::args::Status;
use crate::history::name_of;
use crate::http;
use crate::output::{Failure, Result, error, is_quiet, json, print, show, words};
use crate::page::{self, Row};
use crate::place::lead;
use crate::time::{ago, date};

/// A failure longer ago is no news.
const NEWS: Micros = 3600 * SECOND;

/// What a monitoring system is told, by the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

/// Prints the status, and returns the exit status.
pub(crate) fn status(args: &Status) -> u8 {
    match report(args) {
        Ok(level) => level as u8,
        Err(failure) => {
            error(&failure);
            Level::Unknown as u8
        }
    }
}

fn report(args: &Status) -> Result<Level> {
    let page = if args.url == "-" {
        let mut page = Vec::new();
        let read = stdin().read_to_end(&mut page);
        read.map_err(|error| Failure::new(format!("standard input: {error}")))?;
        String::from_utf8_lossy(&page).into_owned()
    } else {
        http::get(&with_auto(&args.url))?
    };
    let mut rows = page::parse(&page);
    if let Some(server) = &args.server {
        // "www.example.com and 2 more"
        rows.retain(|row| row.server.split(' ').next() == Some(server));
    }
    if rows.is_empty() {
        return Err(nothing(&page, args));
    }
    let now = now();
    let mut problems: Vec<(Level, String)> =
        rows.iter().filter_map(|row| problem(row, now)).collect();
    for link in &args.link {
        problems.extend(compare(link, &rows)?);
    }
    let level = problems.iter().map(|(level, _)| *level).max();
    let level = level.unwrap_or(Level::Ok);
    if args.json {
        print_json(&rows, level, &problems);
    } else if !is_quiet() || level != Level::Ok {
        print(summary(&rows, level, &problems));
        print_table(&rows, now);
    }
    Ok(level)
}

/// mod_status writes for programs if its URL has the query `auto`.
fn with_auto(url: &str) -> String {
    if url.contains('?') {
        url.to_owned()
    } else {
        format!("{url}?auto")
    }
}

fn nothing(page: &str, args: &Status) -> Failure {
    let source = if args.url == "-" {
        "standard input"
    } else {
        &args.url
    };
    let source = show(source);
    if !page.contains("ServerVersion: ") {
        return Failure::new(format!("{source}: not a page of mod_status for programs"))
            .advice("It is that of /server-status?auto.");
    }
    match &args.server {
        Some(server) => Failure::new(format!("{source}: no link of a server {}", show(server))),
        None => Failure::new(format!("{source}: mod_realdoc shows no link there")).advice(
            "Is it loaded, and does a DocumentRoot lead through a symlink? \
             apachectl -t -D DUMP_REALDOC tells.",
        ),
    }
}

/// What is wrong with a link by what the server says itself.
fn problem(row: &Row, now: Micros) -> Option<(Level, String)> {
    let link = format!("{} of {}", show(&row.link), show(&row.server));
    let why = row
        .last_error
        .as_ref()
        .map(|error| format!(": {}", show(error)));
    let why = why.unwrap_or_default();
    if row.release.is_none() {
        return Some((Level::Critical, format!("{link} does not resolve{why}")));
    }
    let at = row.last_failure.filter(|at| now - at < NEWS)?;
    Some((
        Level::Warning,
        format!("{link} did not resolve {}{why}", ago(at, now)),
    ))
}

/// Whether the server serves what a link on this machine leads to. The page shows the last
/// component of the link's path, and of the release's those that tell releases apart.
fn compare(link: &Path, rows: &[Row]) -> Result<Option<(Level, String)>> {
    let shown = show(link);
    let name = name_of(link);
    let of_link: Vec<&Row> = rows.iter().filter(|row| row.link == name).collect();
    if of_link.is_empty() {
        return Ok(Some((
            Level::Critical,
            format!("the server shows no link {name}"),
        )));
    }
    let led = match lead(link, &mut Vec::new()) {
        Ok(led) => led.path,
        Err(errno) => {
            let why = words(errno);
            return Ok(Some((Level::Critical, format!("{shown}: {why}"))));
        }
    };
    let is_led = |release: &String| led.ends_with(release.trim_start_matches("./"));
    if of_link
        .iter()
        .any(|row| row.release.as_ref().is_some_and(is_led))
    {
        return Ok(None);
    }
    let served: Vec<String> = of_link
        .iter()
        .filter_map(|row| row.release.as_ref().map(show))
        .collect();
    let served = served.join(", ");
    let problem = format!(
        "{shown} leads to {}, but the server serves {served} (ask it for a page first)",
        name_of(&led)
    );
    Ok(Some((Level::Critical, problem)))
}

fn summary(rows: &[Row], level: Level, problems: &[(Level, String)]) -> String {
    let word = match level {
        Level::Ok => "OK",
        Level::Warning => "WARNING",
        Level::Critical => "CRITICAL",
        Level::Unknown => "UNKNOWN",
    };
    let problems: Vec<&str> = problems
        .iter()
        .map(|(_, problem)| problem.as_str())
        .collect();
    match (problems.as_slice(), rows) {
        ([], [_]) => format!("REALDOC {word} - 1 link, which resolves"),
        ([], _) => format!("REALDOC {word} - {} links, which all resolve", rows.len()),
        (problems, _) => format!("REALDOC {word} - {}", problems.join("; ")),
    }
}

fn print_table(rows: &[Row], now: Micros) {
    let mut lines = vec![
        [
            "SERVER", "LINK", "RELEASE", "SINCE", "FLIPS", "CHECKS", "FAILURES",
        ]
        .map(str::to_owned),
    ];
    for row in rows {
        let since = row
            .last_flip
            .map(|at| format!("{} ({})", date(at, ' '), ago(at, now)));
        lines.push([
            show(&row.server),
            show(&row.link),
            row.release.as_ref().map_or("-".to_owned(), show),
            since.unwrap_or("-".to_owned()),
            row.flips.to_string(),
            row.checks.to_string(),
            row.failures.to_string(),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..7).map(|column| width(column).unwrap_or(0)).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, width))| match column {
                0..=3 => format!("{cell:width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        print(cells.join("  ").trim_end());
    }
}

fn print_json(rows: &[Row], level: Level, problems: &[(Level, String)]) {
    let date = |at: Option<Micros>| at.map_or("null".to_owned(), |at| json(date(at, 'T')));
    let text = |text: &Option<String>| text.as_ref().map_or("null".to_owned(), json);
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "    {{\"server\": {}, \"link\": {}, \"release\": {}, \"flips\": {}, \
                 \"last_flip\": {}, \"checks\": {}, \"failures\": {}, \"last_failure\": {}, \
                 \"last_error\": {}}}",
                json(&row.server),
                json(&row.link),
                text(&row.release),
                row.flips,
                date(row.last_flip),
                row.checks,
                row.failures,
                date(row.last_failure),
                text(&row.last_error)
            )
        })
        .collect();
    let problems: Vec<String> = problems.iter().map(|(_, problem)| json(problem)).collect();
    print(format_args!(
        "{{\n  \"status\": {},\n  \"problems\": [{}],\n  \"links\": [\n{}\n  ]\n}}",
        level as u8,
        problems.join(", "),
        rows.join(",\n")
    ));
}
