//! Deploys under load that delete the old release at once.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, io};

use testbed::{Background, Mpm};

use super::{Kind, Sections, Site, create};
use crate::traffic::{Answer, Deploys, Traffic};

each_mpm!(deploys_that_delete_the_old_release_lose_no_request);
/// Blue and green: ten deploys under load that delete the old release at once, and one whose `rm`
/// takes seconds. What all releases have is always there for who asks after that; only what the
/// very deletion of its files hits may fail.
fn deploys_that_delete_the_old_release_lose_no_request(mpm: Mpm) {
    let all = Sections::Link.kinds(mpm);
    // Other requests would tell all processes of the flip.
    let plain = all.iter().filter(|kind| kind.plain).copied().collect();
    let runs: [(&str, Vec<Kind>); 3] = [("2", plain), ("2", all.clone()), ("0", all)];
    let runs = runs.map(|(every, kinds)| Background::run(move |_| lost(mpm, every, &kinds)));
    for run in runs {
        let lost = run.finish();
        assert!(lost.is_empty(), "{}: {lost:#?}", lost.len());
    }
}

/// The answers that must not be, in words.
fn lost(mpm: Mpm, every: &str, kinds: &[Kind]) -> Vec<String> {
    const DEPLOYS: usize = 11;
    // Between two files, at the last of them.
    const SLOWLY: Duration = Duration::from_millis(60);

    // Prefork needs a process for each client.
    let (clients, children) = if mpm.is_threaded() {
        (2, 2)
    } else {
        (1, kinds.len())
    };
    let config = format!("RealpathEvery {every}\nLogLevel warn");
    let mut site = Site::with_children(children, mpm, Sections::Link, &config);
    // What scripts, pages and httpd say of files that vanish under their hands.
    for part in [
        "No such file",
        "unable to include",
        "[cgi:error]",
        "[cgid:error]",
        "[negotiation:error]",
        "[php:error]",
    ] {
        site.server.allow(part);
    }
    let mut deploys = Deploys::of(&site.releases);
    deploys.deploy("0");
    let traffic: Vec<(&Kind, Traffic)> = kinds
        .iter()
        .map(|kind| (kind, Traffic::start(site.server.on(1), clients, kind.url)))
        .collect();

    // Of each release in turn.
    let mut deletions: Vec<Vec<Deletion>> = Vec::new();
    for deploy in 1..=DEPLOYS {
        traffic.iter().for_each(|(_, traffic)| traffic.wait_for(2));
        site.current += 1;
        create(&site.releases, site.current, &[]);
        deploys.deploy(&site.current.to_string());
        let pause = if deploy == DEPLOYS {
            SLOWLY
        } else {
            Duration::ZERO
        };
        let mut deleted = Vec::new();
        delete(&site.previous(), pause, &mut deleted);
        deletions.push(deleted);
    }
    traffic.iter().for_each(|(_, traffic)| traffic.wait_for(2));

    let mut answers = Vec::new();
    let mut hit = 0;
    for (kind, traffic) in traffic {
        let mut outcome = traffic.finish();
        assert!(outcome.errors.is_empty(), "{kind:?}: {:?}", outcome.errors);
        let all = outcome.answers.len();
        outcome
            .answers
            .retain(|answer| !is_hit(answer, kind, &deletions));
        hit += all - outcome.answers.len();
        assert!(
            outcome.releases() > DEPLOYS,
            "{kind:?}: every release was seen"
        );
        answers.extend(outcome.answers);
    }
    site.server.stop();
    println!(
        "{mpm}, RealpathEvery {every}: {} answers, {hit} hit by the deletion of their files",
        answers.len()
    );
    deploys.wrong(&answers)
}

/// A file or a directory that was deleted, and when.
struct Deletion {
    path: PathBuf,
    from: Instant,
    to: Instant,
}

/// Deletes a directory with a pause after each file. What a page includes goes before the page.
fn delete(dir: &Path, pause: Duration, deletions: &mut Vec<Deletion>) {
    let entries = fs::read_dir(dir).expect("it is there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("nobody else deletes").path())
        .collect();
    paths.sort();
    for path in paths.into_iter().rev() {
        if path.is_dir() {
            delete(&path, pause, deletions);
        } else {
            note(path, |path| fs::remove_file(path), deletions);
            sleep(pause);
        }
    }
    note(dir.into(), |dir| fs::remove_dir(dir), deletions);
}

fn note(
    path: PathBuf,
    delete: impl FnOnce(&Path) -> io::Result<()>,
    deletions: &mut Vec<Deletion>,
) {
    let from = Instant::now();
    delete(&path).unwrap_or_else(|error| panic!("cannot delete {}: {error}", path.display()));
    deletions.push(Deletion {
        path,
        from,
        to: Instant::now(),
    });
}

/// Whether an answer is of no release because of a deletion while it was made: of a file that it
/// needs, or, for a page that includes others, at any time between the first of its files and the
/// last.
fn is_hit(answer: &Answer, kind: &Kind, deletions: &[Vec<Deletion>]) -> bool {
    let fails = answer.release.parse::<usize>().is_err();
    let is_page = answer.release.starts_with("mixed");
    let meets = |from, to| answer.started <= to && from <= answer.finished;
    let hits = |release: &Vec<Deletion>| {
        let needs = |deletion: &&Deletion| {
            let mut own = deletion.path.ancestors().take(2);
            own.any(|path| path.ends_with(kind.dir))
        };
        let needed: Vec<&Deletion> = release.iter().filter(needs).collect();
        match needed.as_slice() {
            [first, .., last] if is_page => meets(first.from, last.to),
            needed => needed.iter().any(|one| meets(one.from, one.to)),
        }
    };
    fails && deletions.iter().any(hits)
}
