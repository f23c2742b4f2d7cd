//! `realdoc list`: what was current when, and what can go.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use realdoc_core::record::How;
use realdoc_core::{Micros, now};

use crate::args;
use crate::history::{Verdict, name_of, path_of};
use crate::in_use::InUse;
use crate::link::Link;
use crate::output::{Result, failed, json, print, show};
use crate::place::Place;
use crate::site::Site;
use crate::time::{ago, date};

/// A release in the list.
struct Row<'l> {
    path: &'l Path,
    state: &'static str,
    since: Option<Micros>,
    until: Option<Micros>,
    verdict: Option<&'l Verdict>,
}

pub(crate) fn list(args: &args::List) -> Result<()> {
    let place = Place::enter(&args.link)?;
    let site = Site::look(&place)?;
    let link = site.link(&place)?;
    let current = link.current(&place)?;
    let releases = current.parent().map_err(failed(show(&current.path)))?;
    let history = &site.history;
    let in_use = InUse::look(&place, &releases)?;
    let now = now();
    let verdicts = history.judge(args.policy, now, &releases, &in_use);
    let unknown = history.unknown(&releases, current);

    let mut rows = vec![Row {
        path: &current.path,
        state: "current",
        since: Some(link.since),
        until: None,
        verdict: None,
    }];
    rows.extend(history.0.iter().zip(&verdicts).map(|(entry, verdict)| Row {
        path: path_of(entry),
        state: state(entry.how),
        since: Some(entry.since).filter(|since| *since != 0),
        until: Some(entry.until),
        verdict: Some(verdict),
    }));
    rows.extend(unknown.iter().map(|found| Row {
        path: &found.path,
        state: "not known",
        since: None,
        until: None,
        verdict: None,
    }));
    if args.json {
        print_json(&place, link, &rows);
    } else {
        print(format_args!("{} -> {}", place.shown(), show(&link.text)));
        print_table(&rows, now);
    }
    Ok(())
}

/// A release's state in words; the record's own are for programs.
fn state(how: How) -> &'static str {
    match how {
        How::Replaced => "former",
        How::RolledBack => "rolled back",
        How::Withdrawn => "withdrawn",
    }
}

fn print_table(rows: &[Row<'_>], now: Micros) {
    let width = rows
        .iter()
        .map(|row| name_of(row.path).chars().count())
        .max();
    let width = width.unwrap_or(0).max("RELEASE".len());
    let line = |name: &str, state: &str, since: &str, until: &str, rest: &str| {
        let line = format!("{name:width$}  {state:11}  {since:20}  {until:20}  {rest}");
        print(line.trim_end());
    };
    line("RELEASE", "STATE", "SINCE", "UNTIL", "");
    for row in rows {
        let date = |moment: Option<Micros>| moment.map_or("-".to_owned(), |at| date(at, ' '));
        let rest = match (row.verdict, row.until, row.since) {
            (Some(verdict), Some(until), _) => format!("{}, {}", ago(until, now), verdict.words()),
            (None, None, Some(since)) => ago(since, now),
            _ => String::new(),
        };
        line(
            &name_of(row.path),
            row.state,
            &date(row.since),
            &date(row.until),
            &rest,
        );
    }
}

fn print_json(place: &Place, link: &Link, rows: &[Row<'_>]) {
    let date = |moment: Option<Micros>| match moment {
        Some(moment) => json(date(moment, 'T')),
        None => "null".to_owned(),
    };
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "    {{\"path\": {}, \"state\": {}, \"since\": {}, \"until\": {}, \"can_go\": {}}}",
                json(row.path.as_os_str().as_bytes()),
                json(row.state),
                date(row.since),
                date(row.until),
                row.verdict == Some(&Verdict::CanGo)
            )
        })
        .collect();
    print(format_args!(
        "{{\n  \"link\": {},\n  \"target\": {},\n  \"releases\": [\n{}\n  ]\n}}",
        json(place.link().as_os_str().as_bytes()),
        json(link.text.as_bytes()),
        rows.join(",\n")
    ));
}
