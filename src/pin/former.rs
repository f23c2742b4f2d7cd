//! A copy of a pin in which one link leads to a former release.

use std::ffi::CStr;

use once_cell::sync::OnceCell;
use realdoc_core::paths::strip_dir;
use realdoc_core::resolve::Mode;

use super::{Pin, PinnedRoot, Source};
use crate::httpd::{PoolVec, Request};
use crate::link::Link;

impl<'r> Pin<'r> {
    /// The links of a configured path that `path` leads through, outermost first, each with how
    /// that configured path is resolved. Of several it is the one with the longest link.
    pub(crate) fn links_over(&self, path: &[u8]) -> impl Iterator<Item = (&'r Link<'r>, &'r Mode)> {
        let is_over = move |link: &&Link<'_>| strip_dir(path, link.name.to_bytes()).is_some();
        let longest = self.link_of(path);
        let is_longest = move |link: &Link<'_>| longest.is_some_and(|own| std::ptr::eq(own, link));
        let root = self
            .roots
            .iter()
            .find(|root| root.links.iter().any(is_longest));
        let site = self.site;
        let root = root.and_then(|root| match root.source {
            Source::Site(n) => Some((root.links, site.roots.all()[n].mode())),
            // Another module's path has no history.
            Source::Request(_) | Source::Former => None,
        });
        let links = root.into_iter();
        links.flat_map(move |(links, mode)| {
            links.iter().filter(is_over).map(move |link| (link, mode))
        })
    }

    /// This pin, in which `link`, one of those over `path`, leads to `target`. What leads through
    /// it is resolved there when it is needed.
    pub(crate) fn with_former(
        &self,
        r: Request<'r>,
        path: &CStr,
        link: &'r Link<'r>,
        target: &'r CStr,
        link_owner: u32,
    ) -> &'r Pin<'r> {
        let former = Pin {
            is_former: true,
            ..Pin::new(r.pool(), self.server, self.site)
        };
        let mut roots = PoolVec::new(r.pool(), 4);
        for root in self.roots.iter() {
            roots.push(root);
        }
        let is_behind =
            |other: &Link<'_>| strip_dir(other.name.to_bytes(), link.name.to_bytes()).is_some();
        for root in roots.finish().iter().rev() {
            if !root.links.iter().any(is_behind) {
                let links = root.links.iter().map(|link| (link.name, link.target, None));
                former.push_copy(root.source, links);
            }
        }
        let outer = self.links_over(path.to_bytes());
        let outer = outer
            .map(|(outer, _)| outer)
            .take_while(|outer| !is_behind(outer));
        let mut links = PoolVec::new(r.pool(), 4);
        for outer in outer {
            links.push((outer.name, outer.target, None));
        }
        links.push((link.name, target, Some(link_owner)));
        former.push_copy(Source::Former, links.finish().iter().copied());
        r.pool().put(former)
    }

    fn push_copy<'l>(
        &self,
        source: Source<'_>,
        links: impl ExactSizeIterator<Item = (&'l CStr, &'l CStr, Option<u32>)>,
    ) {
        self.roots.push(|pool| PinnedRoot {
            source: source.copy_to(pool),
            links: pool.put_all(links.map(|(name, target, owner)| Link {
                name: pool.put_text(name),
                target: pool.put_text(target),
                owner: owner.map_or_else(OnceCell::new, OnceCell::with_value),
            })),
        });
    }
}
