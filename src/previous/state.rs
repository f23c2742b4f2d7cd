//! What is kept with a lost request, and with a subrequest that is looked up for it.

use std::cell::Cell;
use std::ffi::CStr;

use crate::httpd::{Env, HiddenMain, Request};
use crate::pin::Pin;

#[derive(Default)]
pub(crate) struct PreviousState<'r> {
    /// The file that the request asks for and its release does not have.
    pub(super) lost: Cell<Option<Lost<'r>>>,
    /// What its file's name was before it was completed.
    pub(super) cut: Cell<Option<Cut<'r>>>,
    /// Its name is cut, and was not completed.
    pub(super) is_cut: Cell<bool>,
    /// What the subrequest is to show that is being looked up.
    pub(super) tries: Cell<Option<Trial<'r>>>,
    /// What this subrequest is to show.
    pub(super) trial: Cell<Option<Trial<'r>>>,
    /// Whether something else than core was to answer before mod_rewrite led the request elsewhere.
    pub(super) has_handler: Cell<bool>,
    /// Whether all rules have let it pass that may refuse it or lead it elsewhere.
    pub(super) has_passed: Cell<bool>,
    /// The module that may run code by an .htaccess file of the former release.
    pub(super) runs: Cell<Option<&'r CStr>>,
    /// The pin that the request had before it was answered from a former release.
    pub(super) current_pin: Cell<Option<&'r Pin<'r>>>,
    /// Its main request, while that is hidden.
    hidden_main: Cell<Option<HiddenMain<'r>>>,
}

/// What a request asks for that ends at no file.
#[derive(Clone, Copy)]
pub(crate) struct Lost<'r> {
    /// The path of the URL.
    pub(super) url_path: &'r CStr,
    /// The file, by the link's name.
    pub(super) name: &'r CStr,
    /// What says something of the file's name has seen all of it.
    pub(super) is_whole: bool,
    /// Rules of the virtual host have led the request to another file, which is there.
    pub(super) is_rewritten: bool,
    /// The variables for scripts, before .htaccess files could set any.
    pub(super) env: Env<'r>,
}

/// The name that a file's walk has found, which ends at the last directory that is there.
#[derive(Clone, Copy)]
pub(crate) struct Cut<'r> {
    pub(super) whole: &'r CStr,
    pub(super) filename: &'r CStr,
    pub(super) path_info: &'r CStr,
}

/// What a subrequest of a lost request is to show.
#[derive(Clone, Copy)]
pub(crate) enum Trial<'r> {
    /// What the current release says of the file with this name by the link.
    Current(&'r CStr),
    /// What a former one does.
    Former,
}

impl<'r> PreviousState<'r> {
    /// Rules that lead to another URL, and others by a flag, do not apply to subrequests
    /// (mod_rewrite.c, apply_rewrite_list), and any may ask for `%{IS_SUBREQ}`. They are to apply
    /// to one that shows what a release's rules say, so that does not look like one.
    ///
    /// Other modules are to see that it is one: they count requests, and expect that those that are
    /// not subrequests have passed post_read_request (mod_auth_digest.c, authenticate_digest_user).
    pub(crate) fn hide_main(&self, r: Request<'r>) {
        if self.trial.get().is_some() && r.is_subrequest() {
            self.hidden_main.set(r.hide_main());
        }
    }

    /// It looks like a subrequest again.
    pub(crate) fn show_main(&self, r: Request<'r>) {
        if let Some(main) = self.hidden_main.take() {
            r.show_main(main);
        }
    }

    /// fixups, before mod_rewrite, which takes the place of a handler.
    pub(crate) fn note_handler(&self, r: Request<'r>) {
        self.has_handler.set(!r.has_default_handler());
    }

    /// The pin of what comes from a request that is answered from a former release, as an error
    /// page may. Only the file is of that release.
    pub(crate) fn current_pin(&self) -> Option<&'r Pin<'r>> {
        self.current_pin.get()
    }

    pub(crate) fn lost(&self) -> Option<Lost<'r>> {
        self.lost.get()
    }

    pub(crate) fn tries(&self) -> Option<Trial<'r>> {
        self.tries.get()
    }

    pub(crate) fn set_trial(&self, trial: Trial<'r>) {
        self.trial.set(Some(trial));
    }
}
