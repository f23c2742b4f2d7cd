use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;

use super::*;
use crate::chain::SharedChain;
use crate::fs::{Errno, Fs, Stat};
use crate::resolve::Mode;
use crate::stamp::Stamp;
use crate::table::{LinkTable, Slot};
use crate::{Micros, SECOND};

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

/// A question about `/current`.
fn check(fs: &Current, table: LinkTable, check_every: Micros) -> Check<'_, Current> {
    Check {
        began: 0,
        clock: || 0,
        policy: Policy {
            check_every,
            grace: 0,
        },
        table,
        fs,
        when: When::Due,
        pinned: None,
    }
}

fn pin(docroot: &Docroot, check: &Check<'_, Current>) -> Option<CString> {
    let pinned = docroot.pin(check, &mut |_| {}, |found| found.docroot.clone());
    pinned.expect("it does not hang")
}

/// A path of these components, of which `/current` is a symlink.
fn path() -> impl Strategy<Value = String> {
    let component = prop_oneof![Just("/current"), Just("/a"), Just("/ab"), Just("/a-b")];
    proptest::collection::vec(component, 1..5).prop_map(|components| components.concat())
}

proptest! {
    #[test]
    fn each_docroot_that_a_name_may_lead_through_is_found(
        docroots in proptest::collection::vec(path(), 1..20),
        names in proptest::collection::vec(path(), 1..20),
    ) {
        let new = |path| Docroot::new(CString::new(path).unwrap(), Mode::Realpath).into();
        let docroots = Docroots::new(docroots.into_iter().map(new).collect());
        let fs = Current(RefCell::new(c"/a".into()));
        let table = LinkTable::private(8);
        for name in names {
            let mut found = Vec::new();
            let each = docroots.pin_each(name.as_bytes(), &fs, |n, docroot| {
                found.push(n);
                docroot.pin(&check(&fs, table, 0), &mut |_| {}, |_| ()).map(|_| ())
            });
            prop_assert_eq!(each, Ok(()));
            let all = docroots.all().iter().enumerate();
            let concerned = all.filter(|(_, docroot)| docroot.concerns(name.as_bytes(), &fs));
            prop_assert_eq!(found, concerned.map(|(n, _)| n).collect::<Vec<_>>(), "{}", name);
        }
    }

    /// A taken-over process writes to all memory that it shares with this one.
    #[test]
    fn garbage_in_the_table_makes_no_wrong_answer(
        garbage in proptest::collection::vec((any::<[u64; 8]>(), any::<bool>()), 1..20),
    ) {
        let slots: &'static [Slot] = Vec::leak(vec![Slot::free(), Slot::free()]);
        let table = LinkTable::new(slots, Vec::leak(vec![SharedChain::unknown()]));
        let docroot = Docroot::new(c"/current".into(), Mode::Realpath);
        for (n, (words, is_flipped)) in garbage.into_iter().enumerate() {
            slots[n % 2].scribble(words);
            let target = if is_flipped { c"/releases/1" } else { c"/releases/2" };
            let fs = Current(RefCell::new(target.into()));
            let pinned = pin(&docroot, &check(&fs, table, 0));
            prop_assert_eq!(pinned.as_deref(), Some(target));
            let _ = table.counts(c"/current", &Mode::Realpath);
            let _ = table.chain(c"/current", &Mode::Realpath);
        }
    }
}

#[test]
fn a_flip_between_targets_of_equal_hashes_switches_the_whole_server() {
    let table = LinkTable::private(1);
    let (one, other) = twins();
    let fs = Current(RefCell::new(one.clone()));
    let [eager, lazy] = [(); 2].map(|()| Docroot::new(c"/current".into(), Mode::Realpath));
    let request = |docroot: &Docroot, check_every| pin(docroot, &check(&fs, table, check_every));
    for target in [&one, &other, &one] {
        fs.0.replace(target.clone());
        assert_eq!(request(&eager, 0).as_ref(), Some(target));
        assert_eq!(request(&lazy, SECOND).as_ref(), Some(target));
    }
}
