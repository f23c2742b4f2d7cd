//! map_to_storage: from the file's name under a link to the file in the release, to its
//! directory's configuration, and, where there is no such file, to a newer release.

use std::ffi::CStr;

use realdoc_core::docroot::NoAnswer;
use realdoc_core::paths::{may_need_canonicalization, split_fcgi, strip_dir};

use crate::httpd::{Answer, FileType, PoolPath, Request, log};
use crate::link::{Link, LinkedPath};
use crate::module::Realdoc;
use crate::owner;
use crate::pin::{self, Pin, RequestState, Way};
use crate::site::Site;
use crate::walk;

/// map_to_storage, before all other modules: names in a release what was named under a link.
pub(crate) fn enter(r: Request<'_>) -> Answer {
    if RequestState::of(r).is_some() || pin::is_wanted(r) {
        match enter_release(r) {
            Ok(()) => {}
            Err(Stop::TooLong) => {
                walk::log_too_long(r);
                return r.refuse();
            }
            Err(Stop::NoAnswer) => return Answer::UNAVAILABLE,
        }
    }
    Answer::DECLINED
}

/// Why a request ends here.
enum Stop {
    /// The name under the link is too long for httpd, which does not map such URLs at all.
    TooLong,
    /// The file system hangs.
    NoAnswer,
}

/// Apart from [`enter`], so that a virtual host that is left alone pays for no more than the question.
#[inline(never)]
fn enter_release(r: Request<'_>) -> Result<(), Stop> {
    let before = RequestState::of(r).map(RequestState::pin);
    if pin::take(r) != Answer::DECLINED {
        return Err(Stop::NoAnswer);
    }
    let Some(state) = RequestState::of(r) else {
        return Ok(());
    };
    state.name.set(None);
    if let Some(before) = before.filter(|before| !std::ptr::eq(*before, state.pin())) {
        follow_exchange(r, before);
    }
    if state.pin().site.is_some() {
        lead(r, state)?;
    }
    Ok(())
}

/// Another module has exchanged the virtual host (mass hosting by LDAP or a database) after the file
/// was named by the document root of the first one's release.
#[cold]
fn follow_exchange<'r>(r: Request<'r>, before: &Pin<'r>) {
    let Some(old) = before.docroot else {
        return;
    };
    let (Some(filename), Some(new)) = (r.filename(), r.server().document_root()) else {
        return;
    };
    if let Some(tail) = strip_dir(filename.to_bytes(), old.resolved.to_bytes()) {
        let mut name = PoolPath::with_room(r.pool(), new.count_bytes() + tail.len());
        name.push(new.to_bytes());
        name.push(tail);
        r.set_filename(name.finish());
    }
}

fn lead<'r>(r: Request<'r>, state: &'r RequestState<'r>) -> Result<(), Stop> {
    let pin = state.pin();
    pin::end_translation(r, pin);
    let Some(mapped) = r.filename() else {
        return Ok(());
    };
    if !mapped.to_bytes().starts_with(b"/") {
        return Ok(());
    }
    // mod_wsgi keys the code that it has loaded by the script's path.
    if r.handler() == Some(c"wsgi-script") {
        return Ok(());
    }
    lead_document_root(r, state);
    if pin.ways().next().is_none() {
        return Ok(());
    }
    if let Some((text, link)) = by_docroot_alone(r, state, mapped) {
        if pin.is_marked() {
            r.set_filename(behind(r, link, text));
        }
        let link = Some(link);
        state.name.set(Some(LinkedPath { path: text, link }));
        return Ok(());
    }
    // What httpd cannot clean its own walk does not walk down to, nor serve.
    let Some(filename) = clean(r, mapped) else {
        return Ok(());
    };
    // With UseReadlink the release may itself lie under a further link: the name by which it was reached goes first.
    let name = match by_docroot(r, state, mapped)? {
        Some(name) => Some(name),
        None => by_parent(r, state, filename).or_else(|| under_link(pin, filename)),
    };
    let name = name.unwrap_or(LinkedPath {
        path: filename,
        link: None,
    });
    let file = match name.link {
        Some(link) => behind(r, link, name.path),
        None => filename,
    };
    if file != mapped {
        r.set_filename(file);
    }
    if name.link.is_some() {
        lead_context(r, state);
    }
    state.name.set(Some(name));
    Ok(())
}

