//! Requests to FastCGI servers.

use realdoc_core::mapping::{Joined, release_path};
use realdoc_core::paths::split_fcgi;

use crate::environment;
use crate::httpd::{Answer, Request};
use crate::pin::{NoAnswer, Pin};
use crate::state::RequestState;

/// mod_proxy's pre_request: names the script in the release. Until then `<Proxy>` sections and
/// mod_proxy's workers have seen the name that the configuration gives.
pub(crate) fn rewrite_fcgi_path(r: Request<'_>) -> Answer {
    if let Some((state, pin)) = RequestState::with_pin(r) {
        if let Err(NoAnswer) = rewrite(r, state, pin) {
            return Answer::UNAVAILABLE;
        }
    }
    Answer::DECLINED
}

fn rewrite<'r>(r: Request<'r>, state: &RequestState<'r>, pin: &Pin<'r>) -> Result<(), NoAnswer> {
    let Some((server, path)) = r.filename().and_then(|name| split_fcgi(name.to_bytes())) else {
        return Ok(());
    };
    pin.pin_path(r, path)?;
    let Some((_, Joined { dir, tail })) = release_path(path, pin.links()) else {
        return Ok(());
    };
    r.rename(r.pool().concat(&[server, dir, tail]));
    environment::name_release_for_script(r, state, pin);
    Ok(())
}
