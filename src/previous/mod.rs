//! `RealdocPrevious`: a file that the release does not have is served from one that the link led to
//! before, if the rules of both allow it.
//!
//! A request is [lost](lost) if it ends at no file. At the end of fixups, when the rules of its
//! release have had their say, the file is [looked for](search) in former releases. httpd looks it
//! up there by a subrequest, with the rules of that release. If it would send the file as it is,
//! the request becomes that one, as with `DirectoryIndex`.

mod caching;
mod code;
mod lost;
mod search;
mod settings;
mod state;

use std::ffi::CStr;

use crate::httpd::{Answer, DirConfig, FileType, Request, names_handler};
use crate::pin::Pin;
use crate::report;
use crate::rewriting::is_redirect;
use crate::state::RequestState;
pub(crate) use caching::forbid_caching;
pub(crate) use code::NoIncludes;
use lost::cut_name;
pub(crate) use lost::{complete_name, note};
use search::{Search, Served};
pub(crate) use settings::Settings;
pub(crate) use state::{Lost, PreviousState, Trial};

/// The notes in which mod_rewrite keeps what its flags `H` and `T` say, until its last hook of
/// fixups sets it. That comes after ours: of a module's hooks only the first can be named as one to
/// follow.
const FORCED_HANDLER: &CStr = c"rewrite-forced-handler";
const FORCED_TYPE: &CStr = c"rewrite-forced-mimetype";

/// fixups, after those by which a release may refuse a request or lead it elsewhere.
pub(crate) fn serve(r: Request<'_>) -> Answer {
    // Most requests are found not to be lost by this alone.
    let lost = RequestState::of(r).and_then(|state| Some((state, state.previous()?)));
    match lost.and_then(|(state, previous)| Some((state, state.pin()?, previous))) {
        Some((state, pin, previous)) => serve_lost(r, state, pin, previous),
        None => Answer::DECLINED,
    }
}

#[cold]
fn serve_lost<'r>(
    r: Request<'r>,
    state: &'r RequestState<'r>,
    pin: &'r Pin<'r>,
    previous: &'r PreviousState<'r>,
) -> Answer {
    match (previous.lost.get(), previous.trial.get()) {
        (Some(lost), _) => find(r, state, pin, previous, lost),
        // Rules of the current release have let a subrequest pass that shows what they say. There
        // is no file, and what may take its place is of no interest.
        (None, Some(Trial::Current(_))) => {
            let is_whole = !previous.is_cut.get();
            previous
                .has_passed
                .set(is_whole && may_be_file(r, previous));
            Answer::NOT_FOUND
        }
        (None, _) => Answer::DECLINED,
    }
}

/// Whether core would send the file if it were there. What is not there may have been led to a
/// page.
fn may_be_file<'r>(r: Request<'r>, previous: &PreviousState<'r>) -> bool {
    let is_forced =
        || r.note(FORCED_HANDLER).is_some() || r.note(FORCED_TYPE).is_some_and(names_handler);
    !r.is_proxied()
        && !previous.has_handler.get()
        && (is_redirect(r) || r.has_default_handler())
        && !is_forced()
}

/// Answers the request from a former release, if one has the file.
fn find<'r>(
    r: Request<'r>,
    state: &'r RequestState<'r>,
    pin: &'r Pin<'r>,
    previous: &'r PreviousState<'r>,
    lost: Lost<'r>,
) -> Answer {
    let settings = Settings::of(r.dir_config());
    // mod_negotiation may have found a variant since.
    let is_still_lost = lost.is_rewritten || r.file_type() == FileType::Nothing;
    let may_be_served = is_still_lost && may_be_file(r, previous);
    let is_asked = settings
        .window()
        .filter(|_| may_be_served && settings.is_for(lost.url_path));
    let Some(window) = is_asked else {
        cut_name(r, state);
        return Answer::DECLINED;
    };
    let search = Search {
        r,
        state,
        pin,
        lost,
        window,
    };
    let is_named = lost.is_whole && settings.is_for_file(lost.name);
    if let Some(served) = is_named.then(|| search.serve()).flatten() {
        note_served(r, pin, lost, &served);
        return Answer::DECLINED;
    }
    count(pin, lost, false);
    cut_name(r, state);
    if settings.missing_is_not_found() {
        Answer::NOT_FOUND
    } else {
        Answer::DECLINED
    }
}

/// Notes, logs and counts that the request is answered from a former release.
fn note_served<'r>(r: Request<'r>, pin: &Pin<'r>, lost: Lost<'r>, served: &Served<'r>) {
    r.set_note(c"realdoc-previous", Some(served.target));
    // The file's type is what its own release's rules say.
    r.set_note(FORCED_TYPE, None);
    count(pin, lost, true);
    report::log_served(r, pin.site, served.target, served.left);
}

fn count(pin: &Pin<'_>, lost: Lost<'_>, is_served: bool) {
    if let Some((link, mode)) = pin.links_over(lost.name.to_bytes()).next() {
        pin.site.table.count_lost(link.name, mode, is_served);
    }
}

/// check_access_ex and check_authz: rules of a release are held against a subrequest that shows
/// what they say.
pub(crate) fn hide_main(r: Request<'_>) -> Answer {
    if let Some(previous) = RequestState::of(r).and_then(|state| state.previous()) {
        previous.hide_main(r);
    }
    Answer::DECLINED
}

/// check_authn and fixups: they have been.
pub(crate) fn show_main(r: Request<'_>) -> Answer {
    if let Some(previous) = RequestState::of(r).and_then(|state| state.previous()) {
        previous.show_main(r);
    }
    Answer::DECLINED
}

/// post_perdir_config, of a subrequest that shows what a release says: `SetEnvIf` and the like,
/// which httpd reads for main requests alone. Rules may ask for what they set.
pub(crate) fn prepare_trial(r: Request<'_>) -> Answer {
    let Some(state) = RequestState::of(r) else {
        return Answer::DECLINED;
    };
    if let Some(previous) = state.previous() {
        previous.show_main(r);
    }
    // Rules of the former release may look further there.
    if state.pin().is_some_and(Pin::is_former) && code::may_run(r, state) {
        return r.refuse();
    }
    let is_trial = |previous: &PreviousState<'_>| previous.trial.get().is_some();
    if !state.previous().is_some_and(is_trial) {
        return Answer::DECLINED;
    }
    // A copy: a subrequest with the very configuration of its main request is not authorized again,
    // but this one is for another file.
    let pool = r.pool();
    r.set_dir_config(r.dir_config().merge(pool, DirConfig::empty(pool)));
    // mod_setenvif goes by its server's directives the first time, by the file's the second.
    match r.parse_headers() {
        Answer::OK => r.parse_headers(),
        answer => answer,
    }
}
