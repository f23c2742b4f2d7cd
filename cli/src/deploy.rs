//! `realdoc deploy` and `realdoc rollback`: the flip, and what goes with it.

use std::ffi::OsString;
use std::path::Path;

use realdoc_core::record::How;
use realdoc_core::{Micros, now};

use crate::args::{Deploy, Flip, Rollback};
use crate::history::{History, name_of, path_of};
use crate::link::{self, Link};
use crate::lock::Locks;
use crate::output::{Done, Failure, Result, error, failed, say, show};
use crate::place::Place;
use crate::prune;
use crate::release;
use crate::state::State;
use crate::then::Then;
use crate::walk::Found;

/// What is to be done, as found out by a look at the site.
struct Plan {
    link: Option<Link>,
    history: History,
    release: Found,
    /// The directory that holds it.
    releases: Found,
    /// The directory that holds what is current.
    from: Option<Found>,
}

pub(crate) fn deploy(args: &Deploy) -> Result<Done> {
    run(&args.link, &args.flip, How::Replaced, |place, link, _| {
        if link.is_none() && !args.create {
            return Err(link::missing(place));
        }
        let current = link.and_then(|link| link.target.as_ref());
        let release = release::find(&args.release, place, current)?;
        if !args.force && !current.is_some_and(|current| current.is_same(&release)) {
            release::must_be_servable(&release, link)?;
        }
        release::must_hold(&release, &args.require)?;
        Ok(release)
    })
}

pub(crate) fn rollback(args: &Rollback) -> Result<Done> {
    run(
        &args.link,
        &args.flip,
        How::RolledBack,
        |place, link, history| {
            let Some(link) = link else {
                return Err(link::missing(place));
            };
            let current = link.target.as_ref();
            let path = match &args.release {
                None => history
                    .rollback_target()
                    .map(path_of)
                    .ok_or_else(|| unknown(place, history, current))?,
                Some(given) => former(given, history).unwrap_or(given),
            };
            let release = release::find(path, place, current)?;
            let withdrawn = history
                .find(&release.path)
                .is_some_and(|entry| entry.how == How::Withdrawn);
            if withdrawn && release.stat.st_mode & 0o111 == 0 {
                let path = show(&release.path);
                return Err(
                    Failure::new(format!("{path} was withdrawn")).advice(format!(
                        "To serve it again all the same: chmod 755 {path}, and deploy it."
                    )),
                );
            }
            Ok(release)
        },
    )
}

/// A release that is given by its name.
pub(crate) fn former<'h>(given: &Path, history: &'h History) -> Option<&'h Path> {
    let is_name = given.components().count() == 1;
    let entry = history.named(given.as_os_str()).filter(|_| is_name);
    entry.map(path_of)
}

/// An error that names what is there.
fn unknown(place: &Place, history: &History, current: Option<&Found>) -> Failure {
    let failure = Failure::new(format!("{}: no former release is known", place.shown()));
    let beside = current.and_then(|current| Some((current.parent().ok()?, current)));
    let names: Vec<String> = beside.map_or_else(Vec::new, |(releases, current)| {
        let unknown = history.unknown(&releases, current);
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
    choose: impl Fn(&Place, Option<&Link>, &History) -> Result<Found>,
) -> Result<Done> {
    let then = match &flip.then {
        Some(command) if !flip.dry_run => Some(Then::prepare(command)?),
        _ => None,
    };
    let place = Place::enter(link)?;
    let look = || {
        let link = Link::look(&place)?;
        let current = link.as_ref().and_then(|link| link.target.as_ref());
        let record = match State::open(&place)? {
            Some(state) => state.read(&place)?,
            None => Vec::new(),
        };
        let history = History::of(record, current);
        let release = choose(&place, link.as_ref(), &history)?;
        let releases = release.parent().map_err(failed(show(&release.path)))?;
        let from = current.and_then(|current| current.parent().ok());
        Ok(Plan {
            link,
            history,
            release,
            releases,
            from,
        })
    };
    let mut locks = Locks::default();
    let plan = loop {
        let plan = look()?;
        let mut dirs = vec![&place.dir, &plan.releases];
        dirs.extend(&plan.from);
        if flip.dry_run || locks.cover(&dirs) {
            break plan;
        }
        // The locks are let go before others are waited for.
        drop(std::mem::take(&mut locks));
        locks = Locks::take(&dirs)?;
    };
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
        let from = self.link.as_ref().and_then(|link| link.target.as_ref());
        let old_path = from.map_or_else(OsString::new, |from| from.path.clone().into());
        let flipped = !from.is_some_and(|from| from.is_same(&self.release));
        if flipped {
            self.flip(place, how, now, dry)?;
        } else {
            let text = self
                .link
                .as_ref()
                .map_or_else(String::new, |link| show(&link.text));
            say(format_args!("{} -> {text} (as it was)", place.shown()));
        }
        if let (Some(command), true) = (&flip.then, dry && flipped) {
            say(format_args!("dry run: would run {}", show(command)));
        }
        // What is current from now on is no former release.
        self.history
            .0
            .retain(|entry| path_of(entry) != self.release.path);
        let mut removal =
            prune::Removal::plan(place, &self.releases, &self.history, flip.policy, now);
        let all_set_aside = removal.set_aside(&self.history, dry);
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
        let old = self.link.as_ref();
        let old_text = old.map(|link| link.text.as_os_str());
        let text = link::spell(place, old_text, &self.release)?;
        if let Some((link, from)) = old.and_then(|link| Some((link, link.target.as_ref()?))) {
            self.history.leave(from, link, how, now);
        }
        if !dry {
            let state = State::prepare(place)?;
            state.write(&self.history.0)?;
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
