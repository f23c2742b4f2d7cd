//! mod_rewrite's rules for directories, which make a URL of a file's name by cutting off the
//! document root or the context's root.
//!
//! They see names in the release. Where these do not lie below the root, the URL would be wrong:
//! what lies behind a `RealdocLink` below the document root, and what a rule names by the
//! configured document root.

use std::ffi::CStr;

use realdoc_core::mapping::url_of_link;
use realdoc_core::paths::strip_dir;

use crate::httpd::{Answer, Context, Request};
use crate::link::Link;
use crate::module::Realdoc;
use crate::state::{Replaced, RequestState};

/// fixups, before mod_rewrite: behind a `RealdocLink` the context is the link, by its URL and its
/// target.
pub(crate) fn set_context(r: Request<'_>) -> Answer {
    if let Some((state, _)) = RequestState::with_pin(r) {
        if let Some(link) = r.dir_config().state::<Realdoc>().found_by {
            set_context_of(r, state, link);
        }
    }
    Answer::DECLINED
}

fn set_context_of<'r>(r: Request<'r>, state: &RequestState<'r>, link: &Link<'r>) {
    let Some(root) = state.roots.document.get() else {
        return;
    };
    let context = r.context();
    let named = state.roots.context.get().map(CStr::to_bytes);
    let prefix = context.prefix.unwrap_or_default().to_bytes();
    let url = url_of_link(
        link.name.to_bytes(),
        root.to_bytes(),
        named.map(|root| (prefix, root)),
    );
    let Some(url) = url else {
        return;
    };
    let document_root = r.document_root();
    state.replaced.set(Some(Replaced {
        document_root,
        context,
    }));
    r.set_context(Context {
        prefix: Some(r.pool().concat(&[url.dir, url.tail])),
        document_root: Some(link.target),
    });
    // mod_rewrite tries the document root first: a link's target below it goes by another spelling
    // of it.
    let target = link.target.to_bytes();
    if let Some(root) = document_root.filter(|root| strip_dir(target, root.to_bytes()).is_some()) {
        let root = root.to_bytes();
        let dir = root.strip_suffix(b"/").unwrap_or(root);
        r.set_document_root(Some(r.pool().concat(&[dir, b"/."])));
    }
}

/// fixups, after mod_rewrite: the roots are again what they were, and a URL that still begins with
/// the configured document root loses it.
pub(crate) fn restore_context(r: Request<'_>) -> Answer {
    if let Some((state, _)) = RequestState::with_pin(r) {
        let replaced = state.replaced.take();
        if let Some(replaced) = replaced {
            r.set_context(replaced.context);
            r.set_document_root(replaced.document_root);
        }
        if is_redirect(r) && (replaced.is_some() || state.roots.resolved.get().is_some()) {
            cut_document_root(r, state);
        }
    }
    Answer::DECLINED
}

/// How mod_rewrite names a request that it has rewritten to a URL.
const REDIRECT: &[u8] = b"redirect:";

/// Whether mod_rewrite has rewritten the request, for a directory, to a URL.
pub(crate) fn is_redirect(r: Request<'_>) -> bool {
    r.handler() == Some(c"redirect-handler")
}

fn cut_document_root<'r>(r: Request<'r>, state: &RequestState<'r>) {
    let (Some(root), Some(name)) = (state.roots.document.get(), r.filename()) else {
        return;
    };
    let url = name.to_bytes().strip_prefix(REDIRECT);
    let tail = url.and_then(|url| strip_dir(url, root.to_bytes()));
    if let Some(tail) = tail.filter(|tail| !tail.is_empty()) {
        r.rename(r.pool().concat(&[REDIRECT, tail]));
    }
}
