//! `realdoc deploy` and `realdoc rollback`: the flip, and what goes with it.

use std::ffi::OsString;
use std::path::Path;

use realdoc_core::record::How;
use realdoc_core::{Micros, now};

use crate::args::{Deploy, Flip, Rollback};
use crate::history::{History, name_of, path_of};
use crate::link;
use crate::lock::{Locks, look_locked};
use crate::output::{Done, Failure, Result, error, failed, say, show};
use crate::place::Place;
use crate::prune::Removal;
use crate::release;
use crate::site::Site;
use crate::state::State;
use crate::then::Then;
use crate::walk::Found;

/// What is to be done, as found out by a look at the site.
struct Plan {
    site: Site,
    release: Found,
    /// The directory that holds it.
    releases: Found,
    /// The directory that holds what is current.
    from: Option<Found>,
}

pub(crate) fn deploy(args: &Deploy) -> Result<Done> {
    run(&args.link, &args.flip, How::Replaced, |place, site| {
        if site.link.is_none() && !args.create {
            return Err(link::missing(place));
        }
        let current = site.target();
        let release = release::find(&args.release, place, current)?;
        if !args.force && !current.is_some_and(|current| current.is_same(&release)) {
            release::must_be_servable(&release, current)?;
        }
        release::must_hold(&release, &args.require)?;
        Ok(release)
    })
}

pub(crate) fn rollback(args: &Rollback) -> Result<Done> {
    run(&args.link, &args.flip, How::RolledBack, |place, site| {
        site.link(place)?;
        let history = &site.history;
        let path = match &args.release {
            None => history.rollback_target().map(path_of),
            Some(given) => Some(former(given, history).unwrap_or(given)),
        };
        let path = path.ok_or_else(|| unknown(place, site))?;
        let release = release::find(path, place, site.target())?;
        let entry = history.find(&release.path);
        let is_withdrawn = entry.is_some_and(|entry| entry.how == How::Withdrawn);
        if is_withdrawn && release.stat.st_mode & 0o111 == 0 {
            let path = show(&release.path);
            let advice =
                format!("To serve it again all the same: chmod 755 {path}, and deploy it.");
            return Err(Failure::new(format!("{path} was withdrawn")).advice(advice));
        }
        Ok(release)
    })
}

/// A release that is given by its name.
pub(crate) fn former<'h>(given: &Path, history: &'h History) -> Option<&'h Path> {
    let is_name = given.components().count() == 1;
    let entry = history.named(given.as_os_str()).filter(|_| is_name);
    entry.map(path_of)
}

/// An error that names what is there.
fn unknown(place: &Place, site: &Site) -> Failure {
    let failure = Failure::new(format!("{}: no former release is known", place.shown()));
    let current = site.target();
    let beside = current.and_then(|current| Some((current.parent().ok()?, current)));
    let names: Vec<String> = beside.map_or_else(Vec::new, |(releases, current)| {
        let unknown = site.history.unknown(&releases, current);
        unknown.iter().map(|found| name_of(&found.path)).collect()
    });
    match names.as_slice() {
        [] => failure,
        names => failure.advice(format!(
            "Name the release's directory; beside the current one there is: {}",
            names.join(", ")
        )),
    }
}

fn run(
    link: &Path,
    flip: &Flip,
    how: How,
    choose: impl Fn(&Place, &Site) -> Result<Found>,
) -> Result<Done> {
    let then = match &flip.then {
        Some(command) if !flip.dry_run => Some(Then::prepare(command)?),
        _ => None,
    };
    let place = Place::enter(link)?;
    let look = || {
        let site = Site::look(&place)?;
        let release = choose(&place, &site)?;
        let releases = release.parent().map_err(failed(show(&release.path)))?;
        let from = site.target().and_then(|current| current.parent().ok());
        Ok(Plan {
            site,
            release,
            releases,
            from,
        })
    };
    let (plan, locks) = look_locked(&place.dir, flip.dry_run, look, |plan| {
        plan.from.iter().chain([&plan.releases]).collect()
    })?;
    plan.carry_out(&place, flip, how, then, locks)
}

impl Plan {
    fn carry_out(
        mut self,
        place: &Place,
        flip: &Flip,
        how: How,
        then: Option<Then>,
        locks: Locks,
    ) -> Result<Done> {
        let now = now();
        let dry = flip.dry_run;
        let from = self.site.target();
        let old_path = from.map_or_else(OsString::new, |from| from.path.clone().into());
        let flipped = !from.is_some_and(|from| from.is_same(&self.release));
        if flipped {
            self.flip(place, how, now, dry)?;
        } else {
            let link = self.site.link.as_ref();
            let text = link.map_or_else(String::new, |link| show(&link.text));
            say(format_args!("{} -> {text} (as it was)", place.shown()));
        }
        if let (Some(command), true) = (&flip.then, dry && flipped) {
            say(format_args!("dry run: would run {}", show(command)));
        }
        // What is current from now on is no former release.
        let history = &mut self.site.history;
        history
            .0
            .retain(|entry| path_of(entry) != self.release.path);
        let mut removal = Removal::plan(place, &self.releases, history, flip.policy, now);
        let all_set_aside = removal.set_aside(history, dry);
        drop(locks);

        let then_failed = match then.filter(|_| flipped) {
            Some(then) => {
                let link = place.link();
                let values = [link.as_os_str(), &old_path, self.release.path.as_os_str()];
                then.run(values).map_err(|failure| error(&failure)).is_err()
            }
            None => false,
        };
        let all_deleted = dry || removal.delete();
        Ok(match (then_failed, all_set_aside && all_deleted) {
            (true, _) => Done::ThenFailed,
            (false, false) => Done::NotAllRemoved,
            (false, true) => Done::All,
        })
    }

    /// The record is written first: if this run is killed in between, its newest entry is of the
    /// current release and does not count.
    fn flip(&mut self, place: &Place, how: How, now: Micros, dry: bool) -> Result<()> {
        let old = self.site.link.as_ref();
        let old_text = old.map(|link| link.text.as_os_str());
        let text = link::spell(place, old_text, &self.release)?;
        if let Some((link, from)) = old.and_then(|link| Some((link, link.target.as_ref()?))) {
            self.site.history.leave(from, link, how, now);
        }
        if !dry {
            let state = State::prepare(place)?;
            state.write(&self.site.history.0)?;
            link::flip(place, &state, old, &text)?;
        }
        let dry = if dry { "dry run: " } else { "" };
        let was = old_text.map_or("new".to_owned(), |old| format!("was: {}", show(old)));
        say(format_args!(
            "{dry}{} -> {} ({was})",
            place.shown(),
            show(&text)
        ));
        Ok(())
    }
}
