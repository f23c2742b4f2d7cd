//! mod_status' page, for people and for programs.

use std::fmt::{self, Write};

use realdoc_core::SECOND;
use realdoc_core::resolve::strerror;

use super::rows::Row;
use crate::httpd::Pool;

/// In HTML, as mod_status and mod_proxy write it.
pub(super) fn table(rows: &[Row<'_>], pool: Pool<'_>) -> String {
    let has_previous = rows.iter().any(Row::uses_previous);
    let of_previous = if has_previous {
        "<th>Previous served</th><th>Previous lost</th>"
    } else {
        ""
    };
    let mut page = format!(
        "<hr />\n<h1>Document Roots (mod_realdoc)</h1>\n\n<table border=\"0\"><tr>\
         <th>Server</th><th>Link</th><th>Release</th><th>Flips</th><th>Last flip</th>\
         <th>Checks</th><th>Failures</th><th>Last failure</th>{of_previous}</tr>\n",
    );
    for row in rows {
        let counts = &row.counts;
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let failure = counts
            .failure
            .map(|(at, errno)| format!("{}: {}", pool.date(at), strerror(errno)));
        let mut cells = vec![
            row.servers(|name| pool.html(name)),
            pool.html(&row.link),
            or_dash(row.release.as_deref().map(|release| pool.html(release))),
            counts.flips.to_string(),
            or_dash(counts.flipped_at.map(|at| pool.date(at))),
            counts.checks.to_string(),
            counts.failures.to_string(),
            or_dash(failure),
        ];
        if has_previous {
            cells.extend([counts.served, counts.lost].map(|count| count.to_string()));
        }
        page += &format!("<tr><td>{}</td></tr>\n", cells.join("</td><td>"));
    }
    page + "</table>\n"
}

/// For a program (`?auto`). Times are in seconds since the epoch. What has not happened is left
/// out.
pub(super) fn lines(rows: &[Row<'_>], pool: Pool<'_>) -> String {
    let mut page = String::new();
    for row in rows {
        // A String takes all that is written to it.
        let _ = row_lines(&mut page, row, pool);
    }
    page
}

fn row_lines(page: &mut String, row: &Row<'_>, pool: Pool<'_>) -> fmt::Result {
    let counts = &row.counts;
    let key = &row.key;
    let mut line =
        |name: &str, value: &dyn fmt::Display| writeln!(page, "Realdoc[{key}]{name}: {value}");
    line("Server", &row.servers(|name| pool.printable(name)))?;
    line("Link", &pool.printable(&row.link))?;
    let release = row
        .release
        .as_deref()
        .map(|release| pool.printable(release));
    line("Release", &release.as_deref().unwrap_or("-"))?;
    if let Some((previous, _)) = row.previous.first() {
        line("Previous", &pool.printable(previous))?;
    }
    if row.uses_previous() {
        line("PreviousServed", &counts.served)?;
        line("PreviousLost", &counts.lost)?;
    }
    line("Flips", &counts.flips)?;
    if let Some(at) = counts.flipped_at {
        line("LastFlip", &(at / SECOND))?;
    }
    line("Checks", &counts.checks)?;
    line("Failures", &counts.failures)?;
    if let Some((at, errno)) = counts.failure {
        line("LastFailure", &(at / SECOND))?;
        line("LastError", &strerror(errno))?;
    }
    Ok(())
}
