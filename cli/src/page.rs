//! What mod_realdoc writes into the page of mod_status for programs (`?auto`): lines as
//! `Realdoc[5f2c81d09ab3]Release: releases/43`.

use std::collections::HashMap;

use realdoc_core::{Micros, SECOND};

/// What the server says of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// The virtual host, or the first of several.
    pub(crate) server: String,
    /// The last component of the link's path.
    pub(crate) link: String,
    /// The path that it leads to, from the directory that holds it and the link. `None`: it does
    /// not resolve.
    pub(crate) release: Option<String>,
    pub(crate) flips: u64,
    pub(crate) last_flip: Option<Micros>,
    pub(crate) checks: u64,
    pub(crate) failures: u64,
    pub(crate) last_failure: Option<Micros>,
    pub(crate) last_error: Option<String>,
}

/// The links of a page, in its order. Lines of other modules, and what a later version adds, are
/// passed over.
pub(crate) fn parse(page: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut row_of: HashMap<&str, usize> = HashMap::new();
    for line in page.lines() {
        let Some((key, field, value)) = split(line) else {
            continue;
        };
        let row = *row_of.entry(key).or_insert_with(|| {
            rows.push(Row::default());
            rows.len() - 1
        });
        let row = &mut rows[row];
        let value = value.to_owned();
        let count = || value.parse().unwrap_or_default();
        let moment = || {
            value
                .parse()
                .ok()
                .map(|seconds: Micros| seconds.saturating_mul(SECOND))
        };
        match field {
            "Server" => row.server = value,
            "Link" => row.link = value,
            "Release" => row.release = Some(value).filter(|release| release != "-"),
            "Flips" => row.flips = count(),
            "LastFlip" => row.last_flip = moment(),
            "Checks" => row.checks = count(),
            "Failures" => row.failures = count(),
            "LastFailure" => row.last_failure = moment(),
            "LastError" => row.last_error = Some(value),
            _ => {}
        }
    }
    rows.retain(|row| !row.link.is_empty());
    rows
}

/// A link's key, a field and its value.
fn split(line: &str) -> Option<(&str, &str, &str)> {
    let rest = line.strip_prefix("Realdoc[")?;
    let (key, rest) = rest.split_once(']')?;
    let (field, value) = rest.split_once(": ")?;
    Some((key, field, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_other_lines_are_not() {
        let page = "localhost\nServerVersion: Apache\nRealdoc[a]Server: a and 2 more\n\
                    Realdoc[a]Link: current\nRealdoc[a]Release: 43: x\nRealdoc[a]LastFlip: 5\n\
                    Realdoc[a]New: 1\nRealdoc[b]Link: live\nRealdoc[b]Release: -\n\
                    Realdoc[b]Failures: 7\nRealdoc[b]LastError: No such file or directory\n\
                    Realdoc[cLink: x\nRealdoc[c]New: 1\nScoreboard: __\n";
        let rows = parse(page);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].server, "a and 2 more");
        assert_eq!(rows[0].release.as_deref(), Some("43: x"));
        assert_eq!(rows[0].last_flip, Some(5 * SECOND));
        assert_eq!((rows[1].release.clone(), rows[1].failures), (None, 7));
    }
}
