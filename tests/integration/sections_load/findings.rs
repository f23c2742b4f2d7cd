//! What clients got, judged by what stock httpd answers.

use std::collections::BTreeMap;

use testbed::{ClientError, Response};

use super::site::{Ask, SECRET};

/// What of a response has to be the same again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<String>,
    pub(super) body: String,
}

impl Answer {
    /// Without the headers that depend on the moment or on the connection.
    pub(super) fn from(response: &Response) -> Self {
        const VOLATILE: [&str; 6] = [
            "connection",
            // There or not, for what is made on the fly.
            "content-length",
            "date",
            "keep-alive",
            "transfer-encoding",
            "upgrade",
        ];
        let mut headers: Vec<String> = response
            .headers
            .iter()
            .filter(|(name, _)| !VOLATILE.contains(&name.as_str()))
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                // An ETag is weak as long as its file is new.
                format!("{name}: {}", value.trim_start_matches("W/"))
            })
            .collect();
        headers.sort();
        Self {
            status: response.status,
            headers,
            body: response.text(),
        }
    }
}

/// What clients got.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// How many answers there are of each release.
    pub(super) of: [usize; 2],
    /// Served although both releases deny it.
    pub(super) wider: BTreeMap<String, usize>,
    /// Otherwise an answer of neither release.
    pub(super) mixed: BTreeMap<String, usize>,
    pub(super) errors: Vec<ClientError>,
}

impl Findings {
    pub(super) fn note(
        &mut self,
        ask: &Ask,
        answer: Result<Answer, ClientError>,
        expected: [&Answer; 2],
    ) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.errors.push(error),
        };
        if let Some(release) = expected.iter().position(|expected| answer == **expected) {
            // What both answer alike is no sign of either.
            if expected[0] != expected[1] {
                self.of[release] += 1;
            }
            return;
        }
        let Ask { host, path, login } = ask;
        let login = if *login { ", with login" } else { "" };
        let mut expected_text = format!("{:?}", expected[0]);
        if expected[0] != expected[1] {
            expected_text += &format!("\n    or {:?}", expected[1]);
        }
        let text = format!("{host}{path}{login}\n   got {answer:?}\n    of {expected_text}");
        let denied = expected.iter().all(|expected| expected.status >= 400);
        let kind = if denied && answer.status < 400 || leaks(&answer, expected) {
            &mut self.wider
        } else {
            &mut self.mixed
        };
        *kind.entry(text).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: Self) {
        for (total, more) in self.of.iter_mut().zip(other.of) {
            *total += more;
        }
        for (total, more) in [
            (&mut self.wider, other.wider),
            (&mut self.mixed, other.mixed),
        ] {
            for (text, count) in more {
                *total.entry(text).or_default() += count;
            }
        }
        self.errors.extend(other.errors);
    }

    pub(super) fn responses(&self) -> usize {
        self.of.iter().sum::<usize>() + self.wrong()
    }

    pub(super) fn wrong(&self) -> usize {
        let counts = |map: &BTreeMap<String, usize>| map.values().sum::<usize>();
        counts(&self.wider) + counts(&self.mixed)
    }

    #[track_caller]
    pub(super) fn are_clean(&self) {
        let show = |map: &BTreeMap<String, usize>| {
            map.iter()
                .take(5)
                .map(|(text, count)| format!("{count} times {text}\n"))
                .collect::<String>()
        };
        assert!(
            self.wider.is_empty(),
            "{} kinds are wider:\n{}",
            self.wider.len(),
            show(&self.wider)
        );
        assert!(
            self.mixed.is_empty(),
            "{} kinds are mixed:\n{}",
            self.mixed.len(),
            show(&self.mixed)
        );
        assert!(self.errors.is_empty(), "{:?}", self.errors);
    }
}

/// Shows what is secret in both releases.
fn leaks(answer: &Answer, expected: [&Answer; 2]) -> bool {
    answer.body.contains(SECRET) && !expected.iter().any(|answer| answer.body.contains(SECRET))
}
