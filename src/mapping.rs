//! From the names by which httpd has translated a URL to those in the release.
//!
//! In Link mode httpd translates by the configured names, as without us, and all names change over
//! once, at map_to_storage. In Target mode the document root is the release's from the beginning.

use std::ffi::CStr;

use realdoc_core::mapping::{Joined, Mapping, Translated, map, url_beside};
use realdoc_core::paths::strip_dir;

use crate::environment;
use crate::file_tests;
use crate::httpd::{Answer, Request};
use crate::link::{Link, LinkedPath};
use crate::module::Realdoc;
use crate::pin::{NoAnswer, Pin, RulesPlace};
use crate::previous::{Trial, forbid_caching};
use crate::roots::{canonicalize, is_absolute};
use crate::site::Site;
use crate::state::{RequestState, inherited_pin, site_of};

/// post_read_request: in Target mode a request takes its pin here, if its document root may be read
/// before the URL is translated. A redirect has that of the request before it.
pub(crate) fn begin(r: Request<'_>) -> Answer {
    if r.is_initial() {
        begin_initial(r)
    } else {
        // The page of `ErrorDocument`.
        forbid_caching(r);
        begin_derived(r)
    }
}

/// What a hook answers to httpd.
fn answer(done: Result<(), NoAnswer>) -> Answer {
    match done {
        Ok(()) => Answer::DECLINED,
        Err(NoAnswer) => Answer::UNAVAILABLE,
    }
}

/// translate_name, before core: in Target mode core translates by the document root of the release.
/// Another module may have translated the URL by then: what is not a file needs no release, and
/// would wait for a link that hangs.
pub(crate) fn pin_translation(r: Request<'_>) -> Answer {
    let by_release = |site: &&Site| !site.by_link;
    match site_of(r.server()).filter(by_release) {
        Some(site) if RequestState::with_pin(r).is_none() => answer(pin_late(r, site)),
        _ => Answer::DECLINED,
    }
}

fn pin_late<'r>(r: Request<'r>, site: &'r Site) -> Result<(), NoAnswer> {
    let [root, configured] =
        [r.document_root(), r.server().document_root()].map(|root| root.map(CStr::as_ptr));
    // Another module has set the root.
    if root != configured || r.is_subrequest() || r.is_for_no_file() {
        return Ok(());
    }
    pin_in_target(r, site)
}

fn begin_initial(r: Request<'_>) -> Answer {
    match site_of(r.server()) {
        Some(site) if site.pins_early && !r.is_for_no_file() => answer(pin_in_target(r, site)),
        _ => Answer::DECLINED,
    }
}

#[inline(never)]
fn pin_in_target<'r>(r: Request<'r>, site: &'r Site) -> Result<(), NoAnswer> {
    let pin = r.pool().put(Pin::new(r.pool(), r.server().id(), site));
    pin_document_root(r, RequestState::or_new(r), pin)
}

/// translate_name, before all other modules: the same for a subrequest for a URL, for which httpd
/// calls no hook before.
pub(crate) fn begin_translation(r: Request<'_>) -> Answer {
    if r.is_subrequest() {
        begin_subrequest(r)
    } else {
        file_tests::note_request(r);
        Answer::DECLINED
    }
}

#[inline(never)]
fn begin_subrequest(r: Request<'_>) -> Answer {
    let begun = begin_derived(r);
    let trial = RequestState::of_parent(r).and_then(|main| main.tries);
    if let (Some(trial), Some(state)) = (trial, RequestState::of(r)) {
        let previous = state.previous_or_new(r);
        previous.set_trial(trial);
        r.take_protocol();
        if let Trial::Current(name) = trial {
            r.set_filename(name);
            return Answer::OK;
        }
        r.accept_any_form();
        previous.hide_main(r);
    }
    begun
}

/// What comes from another request stays in its release. In Link mode its URL is translated by the
/// links' names.
#[inline(never)]
fn begin_derived(r: Request<'_>) -> Answer {
    let Some(pin) = inherited_pin(r) else {
        return if r.is_subrequest() {
            Answer::DECLINED
        } else {
            begin_initial(r)
        };
    };
    let state = RequestState::or_new(r);
    state.is_for_url.set(true);
    environment::name_link(r, pin);
    if pin.translates_by_release() {
        answer(pin_document_root(r, state, pin))
    } else {
        Answer::DECLINED
    }
}

