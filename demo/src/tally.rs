//! Counting what the clients saw.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deploy::Deploy;
use crate::site::Version;
use crate::traffic::{Answer, Exchange};

/// A run in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: usize,
    /// Answers whose parts come from different releases.
    pub(crate) mixed: usize,
    /// Answers with a part older than what some client had received before the request began:
    /// 42/43/42.
    pub(crate) returns: usize,
    /// What went wrong, and how often.
    pub(crate) errors: BTreeMap<String, usize>,
    /// Deploys after which no answer came from the new release or a newer one.
    pub(crate) unseen: usize,
    /// For the other deploys, the time until the first such answer had been received; shortest
    /// first.
    pub(crate) delays: Vec<Duration>,
}

impl Tally {
    /// Counts a run. The versions of `deploys` rise.
    pub(crate) fn of(exchanges: &[Exchange], deploys: &[Deploy]) -> Self {
        let mut by_end: Vec<&Answer> = exchanges.iter().flatten().collect();
        by_end.sort_by_key(|answer| answer.finished);
        let delays = delays(&by_end, deploys);
        Self {
            requests: exchanges.len(),
            mixed: by_end.iter().filter(|answer| is_mixed(answer)).count(),
            returns: returns(&by_end),
            errors: errors(exchanges),
            unseen: deploys.len() - delays.len(),
            delays,
        }
    }

    pub(crate) fn error_count(&self) -> usize {
        self.errors.values().sum()
    }

    pub(crate) fn median_delay(&self) -> Option<Duration> {
        self.delays.get(self.delays.len() / 2).copied()
    }

    pub(crate) fn worst_delay(&self) -> Option<Duration> {
        self.delays.last().copied()
    }
}

fn newest(answer: &Answer) -> Version {
    let newest = answer.parts.iter().max();
    *newest.expect("an answer has a part")
}

fn oldest(answer: &Answer) -> Version {
    let oldest = answer.parts.iter().min();
    *oldest.expect("an answer has a part")
}

fn is_mixed(answer: &Answer) -> bool {
    oldest(answer) != newest(answer)
}

fn returns(by_end: &[&Answer]) -> usize {
    let mut by_start = by_end.to_vec();
    by_start.sort_by_key(|answer| answer.started);
    let mut received = by_end.iter().peekable();
    let mut seen = Version::MIN;
    by_start
        .iter()
        .filter(|answer| {
            while let Some(earlier) = received.next_if(|other| other.finished < answer.started) {
                seen = seen.max(newest(earlier));
            }
            oldest(answer) < seen
        })
        .count()
}

fn errors(exchanges: &[Exchange]) -> BTreeMap<String, usize> {
    let mut errors = BTreeMap::new();
    for error in exchanges
        .iter()
        .filter_map(|exchange| exchange.as_ref().err())
    {
        *errors.entry(error.clone()).or_default() += 1;
    }
    errors
}

