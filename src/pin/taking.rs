//! Asking where a request's names lead.

use std::ffi::CStr;

use once_cell::sync::OnceCell;
use realdoc_core::docroot::{Check, Docroot, Event, NoAnswer, When};
#[cfg(not(feature = "test-hooks"))]
use realdoc_core::fs::OsFs as Files;
use realdoc_core::resolve;

use super::events::log_event;
use super::{Pin, PinnedRoot, Source};
#[cfg(feature = "test-hooks")]
use crate::faults::HangingFs as Files;
use crate::httpd::{Pool, PoolVec, Request};
use crate::link::Link;

impl<'r> Pin<'r> {
    /// Pins the links that `path` leads through, if the request has not asked for them yet.
    pub(crate) fn pin_path(&self, r: Request<'r>, path: &[u8]) -> Result<(), NoAnswer> {
        let when = if self.site.tests_files {
            When::Own
        } else {
            When::Due
        };
        self.site.roots.pin_each(path, &Files, |n, root| {
            if self.has_asked(Source::Site(n)) {
                return Ok(());
            }
            self.pin_root(r, n, root, when, |_| false)
        })
    }

    /// Pins the links to `path`, a document root that another module has set for this request.
    #[cold]
    pub(crate) fn pin_request_root(&self, path: &CStr) {
        if self.has_asked(Source::Request(path)) {
            return;
        }
        // httpd will not find what does not resolve either.
        let found = resolve::resolve(&Files, path, self.site.docroot().mode());
        let links = found.map(|found| found.links).unwrap_or_default();
        self.roots.push(|pool| PinnedRoot {
            source: Source::Request(pool.put_text(path)),
            links: put_links(pool, &links),
        });
    }

    /// A pin for the same names as if the request started now, by a look at the file system.
    /// `None`: all leads where it did. `is_lost`: the request did not end at a regular file.
    pub(crate) fn renewed(
        &self,
        r: Request<'r>,
        is_lost: bool,
    ) -> Result<Option<&'r Pin<'r>>, NoAnswer> {
        let when = When::Now { is_lost };
        let new = Pin::new(r.pool(), self.server, self.site);
        let mut roots = self.roots.iter();
        // Most requests for what is not there have one, which leads where it did: they need no pin.
        if let (Some(root), None) = (roots.next(), roots.next()) {
            if let Source::Site(n) = root.source {
                let is_known = |found: &[_]| is_same(root.links, found);
                new.pin_root(r, n, &self.site.roots.all()[n], when, is_known)?;
                return Ok(new.has_roots().then(|| r.pool().put(new)));
            }
        }
        let mut sources = PoolVec::new(r.pool(), 4);
        for root in self.roots.iter() {
            sources.push(root.source);
        }
        // In the order in which this pin has them: what leads through a link stays in its release.
        for &source in sources.finish().iter().rev() {
            match source {
                Source::Request(path) => new.pin_request_root(path),
                Source::Former => {}
                Source::Site(n) => {
                    new.pin_root(r, n, &self.site.roots.all()[n], when, |_| false)?;
                }
            }
        }
        Ok(self.differs_from(&new).then(|| r.pool().put(new)))
    }

    /// Pins the links of one of the site's roots, unless `is_known` says so of where it leads.
    fn pin_root(
        &self,
        r: Request<'r>,
        n: usize,
        root: &Docroot,
        when: When,
        is_known: impl Fn(&[resolve::Link]) -> bool,
    ) -> Result<(), NoAnswer> {
        let site = self.site;
        let add = |links: &[resolve::Link]| {
            if !is_known(links) {
                self.roots.push(|pool| PinnedRoot {
                    source: Source::Site(n),
                    links: put_links(pool, links),
                });
            }
        };
        let pinned = |name: &[u8]| {
            let mut links = self.links();
            let link = links.find(|link| link.name.to_bytes() == name)?;
            Some(link.target)
        };
        let check = Check {
            began: r.time(),
            clock: realdoc_core::now,
            policy: site.policy,
            table: site.table,
            fs: &Files,
            when,
            pinned: self.has_links().then_some(&pinned),
        };
        let mut log = |event: Event<'_>| log_event(r, site, root, &event);
        let found = root.pin(&check, &mut log, |found| add(&found.links))?;
        if found.is_none() {
            add(&[]);
        }
        Ok(())
    }
}

/// Whether these links lead where those do that were pinned.
fn is_same(pinned: &[Link<'_>], links: &[resolve::Link]) -> bool {
    let pinned = pinned.iter().map(|link| (link.name, link.target));
    pinned.eq(links.iter().map(|link| (&*link.path, &*link.target)))
}

fn put_links<'r>(pool: Pool<'r>, links: &[resolve::Link]) -> &'r [Link<'r>] {
    pool.put_all(links.iter().map(|link| {
        let [name, target] = pool.put_texts([&link.path, &link.target]);
        Link {
            name,
            target,
            owner: OnceCell::new(),
        }
    }))
}
