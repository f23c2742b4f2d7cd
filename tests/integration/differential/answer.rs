//! What there is to compare of a response.

use std::borrow::Cow;
use std::path::Path;

use testbed::{Response, Server};

/// mod_dav's, in an order that changes from start to start.
const NAMESPACES: &str = r#"xmlns:lp1="DAV:" xmlns:lp2="http://apache.org/dav/props/""#;
const NAMESPACES_REVERSED: &str = r#"xmlns:lp2="http://apache.org/dav/props/" xmlns:lp1="DAV:""#;

/// A response without what differs from server to server and from moment to moment.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Lines, in the order of their names.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
    /// The body's lines that tell a path under a link by the link's name, which leads elsewhere
    /// after the next deploy.
    pub(super) by_link: Vec<String>,
}

impl Answer {
    /// Whether they say the same, by whatever names.
    pub(super) fn is_same(&self, other: &Answer) -> bool {
        (self.status, &self.headers, &self.body) == (other.status, &other.headers, &other.body)
    }

    /// The headers' lines and the body's.
    pub(super) fn lines(&self) -> Vec<&str> {
        let headers = self.headers.iter().map(String::as_str);
        headers.chain(self.body.lines()).collect()
    }

    /// How much of what is not for everybody it gives away.
    pub(super) fn secrets(&self) -> usize {
        self.body.matches("secret").count()
    }
}

/// How the answers of one server become comparable with those of others.
pub(super) struct Normal {
    /// What is replaced by what.
    words: Vec<(String, String)>,
    /// Paths under links by the links' names.
    links: Vec<String>,
}

impl Normal {
    /// For a server whose document roots and aliases lead to these `paths` below `site`.
    pub(super) fn of(server: &Server, site: &Path, paths: &[&str]) -> Self {
        let links: Vec<String> = paths.iter().map(|path| text(&site.join(path))).collect();
        let mut words: Vec<(String, String)> = links
            .iter()
            .map(|link| {
                (
                    text(&Path::new(link).canonicalize().expect("it exists")),
                    link.clone(),
                )
            })
            .collect();
        // One that is below another goes first.
        words.sort_by(|(a, _), (b, _)| b.cmp(a));
        words.push((format!(":{}", server.port(1)), ":PORT".into()));
        words.push((NAMESPACES_REVERSED.into(), NAMESPACES.into()));
        Self { words, links }
    }

    /// What there is to compare of `response`.
    pub(super) fn answer(&self, response: &Response) -> Answer {
        let is_file = response.headers.contains_key("etag");
        let mut headers: Vec<String> = response
            .headers
            .iter()
            .filter(|(name, _)| match name.as_str() {
                // Of the moment; so is whether a script's output comes in one piece.
                "date" | "transfer-encoding" => false,
                // Some names of a path are longer than others.
                "content-length" => is_file,
                _ => true,
            })
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                let value = match name.as_str() {
                    // The methods' order changes from start to start.
                    "allow" => sorted(&value),
                    _ => value,
                };
                self.normalize(&format!("{name}: {value}"))
            })
            .collect();
        headers.sort();
        let body = response.text();
        let names_link = |line: &&str| self.links.iter().any(|link| line.contains(link));
        Answer {
            status: response.status,
            headers,
            by_link: body.lines().filter(names_link).map(str::to_owned).collect(),
            body: self.normalize(&body),
        }
    }

    fn normalize(&self, text: &str) -> String {
        self.words
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}

/// A list with its items in order.
fn sorted(list: &str) -> Cow<'_, str> {
    let mut items: Vec<&str> = list.split(',').collect();
    items.sort_unstable();
    items.join(",").into()
}

fn text(path: &Path) -> String {
    path.to_str().expect("the site's names are text").into()
}