fn delays(by_end: &[&Answer], deploys: &[Deploy]) -> Vec<Duration> {
    let mut waiting = deploys.iter().peekable();
    let mut delays = Vec::new();
    for answer in by_end {
        while let Some(deploy) = waiting.next_if(|deploy| deploy.version <= oldest(answer)) {
            // Zero for an answer that came before the flipping thread had looked at its clock.
            delays.push(answer.finished.saturating_duration_since(deploy.at));
        }
    }
    delays.sort_unstable();
    delays
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Tally;
    use crate::deploy::Deploy;
    use crate::site::Version;
    use crate::traffic::{Answer, Exchange};

    /// Made-up answers, in milliseconds since the beginning.
    struct Clock(Instant);

    impl Clock {
        fn new() -> Self {
            Self(Instant::now())
        }

        fn at(&self, millis: u64) -> Instant {
            self.0 + Duration::from_millis(millis)
        }

        fn answer(&self, started: u64, finished: u64, parts: &[Version]) -> Exchange {
            Ok(Answer {
                started: self.at(started),
                finished: self.at(finished),
                parts: parts.to_vec(),
            })
        }

        fn deploy(&self, at: u64, version: Version) -> Deploy {
            Deploy {
                version,
                at: self.at(at),
            }
        }
    }

    fn returns(exchanges: &[Exchange]) -> usize {
        Tally::of(exchanges, &[]).returns
    }

    #[test]
    fn answers_of_two_releases_are_mixed() {
        let clock = Clock::new();
        let tally = Tally::of(
            &[
                clock.answer(0, 1, &[42, 42, 42]),
                clock.answer(2, 3, &[42, 43, 43]),
                clock.answer(4, 5, &[43, 42, 43]),
                clock.answer(6, 7, &[43]),
            ],
            &[],
        );
        assert_eq!((tally.requests, tally.mixed), (4, 2));
    }

    #[test]
    fn an_older_release_after_a_newer_one_is_a_return() {
        let clock = Clock::new();
        let answers = [
            clock.answer(0, 1, &[42]),
            clock.answer(2, 3, &[43]),
            clock.answer(4, 5, &[42]),
            clock.answer(6, 7, &[42]),
            clock.answer(8, 9, &[43]),
        ];
        assert_eq!(returns(&answers), 2);
    }

    #[test]
    fn a_request_that_began_before_may_end_in_the_old_release() {
        let clock = Clock::new();
        let slow = clock.answer(2, 9, &[42]);
        let new = clock.answer(4, 5, &[43]);
        assert_eq!(returns(&[slow, new]), 0);
        // At the same moment: not before it.
        let new = clock.answer(0, 2, &[43]);
        let old = clock.answer(2, 3, &[42]);
        assert_eq!(returns(&[new, old]), 0);
    }

    #[test]
    fn the_order_of_the_list_does_not_matter() {
        let clock = Clock::new();
        let new = clock.answer(0, 1, &[43]);
        let old = clock.answer(2, 3, &[42]);
        assert_eq!(returns(&[new.clone(), old.clone()]), 1);
        assert_eq!(returns(&[old, new]), 1);
    }

    #[test]
    fn each_part_of_a_mixed_answer_counts() {
        let clock = Clock::new();
        let mixed = clock.answer(0, 1, &[42, 43]);
        assert_eq!(returns(&[mixed.clone(), clock.answer(2, 3, &[42])]), 1);
        assert_eq!(returns(&[clock.answer(0, 1, &[43]), mixed.clone()]), 0);
        assert_eq!(returns(&[mixed, clock.answer(2, 3, &[44, 42])]), 1);
    }

    #[test]
    fn errors_are_requests_too() {
        let error = || Err("/a: status 404".to_owned());
        let clock = Clock::new();
        let tally = Tally::of(&[error(), clock.answer(0, 1, &[42]), error()], &[]);
        assert_eq!((tally.requests, tally.error_count()), (3, 2));
        assert_eq!(tally.errors["/a: status 404"], 2);
    }

    #[test]
    fn delays_end_with_the_first_answer_wholly_of_the_new_release() {
        let clock = Clock::new();
        let deploys = [
            clock.deploy(10, 43),
            clock.deploy(20, 44),
            clock.deploy(30, 45),
            clock.deploy(40, 46),
        ];
        let answers = [
            clock.answer(11, 12, &[42, 43]),
            clock.answer(11, 17, &[43]),
            clock.answer(13, 14, &[43]),
            // The flipping thread was late to look at its clock.
            clock.answer(18, 19, &[44]),
            clock.answer(31, 39, &[45]),
        ];
        let tally = Tally::of(&answers, &deploys);
        assert_eq!(tally.delays, [0, 4, 9].map(Duration::from_millis));
        assert_eq!(tally.median_delay(), Some(Duration::from_millis(4)));
        assert_eq!(tally.worst_delay(), Some(Duration::from_millis(9)));
        assert_eq!(tally.unseen, 1);
    }

    #[test]
    fn a_newer_release_answers_for_one_that_was_skipped() {
        let clock = Clock::new();
        let deploys = [clock.deploy(10, 43), clock.deploy(20, 44)];
        let tally = Tally::of(&[clock.answer(21, 23, &[44])], &deploys);
        assert_eq!(tally.delays, [3, 13].map(Duration::from_millis));
        assert_eq!(tally.unseen, 0);
    }
}
