//! A request for a file that its release does not have.

use std::ffi::CStr;

use realdoc_core::mapping::release_path;
use realdoc_core::previous::{is_hashed, is_plain};

use super::settings::Settings;
use super::state::{Cut, Lost};
use crate::httpd::{Env, FileType, Options, Request};
use crate::link::LinkedPath;
use crate::pin::Pin;
use crate::site::Site;
use crate::state::RequestState;

/// The path of the URL of a request for a file that may come from a former release, as far as the
/// URL alone shows it.
fn url_path<'r>(r: Request<'r>, site: &Site) -> Option<&'r CStr> {
    let path = r.sent_path();
    let may_be_meant = site.has_previous_names || is_hashed(path);
    (may_be_meant && r.is_get() && is_plain(path)).then(|| r.pool().concat(&[path]))
}

/// After the walk down to the file `name`, which is not there, before `<Files>` sections apply:
/// where the release lacks a whole directory, the name is completed. So whatever says something of
/// the file's name says it as if the directory were there.
#[cold]
pub(crate) fn complete_name<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    pin: &'r Pin<'r>,
    name: LinkedPath<'r>,
) {
    let asks = r.is_initial()
        || state
            .previous()
            .is_some_and(|previous| previous.trial.get().is_some());
    let cut = r.path_info().filter(|info| !info.is_empty());
    let (Some(filename), Some(path_info)) = (r.filename(), cut) else {
        return;
    };
    if !asks || name.link.is_none() {
        return;
    }
    let settings = Settings::of(r.dir_config());
    let is_named = || url_path(r, pin.site).is_some_and(|path| settings.is_for(path));
    // mod_negotiation looks for variants of the first component that is not there.
    let may_vary = || Options::of(r.dir_config()).has_multiviews();
    if settings.is_off() || !is_named() || may_vary() {
        if let Some(previous) = state.previous() {
            previous.is_cut.set(true);
        }
        return;
    }
    if let Some((_, whole)) = release_path(name.path.to_bytes(), pin.links()) {
        let whole = r.pool().concat(&[whole.dir, whole.tail]);
        r.set_canonical_filename(whole);
        r.set_path_info(Some(c""));
        state.previous_or_new(r).cut.set(Some(Cut {
            whole,
            filename,
            path_info,
        }));
    }
}

/// The name is again what the walk has found, unless another module has changed it.
pub(super) fn cut_name<'r>(r: Request<'r>, state: &RequestState<'r>) {
    if let Some(cut) = state.previous().and_then(|previous| previous.cut.take()) {
        let is_ours = |name: &CStr| name.as_ptr() == cut.whole.as_ptr();
        if r.filename().is_some_and(is_ours) && r.path_info().is_none_or(CStr::is_empty) {
            r.set_canonical_filename(cut.filename);
            r.set_path_info(Some(cut.path_info));
        }
    }
}

/// map_to_storage, when the walk down to `name`, behind a link, has ended well.
#[inline]
pub(crate) fn note<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    pin: &'r Pin<'r>,
    name: LinkedPath<'r>,
) {
    match r.file_type() {
        FileType::Nothing => note_lost(r, state, pin, name.path, false),
        // A file in the place of a directory.
        FileType::Regular if r.has_path_info() => note_lost(r, state, pin, name.path, false),
        FileType::Regular if pin.site.has_server_rules => note_rewritten(r, state, pin, name),
        _ => {}
    }
}

/// Rules of the virtual host may have led away from a file that is not there, to a page.
#[inline(never)]
fn note_rewritten<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    pin: &'r Pin<'r>,
    name: LinkedPath<'r>,
) {
    let path = r.sent_path();
    if name.path.to_bytes().ends_with(path) || r.note(c"mod_rewrite_rewritten").is_none() {
        return;
    }
    // Most URLs that are rewritten are pages.
    let settings = Settings::of(r.dir_config());
    if !url_path(r, pin.site).is_some_and(|path| settings.is_for(path)) {
        return;
    }
    let Some(root) = state.roots.document.get().map(CStr::to_bytes) else {
        return;
    };
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let name = r.pool().concat(&[root, path]);
    if let Some((_, file)) = release_path(name.to_bytes(), pin.links()) {
        let file = r.pool().concat(&[file.dir, file.tail]);
        if r.stat(file, false).is_none() {
            note_lost(r, state, pin, name, true);
        }
    }
}

/// The variables for scripts, before rules could set any that may depend on what the release lacks.
fn env<'r>(r: Request<'r>, state: &RequestState<'r>) -> Env<'r> {
    match state.tested.get() {
        // Rules outside of sections have tested files, and are to do so again.
        Some(tested) => tested.was.env(r.pool()),
        None => r.copy_env(),
    }
}

#[inline(never)]
fn note_lost<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    pin: &'r Pin<'r>,
    name: &'r CStr,
    is_rewritten: bool,
) {
    if let Some(url_path) = url_path(r, pin.site) {
        state.previous_or_new(r).lost.set(Some(Lost {
            url_path,
            name,
            is_whole: is_rewritten || r.path_info().is_none_or(CStr::is_empty),
            is_rewritten,
            env: env(r, state),
        }));
    }
}
