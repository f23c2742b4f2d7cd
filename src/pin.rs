//! A request's pin: the release that it and all that comes from it run in.
//!
//! It is taken once, when an initial request has been read, and handed on to
//! subrequests and internal redirects. Nothing is written outside of the request.

use std::cell::Cell;
use std::ffi::CStr;

use crate::module::Realdoc;
use once_cell::sync::OnceCell;
use realdoc_core::docroot::{Check, Docroot, Event, NoAnswer, Pinned, When};
#[cfg(not(feature = "test-hooks"))]
use realdoc_core::fs::OsFs as Files;
use realdoc_core::paths::{longest_prefix, strip_dir};
use realdoc_core::resolve;
use realdoc_core::symlinks::Refusal;

use crate::config::ServerConfig;
#[cfg(feature = "test-hooks")]
use crate::faults::HangingFs as Files;
use crate::httpd::{Answer, Level, Log, Parent, Pool, PoolList, Request, ServerId, Shorten, log};
use crate::link::{Link, LinkedPath};
use crate::report;
use crate::site::Site;
use crate::walk::cache::WalkCache;

/// What we keep with the configuration of a directory.
#[derive(Clone, Copy, Default)]
pub(crate) struct Directory<'c> {
    /// The link by whose name the directory was found. It is known only of what a request has merged.
    pub(crate) found_by: Option<&'c Link<'c>>,
}

impl<'c> Directory<'c> {
    /// `own` over `base`. A section says nothing of the link.
    pub(crate) fn merge(base: Directory<'c>, own: Directory<'c>) -> Directory<'c> {
        Directory {
            found_by: own.found_by.or(base.found_by),
        }
    }
}

/// What a docroot, or a further path that is to be pinned, was resolved to.
pub(crate) struct Way<'r> {
    /// As configured.
    pub(crate) name: &'r CStr,
    /// Canonical.
    pub(crate) resolved: &'r CStr,
    /// The symlinks on the way, outermost first; at least one.
    pub(crate) links: &'r [Link<'r>],
    /// The way was not configured but made for the request (`VirtualDocumentRoot`).
    pub(crate) is_of_request: bool,
}

impl Shorten for Way<'static> {
    type At<'a> = Way<'a>;

    fn shorten<'s, 'l: 's>(long: &'s Way<'l>) -> &'s Way<'s> {
        long
    }
}

/// The fixed choice of a request and all that comes from it.
pub(crate) struct Pin<'r> {
    /// The virtual host that it was taken for.
    server: ServerId,
    /// `None`: the request is left alone, and so is what comes from it.
    pub(crate) site: Option<&'r Site>,
    /// The docroot's way, if it leads through a symlink.
    pub(crate) docroot: Option<&'r Way<'r>>,
    /// The docroot in another spelling, for as long as the URL is translated: what mod_rewrite makes with the
    /// docroot is not to be taken for what a rule names by the same, real path.
    marked: Option<&'r CStr>,
    /// All ways, the docroot's too.
    ways: PoolList<'r, Way<'static>>,
}

impl<'r> Pin<'r> {
    /// The document root while the URL is translated.
    pub(crate) fn translating_root(&self) -> Option<&'r CStr> {
        self.marked.or(self.docroot.map(|way| way.resolved))
    }

    /// Whether [`translating_root`](Self::translating_root) is in another spelling.
    pub(crate) fn is_marked(&self) -> bool {
        self.marked.is_some()
    }

    /// Whether the docroot's way is the only one.
    pub(crate) fn has_one_way(&self) -> bool {
        let mut ways = self.ways();
        self.docroot.is_some() && ways.next().is_some() && ways.next().is_none()
    }

    pub(crate) fn ways(&self) -> impl Iterator<Item = &'r Way<'r>> + Clone {
        self.ways.iter()
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = &'r Link<'r>> {
        self.ways().flat_map(|way| way.links)
    }

    /// The longest link that `name` leads through, and the rest of the name.
    pub(crate) fn link_of<'n>(&self, name: &'n [u8]) -> Option<(&'r Link<'r>, &'n [u8])> {
        longest_prefix(name, self.links(), |link| link.name.to_bytes())
    }

    /// Pins a docroot that another module has set for this request, in its configured spelling.
    pub(crate) fn adopt(&self, root: &CStr) {
        let known = self.ways().any(|way| way.name == root);
        let Some(site) = self.site.filter(|_| !known) else {
            return;
        };
        // What does not resolve, httpd will not find either.
        let resolved = resolve::resolve(&Files, root, site.docroot.mode());
        if let Ok(resolved) = resolved {
            if !resolved.links.is_empty() {
                self.ways.push_made(|pool| {
                    let name = pool.put_text(root);
                    place(pool, name, &resolved.docroot, &resolved.links, true)
                });
            }
        }
    }

    /// Where the link of this name leads in this request.
    fn target_of(&self, name: &[u8]) -> Option<&'r CStr> {
        let mut links = self.links();
        let link = links.find(|link| link.name.to_bytes() == name)?;
        Some(link.target)
    }

    /// Whether `other` leads elsewhere.
    pub(crate) fn leads_elsewhere(&self, other: &Pin<'_>) -> bool {
        let is_in_other = |way: &Way<'_>| {
            let same = |other: &Way<'_>| way.name == other.name && way.resolved == other.resolved;
            other.ways().any(same)
        };
        self.ways().count() != other.ways().count() || !self.ways().all(is_in_other)
    }
}

