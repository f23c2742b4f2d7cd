//! The record that `realdoc` keeps beside a link: which releases the link led to, and until when.
//!
//! This is the only description of the format. The record of the link `NAME` is the file
//! `.NAME.deploy/record` in the directory that holds the link. It consists of fields, each ended
//! by a NUL byte, since a path may hold any other byte:
//!
//! ```text
//! realdoc-record  1        the format and its version
//! HOW SINCE UNTIL DEVICE INODE BORN RELEASE-OWNER LINK-OWNER PATH     for each former release
//! end                      a file without it was cut off
//! ```
//!
//! - `HOW` is `replaced`, `rolled-back` or `withdrawn`.
//! - `SINCE` and `UNTIL` say when the link led there, in microseconds since 1970. `SINCE` is 0
//!   where it is not known.
//! - `DEVICE`, `INODE` and `BORN` tell a directory from a later one of the same name. `BORN` is
//!   in nanoseconds since 1970, and 0 where the file system does not know it. A device may have
//!   another number after a reboot.
//! - `RELEASE-OWNER` and `LINK-OWNER` are user ids at the time of the flip.
//! - `PATH` is the release's absolute path without symlinks, which need not be UTF-8.
//!
//! The newest entry comes first, and no path occurs twice. An entry may be of the current release:
//! the record is written before the flip, so it counts only if the link leads elsewhere. A reader
//! must take a version that it does not know for no record, and must check who owns the file.

use crate::Micros;

/// No record is longer, in bytes. The oldest entries are dropped first.
pub const MAX_LEN: usize = 64 * 1024;

const FORMAT: &str = "realdoc-record";
const VERSION: &str = "1";
const END: &str = "end";
const FIELDS: usize = 9;

/// How a link left a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Another release was deployed.
    Replaced,
    /// The link was led back to an earlier release.
    RolledBack,
    /// The release must not be served any more.
    Withdrawn,
}

/// What tells a directory from a later one of the same path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The device's number, as stat(2) has it.
    pub device: u64,
    /// The inode's number.
    pub inode: u64,
    /// Nanoseconds since 1970, or 0 where the file system does not know it.
    pub born: i64,
}

/// A release that the link led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How the link left it.
    pub how: How,
    /// When the link began to lead there; 0: not known.
    pub since: Micros,
    /// When the link ceased to lead there.
    pub until: Micros,
    /// Which directory it is.
    pub identity: Identity,
    /// The user id that owned the directory.
    pub release_owner: u32,
    /// The user id that owned the link.
    pub link_owner: u32,
    /// The absolute path without symlinks.
    pub path: Vec<u8>,
}

/// Why a file is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is of a later version.
    Newer,
    /// It was cut off, or it is something else.
    Malformed,
}

impl Identity {
    /// Whether both are the same directory. Devices are left out: their numbers may change when
    /// the machine starts.
    pub fn is(&self, other: &Self) -> bool {
        self.inode == other.inode && self.born == other.born
    }
}

impl How {
    const ALL: [Self; 3] = [Self::Replaced, Self::RolledBack, Self::Withdrawn];

