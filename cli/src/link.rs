//! The link: where it leads, how a new one is spelled, and the flip.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use realdoc_core::{Micros, SECOND};
use rustix::fs::{AtFlags, FileType, chownat, renameat, symlinkat, unlinkat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use crate::identity;
use crate::output::{Failure, Result, failed, show, warn};
use crate::place::Place;
use crate::state::{NEW_LINK, State};
use crate::step::step;
use crate::walk::{Found, is};

/// A symlink as it is at a moment.
#[derive(Debug)]
pub(crate) struct Link {
    /// What it contains.
    pub(crate) text: OsString,
    pub(crate) owner: u32,
    group: u32,
    /// When it was made; a flip makes a new one.
    pub(crate) since: Micros,
    /// The directory that it leads to. `None`: it leads to none.
    pub(crate) target: Option<Found>,
}

impl Link {
    /// `None`: there is nothing of that name.
    pub(crate) fn look(place: &Place) -> Result<Option<Self>> {
        let cannot = || failed(place.shown());
        let link = match place.dir.child(&place.name) {
            Ok(link) => link,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(cannot()(errno)),
        };
        if !is(&link.stat, FileType::Symlink) {
            return Err(
                Failure::new(format!("{} is not a symlink", place.shown())).advice(
                    "Move it to where the releases are, and deploy it from there with --create.",
                ),
            );
        }
        let text = link.text().map_err(cannot())?;
        let target = place.dir.walk(Path::new(&text), &mut Vec::new()).ok();
        Ok(Some(Self {
            text,
            owner: link.stat.st_uid,
            group: link.stat.st_gid,
            since: link.stat.st_mtime * SECOND + link.stat.st_mtime_nsec as i64 / 1000,
            target: target.filter(Found::is_dir),
        }))
    }

    /// The directory that it leads to, which must be there.
    pub(crate) fn current(&self, place: &Place) -> Result<&Found> {
        self.target.as_ref().ok_or_else(|| {
            Failure::new(format!(
                "{} leads to no directory: {}",
                place.shown(),
                show(&self.text)
            ))
            .advice("Deploy a release to it.")
        })
    }
}

/// An error that names the links that are there: the name may be a typing error.
pub(crate) fn missing(place: &Place) -> Failure {
    let failure = Failure::new(format!("{}: no such symlink", place.shown()));
    let mut links = Vec::new();
    if let Ok(entries) = rustix::fs::Dir::read_from(place) {
        for entry in entries.flatten() {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if links.len() < 4 && entry.file_type() == FileType::Symlink {
                links.push(show(name));
            }
        }
    }
    links.sort();
    match links.as_slice() {
        [] => failure.advice("`realdoc deploy --create` makes a new link."),
        links => failure.advice(format!(
            "There is: {}. `realdoc deploy --create` makes a new link.",
            links.join(", ")
        )),
    }
}

/// What to write into the link: the release, spelled as the one before was. Where that cannot be,
/// and in a new link, it is relative only if the release is below the link's directory.
pub(crate) fn spell(place: &Place, old: Option<&OsStr>, release: &Found) -> Result<OsString> {
    let path = &release.path;
    let name = path.file_name().unwrap_or(OsStr::new("/"));
    let releases = release.parent().map_err(failed(show(path)))?;
    if let Some(old) = old {
        let old = old.as_bytes();
        let end = old
            .iter()
            .rposition(|byte| *byte != b'/')
            .map_or(0, |last| last + 1);
        let start = old[..end]
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |slash| slash + 1);
        let folder = OsStr::from_bytes(&old[..start]);
        let led = place.dir.walk(Path::new(folder), &mut Vec::new());
        if led.is_ok_and(|led| led.is_same(&releases)) {
            let mut text = folder.to_owned();
            text.push(name);
            return Ok(text);
        }
    }
    let is_absolute = old.is_some_and(|old| Path::new(old).is_absolute());
    Ok(match path.strip_prefix(&place.dir.path) {
        Ok(relative) if !is_absolute => relative.into(),
        _ => path.into(),
    })
}

/// Lets the link lead to `text`: a new link, which takes the place of the old one.
pub(crate) fn flip(place: &Place, state: &State, old: Option<&Link>, text: &OsStr) -> Result<()> {
    let cannot = |errno| {
        let _ = unlinkat(&state.dir, NEW_LINK, AtFlags::empty());
        failed(format!(
            "cannot replace {}, which is as it was",
            place.shown()
        ))(errno)
    };
    step();
    symlinkat(text, &state.dir, NEW_LINK).map_err(cannot)?;
    if let Some(old) = old {
        step();
        if identity::is_root() {
            let (owner, group) = (Uid::from_raw(old.owner), Gid::from_raw(old.group));
            let nofollow = AtFlags::SYMLINK_NOFOLLOW;
            chownat(&state.dir, NEW_LINK, Some(owner), Some(group), nofollow).map_err(cannot)?;
        } else if old.owner != identity::uid() {
            warn(format_args!(
                "{} was {}'s and is {}'s now; SymLinksIfOwnerMatch compares that",
                place.shown(),
                identity::name(old.owner),
                identity::name(identity::uid())
            ));
        }
    }
    step();
    renameat(&state.dir, NEW_LINK, place, &place.name).map_err(cannot)
}