/// What we keep with each request that is not left alone from the start.
pub(crate) struct RequestState<'r> {
    pin: Cell<&'r Pin<'r>>,
    /// It was mapped from a URL: a subrequest may also come with a file's name.
    pub(crate) is_translated: Cell<bool>,
    /// How its file is known, between the two hooks of map_to_storage.
    pub(crate) name: Cell<Option<LinkedPath<'r>>>,
    /// The root of an Alias under a link, as configured.
    pub(crate) context: Cell<Option<&'r CStr>>,
    /// The document root that another module has set for this request, as configured.
    pub(crate) root: Cell<Option<&'r CStr>>,
    /// The pinned link that was not to be followed.
    pub(crate) refused: Cell<Option<(Refusal, &'r CStr)>>,
    /// How the request's file was found, for what comes from it.
    pub(crate) walk: Cell<Option<&'r WalkCache<'r>>>,
}

/// What a request knows of the one that it came from.
#[derive(Clone, Copy)]
pub(crate) struct Inherited<'r> {
    pub(crate) pin: &'r Pin<'r>,
    /// How that one's file was found.
    pub(crate) walk: Option<&'r WalkCache<'r>>,
}

impl<'r> RequestState<'r> {
    fn new(pin: &'r Pin<'r>) -> Self {
        RequestState {
            pin: Cell::new(pin),
            is_translated: Cell::new(false),
            name: Cell::new(None),
            context: Cell::new(None),
            root: Cell::new(None),
            refused: Cell::new(None),
            walk: Cell::new(None),
        }
    }

    /// That of `r`.
    pub(crate) fn of(r: Request<'r>) -> Option<&'r RequestState<'r>> {
        r.state::<Realdoc>()
    }

