//! Clients that ask all the time while releases are flipped, and what is wrong with the answers
//! they got.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Background, ClientError, Endpoint, LIMIT, Releases, wait_until};

/// A site whose flips are noted.
pub(crate) struct Deploys {
    site: Releases,
    /// When each flip began, and the release that it led to.
    flips: Vec<(Instant, String)>,
}

/// An answer: when its request was sent, when it had come, and the release that it is of.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) started: Instant,
    pub(crate) finished: Instant,
    /// Or what there was instead: pieces of several releases, an error's status.
    pub(crate) release: String,
}

/// Clients at work, each with the number of its answers so far.
pub(crate) struct Traffic(Vec<(Background<Outcome>, Arc<AtomicUsize>)>);

/// What clients got.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Answer>,
    pub(crate) errors: Vec<ClientError>,
}

impl Deploys {
    /// None so far.
    pub(crate) fn of(site: &Releases) -> Self {
        Self {
            site: site.clone(),
            flips: Vec::new(),
        }
    }

    /// Lets `current` lead to a release.
    pub(crate) fn deploy(&mut self, release: &str) {
        self.flips.push((Instant::now(), release.into()));
        self.site.deploy(release);
    }

    /// The answers that must not be: of no release or of several, or of an older one than had been
    /// answered before the request was sent. Each in words.
    pub(crate) fn wrong(&self, answers: &[Answer]) -> Vec<String> {
        let mut answers: Vec<&Answer> = answers.iter().collect();
        answers.sort_by_key(|answer| answer.finished);
        // The latest flip that the answers up to some moment prove to have been seen.
        let mut proofs: Vec<(Instant, usize)> = Vec::new();
        answers.retain(|answer| {
            let before = proofs.partition_point(|(at, _)| *at < answer.started);
            let least = proofs[..before].last().map_or(0, |(_, flip)| *flip);
            // After a rollback a release is the current one again: the first time that is possible
            // is what is proven.
            let flip = (least..self.flips.len())
                .find(|&flip| self.flips[flip].1 == answer.release)
                .filter(|&flip| self.flips[flip].0 <= answer.finished);
            if let Some(flip) = flip {
                let latest = proofs.last().map_or(flip, |(_, latest)| flip.max(*latest));
                proofs.push((answer.finished, latest));
            }
            flip.is_none()
        });
        let tell = |answer: &Answer| {
            format!(
                "{}: asked for {:?} after the first deploy, had {:?} later",
                answer.release,
                answer.started.saturating_duration_since(self.flips[0].0),
                answer.finished - answer.started
            )
        };
        answers.into_iter().map(tell).collect()
    }
}

impl Answer {
    /// Notes a response whose body is the release's name, once or several times.
    pub(crate) fn from(response: &testbed::Response) -> Self {
        let text = response.text();
        let mut words = text.split_whitespace();
        let release = match (response.status, words.next()) {
            (200, Some(first)) if words.all(|word| word == first) => first.into(),
            (200, _) => format!("mixed {text:?}"),
            (status, _) => format!("status {status}"),
        };
        Self {
            started: response.started,
            finished: response.finished,
            release,
        }
    }
}

impl Traffic {
    /// Starts clients that ask for `path` again and again, as browsers do.
    pub(crate) fn start(endpoint: Endpoint, clients: usize, path: &'static str) -> Self {
        // Else the clients alone would keep the machine busy.
        const PAUSE: Duration = Duration::from_millis(5);

        let client = |_| {
            let count = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&count);
            let client = Background::run(move |stop| {
                let mut outcome = Outcome::default();
                let mut client = endpoint.client();
                while !stop.requested() {
                    match client.get(path) {
                        Ok(response) => {
                            outcome.answers.push(Answer::from(&response));
                            counter.store(outcome.answers.len(), Relaxed);
                        }
                        Err(error) => outcome.errors.push(error),
                    }
                    thread::sleep(PAUSE);
                }
                outcome
            });
            (client, count)
        };
        Self((0..clients).map(client).collect())
    }

    /// Returns when each of the clients has got so many more answers.
    #[track_caller]
    pub(crate) fn wait_for(&self, more: usize) {
        let counts = || self.0.iter().map(|(_, count)| count.load(Relaxed));
        let before: Vec<usize> = counts().collect();
        wait_until("the clients are answered", LIMIT, || {
            counts()
                .zip(&before)
                .all(|(now, before)| now >= before + more)
        });
    }

    /// Stops the clients and returns what all of them got.
    pub(crate) fn finish(self) -> Outcome {
        let mut all = Outcome::default();
        for (client, _) in self.0 {
            let outcome = client.finish();
            all.answers.extend(outcome.answers);
            all.errors.extend(outcome.errors);
        }
        all
    }
}

impl Outcome {
    /// How many releases there are answers of.
    pub(crate) fn releases(&self) -> usize {
        let releases: BTreeSet<&str> = self.answers.iter().map(|a| a.release.as_str()).collect();
        releases.len()
    }

    /// Panics at a request that hung.
    #[track_caller]
    pub(crate) fn only_connections_broke(&self) {
        let hung = |error: &ClientError| matches!(error, ClientError::Timeout);
        assert!(!self.errors.iter().any(hung), "{:?}", self.errors);
    }
}

/// The judge is fair: it sees returns and mixtures, and lets pass what a rollback or a slow request
/// explains.
#[test]
fn what_is_wrong() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let answer = |started, finished, release: &str| Answer {
        started: at(started),
        finished: at(finished),
        release: release.into(),
    };
    let deploys = |flips: &[(u64, &str)]| Deploys {
        site: Releases::at(std::env::temp_dir()),
        flips: flips.iter().map(|(ms, r)| (at(*ms), (*r).into())).collect(),
    };
    let wrong = |flips: &[(u64, &str)], answers: &[Answer]| {
        let wrong = deploys(flips).wrong(answers).into_iter();
        let release = |told: String| told.split(':').next().map(str::to_owned);
        wrong.filter_map(release).collect::<Vec<_>>()
    };
    let there = &[(0, "42"), (100, "43")];
    let and_back = &[(0, "42"), (100, "43"), (200, "42")];

    let new = answer(110, 120, "43");
    assert_eq!(wrong(there, &[answer(130, 140, "42"), new.clone()]), ["42"]);
    assert_eq!(
        wrong(there, &[answer(115, 140, "42"), new.clone()]),
        [""; 0]
    );
    assert_eq!(
        wrong(and_back, &[answer(130, 140, "42"), new.clone()]),
        ["42"]
    );
    assert_eq!(
        wrong(and_back, &[answer(130, 210, "42"), new.clone()]),
        [""; 0]
    );
    assert_eq!(
        wrong(
            and_back,
            &[new, answer(130, 210, "42"), answer(220, 230, "43")]
        ),
        ["43"]
    );
    assert_eq!(
        wrong(there, &[answer(10, 20, "43")]),
        ["43"],
        "not there yet"
    );
    assert_eq!(wrong(there, &[answer(10, 20, "mixed")]), ["mixed"]);
}
