//! Reading the record beside a link, in a process of httpd: only what nobody else than root or the
//! link's owner can have written.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};

use crate::record::{Entry, MAX_LEN, parse};

/// The record of `link`, which belongs to `owner`. `None`: there is none, or it is not to be
/// trusted.
pub(crate) fn read(link: &CStr, owner: u32) -> Option<Vec<Entry>> {
    let link = link.to_bytes();
    let (dir, name) = link.split_at(link.iter().rposition(|&byte| byte == b'/')? + 1);
    let dir = CString::new([dir, b".", name, b".deploy"].concat()).ok()?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = openat(CWD, &*dir, flags | OFlags::DIRECTORY, Mode::empty()).ok()?;
    let file = is_trusted(&fstat(&dir).ok()?, owner)
        // A FIFO in its place is not waited for.
        .then(|| openat(&dir, c"record", flags | OFlags::NONBLOCK, Mode::empty()).ok())??;
    let stat = fstat(&file).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
    if !is_file || !is_trusted(&stat, owner) {
        return None;
    }
    let mut bytes = Vec::new();
    let mut file = File::from(file).take(MAX_LEN as u64 + 1);
    file.read_to_end(&mut bytes).ok()?;
    parse(&bytes).ok()
}

fn is_trusted(stat: &Stat, owner: u32) -> bool {
    let others = Mode::WGRP | Mode::WOTH;
    let mode = Mode::from_raw_mode(stat.st_mode);
    (stat.st_uid == 0 || stat.st_uid == owner) && !mode.intersects(others)
}
