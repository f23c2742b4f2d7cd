//! What we keep with a request.

use std::cell::Cell;
use std::ffi::CStr;
use std::iter::successors;

use realdoc_core::symlinks::Refusal;

use crate::config::ServerConfig;
use crate::httpd::{Context, Request, Server, ServerId, Untranslated};
use crate::link::LinkedPath;
use crate::module::Realdoc;
use crate::pin::{Knowledge, Pin, RulesPlace};
use crate::previous::{Lost, PreviousState, Trial};
use crate::roots::Roots;
use crate::site::Site;
use crate::walk::cache::WalkCache;

/// The state of a request to a virtual host that is ours.
///
/// In Link mode a request has a pin from map_to_storage on. Until then httpd translates its URL by
/// the links' names, and so it does for its subrequests: what mod_rewrite learns by a look-ahead is
/// used in rules.
#[derive(Default)]
pub(crate) struct RequestState<'r> {
    pin: Cell<Option<&'r Pin<'r>>>,
    /// The request is for a URL. A subrequest may also be for a file.
    pub(crate) is_for_url: Cell<bool>,
    /// How its file is known, between the two hooks of map_to_storage.
    pub(crate) name: Cell<Option<LinkedPath<'r>>>,
    pub(crate) roots: Roots<'r>,
    /// What it was before rules tested files.
    pub(crate) tested: Cell<Option<&'r Tested<'r>>>,
    /// While mod_rewrite runs: where its rules are.
    pub(crate) rules: Cell<Option<RulesPlace<'r>>>,
    /// While mod_rewrite runs: what it may replace.
    pub(crate) original: Cell<Option<Original<'r>>>,
    /// While mod_rewrite runs: the names that it is not shown.
    pub(crate) replaced: Cell<Option<&'r Replaced<'r>>>,
    /// The pinned link that was not to be followed.
    pub(crate) refused: Cell<Option<(Refusal, &'r CStr)>>,
    /// How the request's file was found, for what comes from it.
    pub(crate) walk: Cell<Option<&'r WalkCache<'r>>>,
    /// What the pin knew when the variables for scripts were given the release's names.
    pub(crate) env_named: Cell<Option<Knowledge>>,
    /// What `RealdocPrevious` needs, of the few requests that it is about.
    previous: Cell<Option<&'r PreviousState<'r>>>,
}

/// What a request knows of the one that it came from.
#[derive(Clone, Copy)]
pub(crate) struct Inherited<'r> {
    pin: Option<&'r Pin<'r>>,
    /// How that one's file was found.
    pub(crate) walk: Option<&'r WalkCache<'r>>,
    /// What the pin knew when its variables for scripts were given the release's names.
    pub(crate) env_named: Option<Knowledge>,
    /// The file that it asked for and its release did not have.
    pub(crate) lost: Option<Lost<'r>>,
    /// The root of its context, by the link's name.
    pub(crate) context_root: Option<&'r CStr>,
    /// What its subrequest is to show.
    pub(crate) tries: Option<Trial<'r>>,
    /// Where the rules are for which mod_rewrite has made this request.
    pub(crate) rules: Option<RulesPlace<'r>>,
}

/// What a request is before mod_rewrite makes a redirect of it.
#[derive(Clone, Copy)]
pub(crate) struct Original<'r> {
    pub(crate) filename: Option<&'r CStr>,
    pub(crate) handler: Option<&'r CStr>,
}

/// Names that others have been put in the place of.
#[derive(Clone, Copy)]
pub(crate) struct Replaced<'r> {
    pub(crate) document_root: Option<&'r CStr>,
    pub(crate) context: Context<'r>,
    pub(crate) file: Option<ShownFile<'r>>,
}

/// A file that goes by another name.
#[derive(Clone, Copy)]
pub(crate) struct ShownFile<'r> {
    pub(crate) name: &'r CStr,
    pub(crate) shown: &'r CStr,
}

/// A request whose rules test files, before they do.
pub(crate) struct Tested<'r> {
    pub(crate) server: ServerId,
    pub(crate) was: Untranslated<'r>,
    /// How many flips the process had seen.
    pub(crate) flips: Cell<usize>,
    /// How many times its URL has been translated again.
    pub(crate) again: Cell<u32>,
}

impl<'r> RequestState<'r> {
    /// That of `r`.
    pub(crate) fn of(r: Request<'r>) -> Option<&'r RequestState<'r>> {
        r.state::<Realdoc>()
    }

    /// That of `r`, made if it has none.
    pub(crate) fn or_new(r: Request<'r>) -> &'r RequestState<'r> {
        RequestState::of(r).unwrap_or_else(|| {
            let state = r.pool().put(RequestState::default());
            r.set_state::<Realdoc>(state);
            state
        })
    }

    /// That of `r`, and its pin, if it has one.
    pub(crate) fn with_pin(r: Request<'r>) -> Option<(&'r RequestState<'r>, &'r Pin<'r>)> {
        let state = RequestState::of(r)?;
        Some((state, state.pin()?))
    }

    /// What the request knows of the one that it came from.
    pub(crate) fn of_parent(r: Request<'r>) -> Option<Inherited<'r>> {
        r.parent()?.state::<Realdoc>()
    }

    /// What `RealdocPrevious` needs; `None`: nothing.
    pub(crate) fn previous(&self) -> Option<&'r PreviousState<'r>> {
        self.previous.get()
    }

    /// The same, made if there is none.
    pub(crate) fn previous_or_new(&self, r: Request<'r>) -> &'r PreviousState<'r> {
        self.previous.get().unwrap_or_else(|| {
            let state = r.pool().put(PreviousState::default());
            self.previous.set(Some(state));
            state
        })
    }

    pub(crate) fn inherit<'i>(&self) -> Inherited<'i>
    where
        'r: 'i,
    {
        let current_pin = self.previous().and_then(|previous| previous.current_pin());
        Inherited {
            pin: current_pin.or_else(|| self.pin()),
            // That of a former release is of no use in the current one.
            walk: self.walk.get().filter(|_| current_pin.is_none()),
            env_named: self.env_named.get(),
            context_root: self.roots.context.get(),
            lost: self.previous().and_then(|previous| previous.lost()),
            tries: self.previous().and_then(|previous| previous.tries()),
            rules: self.rules.get(),
        }
    }

    /// The pin; `None`: its URL is still being translated.
    pub(crate) fn pin(&self) -> Option<&'r Pin<'r>> {
        self.pin.get()
    }

    pub(crate) fn assign_pin(&self, pin: &'r Pin<'r>) {
        self.pin.set(Some(pin));
    }

    pub(crate) fn take_pin(&self) {
        self.pin.set(None);
    }
}

/// The pin that `r` shares with the request that it came from.
///
/// A redirect stays with the request before it, unless that ended before it had a pin. A subrequest
/// stays with its main request, and has none if that has none.
pub(crate) fn inherited_pin<'r>(r: Request<'r>) -> Option<&'r Pin<'r>> {
    let redirected = successors(r.previous(), |r| r.previous());
    let mut origins = redirected.chain(r.main());
    origins.find_map(|origin| origin.state::<Realdoc>()?.pin)
}

/// The site of `server`.
pub(crate) fn site_of(server: Server<'_>) -> Option<&Site> {
    // A server that was not there when the configuration was read is another module's
    // copy: what it keeps in our slot is the original's.
    let config = ServerConfig::of(server).filter(|config| config.server == Some(server.id()))?;
    config.site.as_ref()
}
