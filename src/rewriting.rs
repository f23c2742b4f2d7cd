//! mod_rewrite's rules for directories: they are matched against the name that their section or
//! .htaccess file knows.
//!
//! mod_rewrite cuts the directory of its rules off the file's name, and, to make a URL of what they
//! make, the document root or the context's root. Rules in what a link leads to see names in the
//! release, as the rest of the request does. Rules above the link are about the link's name: so
//! they are shown that, as by httpd without us, and the roots to match.

use std::cell::Cell;
use std::ffi::CStr;

use realdoc_core::mapping::{Joined, url_of_link};
use realdoc_core::paths::strip_dir;

use crate::httpd::{Answer, Context, Request};
use crate::link::Link;
use crate::module::Realdoc;
use crate::pin::{Found, Pin, RulesPlace};
use crate::state::{Original, Replaced, RequestState, ShownFile};

/// fixups, before mod_rewrite.
pub(crate) fn show_names(r: Request<'_>) -> Answer {
    if let Some((state, pin)) = RequestState::with_pin(r) {
        if let Some(previous) = state.previous() {
            previous.note_handler(r);
            previous.hide_main(r);
        }
        state.original.set(Some(Original {
            filename: r.filename(),
            handler: r.handler(),
        }));
        if pin.translates_by_release() && has_rules(r, pin) && state.roots.resolved.get().is_none()
        {
            // The file is elsewhere, so nothing has asked. If the file system does not answer,
            // rules see the configured document root, as without us.
            let _ = state.roots.set_document_root(r, pin);
        }
        if let Some(found) = r.dir_config().state::<Realdoc>().found {
            let place = rules_place(r, pin, found);
            state.rules.set(place);
            match (place, found.by) {
                (None, _) => {}
                // By its real name, which no rule can tell from that by httpd without us.
                (Some(place), None) => show_roots_from(r, state, place, None),
                (Some(RulesPlace::Under(outer)), Some(link)) if outer.name == link.name => {
                    hide_roots(r, state, link);
                }
                (Some(place), Some(link)) => show_names_from(r, state, link, place),
            }
        }
    }
    Answer::DECLINED
}

/// Whether any rules apply to the request.
fn has_rules(r: Request<'_>, pin: &Pin<'_>) -> bool {
    let config = |rewrite| r.dir_config().of_module(rewrite);
    pin.site.rewrite.and_then(config).is_some()
}

/// Where the rules are that apply to the request. `None`: there are none.
fn rules_place<'r>(r: Request<'r>, pin: &Pin<'_>, found: Found<'r>) -> Option<RulesPlace<'r>> {
    let config = r.dir_config().of_module(pin.site.rewrite?)?;
    if found.rules.config == Some(config) {
        found.rules.place
    } else {
        // Those of a <Location>, <Files> or <If>, which are shown the whole name.
        Some(RulesPlace::AboveLinks)
    }
}

/// Names the request's file, which was found by `link`, and the roots as rules at `place` see them.
fn show_names_from<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    link: &Link<'r>,
    place: RulesPlace<'r>,
) {
    if let Some(file) = show_file_from(r, link, place) {
        show_roots_from(r, state, place, Some(file));
    }
}

/// Names the roots as rules at `place` see them; `file` is already.
fn show_roots_from<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    place: RulesPlace<'r>,
    file: Option<ShownFile<'r>>,
) {
    replace(r, state, file);
    let seen = |root: &Cell<Option<&'r CStr>>| seen_from(r, place, root.get()?);
    let context = r.context();
    r.set_context(Context {
        document_root: seen(&state.roots.context).or(context.document_root),
        ..context
    });
    if let Some(root) = seen(&state.roots.document) {
        r.set_document_root(Some(root));
    }
}

fn show_file_from<'r>(
    r: Request<'r>,
    link: &Link<'r>,
    place: RulesPlace<'r>,
) -> Option<ShownFile<'r>> {
    let name = r.filename()?;
    let tail = strip_dir(name.to_bytes(), link.target.to_bytes())?;
    let shown = join(r, seen_from(r, place, link.name)?, tail);
    r.rename(shown);
    Some(ShownFile { name, shown })
}

/// `path`, which is by the links' names, as rules at `place` see it. `None`: it is not in what they
/// are under.
fn seen_from<'r>(r: Request<'r>, place: RulesPlace<'r>, path: &'r CStr) -> Option<&'r CStr> {
    match place {
        RulesPlace::AboveLinks => Some(path),
        RulesPlace::Under(outer) => {
            let tail = strip_dir(path.to_bytes(), outer.name.to_bytes())?;
            Some(join(r, outer.target, tail))
        }
    }
}

/// `tail`, which is empty or begins with a slash, below `dir`.
fn join<'r>(r: Request<'r>, dir: &'r CStr, tail: &[u8]) -> &'r CStr {
    if tail.is_empty() {
        return dir;
    }
    let dir = dir.to_bytes();
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    r.pool().concat(&[dir, tail])
}

