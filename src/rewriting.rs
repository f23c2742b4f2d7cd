//! mod_rewrite's rules for directories: they are matched against the name that their section or
//! .htaccess file knows.
//!
//! mod_rewrite cuts the directory of its rules off the file's name, and, to make a URL of what they
//! make, the document root or the context's root. Rules in what a link leads to see names in the
//! release, as the rest of the request does. Rules above the link are about the link's name: so
//! they are shown that, as by httpd without us, and the roots to match.

use std::ffi::CStr;

use realdoc_core::mapping::url_of_link;
use realdoc_core::paths::strip_dir;

use crate::httpd::{Answer, Context, Request};
use crate::link::Link;
use crate::module::Realdoc;
use crate::pin::{Found, Pin, RulesPlace};
use crate::state::{Replaced, RequestState, ShownFile};

/// fixups, before mod_rewrite.
pub(crate) fn show_names(r: Request<'_>) -> Answer {
    if let Some((state, pin)) = RequestState::with_pin(r) {
        if let Some(previous) = state.previous() {
            previous.note_handler(r);
            previous.hide_main(r);
        }
        let found = r.dir_config().state::<Realdoc>().found;
        if let Some((found, link)) = found.and_then(|found| Some((found, found.by?))) {
            match rules_place(r, pin, found) {
                None => {}
                Some(RulesPlace::AboveLinks) => show_configured_name(r, state, link),
                Some(RulesPlace::Under(outer)) if outer.name == link.name => {
                    show_context(r, state, link);
                }
                Some(RulesPlace::Under(outer)) => show_name_under(r, state, link, outer),
            }
        }
    }
    Answer::DECLINED
}

/// Where the rules are that apply to the request. `None`: there are none.
fn rules_place<'r>(r: Request<'r>, pin: &Pin<'_>, found: &Found<'r>) -> Option<RulesPlace<'r>> {
    let config = r.dir_config().of_module(pin.site.rewrite?)?;
    if found.rules.config == Some(config) {
        found.rules.place
    } else {
        // Those of a <Location>, <Files> or <If>, which are shown the whole name.
        Some(RulesPlace::AboveLinks)
    }
}

/// The rules see the file and the roots by the configured names.
fn show_configured_name<'r>(r: Request<'r>, state: &RequestState<'r>, link: &Link<'r>) {
    if let Some(file) = show_name(r, link, [b"", link.name.to_bytes()]) {
        replace(r, state, Some(file));
        let context = r.context();
        r.set_context(Context {
            document_root: state.roots.context.get().or(context.document_root),
            ..context
        });
        r.set_document_root(state.roots.document.get());
    }
}

/// The rules see a file behind `link` by the name that this has in what `outer` leads to.
fn show_name_under<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    link: &Link<'r>,
    outer: &Link<'r>,
) {
    let inner = strip_dir(link.name.to_bytes(), outer.name.to_bytes());
    let file = inner.and_then(|inner| show_name(r, link, [outer.target.to_bytes(), inner]));
    if file.is_some() {
        replace(r, state, file);
    }
}

/// Names the request's file, which lies in what `link` leads to, by another path of the link.
fn show_name<'r>(r: Request<'r>, link: &Link<'r>, path: [&[u8]; 2]) -> Option<ShownFile<'r>> {
    let name = r.filename()?;
    let tail = strip_dir(name.to_bytes(), link.target.to_bytes())?;
    let [dir, inner] = path;
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    let shown = r.pool().concat(&[dir, inner, tail]);
    r.rename(shown);
    Some(ShownFile { name, shown })
}

/// Notes what the request had.
fn replace<'r>(r: Request<'r>, state: &RequestState<'r>, file: Option<ShownFile<'r>>) {
    state.replaced.set(Some(Replaced {
        document_root: r.document_root(),
        context: r.context(),
        file,
    }));
}

/// Behind a `RealdocLink` the context is the link, by its URL and its target.
fn show_context<'r>(r: Request<'r>, state: &RequestState<'r>, link: &Link<'r>) {
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
    replace(r, state, None);
    r.set_context(Context {
        prefix: Some(r.pool().concat(&[url.dir, url.tail])),
        document_root: Some(link.target),
    });
    // mod_rewrite tries the document root first: a link's target below it goes by another spelling
    // of it.
    let target = link.target.to_bytes();
    let root = r.document_root();
    if let Some(root) = root.filter(|root| strip_dir(target, root.to_bytes()).is_some()) {
        let root = root.to_bytes();
        let dir = root.strip_suffix(b"/").unwrap_or(root);
        r.set_document_root(Some(r.pool().concat(&[dir, b"/."])));
    }
}

/// fixups, after mod_rewrite: all names are again what they were, and a URL that still begins with
/// the configured document root loses it.
pub(crate) fn restore_names(r: Request<'_>) -> Answer {
    if let Some((state, _)) = RequestState::with_pin(r) {
        if let Some(previous) = state.previous() {
            previous.show_main(r);
        }
        let replaced = state.replaced.take();
        if let Some(replaced) = replaced {
            r.set_context(replaced.context);
            r.set_document_root(replaced.document_root);
            if let Some(file) = replaced
                .file
                .filter(|file| r.filename() == Some(file.shown))
            {
                r.rename(file.name);
            }
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
