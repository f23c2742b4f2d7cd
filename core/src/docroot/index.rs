//! The docroots of a virtual host, of which a request asks only for those that its names may lead
//! through. There may be hundreds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Docroot;
use super::concern::changes;
use crate::fs::Fs;
use crate::sync::Published;

/// So many are asked one by one: an index costs more.
const FEW: usize = 4;

/// The docroots of a virtual host, in the order in which a request pins them.
pub struct Docroots {
    all: Vec<Arc<Docroot>>,
    index: Published<Index>,
}

impl Docroots {
    /// These ones.
    #[must_use]
    pub fn new(all: Vec<Arc<Docroot>>) -> Self {
        Docroots {
            all,
            index: Published::empty(),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Arc<Docroot>] {
        &self.all
    }

    /// Hands each docroot that `name` [may lead through](Docroot::concerns) to `pin`, with its
    /// number among all, in their order.
    ///
    /// # Errors
    /// The first one of `pin`.
    pub fn pin_each<E>(
        &self,
        name: &[u8],
        fs: &impl Fs,
        mut pin: impl FnMut(usize, &Docroot) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut pin_concerned = |n: usize| {
            let docroot = &self.all[n];
            if docroot.concerns(name, fs) {
                pin(n, docroot)?;
            }
            Ok(())
        };
        if self.all.len() <= FEW {
            return (0..self.all.len()).try_for_each(pin_concerned);
        }
        let latest = self.index.load();
        let made;
        let index = match latest.as_ref().filter(|index| index.changes == changes()) {
            Some(latest) => latest,
            None => {
                made = Arc::new(Index::new(&self.all));
                self.index.store(Arc::clone(&made));
                &made
            }
        };
        index.find(name).iter().try_for_each(|&n| pin_concerned(n))
    }
}

/// Numbers of docroots by the directory in which names concern them.
struct Index {
    /// It is of use until more has changed.
    changes: usize,
    /// By the length of the directories, the longest first.
    lengths: Vec<(usize, Dirs)>,
}

/// With each directory, the docroots that names in it concern, also by a directory above.
type Dirs = BTreeMap<Box<[u8]>, Vec<usize>>;

impl Index {
    fn new(docroots: &[Arc<Docroot>]) -> Self {
        let mut index = Index {
            // Before the question to each: a change during these counts.
            changes: changes(),
            lengths: Vec::new(),
        };
        let mut lengths: BTreeMap<usize, Dirs> = BTreeMap::new();
        for (n, docroot) in docroots.iter().enumerate() {
            let Some(dir) = docroot.concern.dir(&docroot.path) else {
                continue;
            };
            let dir = dir.strip_suffix(b"/").unwrap_or(dir);
            let dirs = lengths.entry(dir.len()).or_default();
            dirs.entry(dir.into()).or_default().push(n);
        }
        for (len, mut dirs) in lengths {
            for (dir, numbers) in &mut dirs {
                numbers.extend(index.find(dir));
                numbers.sort_unstable();
            }
            index.lengths.insert(0, (len, dirs));
        }
        index
    }

    /// The docroots that `name` concerns, in order.
    fn find<'i>(&'i self, name: &[u8]) -> &'i [usize] {
        let of_length = |(len, dirs): &'i (usize, Dirs)| {
            let is_whole = name.get(*len).is_none_or(|&byte| byte == b'/');
            dirs.get(name.get(..*len).filter(|_| is_whole)?)
        };
        self.lengths
            .iter()
            .find_map(of_length)
            .map_or(&[], Vec::as_slice)
    }
}
