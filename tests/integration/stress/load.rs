//! Requests under flips, and children that are killed.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testbed::{
    Background, Client, ClientError, LIMIT, Module, Mpm, Releases, Server, Stop, wait_until,
};

use super::{ASKS, PAGE, RELEASES, SCRIPT, amount, note, prepare};
use crate::traffic::{Answer, Deploys};

/// More than the 20 flips a second that are asked for.
const BETWEEN_FLIPS: Duration = Duration::from_millis(20);

each_mpm!(a_million_requests);
/// All kinds of requests against flips: each answer is of one release, and of none that is older
/// than one answered before.
fn a_million_requests(mpm: Mpm) {
    // What is judged at a time.
    const ROUND: usize = 20_000;

    let (setup, site) = prepare(mpm, Module::On);
    let server = setup.cgi().start();
    let children = server.children();
    let requests = amount(1_000, 1_000_000);
    let mut paths = ASKS.repeat(4);
    paths.push(SCRIPT);
    let mut all = Load::default();
    while all.answers < requests {
        let load = Load::run(
            &server,
            &site,
            &paths,
            ROUND.min(requests - all.answers),
            |_, _| (),
        );
        assert!(load.wrong.is_empty(), "{:#?}", load.wrong);
        assert!(load.errors.is_empty(), "{:?}", load.errors);
        all.answers += load.answers;
        all.flips += load.flips;
        all.took += load.took;
    }
    let Load {
        answers,
        flips,
        took,
        ..
    } = all;
    println!("{mpm}: {answers} requests, {flips} flips in {took:.1?}: 0 wrong, 0 errors");
    assert_eq!(server.children(), children, "no child has ended");
    server.stop();
}

each_mpm!(killed_children on prefork, event);
/// When a child process is killed (`kill -9`), no request fails but those that it had, and no
/// answer is wrong. (Without scripts: mod_cgid's daemon may die, too, of writing to who is gone.)
fn killed_children(mpm: Mpm) {
    // In flips and in requests: however slow the server is, it gets on between two.
    const BETWEEN_KILLS: (usize, usize) = (10, 100);

    let (setup, site) = prepare(mpm, Module::On);
    let server = setup
        .allow("exit signal Killed (9)")
        .allow("children are killed successively")
        .start();
    let mut killed = 0;
    let mut next = (1, 0);
    let load = Load::run(
        &server,
        &site,
        &ASKS,
        amount(2_000, 100_000),
        |flips, asked| {
            if flips >= next.0 && asked >= next.1 {
                // httpd starts new ones once a second: one has to be left.
                let children = server.children();
                if children.len() > 1 {
                    kill(children[0]);
                    killed += 1;
                    next = (flips + BETWEEN_KILLS.0, asked + BETWEEN_KILLS.1);
                }
            }
        },
    );
    println!(
        "{mpm}: {} requests, {killed} children killed, {} requests failed",
        load.answers,
        load.errors.len()
    );
    assert!(load.wrong.is_empty(), "{:#?}", load.wrong);
    assert!(killed > 0);
    let at_work = if mpm.is_threaded() { Load::CLIENTS } else { 1 };
    assert!(load.errors.len() <= killed * at_work, "{:?}", load.errors);
    server.stop();
}

fn kill(pid: u32) {
    let kill = format!("kill -KILL {pid}");
    let status = Command::new("sh").args(["-c", &kill]).status();
    assert!(status.expect("there is a shell").success());
}

/// What came of requests under flips.
#[derive(Default)]
struct Load {
    answers: usize,
    flips: usize,
    took: Duration,
    wrong: Vec<String>,
    errors: Vec<ClientError>,
}

impl Load {
    const CLIENTS: usize = 6;

    /// Asks so often for one of `paths` while flips go on; after each of them `meanwhile` gets how
    /// many there were, and how many requests were begun.
    fn run(
        server: &Server,
        site: &Releases,
        paths: &[&'static str],
        requests: usize,
        mut meanwhile: impl FnMut(usize, usize),
    ) -> Self {
        let left = Arc::new(AtomicUsize::new(requests));
        let start = Instant::now();
        let mut deploys = Deploys::of(site);
        deploys.deploy("0");
        let clients: Vec<_> = (0..Self::CLIENTS)
            .map(|first| {
                let left = Arc::clone(&left);
                let client = server.client();
                let mut paths = paths.to_vec();
                paths.rotate_left(first);
                Background::run(move |stop| ask_all(client, &paths, &left, stop))
            })
            .collect();
        let mut flips = 0;
        while clients.iter().any(|client| !client.is_finished()) {
            sleep(BETWEEN_FLIPS);
            flips += 1;
            deploys.deploy(&(flips % RELEASES).to_string());
            meanwhile(flips, requests - left.load(Relaxed));
        }
        let took = start.elapsed();
        let (mut answers, mut errors) = (Vec::new(), Vec::new());
        for client in clients {
            let (more, failures) = client.finish();
            answers.extend(more);
            errors.extend(failures);
        }
        Self {
            answers: answers.len(),
            flips,
            took,
            wrong: deploys.wrong(&answers),
            errors,
        }
    }
}

/// Asks for one after the other until none is `left`.
fn ask_all(
    mut client: Client,
    paths: &[&'static str],
    left: &AtomicUsize,
    stop: &Stop,
) -> (Vec<Answer>, Vec<ClientError>) {
    let (mut answers, mut errors) = (Vec::new(), Vec::new());
    for path in paths.iter().cycle() {
        let take = |left: usize| left.checked_sub(1);
        if stop.requested() || left.fetch_update(Relaxed, Relaxed, take).is_err() {
            break;
        }
        match client.get(path) {
            Ok(response) => answers.push(note(path, &response)),
            Err(error) => errors.push(error),
        }
    }
    (answers, errors)
}

each_mpm!(a_child_for_each_connection on prefork);
/// `MaxConnectionsPerChild 1`: whoever answers has just begun its life, and is right. (On worker a
/// child may serve some more, and on event stock httpd's children, too, may miss the signal that
/// ends them.)
fn a_child_for_each_connection(mpm: Mpm) {
    let (setup, site) = prepare(mpm, Module::On);
    let server = setup
        .children(4)
        .config("MaxConnectionsPerChild 1\nRealpathEvery 1h")
        .start();
    let first = server.children();
    for connection in 0..amount(6, 200) {
        let release = (connection % RELEASES).to_string();
        site.deploy(&release);
        assert_eq!(note(PAGE, &server.get(PAGE)).release, release);
    }
    wait_until("children have been replaced", LIMIT, || {
        server.children().iter().any(|pid| !first.contains(pid))
    });
    server.stop();
}