/// The root of an Alias under a link.
fn lead_context<'r>(r: Request<'r>, state: &'r RequestState<'r>) {
    let root = r.context_document_root().filter(|root| {
        r.document_root().map(CStr::as_ptr) != Some(root.as_ptr())
            && state.pin().link_of(root.to_bytes()).is_some()
    });
    if let Some(root) = root {
        state.context.set(Some(root));
        r.set_context_document_root(in_release(r, state.pin(), root));
    }
}

/// map_to_storage, the last before core: the walk down to the file, for what [`enter`] has named.
pub(crate) fn walk(r: Request<'_>) -> Answer {
    let Some(state) = RequestState::of(r) else {
        return Answer::DECLINED;
    };
    if state.has_name() {
        walk_down(r, state)
    } else {
        Answer::DECLINED
    }
}

/// How often a request starts anew, at most: so many deploys would have to overtake it.
const STARTS: usize = 16;

#[inline(never)]
fn walk_down<'r>(r: Request<'r>, state: &'r RequestState<'r>) -> Answer {
    let Some(name) = state.name.take() else {
        return Answer::DECLINED;
    };
    let path_info = r.path_info();
    let Some(mut answer) = walk_once(r, state, name) else {
        return Answer::DECLINED;
    };
    if name.link.is_none() {
        return answer;
    }
    let mut starts = 0;
    while r.is_initial() && !is_sure(r, state, answer) {
        let is_lost = !is_found(r, answer);
        let pin = match pin::take_again(r, state.pin(), is_lost) {
            Ok(Some(pin)) => pin,
            Ok(None) => break,
            Err(NoAnswer) if may_miss_htaccess(r, state) => return Answer::UNAVAILABLE,
            Err(NoAnswer) => break,
        };
        if starts == STARTS {
            let name = name.path.to_string_lossy();
            log!(
                r,
                Error,
                "RD16: overtaken by more than {STARTS} deploys: {name}"
            );
            return Answer::UNAVAILABLE;
        }
        starts += 1;
        let Some(other) = start_anew(r, state, pin, name.path, path_info) else {
            // There is no link any more: it is for httpd's own walk, which is still ahead.
            return Answer::DECLINED;
        };
        answer = other;
    }
    match state.refused.take() {
        Some((refusal, link)) if answer != Answer::OK => walk::refuse(r, refusal, link),
        _ => answer,
    }
}

fn is_found(r: Request<'_>, answer: Answer) -> bool {
    answer == Answer::OK && r.file_type() == FileType::Regular
}

/// Whether what a request came to is right even if its release was being removed meanwhile. That may have lost an
/// .htaccess file before what that denies. (Who does not look at each request has to keep a release for longer.)
fn is_sure(r: Request<'_>, state: &RequestState<'_>, answer: Answer) -> bool {
    is_found(r, answer) && !may_miss_htaccess(r, state)
}

fn may_miss_htaccess(r: Request<'_>, state: &RequestState<'_>) -> bool {
    let checks_always = |site: &Site| site.policy.check_every == 0;
    r.has_asked_htaccess() && state.pin().site.is_some_and(checks_always)
}

fn walk_once<'r>(
    r: Request<'r>,
    state: &'r RequestState<'r>,
    name: LinkedPath<'r>,
) -> Option<Answer> {
    #[cfg(feature = "test-hooks")]
    crate::faults::wait_at_gate();
    if !state.pin().site.is_some_and(|site| site.by_link) {
        name.link?;
        if state.pin().site.is_some_and(|site| site.owners_must_match) {
            let links = state.pin().links();
            if let Err(refusal) = owner::check(r, links, name.path) {
                state.refused.set(Some(refusal));
                return Some(r.refuse());
            }
        }
        let answer = r.directory_walk();
        return Some(if answer == Answer::OK {
            r.file_walk()
        } else {
            answer
        });
    }
    let before = RequestState::of_parent(r).and_then(|parent| parent.walk);
    Some(match walk::directory_walk(r, state.pin(), name, before) {
        Ok(walk) => {
            state.walk.set(Some(walk));
            walk::file_walk(r, walk)
        }
        Err(error) => {
            state.refused.set(error.refused);
            error.answer
        }
    })
}