/// Notes what the request had.
fn replace<'r>(r: Request<'r>, state: &RequestState<'r>, file: Option<ShownFile<'r>>) {
    state.replaced.set(Some(r.pool().put(Replaced {
        document_root: r.document_root(),
        context: r.context(),
        file,
    })));
}

/// What rules in what `link` leads to make of a relative path is to be under its target still when
/// mod_rewrite has run, for [`url_behind`]: so a root above that goes by another spelling.
fn hide_roots<'r>(r: Request<'r>, state: &RequestState<'r>, link: &Link<'r>) {
    let hidden = |root: Option<&'r CStr>| {
        let is_above = |root: &&CStr| {
            let tail = strip_dir(link.target.to_bytes(), root.to_bytes());
            tail.is_some()
        };
        root.filter(is_above).map(|root| join(r, root, b"/."))
    };
    let context = r.context();
    let (root, context_root) = (hidden(r.document_root()), hidden(context.document_root));
    if (root.is_none() && context_root.is_none()) || url_of(r, state, link).is_none() {
        return;
    }
    replace(r, state, None);
    if let Some(root) = root {
        r.set_document_root(Some(root));
    }
    r.set_context(Context {
        document_root: context_root.or(context.document_root),
        ..context
    });
}

/// The URL that leads to `link`, by the configured names.
fn url_of<'r>(r: Request<'r>, state: &RequestState<'r>, link: &Link<'r>) -> Option<Joined<'r>> {
    let root = state.roots.document.get()?;
    let prefix = r.context().prefix.unwrap_or_default();
    let context_root = state.roots.context.get();
    url_of_link(
        link.name.to_bytes(),
        root.to_bytes(),
        context_root.map(|root| (prefix.to_bytes(), root.to_bytes())),
    )
}

/// fixups, after mod_rewrite: all names are again what they were.
pub(crate) fn restore_names(r: Request<'_>) -> Answer {
    if let Some((state, _)) = RequestState::with_pin(r) {
        if let Some(previous) = state.previous() {
            previous.show_main(r);
        }
        let rules = state.rules.take();
        if let Some(replaced) = state.replaced.take() {
            r.set_context(replaced.context);
            r.set_document_root(replaced.document_root);
            if let Some(file) = replaced
                .file
                .filter(|file| r.filename() == Some(file.shown))
            {
                r.rename(file.name);
            }
        }
        let original = state.original.take();
        // Above the links mod_rewrite had all names as by httpd without us.
        if is_redirect(r) && !matches!(rules, Some(RulesPlace::AboveLinks)) {
            restore_url(r, state, rules, original);
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

/// Makes the URL where mod_rewrite could not, and has taken a path for it.
fn restore_url<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    rules: Option<RulesPlace<'r>>,
    original: Option<Original<'r>>,
) {
    let Some(path) = r.filename().map(CStr::to_bytes) else {
        return;
    };
    let Some(path) = path.strip_prefix(REDIRECT) else {
        return;
    };
    // mod_rewrite leaves alone what its rules make the file that it is already. A path by a link's
    // name it has not known for that.
    if let Some(original) = original.filter(|original| is_own_name(r, path, original.filename)) {
        if let Some(file) = original.filename {
            r.rename(file);
        }
        r.set_handler(original.handler);
        return;
    }
    let behind = match rules {
        Some(RulesPlace::Under(link)) => url_behind(r, state, link, path),
        _ => None,
    };
    if let Some([dir, inner, tail]) = behind {
        r.rename(r.pool().concat(&[REDIRECT, dir, inner, tail]));
    } else if let Some(tail) = tail_in_document_root(state, path) {
        r.rename(r.pool().concat(&[REDIRECT, tail]));
    }
}

/// Whether `path` is the name, by a link's, that the request for `file` has by httpd without us.
fn is_own_name(r: Request<'_>, path: &[u8], file: Option<&CStr>) -> bool {
    let found = r.dir_config().state::<Realdoc>().found;
    let own = found.and_then(|found| found.by).and_then(|link| {
        let tail = strip_dir(file?.to_bytes(), link.target.to_bytes())?;
        Some(strip_dir(path, link.name.to_bytes())? == tail)
    });
    own == Some(true)
}

/// The URL, in pieces, of a path in what `link` leads to.
fn url_behind<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    link: &Link<'r>,
    path: &'r [u8],
) -> Option<[&'r [u8]; 3]> {
    let tail = strip_dir(path, link.target.to_bytes())?;
    let url = url_of(r, state, link)?;
    Some([url.dir, url.tail, tail])
}

/// The URL of a path by the configured document root, where the request has another.
fn tail_in_document_root<'r>(state: &RequestState<'r>, path: &'r [u8]) -> Option<&'r [u8]> {
    state.roots.resolved.get()?;
    let tail = strip_dir(path, state.roots.document.get()?.to_bytes())?;
    (!tail.is_empty()).then_some(tail)
}