    /// What the request knows of the one that it came from.
    pub(crate) fn of_parent(r: Request<'r>) -> Option<Inherited<'r>> {
        r.parent()?.state::<Realdoc>()
    }

    pub(crate) fn inherit<'i>(&self) -> Inherited<'i>
    where
        'r: 'i,
    {
        Inherited {
            pin: self.pin(),
            walk: self.walk.get(),
        }
    }

    pub(crate) fn pin(&self) -> &'r Pin<'r> {
        self.pin.get()
    }

    pub(crate) fn has_name(&self) -> bool {
        self.name.get().is_some()
    }
}

/// post_read_request: an initial request takes its pin; what comes from another request by an internal
/// redirect has that one's, unless it died before this hook, as a malformed request's
/// ErrorDocument.
///
/// map_to_storage: the same for a subrequest, and once more if another module has exchanged
/// the virtual host since.
pub(crate) fn take(r: Request<'_>) -> Answer {
    let settled = match RequestState::of(r) {
        Some(state) => state.pin().server == r.server().id(),
        None => !is_wanted(r),
    };
    if settled || take_anew(r).is_ok() {
        Answer::DECLINED
    } else {
        Answer::UNAVAILABLE
    }
}

/// Whether a request without a pin is to have one.
pub(crate) fn is_wanted(r: Request<'_>) -> bool {
    let is_ours = |config: &ServerConfig| config.site.is_some();
    !r.is_initial() || ServerConfig::of(r.server()).is_some_and(is_ours)
}

/// translate_name, before all other modules: a subrequest for a URL, for which there is no hook before.
pub(crate) fn take_for_url(r: Request<'_>) -> Answer {
    if r.is_subrequest() {
        take_for_subrequest(r)
    } else {
        Answer::DECLINED
    }
}

#[inline(never)]
fn take_for_subrequest(r: Request<'_>) -> Answer {
    let answer = take(r);
    if let Some(state) = RequestState::of(r) {
        state.is_translated.set(true);
    }
    answer
}

/// A subrequest or an internal redirect stays in its parent's release.
fn inherit(r: Request<'_>) -> bool {
    let parent = RequestState::of_parent(r);
    if let Some(parent) = parent {
        go_with(r, parent.pin);
        if !r.is_subrequest() {
            cut_docroot(r, parent.pin);
        }
    }
    parent.is_some()
}

/// A RewriteRule of a directory may name a file by the docroot's name as configured. mod_rewrite makes a URL of that by
/// cutting off the document root, which it does not see there: that is now the release's.
fn cut_docroot(r: Request<'_>, pin: &Pin<'_>) {
    let is_rewritten = pin.site.is_some_and(|site| site.by_link)
        && r.parent().and_then(Parent::handler) == Some(c"redirect-handler");
    if let Some(docroot) = pin.docroot.filter(|_| is_rewritten) {
        let name = docroot.name.to_bytes();
        if strip_dir(r.uri().to_bytes(), name).is_some_and(|tail| !tail.is_empty()) {
            r.cut_uri(name.len());
        }
    }
}

/// Apart from [`take`], so that what runs in three hooks of every request stays small.
#[inline(never)]
fn take_anew(r: Request<'_>) -> Result<(), NoAnswer> {
    if RequestState::of(r).is_none() && inherit(r) {
        return Ok(());
    }
    let server = r.server();
    let pin = RequestState::of(r).map(RequestState::pin);
    if pin.is_some_and(|pin| !let_go(r, pin)) {
        leave_alone(r);
        return Ok(());
    }
    // A server that was not there when the configuration was read is another module's
    // copy: what it keeps in our slot is the original's.
    let config = ServerConfig::of(server).filter(|config| config.server == Some(server.id()));
    if let Some(site) = config.and_then(|config| config.site.as_ref()) {
        go_with(r, take_for(r, site, When::Due)?);
    } else if pin.is_some() {
        leave_alone(r);
    }
    Ok(())
}

/// A pin as if the request started now, after a look at the file system; `None` if it
/// leads where the request is already. `is_lost`: that did not end at a regular file.
pub(crate) fn take_again<'r>(
    r: Request<'r>,
    pin: &Pin<'r>,
    is_lost: bool,
) -> Result<Option<&'r Pin<'r>>, NoAnswer> {
    let Some(site) = pin.site else {
        return Ok(None);
    };
    let again = take_for(r, site, When::Now { is_lost })?;
    for way in pin.ways().filter(|way| way.is_of_request) {
        if again.link_of(way.name.to_bytes()).is_none() {
            again.adopt(way.name);
        }
    }
    Ok(pin.leads_elsewhere(again).then_some(again))
}

/// Gives the request its pin, and the document root.
pub(crate) fn go_with<'r>(r: Request<'r>, pin: &'r Pin<'r>) {
    match RequestState::of(r) {
        Some(state) => state.pin.set(pin),
        None => r.set_state::<Realdoc>(r.pool().put(RequestState::new(pin))),
    }
    if let Some(root) = pin.translating_root() {
        r.set_document_root(Some(root));
    }
    note_root(r, pin.docroot.map(|way| way.resolved));
}

/// Notes the resolved docroot for `LogFormat "%{realdoc-root}n"`. What is logged is no subrequest.
pub(crate) fn note_root<'r>(r: Request<'r>, root: Option<&'r CStr>) {
    if !r.is_subrequest() {
        r.set_note(c"realdoc-root", root);
    }
}

/// The URL has been translated: the document root in its right spelling.
pub(crate) fn end_translation<'r>(r: Request<'r>, pin: &Pin<'r>) {
    if let (Some(marked), Some(docroot)) = (pin.marked, pin.docroot) {
        if r.document_root().map(CStr::as_ptr) == Some(marked.as_ptr()) {
            r.set_document_root(Some(docroot.resolved));
        }
    }
}

fn take_for<'r>(r: Request<'r>, site: &'r Site, when: When) -> Result<&'r Pin<'r>, NoAnswer> {
    let server = r.server().id();
    let pool = r.pool();
    let pin = |docroot: Option<Way<'r>>| {
        let mut ways = PoolList::<Way<'static>>::new(pool);
        let docroot = docroot.map(|way| ways.push(way));
        let marked = docroot.filter(|_| site.marks_docroot);
        Pin {
            marked: marked.map(|way| pool.join(way.resolved, c"/.")),
            server,
            site: Some(site),
            docroot,
            ways,
        }
    };
    let docroot = || {
        let Some(mut way) = take_way(r, site, &site.docroot, when, None)? else {
            return Ok(None);
        };
        if site.docroot_ends_with_slash {
            way.resolved = pool.join(way.resolved, c"/");
        }
        Ok(Some(way))
    };
    let mut pin = pin(docroot()?);
    for root in &site.further {
        let target = |name: &[u8]| pin.target_of(name);
        if let Some(way) = take_way(r, site, root, when, Some(&target))? {
            pin.ways.push(way);
        }
    }
    Ok(pool.put(pin))
}

