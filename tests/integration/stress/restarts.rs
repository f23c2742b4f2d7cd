//! Graceful restarts under load.

use std::thread::sleep;
use std::time::{Duration, Instant};

use testbed::{Background, ClientError, Connection, Endpoint, Module, Mpm, Stop};

use super::{PAGE, RELEASES, amount, is_short, note, prepare};
use crate::common::side_by_side;
use crate::traffic::{Answer, Deploys};

each_mpm!(twenty_restarts_a_second);
/// Graceful restarts as fast as an old manual of httpd has it, under load and flips. No more
/// requests fail than without the module; where clients ask again after a kept connection was
/// closed, none. (Both in the long form.) (Without scripts: mod_cgid does not stand it.)
fn twenty_restarts_a_second(mpm: Mpm) {
    let length = Duration::from_secs(amount(2, 60) as u64);
    let [stock, ours] = side_by_side(|module| Restarts::run(mpm, module, length));
    println!("{mpm}: stock {stock}\n{mpm}: ours  {ours}");
    assert!(ours.wrong.is_empty(), "{:#?}", ours.wrong);
    if is_short() {
        // How many requests fail depends on the machine and on chance: that takes more of them.
        return;
    }
    assert!(ours.failed_again.is_empty(), "{:?}", ours.failed_again);
    // Both are random, and failures come in swarms: not more than by three standard deviations, as
    // found from the parts of the run.
    const PARTS: u32 = 20;
    let differences = Vec::from_iter((0..PARTS).map(|part| {
        let part = length * part / PARTS..length * (part + 1) / PARTS;
        let [stock, ours] = [&stock, &ours]
            .map(|run| run.failed.iter().filter(|at| part.contains(at)).count() as f64);
        ours - stock
    }));
    let sum: f64 = differences.iter().sum();
    let deviation = differences.iter().map(|d| d * d).sum::<f64>().sqrt();
    assert!(sum <= 3.0 * deviation, "{differences:?}");
}

/// What came of requests under restarts.
struct Restarts {
    asked_for: usize,
    done: usize,
    flips: usize,
    answers: usize,
    wrong: Vec<String>,
    /// When requests failed for clients that ask once, since the beginning.
    failed: Vec<Duration>,
    /// Those that failed for clients that ask again.
    failed_again: Vec<ClientError>,
}

impl Restarts {
    fn run(mpm: Mpm, module: Module, length: Duration) -> Self {
        const BETWEEN_RESTARTS: Duration = Duration::from_millis(50);
        const CLIENTS: usize = 2;
        const DONE: &str = "resuming normal operations";

        let (setup, site) = prepare(mpm, module);
        let server = setup.start();
        // A child of an old generation takes its time.
        server.allow("AH03455:");
        let mut deploys = Deploys::of(&site);
        deploys.deploy("0");
        let endpoint = server.on(1);
        let start = Instant::now();
        let once =
            [(); CLIENTS].map(|()| Background::run(move |stop| ask_once(endpoint, start, stop)));
        let again = [(); CLIENTS].map(|()| Background::run(move |stop| ask_again(endpoint, stop)));
        let before = server.log_count(DONE);
        let mut next = start;
        let (mut asked_for, mut flips) = (0, 0);
        while start.elapsed() < length {
            server.begin_graceful();
            asked_for += 1;
            for _ in 0..2 {
                next += BETWEEN_RESTARTS / 2;
                sleep(next.saturating_duration_since(Instant::now()));
                flips += 1;
                deploys.deploy(&(flips % RELEASES).to_string());
            }
        }
        let (mut answers, mut failed) = (Vec::new(), Vec::new());
        for client in once {
            let (more, failures) = client.finish();
            answers.extend(more);
            failed.extend(failures);
        }
        let mut failed_again = Vec::new();
        for client in again {
            let (more, failures) = client.finish();
            answers.extend(more);
            failed_again.extend(failures);
        }
        let done = server.log_count(DONE) - before;
        server.stop();
        Self {
            asked_for,
            done,
            flips,
            answers: answers.len(),
            wrong: deploys.wrong(&answers),
            failed,
            failed_again,
        }
    }
}

impl std::fmt::Display for Restarts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            asked_for,
            done,
            flips,
            answers,
            ..
        } = self;
        write!(
            f,
            "{asked_for} restarts asked for, {done} done, {flips} flips, {answers} answers, {} wrong, \
             {} failed, {} failed for who asks again",
            self.wrong.len(),
            self.failed.len(),
            self.failed_again.len()
        )
    }
}

/// Each request that gets no answer is a failure. Gives the answers, and when since `start`
/// requests failed.
fn ask_once(endpoint: Endpoint, start: Instant, stop: &Stop) -> (Vec<Answer>, Vec<Duration>) {
    let (mut answers, mut failed) = (Vec::new(), Vec::new());
    let mut kept: Option<Connection> = None;
    while !stop.requested() {
        let connection = kept.take().map_or_else(|| endpoint.try_connect(), Ok);
        let answer = connection.and_then(|mut connection| {
            let response = connection.get(PAGE)?;
            Ok((connection, response))
        });
        match answer {
            Ok((connection, response)) => {
                answers.push(note(PAGE, &response));
                let closes = response.header("Connection") == Some("close");
                kept = Some(connection).filter(|_| !closes);
            }
            Err(_) => failed.push(start.elapsed()),
        }
    }
    (answers, failed)
}

/// As browsers do. Gives the answers, and what failed all the same.
fn ask_again(endpoint: Endpoint, stop: &Stop) -> (Vec<Answer>, Vec<ClientError>) {
    let (mut answers, mut errors) = (Vec::new(), Vec::new());
    let mut client = endpoint.client();
    while !stop.requested() {
        match client.get(PAGE) {
            Ok(response) => answers.push(note(PAGE, &response)),
            Err(error) => errors.push(error),
        }
    }
    (answers, errors)
}