/// The request found no file, or no .htaccess file where there might have been one, and the link has
/// been flipped meanwhile. A release may be removed as soon as it serves no more, while requests that
/// have just begun are still on their way to it.
#[cold]
fn start_anew<'r>(
    r: Request<'r>,
    state: &'r RequestState<'r>,
    pin: &'r Pin<'r>,
    name: &'r CStr,
    path_info: Option<&'r CStr>,
) -> Option<Answer> {
    let is_ours = pin::let_go(r, state.pin());
    let others = r.document_root().filter(|_| !is_ours);
    pin::go_with(r, pin);
    pin::end_translation(r, pin);
    match state.root.get() {
        Some(root) => set_document_root(r, pin, root),
        None if !is_ours => r.set_document_root(others),
        None => {}
    }
    state.refused.set(None);
    r.restart_walk();
    r.set_path_info(path_info);
    let link = pin.link_of(name.to_bytes()).map(|(link, _)| link);
    r.set_filename(link.map_or(name, |link| behind(r, link, name)));
    if let Some(root) = state.context.get() {
        r.set_context_document_root(in_release(r, pin, root));
    }
    walk_once(r, state, LinkedPath { path: name, link })
}

/// A document root that another module has set for this request, as mod_vhost_alias does.
fn lead_document_root<'r>(r: Request<'r>, state: &'r RequestState<'r>) {
    let pin = state.pin();
    let (root, configured) = (r.document_root(), r.server().document_root());
    let is = |known: Option<&CStr>| root.map(CStr::as_ptr) == known.map(CStr::as_ptr);
    if is(pin.docroot.map(|way| way.resolved)) || is(configured) {
        return;
    }
    let Some(root) = root.filter(|root| root.to_bytes().starts_with(b"/")) else {
        return;
    };
    let Some(root) = clean(r, root) else {
        return;
    };
    if pin.link_of(root.to_bytes()).is_none() {
        pin.adopt(root);
    }
    if pin.link_of(root.to_bytes()).is_some() {
        state.root.set(Some(root));
        set_document_root(r, pin, root);
    }
}

fn set_document_root<'r>(r: Request<'r>, pin: &'r Pin<'r>, root: &'r CStr) {
    let root = in_release(r, pin, root);
    r.set_document_root(Some(root));
    pin::note_root(r, Some(root));
}

/// mod_proxy's pre_request: names in a release the script that a FastCGI server is asked for. (By the whole
/// name, which holds the script's, mod_proxy finds its worker: that must be over.)
pub(crate) fn lead_proxied(r: Request<'_>) -> Answer {
    if let Some(state) = RequestState::of(r) {
        let pin = state.pin();
        let parts = r.filename().and_then(|name| split_fcgi(name.to_bytes()));
        let by_docroot = |path| {
            let tail = strip_dir(path, pin.translating_root()?.to_bytes())?;
            Some((pin.docroot?.resolved, tail))
        };
        let led = parts.and_then(|(server, path)| {
            let by_link = pin.link_of(path).map(|(link, tail)| (link.target, tail));
            Some((server, by_link.or_else(|| by_docroot(path))?))
        });
        if let Some((server, (target, tail))) = led {
            let target = target.to_bytes();
            let mut name = PoolPath::with_room(r.pool(), server.len() + target.len() + tail.len());
            name.push(server);
            name.push(target);
            name.push(tail);
            r.rename(name.finish());
        }
    }
    Answer::DECLINED
}

/// The file is named under a link: by an Alias, a rewrite, `VirtualDocumentRoot`.
fn under_link<'r>(pin: &Pin<'r>, filename: &'r CStr) -> Option<LinkedPath<'r>> {
    let (link, _) = pin.link_of(filename.to_bytes())?;
    Some(LinkedPath {
        path: filename,
        link: Some(link),
    })
}

/// The file was named by another request's, whose name under a link we know.
fn by_parent<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    filename: &CStr,
) -> Option<LinkedPath<'r>> {
    if !is_file_subrequest(r, state) {
        return None;
    }
    let link = r.parent()?.dir_config().state::<Realdoc>().found_by?;
    let tail = strip_dir(filename.to_bytes(), link.target.to_bytes())?;
    let mut text = PoolPath::with_room(r.pool(), link.name.count_bytes() + tail.len());
    text.push(link.name.to_bytes());
    text.push(tail);
    under_link(state.pin(), text.finish())
}

/// [`by_docroot`] for the usual request, in a few instructions: a URL was mapped by the document root, whose links are the
/// only ones, and nobody else had a say. Then the file is in the release already.
fn by_docroot_alone<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    mapped: &CStr,
) -> Option<(&'r CStr, &'r Link<'r>)> {
    let pin = state.pin();
    let (docroot, tail) = below_docroot(pin, mapped)?;
    let is_usual = pin.has_one_way()
        && r.context_document_root().map(CStr::as_ptr) == Some(docroot.resolved.as_ptr())
        && (!r.is_subrequest() || state.is_translated.get())
        && r.note(REWRITTEN).is_none()
        && !may_need_canonicalization(tail);
    let link = docroot.links.last().filter(|_| is_usual)?;
    let name = docroot.name.to_bytes();
    let mut text = PoolPath::with_room(r.pool(), name.len() + tail.len());
    text.push(name);
    text.push(tail);
    Some((text.finish(), link))
}

