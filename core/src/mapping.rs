//! Which names a request's file and roots get once its URL has been translated.
//!
//! httpd translates URLs by the configured names. Afterwards each path under a pinned link is
//! exchanged, once, for the release's. The name by the link is kept: its `<Directory>` sections
//! apply, and by it a request can go over to a newer release.
//!
//! Paths are canonical and come back in two pieces, to be joined where the caller keeps them.

use crate::cursor::PinnedLink;
use crate::paths::{longest_prefix, strip_dir};

/// A path: `tail`, which is empty or begins with a slash, below the directory `dir`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined<'a> {
    /// Without a slash at its end, unless it is the whole path `/`.
    pub dir: &'a [u8],
    /// The rest.
    pub tail: &'a [u8],
}

impl<'a> Joined<'a> {
    fn new(dir: &'a [u8], tail: &'a [u8]) -> Self {
        match dir.strip_suffix(b"/") {
            Some(b"") if tail.is_empty() => Joined { dir, tail },
            Some(dir) => Joined { dir, tail },
            None => Joined { dir, tail },
        }
    }

    /// The rest below `dir`, which is at least as long as `self.dir`.
    fn strip_dir(self, dir: &[u8]) -> Option<&'a [u8]> {
        strip_dir(self.tail, dir.strip_prefix(self.dir)?)
    }

    /// Whether it is `path`.
    #[must_use]
    pub fn is(self, path: &[u8]) -> bool {
        path.strip_prefix(self.dir) == Some(self.tail)
    }
}

/// What a request has when its URL has been translated.
#[derive(Clone, Copy, Debug)]
pub struct Translated<'a, L> {
    /// The path that the URL was mapped to.
    pub filename: &'a [u8],
    /// The document root in force.
    pub document_root: &'a [u8],
    /// The root of an `Alias` or the like, if there is one.
    pub context_root: Option<&'a [u8]>,
    /// The link by whose name the parent's file was found, if this is a subrequest for a file and
    /// not for a URL. Such a subrequest is named in the parent's release.
    pub parent: Option<L>,
    /// The parent's context root.
    pub parents_context: Option<&'a [u8]>,
    /// Where the document root leads, if the URL was translated by that (`RealdocSections Target`).
    /// What lies below it is named below the document root.
    pub resolved_root: Option<&'a [u8]>,
    /// `RealdocSections Target`: URLs mean what is in the release.
    pub by_release: bool,
}

/// What the request is to have. `None`: what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping<'a, L> {
    /// The file's name by the link.
    pub name: Option<Joined<'a>>,
    /// The longest link that the name leads through; `None`: the file is known by its real name.
    pub link: Option<L>,
    /// The file in the release.
    pub filename: Option<Joined<'a>>,
    /// The document root in the release.
    pub document_root: Option<Joined<'a>>,
    /// The context's root in the release.
    pub context_root: Option<Joined<'a>>,
}

/// Decides what a request with the pinned `links` is to have.
pub fn map<'a, L: PinnedLink<'a>>(
    request: &Translated<'a, L>,
    links: impl Iterator<Item = L> + Clone,
) -> Mapping<'a, L> {
    let filename = request.filename;
    let in_release = |path| release_path(path, links.clone()).map(|(_, path)| path);
    let mut document_root = None;
    let named = by_parent(request, links.clone())
        .or_else(|| by_resolved_root(request))
        .map(|name| (name, longest_over(name, links.clone())));
    let (name, link, file) = match named {
        Some((name, (link, file))) => (Some(name), link, file.filter(|file| !file.is(filename))),
        None => match by_context(request, links.clone()) {
            Some((link, file)) => (None, Some(link), Some(file)),
            None => match release_path(filename, links.clone()) {
                Some((link, file)) => {
                    document_root = root_by_link_of_file(request, link);
                    (None, Some(link), Some(file))
                }
                None => (None, None, None),
            },
        },
    };
    Mapping {
        name,
        link,
        filename: file,
        document_root: document_root.or_else(|| in_release(request.document_root)),
        context_root: request.context_root.and_then(in_release),
    }
}

/// The document root in the release, if the file lies in it, and `link`, the longest one that the
/// file's name leads through, is also that of the root: no longer one can be.
fn root_by_link_of_file<'a, L: PinnedLink<'a>>(
    request: &Translated<'a, L>,
    link: L,
) -> Option<Joined<'a>> {
    strip_dir(request.filename, request.document_root)?;
    let tail = strip_dir(request.document_root, link.path())?;
    Some(Joined::new(link.target(), tail))
}

/// What `path` is in the release, if it leads through one of `links`: the longest of these, and the
/// path.
pub fn release_path<'a, L: PinnedLink<'a>>(
    path: &'a [u8],
    links: impl Iterator<Item = L>,
) -> Option<(L, Joined<'a>)> {
    let (link, tail) = longest_prefix(path, links, |link| link.path())?;
    Some((link, Joined::new(link.target(), tail)))
}

