use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;
use crate::fs::{Errno, Stat};
use crate::stamp::Stamp;
use crate::table::LinkTable;

/// `/current`, a symlink to some directory.
struct Current(RefCell<CString>);

impl Fs for Current {
    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        let mut ino = DefaultHasher::new();
        match path.to_bytes() {
            b"/current" => self.0.borrow().hash(&mut ino),
            _ => path.to_owned().hash(&mut ino),
        }
        Ok(Stat {
            dev: 1,
            ino: ino.finish(),
            is_dir: true,
        })
    }

    fn read_link<T>(&self, path: &CStr, read: impl FnOnce(&[u8]) -> T) -> Result<T, Errno> {
        match path.to_bytes() {
            b"/current" => Ok(read(self.0.borrow().to_bytes())),
            _ => Err(Errno::INVAL),
        }
    }
}

/// Two targets that stamps cannot tell apart.
fn twins() -> (CString, CString) {
    let mut seen = HashMap::new();
    (0..)
        .map(|n| CString::new(format!("/releases/{n}")).unwrap())
        .find_map(|target| {
            let stamp = format!("{:?}", Stamp::UNSEEN.next(&target));
            let twin = seen.insert(stamp, target.clone())?;
            Some((twin, target))
        })
        .unwrap()
}

#[test]
fn a_flip_between_targets_of_equal_hashes_switches_the_whole_server() {
    let table = LinkTable::private(1);
    let (one, other) = twins();
    let fs = Current(RefCell::new(one.clone()));
    let [eager, lazy] = [(); 2].map(|()| Docroot::new(c"/current".into(), Mode::Realpath));
    let request = |docroot: &Docroot, check_every| {
        let check = Check {
            began: 0,
            clock: || 0,
            policy: Policy {
                check_every,
                grace: 0,
            },
            table,
            fs: &fs,
            when: When::Due,
            pinned: None,
        };
        let pinned = docroot.pin(&check, &mut |_| {}, |s| s.docroot.clone());
        pinned.expect("it does not hang")
    };
    for target in [&one, &other, &one] {
        fs.0.replace(target.clone());
        assert_eq!(request(&eager, 0).as_ref(), Some(target));
        assert_eq!(request(&lazy, SECOND).as_ref(), Some(target));
    }
}