/// The request gets its pin, and the document root of the release.
fn pin_document_root<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    pin: &'r Pin<'r>,
) -> Result<(), NoAnswer> {
    state.assign_pin(pin);
    state.roots.document.set(r.server().document_root());
    state.roots.set_document_root(r, pin)
}

/// map_to_storage, before all other modules: what was named under a link is named in the release.
pub(crate) fn map_to_release(r: Request<'_>) -> Answer {
    let state = RequestState::of(r);
    if let Some(previous) = state.and_then(|state| state.previous()) {
        previous.show_main(r);
    }
    if state.is_none() && r.is_initial() && site_of(r.server()).is_none() {
        return Answer::DECLINED;
    }
    loop {
        let mapped = answer(map_names(r));
        match file_tests::translate_again(r) {
            None => return mapped,
            Some(Answer::OK) => {}
            Some(ended) => return ended,
        }
    }
}

/// Apart from [`map_to_release`], so that a virtual host that is not ours pays for no more than the
/// question.
#[inline(never)]
fn map_names(r: Request<'_>) -> Result<(), NoAnswer> {
    let Some((state, pin)) = state_with_pin(r) else {
        return Ok(());
    };
    state.name.set(None);
    // Other names are those of proxied requests.
    let filename = r.filename().filter(|name| is_absolute(name));
    if filename.is_some() && r.is_for_no_file() {
        return Ok(());
    }
    state.roots.find(r, pin)?;
    let Some(filename) = filename else {
        return Ok(());
    };
    // httpd does not serve what it cannot canonicalize either.
    let Some(path) = canonicalize(r, filename) else {
        return Ok(());
    };
    pin.pin_path(r, path.to_bytes())?;
    let resolved_root = state
        .roots
        .resolved
        .get()
        .filter(|_| pin.translates_by_release());
    let mapping = map(
        &Translated {
            filename: path.to_bytes(),
            parent: parents_link(r, state),
            parents_context: parents_context(r),
            resolved_root: resolved_root.map(CStr::to_bytes),
            by_release: pin.translates_by_release(),
            ..state.roots.translated()
        },
        pin.links(),
    );
    state
        .roots
        .set(r, mapping.document_root, mapping.context_root);
    // In Link mode core walks to no file, or what comes from the request could not tell that it has
    // the same configuration. mod_wsgi keys the code that it has loaded by the script's path.
    if r.handler() != Some(c"wsgi-script") && (pin.site.by_link || pin.has_links()) {
        let name = set_filename(r, state, pin, path, &mapping);
        state.name.set(Some(name));
        // What httpd gives a subrequest for a file elsewhere.
        if r.is_subrequest() && r.uri().is_empty() && name.file.as_ptr() != path.as_ptr() {
            set_url_beside(r, state, name);
        }
    }
    Ok(())
}

/// Gives a subrequest for a file its URL, if it is by the link's name in the very directory of its
/// main request's file, where httpd knows only the release's name: sections for the URL apply to
/// it, and mod_rewrite tells by it that its rules are not to look ahead once more.
#[cold]
fn set_url_beside<'r>(r: Request<'r>, state: &RequestState<'r>, name: LinkedPath<'r>) {
    let Some(main) = r.main().filter(|_| !state.is_for_url.get()) else {
        return;
    };
    let found = main.dir_config().state::<Realdoc>().found;
    let link_name = |link: Option<&Link<'r>>| link.map(|link| link.name);
    if found.is_some_and(|found| link_name(found.by) != link_name(name.link)) {
        return;
    }
    let url = url_beside(
        name.file.to_bytes(),
        main.filename().unwrap_or_default().to_bytes(),
        main.uri().to_bytes(),
        main.path_info().unwrap_or_default().to_bytes(),
    );
    if let Some(url) = url {
        r.set_uri(r.pool().concat(&url));
    }
}

/// How the request's file is known, before the walk down to it.
///
/// Another module may have named another file since [`map_to_release`]: that is what httpd would
/// serve.
pub(crate) fn take_name<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
) -> Result<Option<(&'r Pin<'r>, LinkedPath<'r>)>, NoAnswer> {
    let with_pin = |name| Some((state.pin()?, name));
    let Some(name) = state.name.take() else {
        return Ok(None);
    };
    let is_same = |file: &CStr| file.as_ptr() == name.file.as_ptr() || file == name.file;
    if r.filename().is_some_and(is_same) {
        return Ok(with_pin(name));
    }
    // It is not named by its parent.
    state.is_for_url.set(true);
    map_names(r)?;
    Ok(state.name.take().and_then(with_pin))
}

