//! The cursor, against an oracle that takes the path apart and looks at each component anew.

mod common;

use common::cases;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use realdoc_core::cursor::{Cursor, PinnedLink};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    path: String,
    target: String,
}

impl<'l> PinnedLink<'l> for &'l Link {
    fn path(self) -> &'l [u8] {
        self.path.as_bytes()
    }

    fn target(self) -> &'l [u8] {
        self.target.as_bytes()
    }
}

fn link(path: &str, target: &str) -> Link {
    Link {
        path: path.to_owned(),
        target: target.to_owned(),
    }
}

/// A cursor for `path`, told its last link.
fn cursor<'p>(path: &'p str, links: &'p [Link]) -> Cursor<'p, &'p Link> {
    Cursor::new(path.as_bytes(), oracle::link(path, links))
}

fn real_path<'p>(cursor: &Cursor<'p, &'p Link>) -> String {
    String::from_utf8(cursor.real_path().concat()).expect("all names are text")
}

/// The same answers, found slowly.
mod oracle {
    use super::Link;

    pub(super) fn components(path: &str) -> Vec<&str> {
        path.split('/').filter(|name| !name.is_empty()).collect()
    }

    /// The longest link that is `path` or above it.
    pub(super) fn link<'l>(path: &str, links: &'l [Link]) -> Option<&'l Link> {
        let components = components(path);
        let (mut found, mut len) = (None, 0);
        for link in links {
            let own = self::components(&link.path);
            if components.starts_with(&own) && own.len() >= len {
                (found, len) = (Some(link), own.len());
            }
        }
        found
    }

    /// `path` with the longest link in it replaced.
    pub(super) fn real_path(path: &str, links: &[Link]) -> String {
        let components = components(path);
        let names = match link(path, links) {
            Some(link) => {
                let rest = &components[self::components(&link.path).len()..];
                [self::components(&link.target), rest.to_vec()].concat()
            }
            None => components,
        };
        names.iter().map(|name| format!("/{name}")).collect()
    }
}

#[test]
fn down_a_path() {
    let links = [
        link("/srv/app/current", "/srv/app/releases/42"),
        link("/srv/app/current/files", "/data"),
    ];
    let path = "/srv/app/current/files/x";
    let mut cursor = cursor(path, &links);
    let mut seen = vec![real_path(&cursor)];
    while cursor.step() {
        if let Some(link) = cursor.link_here(links.iter()) {
            cursor.follow(link);
        }
        seen.push(real_path(&cursor));
    }
    assert_eq!(
        seen,
        [
            "",
            "/srv",
            "/srv/app",
            "/srv/app/releases/42",
            "/data",
            "/data/x"
        ]
    );
    assert!(cursor.is_at_end() && cursor.depth() == 6);
}

#[test]
fn a_link_is_not_followed_before_somebody_says_so() {
    let links = [link("/a", "/r")];
    let mut cursor = cursor("/a/b", &links);
    assert!(cursor.link_here(links.iter()).is_none());
    assert!(cursor.step());
    assert_eq!(
        (cursor.link_here(links.iter()), real_path(&cursor)),
        (Some(&links[0]), "/a".to_owned())
    );
    assert!(cursor.step());
    assert_eq!(
        (cursor.link_here(links.iter()), real_path(&cursor)),
        (None, "/a/b".to_owned())
    );
    cursor.follow_all(links.iter());
    assert_eq!(real_path(&cursor), "/r/b");
}

#[test]
fn a_link_may_lead_to_the_root() {
    let links = [link("/a", "/")];
    let mut cursor = cursor("/a/b/", &links);
    assert!(cursor.skip_down(2));
    cursor.follow_all(links.iter());
    assert_eq!(real_path(&cursor), "");
    cursor.skip_to_end();
    cursor.follow_all(links.iter());
    assert_eq!(real_path(&cursor), "/b/");
}

#[test]
fn a_slash_at_the_end_is_no_component() {
    let mut cursor = cursor("/a/", &[]);
    assert!(cursor.step() && !cursor.is_at_end());
    assert_eq!((cursor.here(), cursor.rest()), (&b"/a"[..], &b"/"[..]));
    assert!(!cursor.step() && cursor.is_at_end());
    assert_eq!((cursor.here(), cursor.depth()), (&b"/a/"[..], 2));
    assert!(!cursor.step());
}

fn names(count: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let names = vec(select(vec!["a", "b", "ab", "aa", "..x"]), count);
    names.prop_map(|names| names.iter().map(|name| format!("/{name}")).collect())
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Step,
    SkipTo(usize),
    SkipDown(u32),
    SkipToEnd,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => Just(Move::Step),
        1 => (0_usize..8).prop_map(Move::SkipTo),
        1 => (0_u32..8).prop_map(Move::SkipDown),
        1 => Just(Move::SkipToEnd),
    ]
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn wherever_it_goes_it_knows_both_names(
        path in names(1..7),
        has_slash: bool,
        links in btree_map(names(1..5), names(0..4), 0..4),
        moves in vec(moves(), 0..12),
    ) {
        let links: Vec<Link> = links.iter().map(|(path, target)| {
            link(path, if target.is_empty() { "/" } else { target })
        }).collect();
        let text = path.clone() + if has_slash { "/" } else { "" };
        let components = oracle::components(&path);
        let mut cursor = cursor(&text, &links);
        for step in moves {
            let before = cursor.depth();
            match step {
                Move::Step => {
                    let has_more = (before as usize) <= components.len();
                    prop_assert_eq!(cursor.step(), has_more);
                    if let Some(link) = cursor.link_here(links.iter()).filter(|_| has_more) {
                        cursor.follow(link);
                    }
                }
                // Only forward: the walk has passed what is above.
                Move::SkipTo(len) if len + 1 >= before as usize => {
                    let names = components.iter().take(len);
                    let dir: String = names.map(|name| format!("/{name}")).collect();
                    let depth = oracle::components(&dir).len() as u32 + 1;
                    let (own, other) = (format!("{dir}/"), format!("{dir}x/"));
                    prop_assert!(cursor.skip_to(own.as_bytes(), depth));
                    let at = cursor.here();
                    prop_assert!(!cursor.skip_to(other.as_bytes(), depth));
                    prop_assert_eq!(cursor.here(), at);
                    cursor.follow_all(links.iter());
                }
                Move::SkipTo(_) => {}
                Move::SkipDown(depth) => {
                    let is_there = depth as usize <= components.len() + 1;
                    prop_assert_eq!(cursor.skip_down(depth), is_there);
                    cursor.follow_all(links.iter());
                }
                Move::SkipToEnd => {
                    cursor.skip_to_end();
                    prop_assert!(cursor.is_at_end());
                    cursor.follow_all(links.iter());
                    prop_assert_eq!(cursor.link(), oracle::link(&path, &links));
                    return Ok(());
                }
            }
            let here = std::str::from_utf8(cursor.here()).expect("it is text");
            prop_assert_eq!(cursor.depth() as usize, oracle::components(here).len() + 1);
            prop_assert!(text.starts_with(here));
            prop_assert_eq!([cursor.here(), cursor.rest()].concat(), text.as_bytes());
            let expected = oracle::real_path(here, &links);
            let found = real_path(&cursor);
            prop_assert_eq!(found.trim_end_matches('/'), expected);
            prop_assert_eq!(cursor.link(), oracle::link(here, &links));
        }
    }
}
