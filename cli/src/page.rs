//! What mod_realdoc writes into the page of mod_status for programs (`?auto`): lines as
//! `Realdoc[0]Release: 43`.

use realdoc_core::{Micros, SECOND};

/// What the server says of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// The virtual host, or the first of several.
    pub(crate) server: String,
    /// The last component of the link's path.
    pub(crate) link: String,
    /// The last component of the path that it leads to. `None`: it does not resolve.
    pub(crate) release: Option<String>,
    pub(crate) flips: u64,
    pub(crate) last_flip: Option<Micros>,
    pub(crate) checks: u64,
    pub(crate) failures: u64,
    pub(crate) last_failure: Option<Micros>,
    pub(crate) last_error: Option<String>,
}

/// More links than a page can sensibly have.
const MAX_ROWS: usize = 100_000;

/// The links of a page, in its order. Lines of other modules, and what a later version adds, are
/// passed over.
pub(crate) fn parse(page: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in page.lines() {
        let Some((number, field, value)) = split(line) else {
            continue;
        };
        if number >= MAX_ROWS {
            continue;
        }
        if rows.len() <= number {
            rows.resize(number + 1, Row::default());
        }
        let row = &mut rows[number];
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
            "Release" => row.release = Some(value),
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

fn split(line: &str) -> Option<(usize, &str, &str)> {
    let rest = line.strip_prefix("Realdoc[")?;
    let (number, rest) = rest.split_once(']')?;
    let (field, value) = rest.split_once(": ")?;
    Some((number.parse().ok()?, field, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_other_lines_are_not() {
        let page = "localhost\nServerVersion: Apache\nRealdoc[0]Server: a and 2 more\n\
                    Realdoc[0]Link: current\nRealdoc[0]Release: 43: x\nRealdoc[0]LastFlip: 5\n\
                    Realdoc[0]New: 1\nRealdoc[1]Link: live\nRealdoc[1]Failures: 7\n\
                    Realdoc[1]LastError: No such file or directory\nRealdoc[9999999999]Link: x\n\
                    Realdoc[99999999]Link: x\nRealdoc[]Link: x\nScoreboard: __\n";
        let rows = parse(page);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].server, "a and 2 more");
        assert_eq!(rows[0].release.as_deref(), Some("43: x"));
        assert_eq!(rows[0].last_flip, Some(5 * SECOND));
        assert_eq!((rows[1].release.clone(), rows[1].failures), (None, 7));
    }
}
