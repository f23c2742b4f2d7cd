//! `realdoc prune`, and the end of each deploy: old releases go.

use realdoc_core::{Micros, now};

use crate::args::{Policy, Prune};
use crate::history::{History, Verdict, path_of};
use crate::in_use::InUse;
use crate::lock::look_locked;
use crate::output::{Done, Result, error, failed, say, show};
use crate::place::Place;
use crate::removal;
use crate::site::Site;
use crate::walk::Found;

/// What can go of the releases in a directory.
pub(crate) struct Removal<'r> {
    releases: &'r Found,
    verdicts: Vec<Verdict>,
    /// Whether it could be found out what can go.
    is_known: bool,
}

pub(crate) fn prune(args: &Prune) -> Result<Done> {
    let place = Place::enter(&args.link)?;
    let look = || {
        let site = Site::look(&place)?;
        let current = site.link(&place)?.current(&place)?;
        let releases = current.parent().map_err(failed(show(&current.path)))?;
        Ok((site.history, releases))
    };
    let ((history, releases), locks) =
        look_locked(&place.dir, args.dry_run, look, |(_, releases)| {
            vec![releases]
        })?;
    let mut removal = Removal::plan(&place, &releases, &history, args.policy, now());
    let all_set_aside = removal.set_aside(&history, args.dry_run);
    drop(locks);
    let all_deleted = args.dry_run || removal.delete();
    Ok(if all_set_aside && all_deleted {
        Done::All
    } else {
        Done::NotAllRemoved
    })
}

impl<'r> Removal<'r> {
    /// Finds out what can go while the link leads to a release in `releases`.
    pub(crate) fn plan(
        place: &Place,
        releases: &'r Found,
        history: &History,
        policy: Policy,
        now: Micros,
    ) -> Self {
        // Nearly always nothing can go, and nothing has to be looked at.
        let mut verdicts = history.judge(policy, now, releases, &InUse::default());
        let mut is_known = true;
        if verdicts.contains(&Verdict::CanGo) {
            match InUse::look(place, releases) {
                Ok(in_use) => verdicts = history.judge(policy, now, releases, &in_use),
                Err(failure) => {
                    error(&failure);
                    verdicts.clear();
                    is_known = false;
                }
            }
        }
        Self {
            releases,
            verdicts,
            is_known,
        }
    }

    /// Sets aside what can go, as the owner of the releases' directory. Returns whether all could
    /// be.
    pub(crate) fn set_aside(&mut self, history: &History, dry: bool) -> bool {
        let mut old = Vec::new();
        for (entry, verdict) in history.0.iter().zip(&self.verdicts) {
            let path = show(path_of(entry));
            match verdict {
                Verdict::InUse(why) => say(format_args!("keeping {path}: {why}")),
                Verdict::CanGo if dry => say(format_args!("dry run: removing {path}")),
                Verdict::CanGo => old.push(entry),
                _ => {}
            }
        }
        if dry {
            return self.is_known;
        }
        if let Err(failure) = removal::become_owner(self.releases) {
            self.is_known = false;
            if !old.is_empty() {
                error(&failure);
            }
            return old.is_empty();
        }
        removal::set_aside(self.releases, &old) && self.is_known
    }

    /// Deletes what is set aside. Returns whether all is gone.
    pub(crate) fn delete(&self) -> bool {
        !self.is_known || removal::delete_set_aside(self.releases)
    }
}
