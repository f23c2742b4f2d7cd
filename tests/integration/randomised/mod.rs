//! What nobody thought of: generated sites, each asked with the module and without it. Answers must
//! be equal.
//!
//! - [`case`]: a configuration with its tree, and how to make it smaller;
//! - [`generate`]: from a seed to a case;
//! - [`compare`]: the two servers;
//! - [`shrink`]: the smallest case that still shows a difference;
//! - [`first_seeds`]: cases that prototypes of the module got wrong;
//! - [`overtaken`]: requests that deploys overtake, as those after them are answered.
//!
//! `REALDOC_SEED` and `REALDOC_CONFIGS` choose the first seed and how many follow it; a failure
//! names its own.

mod case;
mod compare;
mod first_seeds;
mod generate;
mod overtaken;
mod random;
mod shrink;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;

use testbed::Mpm;

use case::{Case, Reference, Sections};
use compare::{Answer, Difference, compare};
use generate::generate;
pub(crate) use random::Random;
use shrink::shrink;

/// So many virtual hosts a server has.
const AT_ONCE: usize = 100;

/// So many cases a failure shows in full.
const SHOWN: usize = 3;

each_mpm!(in_link_mode_answers_are_those_by_the_links_name);
/// `RealdocSections Link`: httpd with the module answers as httpd without it.
fn in_link_mode_answers_are_those_by_the_links_name(mpm: Mpm) {
    run(
        mpm,
        Sections::Link,
        if mpm == Mpm::Event { 300 } else { 100 },
    );
}

each_mpm!(in_target_mode_answers_are_those_by_the_real_path);
/// `RealdocSections Target`: as httpd without the module whose DocumentRoot, aliases and rewrites
/// name the real path.
fn in_target_mode_answers_are_those_by_the_real_path(mpm: Mpm) {
    run(
        mpm,
        Sections::Target,
        if mpm == Mpm::Event { 100 } else { 50 },
    );
}

/// The control: in Target mode answers are not those by the link's name, and the module gives what
/// httpd without it refuses. Such a difference is found, and made small.
#[test]
fn a_difference_is_found_and_made_small() {
    const MOST_PARTS: usize = 8;
    let mpm = Mpm::Event;
    let mut cases: Vec<Case> = (0..20)
        .map(|seed| generate(seed, Sections::Target))
        .collect();
    for case in &mut cases {
        case.reference = Reference::ByLink;
    }
    let differences = compare(mpm, &cases).differences;
    let worst = differences.first().expect("answers differ");
    assert!(worst.is_wider(), "{worst}");
    let (smallest, difference) = shrink(mpm, &cases[worst.case], worst);
    assert!(difference.is_wider(), "{difference}");
    assert!(smallest.parts.len() <= MOST_PARTS, "{smallest}");
}

/// Compares `count` cases, unless the environment says how many.
fn run(mpm: Mpm, sections: Sections, count: usize) {
    let first = number("REALDOC_SEED").unwrap_or(0);
    let count = number("REALDOC_CONFIGS").map_or(count, |count| {
        usize::try_from(count).expect("REALDOC_CONFIGS is not too large")
    });
    let cases: Vec<Case> = (first..)
        .take(count)
        .map(|seed| generate(seed, sections))
        .collect();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    let mut differences: Vec<(&Case, Difference)> = Vec::new();
    for cases in cases.chunks(AT_ONCE) {
        let outcome = compare(mpm, cases);
        for Answer { status, .. } in outcome.stock.into_iter().flatten() {
            *statuses.entry(status).or_default() += 1;
        }
        let differing = outcome.differences.into_iter();
        differences.extend(differing.map(|difference| (&cases[difference.case], difference)));
    }
    let requests: usize = statuses.values().sum();
    println!(
        "{sections:?}, {mpm}: seeds from {first}, {count} configurations, {requests} requests, {} answers differ; \
         status and answers without the module: {statuses:?}",
        differences.len()
    );
    differences.sort_by_key(|(_, difference)| !difference.is_wider());
    assert!(differences.is_empty(), "{}", report(mpm, &differences));
    if count >= AT_ONCE {
        assert_each_is_common(&statuses, requests);
    }
}

/// A run in which everything is refused would prove nothing.
fn assert_each_is_common(statuses: &BTreeMap<u16, usize>, requests: usize) {
    for status in [200, 401, 403, 404] {
        let share = statuses.get(&status).copied().unwrap_or(0) * 100 / requests;
        assert!(share >= 5, "{status} is {share}% of the answers");
    }
}

/// All that differ in a line each, the worst of them in full.
fn report(mpm: Mpm, differences: &[(&Case, Difference)]) -> String {
    let wider = differences.iter().filter(|(_, d)| d.is_wider()).count();
    let mut text = format!(
        "{} answers differ, {wider} of them wider\n",
        differences.len()
    );
    for (case, difference) in differences {
        writeln!(text, "{}", line(case, difference)).expect("text has room");
    }
    let mut shown: Vec<u64> = Vec::new();
    for (case, difference) in differences {
        let seed = case.seed.expect("it was generated");
        if shown.len() == SHOWN || shown.contains(&seed) {
            continue;
        }
        shown.push(seed);
        let (smallest, smaller) = shrink(mpm, case, difference);
        write!(
            text,
            "\n{}; made as small as possible:\n{smallest}{}\n{smaller}",
            line(case, difference),
            smallest.requests[0]
        )
        .expect("text has room");
    }
    text
}

fn line(case: &Case, difference: &Difference) -> String {
    format!(
        "REALDOC_SEED={} REALDOC_CONFIGS=1: {}{}",
        case.seed.expect("it was generated"),
        case.requests[difference.request],
        if difference.is_wider() {
            " (wider)"
        } else {
            ""
        }
    )
}

/// A number from the environment.
fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|error| panic!("{variable}={value}: {error}")))
}
