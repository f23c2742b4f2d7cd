//! What is mounted where, by /proc/self/mountinfo.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::output::{Failure, Result};

const FILE: &str = "/proc/self/mountinfo";

/// A file system that is mounted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where.
    pub(crate) point: PathBuf,
    /// Its number, as in `st_dev`.
    device: u64,
    /// The user whose program it is, if it is a program (FUSE): all that it says of owners and
    /// contents is as that user likes it.
    user: Option<u32>,
}

pub(crate) fn mounts() -> Result<Vec<Mount>> {
    let info = std::fs::read(FILE)
        .map_err(|error| Failure::new(format!("{FILE}: {error}")).advice("Is /proc mounted?"))?;
    Ok(info
        .split(|byte| *byte == b'\n')
        .filter_map(parse)
        .collect())
}

/// Something that is mounted at a directory, or in it.
pub(crate) fn within<'m>(mounts: &'m [Mount], dir: &Path) -> Option<&'m Path> {
    let mut points = mounts.iter().map(|mount| mount.point.as_path());
    points.find(|point| point.starts_with(dir))
}

/// The user whose program a device is.
pub(crate) fn user_of(mounts: &[Mount], device: u64) -> Option<u32> {
    mounts.iter().find(|mount| mount.device == device)?.user
}

/// A line as
/// `36 35 98:0 /root /point rw,noatime master:1 - fuse.sshfs source rw,user_id=1000`.
fn parse(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let numbers = std::str::from_utf8(fields.get(2)?).ok()?;
    let (major, minor) = numbers.split_once(':')?;
    let end = fields.iter().position(|field| *field == b"-")?;
    let options = fields.get(end + 3)?.split(|byte| *byte == b',');
    let mut users = options.filter_map(|option| option.strip_prefix(b"user_id="));
    let user = users
        .next()
        .and_then(|user| std::str::from_utf8(user).ok()?.parse().ok());
    Some(Mount {
        point: unescape(fields.get(4)?).into(),
        device: rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?),
        user: user.filter(|_| fields[end + 1].starts_with(b"fuse")),
    })
}

/// Spaces, tabs, line breaks and backslashes stand there as `\040`.
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *byte == b'\\');
        let octal = octal.and_then(|octal| std::str::from_utf8(octal).ok());
        match octal.and_then(|octal| u8::from_str_radix(octal, 8).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[3..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let line = br"36 35 98:3 / /a\040b\134\012c rw master:1 - fuse.sshfs h: rw,user_id=7,x";
        let mount = parse(line).expect("a mount");
        assert_eq!(mount.point, Path::new("/a b\\\nc"));
        assert_eq!(
            (mount.device, mount.user),
            (rustix::fs::makedev(98, 3), Some(7))
        );
        let line = b"36 35 8:1 / / rw - ext4 /dev/sda1 rw,user_id=7";
        assert_eq!(parse(line).expect("a mount").user, None);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"36 35 8:1 / / rw -"), None);
    }

    #[test]
    fn this_machines_are_read() {
        let mounts = mounts().expect("/proc is there");
        assert!(within(&mounts, Path::new("/")).is_some());
        assert!(within(&mounts, Path::new("/no/such/directory")).is_none());
    }
}