fn take_way<'r, 'p>(
    r: Request<'r>,
    site: &'r Site,
    root: &'r Docroot,
    when: When,
    pinned: Option<&'p Pinned<'p>>,
) -> Result<Option<Way<'r>>, NoAnswer> {
    let mut log = |event: Event<'_>| {
        // The one event that comes with each check costs no more than this question.
        if !matches!(event, Event::Checked { .. }) || r.logs(Level::Debug) {
            tell(r, site, root, &event);
        }
    };
    let place = |found: &resolve::Resolved| {
        (!found.links.is_empty())
            .then(|| place(r.pool(), root.path(), &found.docroot, &found.links, false))
    };
    let check = Check {
        began: r.time(),
        clock: realdoc_core::now,
        policy: site.policy,
        table: site.table,
        fs: &Files,
        when,
        pinned,
    };
    Ok(root.pin(&check, &mut log, place)?.flatten())
}

fn place<'r>(
    pool: Pool<'r>,
    name: &'r CStr,
    resolved: &CStr,
    links: &[resolve::Link],
    is_of_request: bool,
) -> Way<'r> {
    Way {
        name,
        resolved: pool.put_text(resolved),
        links: pool.put_all(links.iter().map(|link| Link {
            name: pool.put_text(&link.path),
            target: pool.put_text(&link.target),
            owner: OnceCell::new(),
        })),
        is_of_request,
    }
}

/// Notes that the request is decided on, so that no part of it takes a pin later.
#[cold]
fn leave_alone(r: Request<'_>) {
    let pool = r.pool();
    go_with(
        r,
        pool.put(Pin {
            server: r.server().id(),
            site: None,
            docroot: None,
            marked: None,
            ways: PoolList::new(pool),
        }),
    );
}

/// Takes back the document root of a pin; false if another module has set its own since,
/// which then stands.
#[cold]
pub(crate) fn let_go(r: Request<'_>, pin: &Pin<'_>) -> bool {
    let Some(docroot) = pin.docroot else {
        return true;
    };
    let is_ours = [Some(docroot.resolved), pin.marked]
        .into_iter()
        .flatten()
        .any(|root| r.document_root().map(CStr::as_ptr) == Some(root.as_ptr()));
    if is_ours {
        r.set_document_root(None);
    }
    is_ours
}

/// Writes what happened to the error log.
#[cold]
fn tell(r: Request<'_>, site: &Site, root: &Docroot, event: &Event<'_>) {
    let path = root.path();
    match event {
        Event::Checked { resolved } => {
            log!(
                r,
                Debug,
                "RD10: checked {} is {}",
                show(path),
                show(resolved)
            );
        }
        Event::Flipped { from, to } => {
            log!(
                r,
                Info,
                "RD11: {} now leads to {}, no longer to {}",
                show(path),
                show(to),
                show(from)
            );
        }
        Event::Failed {
            error,
            serving: Some(serving),
            ..
        } => {
            log!(
                r,
                Error,
                "RD12: {} does not resolve ({error}); going on with {} for at most {} ms",
                show(path),
                show(serving),
                site.policy.grace / (realdoc_core::SECOND / 1000)
            );
        }
        Event::Failed {
            error,
            linked: true,
            ..
        } => {
            log!(
                r,
                Error,
                "RD12: {} does not resolve ({error}); requests are answered as without mod_realdoc",
                show(path)
            );
        }
        Event::Failed { error, .. } => {
            log!(r, Info, "RD12: {} does not resolve ({error})", show(path));
        }
        // What there is to say of it is said at the start.
        Event::First { resolved } => report::first_resolved(r.main_server(), site, root, resolved),
        Event::Hangs { serving } => {
            let going_on = match serving {
                Some(serving) => format!("going on with {}", show(serving)),
                None => "requests are answered as without mod_realdoc, or with 503 where another \
                         process has served a newer release"
                    .into(),
            };
            log!(
                r,
                Error,
                "RD17: the file system does not answer for {}; {going_on}",
                show(path)
            );
        }
        Event::Recovered { resolved } => {
            log!(
                r,
                Notice,
                "RD13: {} resolves again, to {}",
                show(path),
                show(resolved)
            );
        }
    }
}

fn show(path: &CStr) -> std::borrow::Cow<'_, str> {
    path.to_string_lossy()
}
