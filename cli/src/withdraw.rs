//! `realdoc withdraw`: nothing of a former release is served from now on.

use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use realdoc_core::record::How;
use rustix::fs::{Mode, chmod};

use crate::args::Withdraw;
use crate::deploy::former;
use crate::history::{History, path_of};
use crate::identity;
use crate::in_use::InUse;
use crate::lock::look_locked;
use crate::output::{Done, Failure, Result, failed, say, show};
use crate::place::Place;
use crate::release;
use crate::site::Site;
use crate::state::State;
use crate::step::step;
use crate::walk::Found;

pub(crate) fn withdraw(args: &Withdraw) -> Result<Done> {
    let place = Place::enter(&args.link)?;
    let look = || {
        let site = Site::look(&place)?;
        site.link(&place)?;
        let release = find(&args.release, &place, &site)?;
        let releases = release.parent().map_err(failed(show(&release.path)))?;
        must_be_former(&place, &release, &releases, &site)?;
        Ok((site.history, release, releases))
    };
    // The locks are held until the end.
    let ((mut history, release, _), _locks) =
        look_locked(&place.dir, args.dry_run, look, |(.., releases)| {
            vec![releases]
        })?;
    if args.dry_run {
        say(format_args!("dry run: withdrawing {}", show(&release.path)));
        return Ok(Done::All);
    }
    carry_out(&place, &release, &mut history)
}

/// A release by its name, of the record or beside the current one, or by its path.
fn find(given: &Path, place: &Place, site: &Site) -> Result<Found> {
    let current = site.target();
    if let Some(path) = former(given, &site.history) {
        return release::find(path, place, current);
    }
    if given.components().count() == 1 {
        let beside = current.and_then(|current| current.parent().ok());
        let found = beside.and_then(|releases| releases.child(given.as_os_str()).ok());
        if let Some(found) = found.filter(Found::is_dir) {
            return Ok(found);
        }
    }
    release::find(given, place, current)
}

fn must_be_former(place: &Place, release: &Found, releases: &Found, site: &Site) -> Result<()> {
    let current = site.target();
    let path = show(&release.path);
    let owner = release.stat.st_uid;
    if !identity::is_root() && owner != identity::uid() {
        let owner = identity::name(owner);
        return Err(Failure::new(format!(
            "{path} belongs to {owner}, who alone can withdraw it"
        )));
    }
    if current.is_some_and(|current| current.path.starts_with(&release.path)) {
        return Err(
            Failure::new(format!("{path} is current")).advice("Roll back first: realdoc rollback.")
        );
    }
    let beside = current.and_then(|current| current.parent().ok());
    let is_beside = beside.is_some_and(|beside| beside.is_same(releases));
    if site.history.find(&release.path).is_none() && !is_beside {
        return Err(Failure::new(format!(
            "{path} is not a release of {}, which `realdoc list` would show",
            place.shown()
        )));
    }
    match InUse::look(place, releases)?.by_link(&release.path) {
        Some(link) => Err(Failure::new(format!(
            "{path} is in use: {} leads there",
            show(link)
        ))),
        None => Ok(()),
    }
}

fn carry_out(place: &Place, release: &Found, history: &mut History) -> Result<Done> {
    let path = &release.path;
    let entry = history.0.iter_mut().find(|entry| path_of(entry) == path);
    if let Some(entry) = entry {
        entry.how = How::Withdrawn;
        State::prepare(place)?.write(&history.0)?;
    }
    identity::become_user(release.stat.st_uid, &show(path))?;
    step();
    // By its descriptor: what has that name may be something else by now.
    let descriptor = format!("/proc/self/fd/{}", release.as_fd().as_raw_fd());
    chmod(descriptor, Mode::empty()).map_err(failed(format!("cannot withdraw {}", show(path))))?;
    say(format_args!(
        "withdrew {}: nothing in it is served any more",
        show(path)
    ));
    Ok(Done::All)
}
