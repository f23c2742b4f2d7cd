//! The way down a path, component by component, along two names at once: the path by the links'
//! names, which the configuration knows, and the real path, which the file system knows.

use crate::paths::strip_dir;

/// A symlink whose target is pinned.
pub trait PinnedLink<'l>: Copy {
    /// Its own path, canonical.
    fn path(self) -> &'l [u8];

    /// The real path that it leads to.
    fn target(self) -> &'l [u8];
}

/// A place on the way down a path.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'p, L> {
    /// Canonical and absolute, but it may end with a slash.
    path: &'p [u8],
    /// The end of a component.
    position: usize,
    depth: u32,
    last_link: Option<L>,
    link: Option<L>,
}

impl<'p, L: PinnedLink<'p>> Cursor<'p, L> {
    /// At the root of `path`. `last_link`: the longest pinned link that the whole path leads
    /// through.
    #[must_use]
    pub fn new(path: &'p [u8], last_link: Option<L>) -> Self {
        Cursor {
            path,
            position: 0,
            depth: 1,
            last_link,
            link: None,
        }
    }

    /// How far it has come: empty at the root, else without a slash at the end, unless it has come
    /// to the end of a path that has one.
    #[must_use]
    pub fn here(&self) -> &'p [u8] {
        &self.path[..self.position]
    }

    /// What is left of the path, from its slash on.
    #[must_use]
    pub fn rest(&self) -> &'p [u8] {
        &self.path[self.position..]
    }

    /// Whether nothing is left, not even a slash.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.position == self.path.len()
    }

    /// The slashes in the name of the directory here, with the one at its end: 1 for the root.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The longest link that the whole path leads through.
    #[must_use]
    pub fn last_link(&self) -> Option<L> {
        self.last_link
    }

    /// The last link that has been followed.
    #[must_use]
    pub fn link(&self) -> Option<L> {
        self.link
    }

    /// Goes down one component. False: nothing but a slash was left, and it is at the end now.
    pub fn step(&mut self) -> bool {
        let Some((_, name)) = self.rest().split_first() else {
            return false;
        };
        let end = name.iter().position(|&byte| byte == b'/');
        self.position += 1 + end.unwrap_or(name.len());
        self.depth += u32::from(!name.is_empty());
        !name.is_empty()
    }

    /// Which of `links`, the pinned ones, is at this very place.
    #[must_use]
    pub fn link_here(&self, mut links: impl Iterator<Item = L>) -> Option<L> {
        self.last_link?;
        links.find(|link| link.path() == self.here())
    }

    /// Goes on behind `link`, which is [here](Self::link_here).
    pub fn follow(&mut self, link: L) {
        self.link = Some(link);
    }

    /// Follows all of `links`, the pinned ones, from the root to here.
    pub fn follow_all(&mut self, links: impl Iterator<Item = L>) {
        self.link = match self.last_link {
            Some(last) if self.position >= last.path().len() => Some(last),
            Some(_) => longest(self.here(), links),
            None => None,
        };
    }

    /// Goes down to `dir`, which is `depth` deep, and leaves it to the caller to
    /// [follow the links](Self::follow_all). False: the path does not lead there.
    pub fn skip_to(&mut self, dir: &[u8], depth: u32) -> bool {
        let dir = dir.strip_suffix(b"/").unwrap_or(dir);
        let is_on_the_way = strip_dir(self.path, dir).is_some();
        if is_on_the_way {
            (self.position, self.depth) = (dir.len(), depth);
        }
        is_on_the_way
    }

    /// The same to where the path is `depth` deep. False: it ends before.
    pub fn skip_down(&mut self, depth: u32) -> bool {
        while self.depth < depth && self.step() {}
        self.depth >= depth
    }

    /// Goes on along `path`, which begins with the path so far.
    pub fn extend(&mut self, path: &'p [u8]) {
        self.path = path;
    }

    /// Goes down to the end, and leaves it to the caller to follow the links.
    pub fn skip_to_end(&mut self) {
        self.position = self.path.len();
    }

    /// The real path of this place, in two parts; both are empty at the root.
    #[must_use]
    pub fn real_path(&self) -> [&'p [u8]; 2] {
        match self.link {
            Some(link) => {
                let target = link.target();
                let tail = &self.here()[link.path().len()..];
                [target.strip_suffix(b"/").unwrap_or(target), tail]
            }
            None => [b"", self.here()],
        }
    }
}

/// The longest of `links` that `path` leads through.
fn longest<'l, L: PinnedLink<'l>>(path: &[u8], links: impl Iterator<Item = L>) -> Option<L> {
    links
        .filter(|link| strip_dir(path, link.path()).is_some())
        .max_by_key(|link| link.path().len())
}
