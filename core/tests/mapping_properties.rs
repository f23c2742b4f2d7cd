//! The mapping against a slow one that compares lists of names.
//!
//! `PROPTEST_CASES=1000000` runs longer.

mod common;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use realdoc_core::cursor::PinnedLink;
use realdoc_core::mapping::{Joined, Mapping, Translated, map, url_of_link};

use common::cases;

/// Names on a path, as short as can be: many paths lie in each other.
type Names = Vec<&'static str>;

fn names(count: std::ops::Range<usize>) -> impl Strategy<Value = Names> {
    vec(select(vec!["a", "b", "ab", "a."]), count)
}

fn text(names: &[&str]) -> Vec<u8> {
    match names {
        [] => b"/".to_vec(),
        names => names
            .iter()
            .flat_map(|name| [b"/", name.as_bytes()].concat())
            .collect(),
    }
}

/// A link with its name and target, each as a text too.
#[derive(Clone, Debug)]
struct Pinned {
    name: Names,
    target: Names,
    texts: (Vec<u8>, Vec<u8>),
}

impl Pinned {
    fn new((name, target): (Names, Names)) -> Self {
        let texts = (text(&name), text(&target));
        Pinned {
            name,
            target,
            texts,
        }
    }
}

impl<'a> PinnedLink<'a> for &'a Pinned {
    fn path(self) -> &'a [u8] {
        &self.texts.0
    }

    fn target(self) -> &'a [u8] {
        &self.texts.1
    }
}

/// A request's links differ in their names.
fn links() -> impl Strategy<Value = Vec<Pinned>> {
    vec((names(1..5), names(0..4)), 0..5).prop_map(|links| {
        let mut links: Vec<Pinned> = links.into_iter().map(Pinned::new).collect();
        links.sort_by(|a, b| a.name.cmp(&b.name));
        links.dedup_by(|a, b| a.name == b.name);
        links
    })
}

fn joined(path: Joined<'_>) -> Vec<u8> {
    [path.dir, path.tail].concat()
}

/// The longest link over `path`.
fn longest<'l>(path: &Names, links: &'l [Pinned]) -> Option<&'l Pinned> {
    let over = links.iter().filter(|link| path.starts_with(&link.name));
    over.max_by_key(|link| link.name.len())
}

fn behind(path: &Names, link: &Pinned) -> Names {
    [&link.target[..], &path[link.name.len()..]].concat()
}

proptest! {
    #![proptest_config(cases(3000))]

    /// A file is named by its parent's link or the links of the parent's roots, else by the
    /// resolved root, else by the link it lies under; all that lies under a link changes over to
    /// what the link leads to.
    #[test]
    fn each_path_changes_over_once(
        filename in names(1..7),
        document_root in names(1..5),
        context_root in prop::option::of(names(1..5)),
        links in links(),
        parent in any::<prop::sample::Index>(),
        has_parent: bool,
        parents_context in prop::option::of(names(1..5)),
        resolved in prop::option::of(names(0..4)),
        by_release: bool,
    ) {
        let parent = (has_parent && !links.is_empty()).then(|| &links[parent.index(links.len())]);
        // How the name by the link is made: the directory that the file name begins with, and the
        // one in its place.
        let roots = [Some(&document_root), parents_context.as_ref()];
        let by_roots = roots.into_iter().flatten().filter(|_| parent.is_some() && !by_release);
        let by_roots = by_roots.filter_map(|root| longest(root, &links));
        let renamed = parent.into_iter().chain(by_roots)
            .map(|link| (&link.target, &link.name))
            .find(|(from, _)| filename.starts_with(from))
            .or_else(|| {
                let from = resolved.as_ref().filter(|from| filename.starts_with(from))?;
                Some((from, &document_root))
            });
        let name: Names = match renamed {
            Some((from, to)) => [&to[..], &filename[from.len()..]].concat(),
            None => filename.clone(),
        };
        // In Target mode httpd follows further links below an Alias to a link by itself.
        let context_link = context_root.as_ref()
            .filter(|root| renamed.is_none() && by_release && filename.starts_with(root))
            .and_then(|root| longest(root, &links));
        let link = context_link.or_else(|| longest(&name, &links));
        // A link above a document root that is resolved already has been followed.
        let is_followed = |link: &Pinned| {
            renamed.is_some_and(|(_, to)| link.name.len() < to.len())
        };
        let file = match link {
            Some(link) if !is_followed(link) => behind(&name, link),
            _ => filename.clone(),
        };
        let in_release = |path: &Names| Some(text(&behind(path, longest(path, &links)?)));

        let texts = [&filename, &document_root].map(|names| text(names));
        let [context, parents] = [&context_root, &parents_context]
            .map(|root| root.as_ref().map(|names| text(names)));
        let resolved_text = resolved.as_ref().map(|names| text(names));
        let request = Translated {
            filename: &texts[0],
            document_root: &texts[1],
            context_root: context.as_deref(),
            parent,
            parents_context: parents.as_deref(),
            resolved_root: resolved_text.as_deref(),
            by_release,
        };
        let found: Mapping<'_, &Pinned> = map(&request, links.iter());
        let filled = |path: Option<Joined<'_>>| path.map_or_else(|| texts[0].clone(), joined);
        prop_assert_eq!(filled(found.name), text(&name));
        prop_assert_eq!(found.link.map(|link| &link.name), link.map(|link| &link.name));
        prop_assert_eq!(filled(found.filename), text(&file));
        prop_assert_eq!(found.document_root.map(joined), in_release(&document_root));
        prop_assert_eq!(found.context_root.map(joined), context_root.as_ref().and_then(in_release));
    }

    /// The URL of a link below a root leads to the link.
    #[test]
    fn the_url_of_a_link_leads_to_it(
        link in names(1..6),
        document_root in names(1..4),
        context in prop::option::of((names(0..3), names(1..4))),
    ) {
        let below = |root: &Names| link.strip_prefix(&root[..]).filter(|tail| !tail.is_empty());
        let expected = below(&document_root).map(text).or_else(|| {
            let (prefix, root) = context.as_ref()?;
            Some(text(&[&prefix[..], below(root)?].concat()))
        });
        let texts = context.as_ref().map(|(prefix, root)| (text(prefix), text(root)));
        let context = texts.as_ref().map(|(prefix, root)| (&prefix[..], &root[..]));
        let (link, root) = (text(&link), text(&document_root));
        prop_assert_eq!(url_of_link(&link, &root, context).map(joined), expected);
    }
}
