//! One switch for the whole server: once a response of the new release has been sent, no request
//! that starts later gets the old one, in whatever process.
//!
//! The control is always the same server with cells that no process shares
//! (`RealdocTestPrivateCells`).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use testbed::{Background, Builder, Connection, LIMIT, Module, Mpm, Releases, Server, wait_until};

use crate::common::{Gate, warm_up};
use crate::traffic::{Answer, Deploys, Traffic};

/// Two virtual hosts of the same docroot: one that looks as rarely as a test says, and "eager",
/// which looks at each request.
fn two_hosts(setup: Builder, seldom: &str, cells: Cells) -> Builder {
    let private = match cells {
        Cells::Shared => "",
        Cells::Private => "RealdocTestPrivateCells On",
    };
    setup.module(cells.module()).config(&format!(
        "{private}\n\
         DocumentRoot {{root}}/app/current/web\n\
         <VirtualHost *:{{port}}>\nRealpathEvery {seldom}\n</VirtualHost>\n\
         <VirtualHost *:{{port}}>\nServerName eager\nRealpathEvery 0\n</VirtualHost>"
    ))
}

/// Not `/`: where no file is found at once, the module looks whether the link was flipped, cells or
/// not.
const FILE: &str = "/index.html";

#[derive(Clone, Copy)]
enum Cells {
    Shared,
    /// The control.
    Private,
}

impl Cells {
    fn module(self) -> Module {
        match self {
            Cells::Shared => Module::On,
            Cells::Private => Module::TestHooks,
        }
    }
}

/// Runs a test, and at the same time its control; gives what they gave.
fn with_control<T: Send>(test: impl Fn(Cells) -> T + Sync) -> (T, T) {
    thread::scope(|scope| {
        let control = scope.spawn(|| test(Cells::Private));
        let result = test(Cells::Shared);
        let control = control.join().unwrap_or_else(|panic| resume_unwind(panic));
        (result, control)
    })
}

fn release(site: &Releases, name: &str) {
    site.create(name, &[("web/index.html", name)]);
}

fn ask(connection: &mut Connection, host: &str) -> String {
    let response = connection.request("GET", FILE, &[("Host", host)]);
    response.expect("the server answers").text()
}

each_mpm!(what_one_process_sees_all_go_by);
/// Processes that would not look for an hour go over to a new release, and back, as soon as one of
/// them has answered from it.
fn what_one_process_sees_all_go_by(mpm: Mpm) {
    let (shared, private) = with_control(|cells| stale_after_flips(mpm, cells));
    assert_eq!(shared, 0);
    assert!(private > 0);
}

/// How many answers are of the old release after one of the new.
fn stale_after_flips(mpm: Mpm, cells: Cells) -> usize {
    let setup = two_hosts(Server::builder(mpm).children(4), "1h", cells);
    let site = Releases::at(setup.root().join("app"));
    release(&site, "42");
    release(&site, "43");
    site.deploy("42");
    let server = setup.start();
    let mut processes = warm_up(&server, Duration::ZERO);
    let mut stale = 0;
    for new in ["43", "42", "43", "42"] {
        site.deploy(new);
        processes.rotate_left(1);
        assert_eq!(ask(&mut processes[0], "eager"), new);
        let answers = processes.iter_mut().map(|process| ask(process, "lazy"));
        stale += answers.filter(|answer| answer != new).count();
    }
    server.stop();
    stale
}

each_mpm!(under_traffic);
/// 16 connections, 20 flips and rollbacks, `RealpathEvery 2`, processes that look at different
/// moments.
fn under_traffic(mpm: Mpm) {
    let (shared, private) = with_control(|cells| returns(mpm, cells));
    println!(
        "{mpm}: violations with shared cells: {}, without: {}",
        shared.len(),
        private.len()
    );
    assert!(shared.is_empty(), "{shared:#?}");
    assert!(!private.is_empty());
}

