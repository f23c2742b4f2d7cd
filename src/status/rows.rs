//! What there is to show of each link.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};

use realdoc_core::chain::Chain;
use realdoc_core::counters::Counts;
use realdoc_core::docroot::Docroot;
use realdoc_core::resolve::Mode;
use realdoc_core::shown::{link_key, release_name};
use realdoc_core::{Micros, now};

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
    /// The names of the former releases that RealdocPrevious remembers, and when each was left; the
    /// newest first.
    pub(super) previous: Vec<(CString, Micros)>,
    pub(super) counts: Counts,
}

/// What shared memory says of a link.
struct Known {
    link: CString,
    release: Option<CString>,
    previous: Vec<(CString, Micros)>,
    counts: Counts,
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
        for root in site.roots.all() {
            let of_root = rows_of.entry(&**root).or_insert_with(|| {
                let is_readlink = matches!(root.mode(), Mode::Readlink { .. });
                let links = links(root, site).into_iter();
                let add = |known: Known| {
                    let row = row_of.entry((known.link.clone(), is_readlink));
                    *row.or_insert_with(|| {
                        rows.push(Row {
                            key: link_key(known.link.to_bytes(), is_readlink),
                            server: server.name(),
                            others: HashSet::new(),
                            release: known.release,
                            previous: known.previous,
                            link: last_component(&known.link),
                            counts: known.counts,
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

/// The links on a docroot's path that any process has seen so far. Only shared memory is read: a
/// file system that hangs must not hold up the page.
fn links(root: &Docroot, site: &Site) -> Vec<Known> {
    let links = root.prefixes();
    links
        .filter_map(|link| {
            let counts = site.table.counts(&link, root.mode());
            let counts = counts.filter(|counts| counts.checks > 0)?;
            let (release, previous) = match site.table.chain(&link, root.mode()) {
                Chain::Paths(paths) => {
                    let target = paths.last()?;
                    let previous = previous(&link, target, root, site);
                    (Some(name(&link, target)), previous)
                }
                Chain::TooLong => (Some(c"too long".into()), Vec::new()),
                Chain::Unknown => (None, Vec::new()),
            };
            Some(Known {
                link,
                release: release.filter(|_| !counts.is_broken),
                previous,
                counts,
            })
        })
        .collect()
}

fn previous(link: &CStr, current: &CStr, root: &Docroot, site: &Site) -> Vec<(CString, Micros)> {
    let mut formers = site.table.former(link, root.mode(), current, now());
    let next = || {
        let former = formers.next()?;
        Some((name(link, former.target), former.left))
    };
    std::iter::from_fn(next).collect()
}

fn name(link: &CStr, release: &CStr) -> CString {
    CString::new(release_name(link.to_bytes(), release.to_bytes())).unwrap_or_default()
}

impl Row<'_> {
    /// Whether there is anything to say of `RealdocPrevious`.
    pub(super) fn uses_previous(&self) -> bool {
        !self.previous.is_empty() || self.counts.served > 0 || self.counts.lost > 0
    }

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
