//! Making a case that shows a difference as small as it can be.

use testbed::Mpm;

use super::case::{Case, Removal};
use super::compare::{Difference, compare};

/// More than any case needs.
const MOST_ROUNDS: usize = 30;

/// What may go is tried in so many pieces, then in so many times more, to the last line.
const PIECES: usize = 8;

/// The smallest case found that still shows the difference, or at least one as bad, and what it
/// shows.
pub(super) fn shrink(mpm: Mpm, case: &Case, difference: &Difference) -> (Case, Difference) {
    let mut smallest = (case.with_request(difference.request), difference.clone());
    let mut pieces = PIECES;
    for _ in 0..MOST_ROUNDS {
        let case = &smallest.0;
        let removals = case.removals();
        let size = removals.len().div_ceil(pieces).max(1);
        let chunks: Vec<&[Removal]> = removals.chunks(size).collect();
        // Which of the pieces can go, each by itself; all cases are tried in one go.
        let without = chunks.iter().map(|chunk| case.without(chunk)).collect();
        let possible: Vec<&[Removal]> = still_differ(mpm, without, difference)
            .into_iter()
            .map(|(n, _, _)| chunks[n])
            .collect();
        // As many of these at once as can be.
        let several = (1..=possible.len()).map(|count| case.without(&possible[..count].concat()));
        match still_differ(mpm, several.collect(), difference).pop() {
            Some((_, case, difference)) => smallest = (case, difference),
            None if size == 1 => return smallest,
            None => {}
        }
        pieces *= PIECES;
    }
    smallest
}

/// Those of the cases that still show a difference as bad as this one, with their number.
fn still_differ(mpm: Mpm, cases: Vec<Case>, like: &Difference) -> Vec<(usize, Case, Difference)> {
    if cases.is_empty() {
        return Vec::new();
    }
    let mut differences = compare(mpm, &cases).differences;
    differences.retain(|difference| difference.is_wider() || !like.is_wider());
    differences.sort_by_key(|difference| difference.case);
    differences
        .into_iter()
        .map(|difference| (difference.case, cases[difference.case].clone(), difference))
        .collect()
}
