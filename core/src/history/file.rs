//! What is remembered of the links while httpd is stopped.
//!
//! This is the only description of the format. The file consists of fields, each ended by a NUL
//! byte:
//!
//! ```text
//! realdoc-history 1        the format and its version
//! LINK LENGTH RECORD       for each link
//! end CHECKSUM             over all that is before the checksum
//! ```
//!
//! - `LINK` is the link's absolute path, as it is configured.
//! - `RECORD` has the format of [`record`], and is `LENGTH` bytes long.
//! - `CHECKSUM` is FNV-1a, as 16 hexadecimal digits.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process::geteuid;

use crate::record::{self, Entry};
use crate::shown::fnv1a;

/// No file is longer, in bytes.
pub const MAX_LEN: usize = 16 * 1024 * 1024;

const HEAD: &[u8] = b"realdoc-history\x001\0";
const END: &[u8] = b"end\0";

/// A link and what it led to.
pub type Remembered = (CString, Vec<Entry>);

/// Writes the file in one step: it is there as a whole, or as it was.
///
/// # Errors
/// Those of the system.
pub fn write(path: &Path, links: &[Remembered]) -> io::Result<()> {
    let new = path.with_extension("history.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&format(links))?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Reads the file, if root or the user that this process is has written it, and nobody else can.
#[must_use]
pub fn read(path: &Path) -> Option<Vec<Remembered>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .ok()?;
    let found = file.metadata().ok()?;
    let is_own = found.uid() == 0 || found.uid() == geteuid().as_raw();
    let is_private = found.mode() & 0o077 == 0;
    if !found.is_file() || !is_own || !is_private || found.len() > MAX_LEN as u64 {
        return None;
    }
    let mut bytes = Vec::new();
    File::take(file, MAX_LEN as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    parse(&bytes)
}

/// The links that have nothing to remember are left out, and those for which there is no room.
fn format(links: &[Remembered]) -> Vec<u8> {
    let mut bytes = HEAD.to_vec();
    for (link, entries) in links.iter().filter(|(_, entries)| !entries.is_empty()) {
        let record = record::format(entries);
        let link = link.to_bytes_with_nul();
        if bytes.len() + link.len() + record.len() + 64 > MAX_LEN {
            break;
        }
        bytes.extend(link);
        bytes.extend(format!("{}\0", record.len()).as_bytes());
        bytes.extend(record);
    }
    bytes.extend(END);
    let checksum = fnv1a(&bytes);
    bytes.extend(format!("{checksum:016x}\0").as_bytes());
    bytes
}

fn parse(bytes: &[u8]) -> Option<Vec<Remembered>> {
    let (text, checksum) = bytes.split_at_checked(bytes.len().checked_sub(17)?)?;
    if checksum != format!("{:016x}\0", fnv1a(text)).as_bytes() {
        return None;
    }
    let mut rest = text.strip_prefix(HEAD)?.strip_suffix(END)?;
    let mut links = Vec::new();
    while !rest.is_empty() {
        let link = field(&mut rest)?;
        let len = std::str::from_utf8(field(&mut rest)?).ok()?;
        let (record, after) = rest.split_at_checked(len.parse().ok()?)?;
        links.push((CString::new(link).ok()?, record::parse(record).ok()?));
        rest = after;
    }
    Some(links)
}

/// The first field, which is taken off.
fn field<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    let (field, rest) = bytes.split_at(end);
    *bytes = &rest[1..];
    Some(field)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use proptest::prelude::*;

    use super::*;
    use crate::record::{How, Identity};

    fn entry(path: &str, until: i64) -> Entry {
        Entry {
            how: How::Replaced,
            since: 1,
            until,
            identity: Identity {
                device: 1,
                inode: 2,
                born: 3,
            },
            release_owner: 1000,
            link_owner: 1000,
            path: path.into(),
        }
    }

    fn links() -> Vec<Remembered> {
        vec![
            (
                c"/srv/app/current".into(),
                vec![entry("/srv/app/42", 5), entry("/srv/app/41", 4)],
            ),
            (c"/srv/b/\n\xff".into(), vec![entry("/srv/b/end", 5)]),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("realdoc.history");
        for links in [Vec::new(), links(), links()] {
            write(&path, &links).unwrap();
            assert_eq!(read(&path), Some(links));
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_others_may_have_written_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("realdoc.history");
        let chmod = |mode| fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        write(&path, &links()).unwrap();
        for (mode, is_read) in [
            (0o600, true),
            (0o620, false),
            (0o602, false),
            (0o640, false),
        ] {
            chmod(mode);
            assert_eq!(read(&path).is_some(), is_read, "{mode:o}");
        }
        chmod(0o600);
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(read(&link), None);
        assert_eq!(read(dir.path()), None);
        if geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
            assert_eq!(read(&path), None);
        }
    }

    #[test]
    fn what_is_too_long_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("realdoc.history");
        write(&path, &links()).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(MAX_LEN as u64 + 1).unwrap();
        assert_eq!(read(&path), None);
        assert_eq!(read(&dir.path().join("none")), None);
    }

    #[test]
    fn as_much_is_written_as_can_be_read() {
        let entries = || (0..17).map(|n| entry(&format!("/{}", "x".repeat(1000)), n));
        let one: Remembered = (c"/srv/app/current".into(), entries().collect());
        let bytes = format(&vec![one; 2000]);
        assert!(bytes.len() <= MAX_LEN);
        assert!(parse(&bytes).unwrap().len() > 512);
    }

    proptest! {
        #[test]
        fn a_file_of_which_a_byte_is_another_is_none(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), is_cut in any::<bool>(),
        ) {
            let whole = format(&links());
            let mut bytes = whole.clone();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(if is_cut { at } else { whole.len() });
            prop_assert_eq!(parse(&bytes).is_some(), bytes == whole);
        }

        /// Whoever can write the file can also write its checksum.
        #[test]
        fn no_bytes_make_a_reader_panic(
            middle in prop::collection::vec(prop_oneof![Just(0), b'0'..=b'9', any::<u8>()], 0..99),
        ) {
            let mut bytes = [HEAD, &middle, END].concat();
            bytes.extend(format!("{:016x}\0", fnv1a(&bytes)).as_bytes());
            let _ = parse(&bytes);
            let _ = parse(&middle);
        }
    }
}