/// The answers of an older release than one that had been answered before their request was sent.
fn returns(mpm: Mpm, cells: Cells) -> Vec<String> {
    const FLIPS: usize = 20;
    const PERIOD: Duration = Duration::from_millis(200);

    let children = if mpm.is_threaded() { 3 } else { 8 };
    // The connections are more than prefork's children: they take turns.
    let setup = two_hosts(Server::builder(mpm).children(children), "2", cells)
        .config("MaxKeepAliveRequests 10");
    let site = Releases::at(setup.root().join("app"));
    let mut deploys = Deploys::of(&site);
    release(&site, "0");
    deploys.deploy("0");
    let server = setup.start();
    drop(warm_up(&server, Duration::from_secs(1) / children as u32));

    let traffic = Traffic::start(server.on(1), 16, FILE);
    let mut scouted = Vec::new();
    for flip in 1..=FLIPS {
        thread::sleep(PERIOD / 2);
        // Each third is a rollback, to a release that may be answered from: it is left as it is.
        let is_rollback = flip % 3 == 0;
        let name = if is_rollback { flip - 2 } else { flip }.to_string();
        if !is_rollback {
            release(&site, &name);
        }
        deploys.deploy(&name);
        thread::sleep(PERIOD / 2);
        // At first the flips are seen when a process is due; when one is, all look, so they are due
        // at the same time again. Later somebody looks soon after each flip.
        if flip > FLIPS / 2 {
            let response = server.request("GET", FILE, &[("Host", "eager")]);
            scouted.push(Answer::from(&response));
            // The others ask after that.
            traffic.wait_for(2);
        }
    }
    let mut outcome = traffic.finish();
    assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    outcome.answers.extend(scouted);
    assert!(outcome.releases() > FLIPS / 3, "the flips were seen");
    server.stop();
    deploys.wrong(&outcome.answers)
}

each_mpm!(across_a_graceful_restart);
/// Old and new generation switch together, whichever is the first to see a flip, while a request
/// that is running finishes in its own release.
fn across_a_graceful_restart(mpm: Mpm) {
    let (shared, private) = with_control(|cells| around_a_graceful_restart(mpm, cells));
    assert_eq!(shared, 0);
    assert!(private > 1, "each generation has missed what the other saw");
}

/// How many answers are of the old release after one of the new.
fn around_a_graceful_restart(mpm: Mpm, cells: Cells) -> usize {
    let setup = two_hosts(Server::builder(mpm).children(5), "1h", cells)
        .cgi()
        .config("<Directory {root}/app/releases>\nOptions +ExecCGI\n</Directory>");
    let site = Releases::at(setup.root().join("app"));
    let gate = Gate::at(setup.root());
    let slow = format!(
        "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n\
         cat \"$DOCUMENT_ROOT\"/index.html; {}; cat \"$DOCUMENT_ROOT\"/index.html\n",
        gate.command()
    );
    for name in ["42", "43", "44"] {
        site.create(name, &[("web/index.html", name), ("web/slow.cgi", &slow)]);
    }
    site.deploy("42");
    let server = setup.start();

    let endpoint = server.on(1);
    let running = Background::run(move |_| endpoint.get("/slow.cgi").text());
    gate.wait_for(1);
    let old_lazy = HalfSent::on(&server, "lazy");
    let old_eager = HalfSent::on(&server, "eager");
    server.graceful();
    let mut new = warm_up(&server, Duration::ZERO);
    let mut stale = 0;

    site.deploy("43");
    assert_eq!(ask(&mut new[0], "eager"), "43");
    stale += usize::from(old_lazy.finish() != "43");

    site.deploy("44");
    assert_eq!(old_eager.finish(), "44");
    let answers = new.iter_mut().map(|process| ask(process, "lazy"));
    stale += answers.filter(|answer| answer != "44").count();

    assert!(!running.is_finished());
    gate.open();
    assert_eq!(running.finish(), "4242");
    drop(new);
    server.stop();
    stale
}

/// A request that a process has begun to read: however long the rest takes, and whatever happens to
/// the server meanwhile, it is this process that answers it.
struct HalfSent(TcpStream);

impl HalfSent {
    /// Sent to a process that has answered from release 42 before.
    fn on(server: &Server, host: &str) -> Self {
        let mut stream = TcpStream::connect(server.on(1).address()).expect("the server listens");
        stream
            .set_read_timeout(Some(LIMIT))
            .expect("this can be set");
        let full = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(full.as_bytes()).expect("it can be sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n42") {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).expect("the server answers");
            assert!(length > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend(&part[..length]);
        }
        let half = full.strip_suffix("\r\n").expect("it ends so");
        stream.write_all(half.as_bytes()).expect("it can be sent");
        let client = stream.local_addr().expect("it is connected");
        wait_until("the half has been read", LIMIT, || server.has_read(client));
        Self(stream)
    }

    /// Sends the rest; gives the answer's body.
    fn finish(mut self) -> String {
        let mut answer = String::new();
        self.0
            .write_all(b"Connection: close\r\n\r\n")
            .and_then(|()| self.0.read_to_string(&mut answer))
            .expect("the server answers");
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .expect("a response has a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        body.into()
    }
}
