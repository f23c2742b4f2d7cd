//! Sections and .htaccess files under a link that flips under load.
//!
//! The two releases differ in their content and in their .htaccess files. What each of them answers
//! stock httpd says beforehand, with the link at rest: under load each response has to be one of
//! these two, as a whole.

mod findings;
mod site;

use std::fs;
use std::mem;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use testbed::{
    Background, Builder, Client, ClientError, H2Connection, LIMIT, Module, Mpm, Releases, Server,
    Stop, wait_until,
};

use self::findings::{Answer, Findings};
use self::site::{ASKS, Ask, CONFIG, FIRST, PASSWORD, RELEASES, SECOND, SECRET, create};
use crate::common::SECTION_MODULES;

/// What the README of the original module tells to write.
const RELEASES_GRANTED: &str = "
RealdocSections Target
<Directory {site}/releases>
    Require all granted
    AllowOverride All
    Options FollowSymLinks Includes ExecCGI
</Directory>
";

/// Each release's answers to [`ASKS`].
type References = [Vec<Answer>; 2];

each_mpm!(each_response_is_of_one_release);
/// Each response under load is of one release as a whole, its .htaccess files and the sections
/// included; what both releases deny is not served.
fn each_response_is_of_one_release(mpm: Mpm) {
    let bench = Bench::new(mpm);
    bench.references_are_telling();

    let server = bench.server(Module::On, "");
    bench.at_rest(&server).are_clean();
    let enough = |found: &Findings| found.of.iter().all(|&count| count > 10);
    let found = bench.under_load_until(&server, 120, enough);
    server.stop();
    found.are_clean();

    // The controls: stock httpd mixes, and without the sections by the link's name all is served.
    bench.under_load_until(&bench.stock, 25, |found| !found.mixed.is_empty());
    let target = bench.server(Module::On, RELEASES_GRANTED);
    target.allow("RD06: <Directory");
    let wider = bench.at_rest(&target).wider;
    assert!(!wider.is_empty(), "the control");
}

/// A site of two releases, and stock httpd's word on it.
struct Bench {
    site: Releases,
    stock: Server,
    references: Arc<References>,
}

impl Bench {
    fn new(mpm: Mpm) -> Self {
        let setup = Server::builder(mpm);
        let site = Releases::at(setup.root().join("app"));
        for release in RELEASES {
            create(&site, release);
        }
        site.deploy(RELEASES[0]);
        let stock = start(mpm, setup, &site, "");
        let references = RELEASES.map(|release| {
            site.deploy(release);
            let mut client = Asker::Http1(stock.client());
            let answer = |ask| client.ask(ask).expect("stock httpd answers");
            ASKS.iter().map(answer).collect()
        });
        Self {
            site,
            stock,
            references: Arc::new(references),
        }
    }

    /// Another server of the same site.
    fn server(&self, module: Module, config: &str) -> Server {
        let mpm = self.stock.mpm();
        let setup = Server::builder(mpm).module(module);
        start(mpm, setup, &self.site, config)
    }

    /// The list is worth something: all kinds of answers, most of them telling of their release,
    /// nothing secret in it.
    fn references_are_telling(&self) {
        let [first, second] = self.references.as_ref();
        for status in [200, 301, 401, 403, 404] {
            assert!(first.iter().any(|answer| answer.status == status));
        }
        let pairs = || ASKS.iter().zip(first.iter().zip(second));
        let alike = pairs().filter(|(_, (first, second))| first == second);
        let alike: Vec<&str> = alike.map(|(ask, _)| ask.path).collect();
        assert!(alike.len() <= 1, "{alike:?}");
        for (ask, (first, second)) in pairs().filter(|(ask, _)| !ask.login) {
            for answer in [first, second] {
                assert!(!answer.body.contains(SECRET), "{}: {answer:?}", ask.path);
            }
        }
    }

    /// All is asked for in each release while nothing moves.
    fn at_rest(&self, server: &Server) -> Findings {
        let mut findings = Findings::default();
        let mut client = Asker::Http1(server.client());
        for (release, expected) in RELEASES.iter().zip(self.references.as_ref()) {
            self.site.deploy(release);
            for (ask, expected) in ASKS.iter().zip(expected) {
                findings.note(ask, client.ask(ask), [expected; 2]);
            }
        }
        findings
    }

    /// Repeats [`under_load`](Self::under_load) until it has found enough: that depends on how busy
    /// the machine is.
    #[track_caller]
    fn under_load_until(
        &self,
        server: &Server,
        flips: usize,
        enough: impl Fn(&Findings) -> bool,
    ) -> Findings {
        let mut found = Findings::default();
        wait_until("enough is found", LIMIT, || {
            found.add(self.under_load(server, flips));
            enough(&found)
        });
        found
    }

