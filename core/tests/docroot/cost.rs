//! What a request and a flip cost in memory.

use std::cell::Cell;
use std::ffi::{CStr, CString};

use realdoc_core::SECOND;
use realdoc_core::docroot::{Check, Docroot, Event, Policy, When};
use realdoc_core::fs::{Errno, Fs, OsFs, Stat};
use realdoc_core::resolve::Mode;
use realdoc_core::table::LinkTable;

use crate::process::{CURRENT, Process, T, text};

/// On the real file system, whose calls are part of it.
#[test]
fn a_request_allocates_nothing_unless_something_changed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("1")).unwrap();
    std::os::unix::fs::symlink("1", dir.path().join("current")).unwrap();
    let path = dir.path().join("current").into_os_string();
    let path = CString::new(path.into_encoded_bytes()).unwrap();
    for mode in [Mode::Realpath, Mode::Readlink { from: None }] {
        for check_every in [0, SECOND] {
            let docroot = Docroot::new(path.clone(), mode.clone());
            let policy = Policy {
                check_every,
                grace: 0,
            };
            let table = LinkTable::private(8);
            let mut checks = 0;
            let mut take = |now| {
                let check = Check {
                    began: now,
                    clock: || T,
                    policy,
                    table,
                    fs: &OsFs,
                    when: When::Due,
                    pinned: None,
                };
                let log = &mut |event: Event<'_>| {
                    checks += usize::from(matches!(event, Event::Checked { .. }));
                };
                docroot
                    .pin(&check, log, |s| s.links.len())
                    .expect("it does not hang")
            };
            assert_eq!(take(T), Some(1));
            let used = allocation_counter::measure(|| {
                for now in 0..100 {
                    assert_eq!(take(T + now), Some(1));
                }
            });
            assert_eq!(used.count_total, 0, "{mode:?} every {check_every}");
            assert_eq!(checks, if check_every == 0 { 101 } else { 1 });
        }
    }
}

/// A symlink and nothing else, so that a great many flips take little time.
struct OneLink(Cell<Option<&'static CStr>>);

impl Fs for OneLink {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        let target = match path.to_str() {
            Ok(CURRENT) => self.0.get().ok_or(Errno::NOENT)?,
            _ => path,
        };
        Ok(Stat {
            dev: 1,
            ino: u64::from(target.to_bytes()[1]),
            is_dir: true,
        })
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        match path.to_str() {
            Ok(CURRENT) => Ok(read(self.0.get().ok_or(Errno::NOENT)?.to_bytes())),
            _ => Err(Errno::INVAL),
        }
    }
}

#[test]
fn memory_is_flat() {
    let link = OneLink(Cell::new(None));
    let mut process = Process::new(&link, LinkTable::private(8), CURRENT);
    let mut flips = |count: usize| {
        for i in 0..count {
            let release = [c"/1", c"/2", c"/3"][i % 3];
            link.0.set(Some(release));
            assert_eq!(process.request(T), Some(text(release)));
            if i % 10 == 0 {
                link.0.set(None);
                assert_eq!(process.request(T), Some(text(release)));
            }
            process.said.clear();
        }
    };
    flips(30);
    let used = allocation_counter::measure(|| flips(100_000));
    assert_eq!((used.count_current, used.bytes_current), (0, 0));
}
