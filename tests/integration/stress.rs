//! Load and faults: short here, long with `make stress`.
//!
//! More of it is elsewhere: sections under load in `sections_load`, HUP, TERM and a graceful stop in `lifecycle`, panics in
//! `faults`, thousands of targets in `sections_load`.

use std::env;
use std::panic::resume_unwind;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use testbed::{
    Background, Builder, Client, ClientError, Connection, Endpoint, LIMIT, Module, Mpm, Releases,
    Response, Server, Stop, wait_until,
};

use crate::traffic::{Answer, Deploys};

/// How much of something: `short`, or such a part of `long` as `REALDOC_STRESS` says, but not less than `short`. `1`: all of
/// it.
fn amount(short: usize, long: usize) -> usize {
    match env::var("REALDOC_STRESS") {
        Err(_) => short,
        Ok(part) => {
            let part: f64 = part.parse().expect("REALDOC_STRESS is a number");
            short.max((long as f64 * part) as usize)
        }
    }
}

/// Enough for an outdated answer not to look like one after a rollback.
const RELEASES: usize = 20;

/// More than the 20 flips a second that are asked for.
const BETWEEN_FLIPS: Duration = Duration::from_millis(20);

/// What clients ask for: a file, a page of several parts, an index, rewritten, guarded by a .htaccess file, denied.
const ASKS: [&str; 6] = [
    FILE,
    PAGE,
    "/index/",
    "/section/item",
    "/guarded/file.txt",
    "/denied/file.txt",
];
const FILE: &str = "/page.txt";
const PAGE: &str = "/page.shtml";

/// And a script, less often: it costs more than all others.
const SCRIPT: &str = "/script.cgi";

/// What is granted, only a section of the link's name grants.
const CONFIG: &str = "
DocumentRoot {root}/app/current/web
AddOutputFilter INCLUDES .shtml
<Directory {root}/app/current>
    Require all granted
    AllowOverride All
    Options FollowSymLinks Includes ExecCGI
    ErrorDocument 403 /denied.txt
</Directory>
<Directory {root}/app/current/web/denied>
    Require all denied
</Directory>
<Directory {root}/app/current/web/section>
    RewriteEngine On
    RewriteRule ^item$ item.txt
</Directory>
";

/// Makes a release whose every text is its number. Each second one denies what is guarded.
fn create(site: &Releases, release: usize) {
    let line = format!("{release}\n");
    let page = format!(
        "{release} <!--#include virtual=\"/page.txt\" --> <!--#include virtual=\"/index/\" --> \
         <!--#include virtual=\"/section/item\" --> {release}"
    );
    let script = format!(
        "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n{release} '\n\
         read page <\"$DOCUMENT_ROOT/page.txt\"\necho $page\n"
    );
    let guard = match status("/guarded/file.txt", release) {
        403 => "Require all denied",
        _ => "Require all granted",
    };
    let files = [
        ("web/page.txt", line.as_str()),
        ("web/page.shtml", &page),
        ("web/index/index.html", &line),
        ("web/section/item.txt", &line),
        ("web/guarded/.htaccess", guard),
        ("web/guarded/file.txt", &line),
        ("web/denied/file.txt", "secret"),
        ("web/denied.txt", &line),
        ("web/script.cgi", &script),
    ];
    site.create(&release.to_string(), &files);
}

/// The status of `path` in a release.
fn status(path: &str, release: usize) -> u16 {
    match path {
        "/denied/file.txt" => 403,
        "/guarded/file.txt" if release % 2 == 1 => 403,
        _ => 200,
    }
}

/// Notes a response. Right is one release's name, with that release's status.
fn note(path: &str, response: &Response) -> Answer {
    let text = response.text();
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.parse().map(|release| status(path, release)) == Ok(response.status) {
        return Answer::from(&Response {
            status: 200,
            ..response.clone()
        });
    }
    Answer {
        started: response.started,
        finished: response.finished,
        release: format!("{path}: status {} {text:?}", response.status),
    }
}

