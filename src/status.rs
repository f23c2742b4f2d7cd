//! A part of mod_status' page: for each link the release that it leads to, and what all processes together have
//! counted of it.
//!
//! Of paths only the last components are shown: such a page may be seen by others than administrators.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::fmt::Write;

use realdoc_core::counters::Counts;
use realdoc_core::docroot::Docroot;
use realdoc_core::fs::OsFs;
use realdoc_core::resolve::{Mode, resolve, strerror};

use crate::config::ServerConfig;
use crate::httpd::{Pool, Request, StatusFormat};
use crate::site::Site;

/// A link.
struct Row<'c> {
    /// The name of the first virtual host whose document root leads through it, and of others.
    server: &'c CStr,
    others: HashSet<&'c CStr>,
    link: CString,
    /// Where it leads; `None`: the docroot does not resolve.
    target: Option<CString>,
    figures: Counts,
}

/// mod_status' hook. Where no link is known there is nothing to show.
pub(crate) fn show(r: Request<'_>, format: StatusFormat) {
    let rows = rows(r);
    if rows.is_empty() {
        return;
    }
    let mut page = String::new();
    let written = match format {
        StatusFormat::Html => table(&mut page, &rows, r.pool()),
        StatusFormat::Auto => lines(&mut page, &rows, r.pool()),
    };
    // A String takes all that is written to it.
    if written.is_ok() {
        r.write(&page);
    }
}

fn rows(r: Request<'_>) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    // By the link's name and mode the row; by docroot (its address) the rows of its links.
    let mut row_of: HashMap<(CString, bool), usize> = HashMap::new();
    let mut rows_of: HashMap<*const Docroot, Vec<usize>> = HashMap::new();
    for server in r.main_server().in_order() {
        let Some(site) = ServerConfig::of(server).and_then(|config| config.site.as_ref()) else {
            continue;
        };
        for root in std::iter::once(&site.docroot).chain(&site.further) {
            let of_root = rows_of.entry(&**root).or_insert_with(|| {
                let is_readlink = matches!(root.mode(), Mode::Readlink { .. });
                let links = links(root, site).into_iter();
                let add = |(link, target, figures): (CString, _, _)| {
                    let known = row_of.entry((link.clone(), is_readlink));
                    *known.or_insert_with(|| {
                        rows.push(Row {
                            server: server.name(),
                            others: HashSet::new(),
                            link,
                            target,
                            figures,
                        });
                        rows.len() - 1
                    })
                };
                links.map(add).collect()
            });
            for row in of_root {
                let row = &mut rows[*row];
                if row.server != server.name() {
                    row.others.insert(server.name());
                }
            }
        }
    }
    rows
}

/// The links on a docroot's path, where they lead, and their figures. Where the docroot does not resolve: what has been
/// a link for any process so far.
fn links(root: &Docroot, site: &Site) -> Vec<(CString, Option<CString>, Counts)> {
    let figures = |link: &CStr| site.table.counts(link, root.mode());
    match resolve(&OsFs, root.path(), root.mode()) {
        Ok(resolved) => {
            let links = resolved.links.into_iter();
            links
                .map(|link| {
                    let figures = figures(&link.path).unwrap_or_default();
                    (link.path, Some(link.target), figures)
                })
                .collect()
        }
        Err(_) => {
            let path = root.path().to_bytes();
            let ends =
                (1..=path.len()).filter(|end| path.get(*end).is_none_or(|byte| *byte == b'/'));
            ends.filter_map(|end| {
                let name = CString::new(&path[..end]).ok()?;
                let figures = figures(&name).filter(|figures| figures.checks > 0)?;
                Some((name, None, figures))
            })
            .collect()
        }
    }
}

/// In HTML, as mod_status and mod_proxy write it.
fn table(page: &mut String, rows: &[Row<'_>], pool: Pool<'_>) -> std::fmt::Result {
    page.write_str(
        "<hr />\n<h1>Document Roots (mod_realdoc)</h1>\n\n<table border=\"0\"><tr>\
         <th>Server</th><th>Link</th><th>Release</th><th>Flips</th><th>Last flip</th>\
         <th>Checks</th><th>Failures</th><th>Last failure</th></tr>\n",
    )?;
    for row in rows {
        let figures = &row.figures;
        let servers = row.servers(|name| pool.html(name));
        write!(page, "<tr><td>{servers}</td>")?;
        write!(page, "<td>{}</td>", pool.html(&last(&row.link)))?;
        let release = row.target.as_deref().map(|target| pool.html(&last(target)));
        write!(page, "<td>{}</td>", release.as_deref().unwrap_or("-"))?;
        let flipped = figures.flipped_at.map(|at| pool.date(at));
        let flipped = flipped.as_deref().unwrap_or("-");
        write!(page, "<td>{}</td><td>{flipped}</td>", figures.flips)?;
        write!(
            page,
            "<td>{}</td><td>{}</td>",
            figures.checks, figures.failures
        )?;
        let failure = figures
            .failure
            .map(|(at, errno)| format!("{}: {}", pool.date(at), strerror(errno)));
        writeln!(page, "<td>{}</td></tr>", failure.as_deref().unwrap_or("-"))?;
    }
    page.write_str("</table>\n")
}

/// For a program (`?auto`). Times are in seconds since the epoch; what has not been is left out.
fn lines(page: &mut String, rows: &[Row<'_>], pool: Pool<'_>) -> std::fmt::Result {
    for (n, row) in rows.iter().enumerate() {
        let figures = &row.figures;
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            writeln!(page, "Realdoc[{n}]{name}: {value}")
        };
        line("Server", &row.servers(|name| pool.printable(name)))?;
        line("Link", &pool.printable(&last(&row.link)))?;
        if let Some(target) = &row.target {
            line("Release", &pool.printable(&last(target)))?;
        }
        line("Flips", &figures.flips)?;
        if let Some(at) = figures.flipped_at {
            line("LastFlip", &(at / realdoc_core::SECOND))?;
        }
        line("Checks", &figures.checks)?;
        line("Failures", &figures.failures)?;
        if let Some((at, errno)) = figures.failure {
            line("LastFailure", &(at / realdoc_core::SECOND))?;
            line("LastError", &strerror(errno))?;
        }
    }
    Ok(())
}

impl Row<'_> {
    /// The first virtual host, escaped by `escape`, and how many more there are.
    fn servers(&self, escape: impl Fn(&CStr) -> String) -> String {
        let first = escape(self.server);
        match self.others.len() {
            0 => first,
            others => format!("{first} and {others} more"),
        }
    }
}

/// The last component of a path; of the root, the root.
fn last(path: &CStr) -> CString {
    let name = path
        .to_bytes()
        .rsplit(|byte| *byte == b'/')
        .find(|name| !name.is_empty());
    CString::new(name.unwrap_or(b"/")).unwrap_or_default()
}