    /// The word for it in a record.
    pub fn word(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::RolledBack => "rolled-back",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Reads a record.
///
/// # Errors
///
/// Where the bytes are not a record of this version.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    let bytes = bytes.strip_suffix(b"\0").ok_or(Unreadable::Malformed)?;
    if bytes.len() >= MAX_LEN {
        return Err(Unreadable::Malformed);
    }
    let fields: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    match fields.as_slice() {
        [format, version, ..] if *format == FORMAT.as_bytes() && *version != VERSION.as_bytes() => {
            Err(Unreadable::Newer)
        }
        [format, _, entries @ .., end]
            if *format == FORMAT.as_bytes()
                && *end == END.as_bytes()
                && entries.len() % FIELDS == 0 =>
        {
            let entries = entries.chunks_exact(FIELDS).map(entry);
            entries.collect::<Option<_>>().ok_or(Unreadable::Malformed)
        }
        _ => Err(Unreadable::Malformed),
    }
}

/// Writes a record, with as many entries as it may hold.
pub fn format(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = format!("{FORMAT}\0{VERSION}\0").into_bytes();
    for entry in entries {
        let Entry {
            how,
            since,
            until,
            identity,
            ..
        } = entry;
        let Identity {
            device,
            inode,
            born,
        } = identity;
        let (release, link) = (entry.release_owner, entry.link_owner);
        let how = how.word();
        let numbers =
            format!("{how}\0{since}\0{until}\0{device}\0{inode}\0{born}\0{release}\0{link}\0");
        if bytes.len() + numbers.len() + entry.path.len() + 1 + END.len() + 1 > MAX_LEN {
            break;
        }
        bytes.extend(numbers.as_bytes());
        bytes.extend(&entry.path);
        bytes.push(0);
    }
    bytes.extend(END.as_bytes());
    bytes.push(0);
    bytes
}

fn entry(fields: &[&[u8]]) -> Option<Entry> {
    let [how, since, until, device, inode, born, release, link, path] = fields else {
        return None;
    };
    let how = How::ALL
        .into_iter()
        .find(|known| known.word().as_bytes() == *how)?;
    let identity = Identity {
        device: number(device)?,
        inode: number(inode)?,
        born: number(born)?,
    };
    (path.first() == Some(&b'/')).then_some(())?;
    Some(Entry {
        how,
        since: number(since)?,
        until: number(until)?,
        identity,
        release_owner: number(release)?,
        link_owner: number(link)?,
        path: path.to_vec(),
    })
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_entry() -> impl Strategy<Value = Entry> {
        let how = prop::sample::select(&How::ALL[..]);
        let times = any::<(Micros, Micros)>();
        let identity = any::<(u64, u64, i64)>();
        let owners = any::<(u32, u32)>();
        let path = prop::collection::vec(1..=255u8, 0..300);
        (how, times, identity, owners, path).prop_map(|(how, times, identity, owners, path)| {
            let (device, inode, born) = identity;
            Entry {
                how,
                since: times.0,
                until: times.1,
                identity: Identity {
                    device,
                    inode,
                    born,
                },
                release_owner: owners.0,
                link_owner: owners.1,
                path: [b"/".as_slice(), &path].concat(),
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(entries in prop::collection::vec(any_entry(), 0..20)) {
            prop_assert_eq!(parse(&format(&entries)), Ok(entries));
        }

        #[test]
        fn a_record_that_is_cut_off_is_none(
            entries in prop::collection::vec(any_entry(), 0..5), cut in any::<prop::sample::Index>()
        ) {
            let bytes = format(&entries);
            let cut = cut.index(bytes.len());
            prop_assert!(parse(&bytes[..cut]).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn a_later_version_is_told_from_garbage() {
        assert_eq!(
            parse(b"realdoc-record\x002\0anything\0"),
            Err(Unreadable::Newer)
        );
        assert_eq!(
            parse(b"realdoc-recorder\x001\0end\0"),
            Err(Unreadable::Malformed)
        );
        assert_eq!(parse(b""), Err(Unreadable::Malformed));
        assert_eq!(parse(b"realdoc-record\x001\0end\0"), Ok(Vec::new()));
    }

    #[test]
    fn the_oldest_entries_are_dropped_from_a_long_record() {
        let entry = |n: i64| Entry {
            how: How::Replaced,
            since: 0,
            until: n,
            identity: Identity {
                device: 1,
                inode: 2,
                born: 3,
            },
            release_owner: 0,
            link_owner: 0,
            path: [b"/".as_slice(), &[b'a'; 4000]].concat(),
        };
        let entries: Vec<Entry> = (0..100).rev().map(entry).collect();
        let bytes = format(&entries);
        assert!(bytes.len() <= MAX_LEN);
        let read = parse(&bytes).expect("a record");
        assert_eq!(read, entries[..read.len()]);
        assert!(read.len() > 10);
    }
}