/// A server to be, and its site, of which release `0` is deployed.
fn prepare(mpm: Mpm, module: Module) -> (Builder, Releases) {
    let setup = Server::builder(mpm)
        .module(module)
        .load("include")
        .load("rewrite")
        .log_level("warn authz_core:crit")
        .root_section("Options FollowSymLinks\nAllowOverride None\nRequire all denied")
        .config(CONFIG);
    let site = Releases::at(setup.root().join("app"));
    for release in 0..RELEASES {
        create(&site, release);
    }
    site.deploy("0");
    (setup, site)
}

/// Without the module and with it, at the same time.
fn side_by_side<T: Send>(run: impl Fn(Module) -> T + Sync) -> [T; 2] {
    thread::scope(|scope| {
        [Module::Off, Module::On]
            .map(|module| {
                scope.spawn({
                    let run = &run;
                    move || run(module)
                })
            })
            .map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

each_mpm!(a_million_requests);
/// All kinds of requests against flips: each answer is of one release, and of none that is older than one answered before.
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
    assert!(flips as f64 >= 20.0 * took.as_secs_f64(), "flips enough");
    assert_eq!(server.children(), children, "no child has ended");
    server.stop();
}

each_mpm!(killed_children on prefork, event);
/// When a child process is killed (`kill -9`), no request fails but those that it had, and no answer is wrong. (Without
/// scripts: mod_cgid's daemon may die, too, of writing to who is gone.)
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

    /// Asks so often for one of `paths` while flips go on; after each of them `meanwhile` gets how many there
    /// were, and how many requests were begun.
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

each_mpm!(twenty_restarts_a_second);
/// Graceful restarts as fast as an old manual of httpd has it, under load and flips. No more requests fail than without the
/// module; where clients ask again after a kept connection was closed, none. (Without scripts: mod_cgid does not stand it.)
fn twenty_restarts_a_second(mpm: Mpm) {
    let length = Duration::from_secs(amount(2, 60) as u64);
    let [stock, ours] = side_by_side(|module| Restarts::run(mpm, module, length));
    println!("{mpm}: stock {stock}\n{mpm}: ours  {ours}");
    assert!(ours.wrong.is_empty(), "{:#?}", ours.wrong);
    assert!(ours.failed_again.is_empty(), "{:?}", ours.failed_again);
    // Both are random, and failures come in swarms: not more than by three standard deviations, as found from the parts of the
    // run.
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
        // The scoreboard has places, and the parent a memory, for some old generations only.
        server.allow("AH00485:");
        server.allow("AH00546:");
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

/// Each request that gets no answer is a failure. Gives the answers, and when since `start` requests failed.
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

each_mpm!(restarts_cost_nothing);
/// Graceful restarts leave the parent's memory and descriptors where they leave those of httpd without the module.
fn restarts_cost_nothing(mpm: Mpm) {
    // 14 bytes a virtual host and restart in the short form, not one in the long one.
    const TOLERANCE: u64 = 16 * 1024;

    let restarts = amount(12, 300);
    let parents = side_by_side(|module| Parent::run(mpm, module, restarts));
    let [stock, ours] = &parents;
    println!("{mpm}: {restarts} restarts: stock {stock}; ours {ours}");
    let grown = parents.each_ref().map(
        |Parent {
             memory: [before, after],
             ..
         }| after.saturating_sub(*before),
    );
    assert!(grown[1] <= grown[0] + TOLERANCE);
    let [before, after] = ours.descriptors;
    assert_eq!(before, after);
    assert_eq!(after, stock.descriptors[1]);
}

/// What the parent process has, before many restarts and after.
struct Parent {
    memory: [u64; 2],
    descriptors: [usize; 2],
}

impl Parent {
    fn run(mpm: Mpm, module: Module, restarts: usize) -> Self {
        const HOSTS: usize = 100;
        const WARM_UP: usize = 3;
        // Else malloc(3) keeps small blocks that were freed for the next of their size, more and more of them.
        const WITHOUT_CACHES: &str = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0";

        // A docroot each.
        let host = |n| {
            format!(
                "<VirtualHost *:{{port}}>\nServerName host{n}\n\
                 DocumentRoot {{root}}/app/current/web/{n}\n</VirtualHost>\n"
            )
        };
        let hosts: String = (0..HOSTS).map(host).collect();
        let (setup, site) = prepare(mpm, module);
        for n in 0..HOSTS {
            site.create("0", &[(&format!("web/{n}/page.txt"), "0")]);
        }
        let server = setup
            .env("GLIBC_TUNABLES", WITHOUT_CACHES)
            .children(1)
            .threads(2)
            .config(&hosts)
            .start();
        let parent = server.main_pid();
        let [before, after] = [WARM_UP, restarts].map(|times| {
            for _ in 0..times {
                server.graceful();
                assert_eq!(note(FILE, &server.get(FILE)).release, "0");
            }
            (server.rss(parent), server.descriptors(parent))
        });
        server.stop();
        Self {
            memory: [before.0, after.0],
            descriptors: [before.1, after.1],
        }
    }
}

impl std::fmt::Display for Parent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([memory, memory_after], [files, files_after]) = (self.memory, self.descriptors);
        write!(
            f,
            "{memory} bytes and {files} descriptors before, {memory_after} and {files_after} after"
        )
    }
}

each_mpm!(a_child_for_each_connection on prefork);
/// `MaxConnectionsPerChild 1`: whoever answers has just begun its life, and is right. (On worker a child may serve some more,
/// and on event stock httpd's children, too, may miss the signal that ends them.)
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

each_mpm!(the_log_is_full);
/// The disk of the logs is full: requests do not notice, and a flip, the grace and a restart are as ever.
fn the_log_is_full(mpm: Mpm) {
    const HOST: &str = "LogLevel warn realdoc:debug\n\
        <VirtualHost *:{port}>\nErrorLog /dev/full\nCustomLog /dev/full %r\n</VirtualHost>";

    let (setup, site) = prepare(mpm, Module::On);
    let server = setup.cgi().children(2).config(HOST).start();
    for (release, path) in (0..RELEASES).zip(ASKS.iter().chain([&SCRIPT]).cycle()) {
        let release = release.to_string();
        site.deploy(&release);
        assert_eq!(note(path, &server.get(path)).release, release, "{path}");
    }
    let mut connection = server.connect();
    let mut ask = || note(FILE, &connection.get(FILE).expect("the server answers")).release;
    let last = ask();
    site.break_link("current");
    assert_eq!(ask(), last);
    site.deploy("1");
    assert_eq!(ask(), "1");
    drop(connection);
    server.graceful();
    site.deploy("2");
    assert_eq!(note(FILE, &server.get(FILE)).release, "2");
    assert_eq!(
        server.log_count("RD1"),
        0,
        "the control: it went to the full disk"
    );
    server.stop();
}

each_mpm!(no_descriptors_are_left on event);
/// A process that can open no more files answers as without the module, and is right again when it can. (On the other MPMs
/// such a process does not live to tell: it cannot take the next connection.)
fn no_descriptors_are_left(mpm: Mpm) {
    let [stock, ours] = side_by_side(|module| without_descriptors(mpm, module));
    println!("{mpm}: without a descriptor {ours:?}");
    assert_eq!(stock, ours);
    assert!(ours.iter().all(|(_, status)| *status >= 400), "the control");
}

/// What a process answers that can open no file.
fn without_descriptors(mpm: Mpm, module: Module) -> Vec<(&'static str, u16)> {
    const DESCRIPTORS: usize = 32;

    let (setup, site) = prepare(mpm, module);
    let server = setup
        .children(1)
        .threads(DESCRIPTORS)
        .descriptors(DESCRIPTORS)
        .allow("(24)Too many open files")
        .start();
    let child = server.children();
    let mut connections = Vec::new();
    // The last one takes the last descriptor.
    wait_until("no descriptor is left", LIMIT, || {
        let mut connection = server.connect();
        let status = connection.get(FILE).expect("the server answers").status;
        connections.push(connection);
        status != 200
    });
    let mut first = connections.swap_remove(0);
    let mut ask = |path| first.get(path).expect("the server answers");
    site.deploy("1");
    let answers = ASKS.map(|path| (path, ask(path).status)).to_vec();
    drop(connections);
    wait_until("there are descriptors again", LIMIT, || {
        note(PAGE, &ask(PAGE)).release == "1"
    });
    for path in ASKS {
        assert_eq!(note(path, &ask(path)).release, "1", "{path}");
    }
    assert_eq!(server.children(), child);
    assert_eq!(server.log_count("RD"), 0);
    server.stop();
    answers
}

each_mpm!(strangers_cost_no_memory on prefork, event);
/// What clients choose is no key: hosts and paths that never come again, and a new target now and then, leave a child as big
/// as it was.
fn strangers_cost_no_memory(mpm: Mpm) {
    const DIRS: [&str; 6] = [
        "/",
        "/page.txt?",
        "/page.txt/",
        "/section/",
        "/index/",
        "/denied/",
    ];
    const BETWEEN_FLIPS: usize = 100;

    let requests = amount(4_000, 1_000_000);
    let targets = amount(50, 1_000);
    let (setup, site) = prepare(mpm, Module::On);
    for target in RELEASES..targets {
        create(&site, target);
    }
    let server = setup.children(1).threads(4).log_level("crit").start();
    let child = server.children();
    let mut client = server.client();
    let (mut asked, mut flips) = (0, 0);
    let [before, after] = [1_000, requests].map(|requests| {
        for dir in DIRS.iter().cycle().take(requests) {
            if asked % BETWEEN_FLIPS == 0 {
                site.deploy(&(flips % targets).to_string());
                flips += 1;
            }
            asked += 1;
            // Without a pattern.
            let number = asked.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let (path, host) = (format!("{dir}{number:x}"), format!("h{number:x}"));
            let response = client.request("GET", &path, &[("Host", &host)]);
            let status = response.expect("the server answers").status;
            assert!([200, 403, 404].contains(&status), "{path}: {status}");
        }
        server.rss(child[0])
    });
    println!(
        "{mpm}: {requests} requests, each of another host and path, {flips} flips between {targets} targets: \
         {before} bytes before, {after} after"
    );
    // Some heap, and less than a byte a request.
    let tolerance = 256 * 1024 + requests as u64 / 2;
    assert!(after <= before + tolerance);
    assert_eq!(server.children(), child, "no child has ended");
    server.stop();
}

each_mpm!(a_file_system_hangs on worker, event);
/// A file system that does not answer for the link keeps one request waiting, not those after it; other virtual hosts do not
/// notice, and when it answers again, so does that request. (In each process: on prefork, which has one thread, all others of
/// the process wait with it.)
fn a_file_system_hangs(mpm: Mpm) {
    const CLIENTS: usize = 10;
    const HOSTS: &str = "<VirtualHost *:{port}>\nDocumentRoot {root}/hung/current\n</VirtualHost>\n\
        <VirtualHost *:{port}>\nServerName other\nDocumentRoot {root}/other/current\n</VirtualHost>";

    let setup = Server::builder(mpm).module(Module::TestHooks).children(1);
    let [hung, other] = ["hung", "other"].map(|name| {
        let site = Releases::at(setup.root().join(name));
        for release in ["42", "43"] {
            site.create(release, &[("page.txt", release)]);
        }
        site.deploy("42");
        site
    });
    let link = hung.current();
    let server = setup
        .env("REALDOC_TEST_HANG", link.to_str().expect("it is text"))
        .config(HOSTS)
        .start();
    let endpoint = server.on(1);
    let ask = move |host| endpoint.request("GET", FILE, &[("Host", host)]).text();
    assert_eq!(ask("hung"), "42");

    hung.put("current.hangs", "");
    let clients = [(); CLIENTS].map(|()| Background::run(move |_| ask("hung")));
    let waiting = || {
        clients
            .iter()
            .filter(|client| !client.is_finished())
            .count()
    };
    wait_until("one request waits", LIMIT, || waiting() == 1);
    for release in ["43", "42"] {
        other.deploy(release);
        assert_eq!(ask("other"), release);
        assert_eq!(ask("hung"), "42");
    }
    assert_eq!(waiting(), 1, "the control: it hangs");
    hung.break_link("current.hangs");
    for client in clients {
        assert_eq!(client.finish(), "42");
    }
    hung.deploy("43");
    assert_eq!(ask("hung"), "43");
    server.stop();
}