/// The file was mapped from the URL by the document root. (Where an Alias or the like has mapped it, that
/// has set a context of its own: by the real name of a file of the release it gets the sections of
/// that name.)
fn by_docroot<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    mapped: &CStr,
) -> Result<Option<LinkedPath<'r>>, Stop> {
    let pin = state.pin();
    let Some((docroot, tail)) = below_docroot(pin, mapped) else {
        return Ok(None);
    };
    if r.context_document_root().map(CStr::as_ptr) != Some(docroot.resolved.as_ptr()) {
        return Ok(None);
    }
    // A file subrequest is named by the one that it came from; before that has a file, by the document root.
    let parent_is_walked = || RequestState::of_parent(r)?.walk;
    if is_file_subrequest(r, state) && parent_is_walked().is_some() {
        return Ok(None);
    }
    // A rule may name a file by the docroot's name as configured: mod_rewrite, for which it is no docroot now, has
    // put the other before it. (What it has passed through, PT, is the URL itself.)
    let is_rewritten = || {
        pin.site.is_some_and(|site| site.by_link)
            && r.note(REWRITTEN).is_some_and(|status| status != c"0")
            && strip_dir(r.uri().to_bytes(), docroot.name.to_bytes()).is_none()
    };
    match strip_dir(tail, docroot.name.to_bytes()) {
        Some(rest) if is_rewritten() => named(r, pin, docroot.name, rest),
        _ => named(r, pin, docroot.name, tail),
    }
}

fn below_docroot<'r, 'n>(pin: &Pin<'r>, mapped: &'n CStr) -> Option<(&'r Way<'r>, &'n [u8])> {
    let tail = strip_dir(mapped.to_bytes(), pin.translating_root()?.to_bytes())?;
    Some((pin.docroot?, tail))
}

/// What mod_rewrite notes at a request that it has looked at before it had a file.
const REWRITTEN: &CStr = c"mod_rewrite_rewritten";

/// Whether the request is a subrequest for a file, which no URL was translated for. (mod_rewrite, alone of
/// those that translate before us, sets neither a context nor a document root.)
fn is_file_subrequest(r: Request<'_>, state: &RequestState<'_>) -> bool {
    r.is_subrequest() && !state.is_translated.get() && r.note(REWRITTEN).is_none()
}

fn named<'r>(
    r: Request<'r>,
    pin: &Pin<'r>,
    name: &CStr,
    tail: &[u8],
) -> Result<Option<LinkedPath<'r>>, Stop> {
    let name = name.to_bytes();
    let mut text = PoolPath::with_room(r.pool(), name.len() + tail.len());
    text.push(name);
    text.push(tail);
    let text = clean(r, text.finish()).ok_or(Stop::TooLong)?;
    Ok(under_link(pin, text))
}

/// What `name` is in the release, if it leads through a link.
fn in_release<'r>(r: Request<'r>, pin: &Pin<'r>, name: &'r CStr) -> &'r CStr {
    match pin.link_of(name.to_bytes()) {
        Some((link, _)) => behind(r, link, name),
        None => name,
    }
}

/// What `name`, which leads through `link` and no longer one, is in the release.
fn behind<'r>(r: Request<'r>, link: &Link<'r>, name: &CStr) -> &'r CStr {
    let tail = &name.to_bytes()[link.name.count_bytes()..];
    let target = link.target.to_bytes();
    let target = target.strip_suffix(b"/").unwrap_or(target);
    let mut file = PoolPath::with_room(r.pool(), target.len() + tail.len() + 1);
    file.push(target);
    file.push(tail);
    if file.as_bytes().is_empty() {
        file.push(b"/");
    }
    file.finish()
}

/// `path` as httpd spells it, without empty, `.` and `..` components. `None`: it is too long for that.
fn clean<'r>(r: Request<'r>, path: &'r CStr) -> Option<&'r CStr> {
    if may_need_canonicalization(path.to_bytes()) {
        r.pool().canonicalize(path)
    } else {
        Some(path)
    }
}
