//! Reads the lists of requests.

use std::fmt;
use std::path::Path;

use testbed::{Client, Response};

/// Who asks, and what is sent for it.
const PEOPLE: [(&str, &str); 4] = [
    ("ann:secret", "Basic YW5uOnNlY3JldA=="),
    ("bob:secret", "Basic Ym9iOnNlY3JldA=="),
    ("ann:wrong", "Basic YW5uOndyb25n"),
    ("eve:secret", "Basic ZXZlOnNlY3JldA=="),
];

/// A request; shown as in its list, with its host.
#[derive(Debug)]
pub(super) struct Request {
    host: String,
    method: String,
    pub(super) path: String,
    headers: Vec<(String, String)>,
    line: String,
}

impl Request {
    /// The requests of a list, for the tree in `site`.
    pub(super) fn all(list: &str, site: &Path) -> Vec<Self> {
        let list = list.replace("{site}", &site.display().to_string());
        let mut host = "";
        let mut requests = Vec::new();
        for line in list.lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                Some(name) => host = name,
                None => requests.push(Self::read(host, line)),
            }
        }
        requests
    }

    fn read(host: &str, line: &str) -> Self {
        let mut parts = line.split(" | ");
        let what = parts.next().expect("there is always a first part");
        let (method, path) = what.split_once(' ').unwrap_or(("GET", what));
        let mut headers = vec![("Host".to_owned(), host.to_owned())];
        for part in parts {
            let credentials = PEOPLE.iter().find(|(person, _)| *person == part);
            let (name, value) = match credentials {
                Some((_, credentials)) => ("Authorization", *credentials),
                None => part
                    .split_once(": ")
                    .unwrap_or_else(|| panic!("no header: {part:?} in {line:?}")),
            };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Self {
            host: host.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers,
            line: line.to_owned(),
        }
    }

    /// Sends it, and before it the one that gives an ETag or a time to ask with.
    pub(super) fn send(&self, client: &mut Client) -> Response {
        let is_conditional = |(_, value): &(String, String)| value.contains('{');
        let mut headers = self.headers.clone();
        if let Some(at) = headers.iter().position(is_conditional) {
            let first = self.exchange(client, "GET", &headers[..at]);
            for (name, placeholder) in [("etag", "{etag}"), ("last-modified", "{last-modified}")] {
                let value = first.header(name).unwrap_or("\"none\"");
                for header in &mut headers {
                    header.1 = header.1.replace(placeholder, value);
                }
            }
        }
        self.exchange(client, &self.method, &headers)
    }

    fn exchange(
        &self,
        client: &mut Client,
        method: &str,
        headers: &[(String, String)],
    ) -> Response {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        client
            .request(method, &self.path, &headers)
            .unwrap_or_else(|error| panic!("{self}: {error}"))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.host, self.line)
    }
}
