//! A request's document root and the root of its context, by the links' names and in the release.

use std::cell::Cell;
use std::ffi::CStr;

use realdoc_core::mapping::{Joined, Translated, release_path};
use realdoc_core::paths::{may_need_canonicalization, strip_dir};

use crate::httpd::{Context, Request};
use crate::link::Link;
use crate::pin::{NoAnswer, Pin};

/// The roots of a request. Those that the configuration gives are by the links' names.
#[derive(Default)]
pub(crate) struct Roots<'r> {
    pub(crate) document: Cell<Option<&'r CStr>>,
    /// The document root in the release, which we have set.
    pub(crate) resolved: Cell<Option<&'r CStr>>,
    /// That of an Alias or the like.
    pub(crate) context: Cell<Option<&'r CStr>>,
    /// The same in the release, which we have set.
    resolved_context: Cell<Option<&'r CStr>>,
}

impl<'r> Roots<'r> {
    /// A translated request with these roots, and no file name yet.
    pub(crate) fn translated(&self) -> Translated<'r, &'r Link<'r>> {
        Translated {
            filename: b"",
            document_root: self.document.get().unwrap_or_default().to_bytes(),
            context_root: self.context.get().map(CStr::to_bytes),
            parent: None,
            parents_context: None,
            resolved_root: None,
            by_release: false,
        }
    }

    /// Finds those of `r`. Pins a document root that another module has set for this request, as
    /// mod_vhost_alias does.
    pub(crate) fn find(&self, r: Request<'r>, pin: &Pin<'r>) -> Result<(), NoAnswer> {
        let (root, configured) = (r.document_root(), r.server().document_root());
        let same = |a: Option<&CStr>, b: Option<&CStr>| a.map(CStr::as_ptr) == b.map(CStr::as_ptr);
        if same(root, configured) {
            self.document
                .set(configured.filter(|root| is_absolute(root)));
        } else if !same(root, self.resolved.get()) {
            let root = root.filter(|root| is_absolute(root));
            let root = root.and_then(|root| canonicalize(r, root));
            if let Some(root) = root {
                pin.pin_path(r, root.to_bytes())?;
                if pin.link_of(root.to_bytes()).is_none() {
                    pin.pin_request_root(root);
                }
            }
            self.document.set(root);
        }
        let context = r.context().document_root;
        if !same(context, self.resolved_context.get()) {
            self.context.set(context);
        }
        Ok(())
    }

    /// Whether an Alias or the like leads to a directory above all links, and so to `path` behind
    /// `link`. Its URLs name the link.
    pub(crate) fn context_is_above(&self, pin: &Pin<'_>, link: &Link<'_>, path: &CStr) -> bool {
        let context = self.context.get().map(CStr::to_bytes);
        context.is_some_and(|context| {
            strip_dir(link.name.to_bytes(), context).is_some()
                && strip_dir(path.to_bytes(), link.name.to_bytes()).is_some()
                && pin.link_of(context).is_none()
        })
    }

    /// Pins the document root, and sets it to the release's.
    pub(crate) fn set_document_root(&self, r: Request<'r>, pin: &Pin<'r>) -> Result<(), NoAnswer> {
        if let Some(root) = self.document.get() {
            pin.pin_path(r, root.to_bytes())?;
            let resolved = release_path(root.to_bytes(), pin.links());
            self.set(r, resolved.map(|(_, root)| root), None);
        }
        Ok(())
    }

    /// Sets the roots in the release. `None`: the root is not under a link.
    pub(crate) fn set(
        &self,
        r: Request<'r>,
        document: Option<Joined<'_>>,
        context: Option<Joined<'_>>,
    ) {
        let in_pool = |root: Joined<'_>| r.pool().concat(&[root.dir, root.tail]);
        let resolved = document.map(in_pool);
        if resolved.is_some() || self.resolved.get().is_some() {
            r.set_document_root(resolved.or(self.document.get()));
            self.resolved.set(resolved);
            // For `LogFormat "%{realdoc-root}n"`. Only main requests are logged.
            if !r.is_subrequest() {
                r.set_note(c"realdoc-root", resolved);
            }
        }
        if let Some(root) = context {
            let root = Some(in_pool(root));
            self.resolved_context.set(root);
            r.set_context(Context {
                document_root: root,
                ..r.context()
            });
        }
    }
}

pub(crate) fn is_absolute(path: &CStr) -> bool {
    path.to_bytes().starts_with(b"/")
}

/// `path` as httpd spells it, without empty, `.` and `..` components. `None`: it is too long for
/// that.
pub(crate) fn canonicalize<'r>(r: Request<'r>, path: &'r CStr) -> Option<&'r CStr> {
    if may_need_canonicalization(path.to_bytes()) {
        r.pool().canonicalize(path)
    } else {
        Some(path)
    }
}
