//! The directory `.NAME.deploy` beside the link, with the record of its former releases.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use realdoc_core::record::{self, Entry, MAX_LEN, Unreadable};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, fchmod, fstat, mkdirat, openat, renameat, unlinkat,
};
use rustix::io::Errno;

use crate::identity;
use crate::output::{Failure, Result, failed, show, warn};
use crate::place::Place;
use crate::step::step;
use crate::walk::is;

const RECORD: &str = "record";
const NEW_RECORD: &str = "record.new";
pub(crate) const NEW_LINK: &str = "link.new";

/// The directory beside a link, for what is kept of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) dir: OwnedFd,
    path: PathBuf,
}

impl State {
    /// `None`: there is none yet.
    pub(crate) fn open(place: &Place) -> Result<Option<Self>> {
        let name = name(place);
        let path = place.dir.path.join(&name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = match openat(place, &name, flags, Mode::empty()) {
            Ok(dir) => dir,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Err(Failure::new(format!("{} is not a directory", show(&path)))
                    .advice("realdoc did not make it. Remove it, or give it another name."));
            }
            Err(errno) => return Err(failed(show(&path))(errno)),
        };
        let stat = fstat(&dir).map_err(failed(show(&path)))?;
        if !is_trusted(place, &stat) {
            return Err(Failure::new(format!(
                "{}: others than {} can write to it",
                show(&path),
                identity::name(place.dir.stat.st_uid)
            ))
            .advice("Remove it; what it says of former releases cannot be trusted."));
        }
        Ok(Some(Self { dir, path }))
    }

    /// Makes the directory if need be, and removes what a killed run has left in it.
    pub(crate) fn prepare(place: &Place) -> Result<Self> {
        let name = name(place);
        let path = place.dir.path.join(&name);
        step();
        let made = mkdirat(place, &name, Mode::from_raw_mode(0o755));
        if made != Err(Errno::EXIST) {
            made.map_err(|errno| {
                let failure = failed(format!("cannot make {}", show(&path)))(errno);
                identity::explain(failure, errno, &place.dir.path, Some(place.dir.stat))
            })?;
        }
        let state = Self::open(place)?.ok_or_else(|| failed(show(&path))(Errno::NOENT))?;
        if made.is_ok() {
            // Whatever the umask: httpd's children read it.
            fchmod(&state.dir, Mode::from_raw_mode(0o755)).map_err(failed(show(&path)))?;
        }
        for left in [NEW_LINK, NEW_RECORD] {
            step();
            match unlinkat(&state.dir, left, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(state.cannot("remove", left, errno)),
            }
        }
        Ok(state)
    }

    /// The record; an empty one if there is none that can be read.
    pub(crate) fn read(&self, place: &Place) -> Result<Vec<Entry>> {
        let path = self.path.join(RECORD);
        let ignored = |why: &str| {
            warn(format_args!("{} is ignored: {why}", show(&path)));
            Ok(Vec::new())
        };
        // A FIFO in its place is not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.dir, RECORD, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Vec::new()),
            Err(Errno::LOOP | Errno::NXIO) => return ignored("it is not a regular file"),
            Err(errno) => return Err(failed(show(&path))(errno)),
        };
        let stat = fstat(&file).map_err(failed(show(&path)))?;
        if !is(&stat, FileType::RegularFile) {
            return ignored("it is not a regular file");
        }
        if !is_trusted(place, &stat) {
            return ignored("it belongs to another user, or others can write to it");
        }
        let mut bytes = Vec::new();
        let read = File::from(file)
            .take(MAX_LEN as u64 + 1)
            .read_to_end(&mut bytes);
        if let Err(error) = read {
            return Err(Failure::new(format!("{}: {error}", show(&path))));
        }
        match record::parse(&bytes) {
            Ok(entries) => Ok(entries),
            Err(Unreadable::Malformed) => ignored("it is not a record"),
            Err(Unreadable::Newer) => Err(Failure::new(format!(
                "{} is of a newer version of realdoc",
                show(&path)
            ))
            .advice(
                "Use that version; or remove the file, and what it knows of releases with it.",
            )),
        }
    }

    /// Replaces the record, in one step.
    pub(crate) fn write(&self, entries: &[Entry]) -> Result<()> {
        let cannot = |errno| self.cannot("write", RECORD, errno);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        step();
        let file =
            openat(&self.dir, NEW_RECORD, flags, Mode::from_raw_mode(0o644)).map_err(cannot)?;
        step();
        fchmod(&file, Mode::from_raw_mode(0o644)).map_err(cannot)?;
        let mut file = File::from(file);
        step();
        let written = file.write_all(&record::format(entries));
        if let Err(error) = written {
            let _ = unlinkat(&self.dir, NEW_RECORD, AtFlags::empty());
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            return Err(cannot(errno));
        }
        step();
        renameat(&self.dir, NEW_RECORD, &self.dir, RECORD).map_err(cannot)
    }

    fn cannot(&self, what: &str, file: &str, errno: Errno) -> Failure {
        let failure = failed(format!("cannot {what} {}", show(self.path.join(file))))(errno);
        identity::explain(failure, errno, &self.path, fstat(&self.dir).ok())
    }
}

/// Whether nobody but root, this user and the owner of the link's directory can change it.
fn is_trusted(place: &Place, stat: &Stat) -> bool {
    let owners = [0, identity::uid(), place.dir.stat.st_uid];
    owners.contains(&stat.st_uid) && stat.st_mode & 0o022 == 0
}

fn name(place: &Place) -> OsString {
    let mut name = OsString::from(".");
    name.push(&place.name);
    name.push(OsStr::new(".deploy"));
    name
}
