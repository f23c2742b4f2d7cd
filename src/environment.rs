//! The environment of scripts: it names the release, whatever the configuration names.

use std::ffi::CStr;

use realdoc_core::shown::release_name;

use crate::httpd::{Answer, Options, Request};
use crate::module::Realdoc;
use crate::pin::Pin;
use crate::previous::Settings;
use crate::rewriting::is_redirect;
use crate::state::RequestState;

/// fixups, after all other modules: values that the configuration has set to a path under a pinned
/// link (`SetEnv APP_ROOT /srv/app/current`) name the release.
pub(crate) fn name_release(r: Request<'_>) -> Answer {
    if let Some((state, pin)) = RequestState::with_pin(r) {
        let is_local = |name: &CStr| name.to_bytes().starts_with(b"/");
        // A page with server-side includes may have a filter and no handler.
        let may_run = r.handler().is_some() || Options::of(r.dir_config()).has_includes();
        if may_run && r.filename().is_some_and(is_local) {
            name_release_for_script(r, state, pin);
        } else if !is_redirect(r) {
            replace_values(r, state, pin);
        }
    }
    Answer::DECLINED
}

/// A script may read files by its document root although its own name leads through no link.
pub(crate) fn name_release_for_script<'r>(r: Request<'r>, state: &RequestState<'r>, pin: &Pin<'r>) {
    if state.roots.resolved.get().is_none() {
        // If the file system does not answer, the script has the configured one, as without us.
        let _ = state.roots.set_document_root(r, pin);
    }
    if pin.has_links() {
        replace_values(r, state, pin);
        if Settings::of(r.dir_config()).window().is_some() {
            set_release(r, state, pin);
        }
    }
}

/// A page can name its release in the URLs of what it asks for later.
fn set_release<'r>(r: Request<'r>, state: &RequestState<'r>, pin: &Pin<'r>) {
    let root = state.roots.document.get().unwrap_or_default().to_bytes();
    if let Some((link, _)) = pin.links_over(root).next() {
        let name = release_name(link.name.to_bytes(), link.target.to_bytes());
        r.set_env(c"REALDOC_RELEASE", r.pool().concat(&[&name]));
    }
}

fn replace_values<'r>(r: Request<'r>, state: &RequestState<'r>, pin: &Pin<'r>) {
    let names = pin.links().map(|link| link.name.count_bytes());
    let Some(shortest) = names.min() else {
        return;
    };
    // What a subrequest has from its main request was looked at there. What has been added since,
    // dozens with server-side includes, was not set by the configuration.
    let knowledge = pin.knowledge();
    let known = r.main().and_then(|main| {
        let is_named = main.state::<Realdoc>()?.env_named == Some(knowledge);
        is_named.then(|| main.env())
    });
    // Most values are too short to name a link.
    let may_name_link = |value: &&CStr| value.count_bytes() >= shortest;
    r.replace_env(known, |value| {
        Some(value)
            .filter(may_name_link)
            .and_then(|value| pin.release_value(value))
    });
    state.env_named.set(Some(knowledge));
}

/// A URL is translated by the configured names: gives what comes from another request the values
/// that this had before [`name_release`].
pub(crate) fn name_link<'r>(r: Request<'r>, pin: &Pin<'r>) {
    if pin.has_renamed() {
        r.replace_env(None, |value| pin.configured_value(value));
    }
}