/// Maps the request by `path` again, with another pin.
pub(crate) fn map_again<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    pin: &'r Pin<'r>,
    path: &'r CStr,
) -> LinkedPath<'r> {
    state.assign_pin(pin);
    let translated = Translated {
        filename: path.to_bytes(),
        ..state.roots.translated()
    };
    let mapping = map(&translated, pin.links());
    state
        .roots
        .set(r, mapping.document_root, mapping.context_root);
    set_filename(r, state, pin, path, &mapping)
}

/// Names the request's file in the release.
fn set_filename<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    pin: &Pin<'r>,
    path: &'r CStr,
    mapping: &Mapping<'_, &'r Link<'r>>,
) -> LinkedPath<'r> {
    let in_pool = |joined: Option<Joined<'_>>| {
        joined.map_or(path, |path| r.pool().concat(&[path.dir, path.tail]))
    };
    let file = in_pool(mapping.filename);
    // What is known of the file stays.
    if r.filename() != Some(file) {
        r.set_filename(file);
    }
    // In Target mode only what names the link: an Alias of a directory above it, and files beside
    // one that was found so.
    let names_link = |link: &Link<'_>| {
        state.roots.context_is_above(pin, link, path) || parents_link(r, state).is_some()
    };
    LinkedPath {
        path: in_pool(mapping.name),
        file,
        link: mapping.link,
        has_sections: pin.site.by_link || mapping.link.is_some_and(names_link),
    }
}

/// The request's state, with a pin; `None`: the request is not ours.
fn state_with_pin<'r>(r: Request<'r>) -> Option<(&'r RequestState<'r>, &'r Pin<'r>)> {
    let server = r.server();
    if let Some(state) = RequestState::of(r) {
        match state.pin() {
            Some(pin) if pin.server == server.id() => return Some((state, pin)),
            // Another module has exchanged the virtual host (mass hosting by LDAP or a database).
            Some(_) => leave_server(r, state),
            None => {}
        }
    }
    let pin = match inherited_pin(r).filter(|pin| pin.server == server.id()) {
        Some(pin) if !is_for_rules_above_links(r) => pin,
        // A look-ahead by configured names is httpd's alone.
        _ if r.is_subrequest() => return None,
        _ => r
            .pool()
            .put(Pin::new(r.pool(), server.id(), site_of(server)?)),
    };
    let state = RequestState::or_new(r);
    state.assign_pin(pin);
    Some((state, pin))
}

/// Whether `r` is a look-ahead of rules that see the links' names. (One of a request whose URL is
/// being translated has no pin to inherit.)
fn is_for_rules_above_links(r: Request<'_>) -> bool {
    r.is_subrequest()
        && RequestState::of_parent(r)
            .is_some_and(|parent| matches!(parent.rules, Some(RulesPlace::AboveLinks)))
}

/// Takes back the document root that was set for another server. A file that was named by it is
/// named by the new server's.
#[cold]
fn leave_server<'r>(r: Request<'r>, state: &RequestState<'r>) {
    state.take_pin();
    let Some(old) = state.roots.resolved.take() else {
        return;
    };
    if r.document_root().map(CStr::as_ptr) == Some(old.as_ptr()) {
        r.set_document_root(None);
    }
    r.set_note(c"realdoc-root", None);
    let (Some(filename), Some(new)) = (r.filename(), r.server().document_root()) else {
        return;
    };
    if let Some(tail) = strip_dir(filename.to_bytes(), old.to_bytes()) {
        let dir = new.to_bytes();
        let dir = dir.strip_suffix(b"/").unwrap_or(dir);
        r.set_filename(r.pool().concat(&[dir, tail]));
    }
}

fn parents_context<'r>(r: Request<'r>) -> Option<&'r [u8]> {
    let main = r.main()?.state::<Realdoc>()?;
    main.context_root.map(CStr::to_bytes)
}

/// The link by whose name the parent's file was found, if `r` is a subrequest for a file: that is
/// named by its parent.
fn parents_link<'r>(r: Request<'r>, state: &RequestState<'r>) -> Option<&'r Link<'r>> {
    let main = r.main().filter(|_| !state.is_for_url.get())?;
    match main.state::<Realdoc>()?.rules {
        // mod_rewrite asks for a name as its rules see it.
        Some(RulesPlace::Under(link)) => Some(link),
        _ => main.dir_config().state::<Realdoc>().found?.by,
    }
}