/// The URL path that leads to `link`, which lies below the document root, or else below the
/// context's root, to which the URL path `prefix` leads: what mod_rewrite makes of a file behind
/// the link when it cuts off the root. All by the configured names. `None`: there is none, or the
/// link is not below but at the root or above it.
#[must_use]
pub fn url_of_link<'a>(
    link: &'a [u8],
    document_root: &[u8],
    context: Option<(&'a [u8], &[u8])>,
) -> Option<Joined<'a>> {
    let below = |root| strip_dir(link, root).filter(|tail| !tail.is_empty());
    if let Some(tail) = below(document_root) {
        return Some(Joined::new(b"", tail));
    }
    let (prefix, root) = context?;
    Some(Joined::new(prefix, below(root)?))
}

/// The URL path, in two pieces, of `file` if it lies in the very directory of `main`, the file of a
/// request for `url`: as httpd gives it to a subrequest for such a file.
#[must_use]
pub fn url_beside<'a>(
    file: &'a [u8],
    main: &[u8],
    url: &'a [u8],
    path_info: &[u8],
) -> Option<[&'a [u8]; 2]> {
    let dir = |path: &[u8]| path.iter().rposition(|&byte| byte == b'/');
    let name = file.strip_prefix(&main[..=dir(main)?])?;
    let url = url.strip_suffix(path_info)?;
    (!name.is_empty() && dir(name).is_none()).then_some([&url[..=dir(url)?], name])
}

/// A subrequest for a file is named by its parent's link. In Link mode the parent may also have
/// been told its roots, in the release, and has named the file by one of these.
fn by_parent<'a, L: PinnedLink<'a>>(
    request: &Translated<'a, L>,
    links: impl Iterator<Item = L> + Clone,
) -> Option<Joined<'a>> {
    let parent = request.parent?;
    let behind = |link: L| {
        let tail = strip_dir(request.filename, link.target())?;
        Some(Joined::new(link.path(), tail))
    };
    let behind_root = |root| {
        let (link, _) = longest_prefix(root, links.clone(), |link| link.path())?;
        behind(link)
    };
    let roots = [Some(request.document_root), request.parents_context];
    let mut roots = roots.into_iter().flatten().filter(|_| !request.by_release);
    behind(parent).or_else(|| roots.find_map(behind_root))
}

/// Target mode: an Alias that leads to a link or below it means what that leads to. Symlinks below
/// are httpd's to follow.
fn by_context<'a, L: PinnedLink<'a>>(
    request: &Translated<'a, L>,
    links: impl Iterator<Item = L>,
) -> Option<(L, Joined<'a>)> {
    let root = request.context_root.filter(|_| request.by_release)?;
    strip_dir(request.filename, root)?;
    let (link, _) = longest_prefix(root, links, |link| link.path())?;
    let tail = strip_dir(request.filename, link.path())?;
    Some((link, Joined::new(link.target(), tail)))
}

fn by_resolved_root<'a, L>(request: &Translated<'a, L>) -> Option<Joined<'a>> {
    let tail = strip_dir(request.filename, request.resolved_root?)?;
    Some(Joined::new(request.document_root, tail))
}

/// The longest link over `name`. If it is longer than the name's directory the file may lie
/// elsewhere than that directory does: then also what the name is in the release.
fn longest_over<'a, L: PinnedLink<'a>>(
    name: Joined<'a>,
    links: impl Iterator<Item = L> + Clone,
) -> (Option<L>, Option<Joined<'a>>) {
    let below = links.clone().filter_map(|link| {
        let tail = name.strip_dir(link.path())?;
        Some((link, tail))
    });
    if let Some((link, tail)) = below.min_by_key(|(_, tail)| tail.len()) {
        return (Some(link), Some(Joined::new(link.target(), tail)));
    }
    let above = longest_prefix(name.dir, links, |link| link.path());
    (above.map(|(link, _)| link), None)
}

#[cfg(test)]
mod tests {
    use super::url_beside;

    #[test]
    fn a_file_in_the_directory_of_another_has_its_url_there() {
        let url = |file: &str, url: &'static str, path_info: &str| {
            let file = format!("/releases/42/{file}");
            let main = b"/releases/42/dir/page";
            url_beside(file.as_bytes(), main, url.as_bytes(), path_info.as_bytes())
                .map(|pieces| String::from_utf8_lossy(&pieces.concat()).into_owned())
        };
        assert_eq!(url("dir/x", "/a/page", "").as_deref(), Some("/a/x"));
        assert_eq!(
            url("dir/x", "/a/page/more", "/more").as_deref(),
            Some("/a/x")
        );
        for file in ["dir/", "dir/x/y", "directory/x", "x"] {
            assert_eq!(url(file, "/a/page", ""), None, "{file}");
        }
    }
}