    /// Clients ask without a pause while the link flips.
    fn under_load(&self, server: &Server, flips: usize) -> Findings {
        const PAUSE: Duration = Duration::from_millis(20);

        let children = server.children();
        let endpoint = server.on(1);
        let mut askers: Vec<Asker> = (0..6).map(|_| Asker::Http1(endpoint.client())).collect();
        if server.mpm() == Mpm::Event {
            let connection = endpoint.connect_h2();
            let streams = (0..4).map(|_| Asker::Http2(connection.clone()));
            askers.extend(streams);
        }
        let clients: Vec<Background<Findings>> = (0..)
            .zip(askers)
            .map(|(n, asker)| {
                let references = Arc::clone(&self.references);
                Background::run(move |stop| asker.ask_all(n, &references, stop))
            })
            .collect();
        for release in RELEASES.iter().cycle().take(flips) {
            self.site.deploy(release);
            sleep(PAUSE);
        }
        let mut findings = Findings::default();
        for client in clients {
            findings.add(client.finish());
        }
        assert_eq!(server.children(), children, "no child has ended");
        println!(
            "{}: {flips} flips, {} telling responses, {} wrong",
            server.mpm(),
            findings.responses(),
            findings.wrong()
        );
        findings
    }
}

fn start(mpm: Mpm, setup: Builder, site: &Releases, config: &str) -> Server {
    let mut setup = setup.cgi();
    setup = setup.load_all(&SECTION_MODULES);
    if mpm == Mpm::Event {
        setup = setup.load("http2").config("Protocols h2c http/1.1");
    }
    fs::write(setup.root().join("users"), PASSWORD).expect("its directory is there");
    let site = site
        .dir()
        .to_str()
        .expect("a temporary directory's name is text");
    // What is denied is logged as an error.
    setup
        .log_level("warn authz_core:crit auth_basic:crit include:crit autoindex:crit")
        .root_section("Options FollowSymLinks\nAllowOverride None\nRequire all denied")
        .config(&[CONFIG, config].concat().replace("{site}", site))
        .start()
}

/// A client.
enum Asker {
    Http1(Client),
    /// Streams of one connection.
    Http2(H2Connection),
}

impl Asker {
    fn ask(&mut self, ask: &Ask) -> Result<Answer, ClientError> {
        let headers = ask.headers();
        let response = match self {
            Asker::Http1(client) => client.request("GET", ask.path, &headers),
            Asker::Http2(connection) => connection.request("GET", ask.path, &headers),
        };
        response.map(|response| Answer::from(&response))
    }

    /// Asks for all again and again, beginning with the `first`.
    fn ask_all(mut self, first: usize, references: &References, stop: &Stop) -> Findings {
        let mut findings = Findings::default();
        let [one, other] = references;
        let all = ASKS
            .iter()
            .zip(one.iter().zip(other))
            .cycle()
            .skip(first * 5);
        for (ask, (one, other)) in all {
            if stop.requested() {
                break;
            }
            if matches!(self, Asker::Http1(_)) || ask.suits_http2() {
                findings.note(ask, self.ask(ask), [one, other]);
            }
        }
        findings
    }
}

each_mpm!(ten_thousand_flips_take_no_memory on prefork, event);
/// What is made for a release goes with it: children that have seen thousands of releases are as
/// big as before.
fn ten_thousand_flips_take_no_memory(mpm: Mpm) {
    const WARM_UP: usize = 500;
    const FLIPS: usize = 10_000;
    // Not much more than the releases' names alone.
    const TOLERANCE: u64 = FLIPS as u64 * 32;

    let setup = Server::builder(mpm).module(Module::On).children(2);
    let site = Releases::at(setup.root().join("app"));
    let mut deploys = EndlessDeploys::of(&site);
    // A request whose release is taken away below it.
    let server = start(mpm, setup.allow("(2)No such file or directory"), &site, "");
    let children = server.children();

    // One is busy with a release while the other goes on to the next.
    let mut client = server.client();
    let neighbour = Background::run(move |stop| {
        let mut served = 0;
        while !stop.requested() {
            let answer = client.get("/section/item/a");
            served += usize::from(answer.is_ok_and(|answer| answer.status == 200));
            sleep(Duration::from_millis(5));
        }
        served
    });
    let mut connection = server.connect();
    let mut flip = |times| {
        for host in [FIRST, SECOND].into_iter().cycle().take(times) {
            deploys.next();
            let answer = connection.request("GET", "/section/item/a", &[("Host", host)]);
            let answer = answer.expect("the server answers");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let size = |&pid: &u32| server.rss(pid);
        children.iter().map(size).collect::<Vec<_>>()
    };
    let before = flip(WARM_UP);
    let after = flip(FLIPS);
    assert!(neighbour.finish() > 0, "both are at work");
    println!("{mpm}: {before:?} bytes before {FLIPS} flips, {after:?} after");
    assert_eq!(server.children(), children, "no child has ended");
    for (before, after) in before.iter().zip(&after) {
        let most = before + TOLERANCE;
        assert!(*after <= most, "{before} bytes before, {after} after");
    }
    server.stop();
}

/// Deploys of releases that no child has ever seen: two that take a new name each time.
struct EndlessDeploys {
    site: Releases,
    current: String,
    other: String,
    count: usize,
}

impl EndlessDeploys {
    fn of(site: &Releases) -> Self {
        let [current, other] = RELEASES.map(|release| {
            create(site, release);
            release.to_owned()
        });
        site.deploy(&current);
        Self {
            site: site.clone(),
            current,
            other,
            count: 0,
        }
    }

    fn next(&mut self) {
        self.count += 1;
        let new = format!("release-{}", self.count);
        let path = |name: &str| self.site.release(name);
        fs::rename(path(&self.other), path(&new)).expect("both are in one directory");
        self.site.deploy(&new);
        self.other = mem::replace(&mut self.current, new);
    }
}
