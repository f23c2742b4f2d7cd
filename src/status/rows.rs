//! What there is to show of each link.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};

use realdoc_core::chain::Chain;
use realdoc_core::counters::Counts;
use realdoc_core::docroot::Docroot;
use realdoc_core::resolve::Mode;
use realdoc_core::shown::{link_key, release_name};

use crate::config::ServerConfig;
use crate::httpd::Request;
use crate::site::Site;

/// A link.
pub(super) struct Row<'c> {
    /// Its key, which stays the same whatever other links there are.
    pub(super) key: String,
    /// The name of the first virtual host whose document root leads through it, and of others.
    pub(super) server: &'c CStr,
    pub(super) others: HashSet<&'c CStr>,
    /// The last component of its path.
    pub(super) link: CString,
    /// The name of the release that it points to; `None`: it does not resolve, or nobody knows.
    pub(super) release: Option<CString>,
    pub(super) counts: Counts,
}

pub(super) fn rows(r: Request<'_>) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    // By the link's name and mode the row; by docroot (its address) the rows of its links.
    let mut row_of: HashMap<(CString, bool), usize> = HashMap::new();
    let mut rows_of: HashMap<*const Docroot, Vec<usize>> = HashMap::new();
    for server in r.main_server().in_order() {
        let Some(site) = ServerConfig::of(server).and_then(|config| config.site.as_ref()) else {
            continue;
        };
        for root in &site.roots {
            let of_root = rows_of.entry(&**root).or_insert_with(|| {
                let is_readlink = matches!(root.mode(), Mode::Readlink { .. });
                let links = links(root, site).into_iter();
                let add = |(link, release, counts): (CString, _, _)| {
                    let known = row_of.entry((link.clone(), is_readlink));
                    *known.or_insert_with(|| {
                        rows.push(Row {
                            key: link_key(link.to_bytes(), is_readlink),
                            server: server.name(),
                            others: HashSet::new(),
                            release,
                            link: last_component(&link),
                            counts,
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

/// The links on a docroot's path that any process has seen so far, their releases and their
/// counters. Only shared memory is read: a file system that hangs must not hold up the page.
fn links(root: &Docroot, site: &Site) -> Vec<(CString, Option<CString>, Counts)> {
    let path = root.path().to_bytes();
    let ends = (1..=path.len()).filter(|end| path.get(*end).is_none_or(|byte| *byte == b'/'));
    ends.filter_map(|end| {
        let link = CString::new(&path[..end]).ok()?;
        let counts = site.table.counts(&link, root.mode());
        let counts = counts.filter(|counts| counts.checks > 0)?;
        let release = match site.table.chain(&link, root.mode()) {
            _ if counts.is_broken => None,
            Chain::Paths(paths) => paths.last().map(|release| {
                let name = release_name(link.to_bytes(), release.to_bytes());
                CString::new(name).unwrap_or_default()
            }),
            Chain::TooLong => Some(c"too long".into()),
            Chain::Unknown => None,
        };
        Some((link, release, counts))
    })
    .collect()
}

impl Row<'_> {
    /// The first virtual host, escaped by `escape`, and how many more there are.
    pub(super) fn servers(&self, escape: impl Fn(&CStr) -> String) -> String {
        let first = escape(self.server);
        match self.others.len() {
            0 => first,
            others => format!("{first} and {others} more"),
        }
    }
}

/// The last component of a path; of the root, the root.
fn last_component(path: &CStr) -> CString {
    let name = path
        .to_bytes()
        .rsplit(|byte| *byte == b'/')
        .find(|name| !name.is_empty());
    CString::new(name.unwrap_or(b"/")).unwrap_or_default()
}
