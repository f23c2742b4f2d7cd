//! The link does not resolve: at the start, while the server runs, for a moment in the middle of a
//! deploy.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use testbed::{Builder, Endpoint, Module, Mpm, Releases, Server};

use crate::common::warm_up;
use crate::traffic::{Deploys, Outcome, Traffic};

/// A way in which `current` does not resolve.
struct Fault {
    name: &'static str,
    /// The system's words for it, which the log is to give.
    words: &'static str,
    /// Whether the last good target serves for a while: a deploy may look like this.
    passing: bool,
    cause: fn(&Releases),
}

const FAULTS: [Fault; 5] = [
    Fault {
        name: "dangling",
        words: "No such file or directory",
        passing: true,
        cause: |site| site.deploy("none"),
    },
    Fault {
        name: "file",
        words: "Not a directory",
        passing: true,
        cause: |site| {
            fs::write(site.path("file"), "").expect("it can be made");
            site.flip("current", "file");
        },
    },
    Fault {
        name: "loop",
        words: "Too many levels of symbolic links",
        passing: false,
        cause: |site| site.flip("current", "current"),
    },
    Fault {
        name: "forbidden",
        words: "Permission denied",
        passing: false,
        // Root's children run as another user; everybody else's, as the owner, have no permission
        // either.
        cause: |site| set_mode(site, 0o000),
    },
    Fault {
        name: "long",
        words: "File name too long",
        passing: false,
        cause: |site| {
            let end = deep_directory(site).join("end");
            site.flip("current", &end);
        },
    },
];

/// httpd's own complaints about such document roots: at the start, and for each request.
const STOCK: [&str; 4] = ["AH00112:", "AH00035:", "AH00037:", "AH00132:"];

fn set_mode(site: &Releases, mode: u32) {
    let releases = site.path("releases");
    fs::set_permissions(releases, Permissions::from_mode(mode)).expect("it is ours");
}

/// The site of each fault, in a directory of its own, and another; "42" is deployed.
struct Sites {
    faulty: Vec<Releases>,
    other: Releases,
}

/// A virtual host for each fault, and one for the other site.
fn prepare(mpm: Mpm, module: Module) -> (Builder, Sites) {
    // Exactly one process may speak.
    let mut setup = Server::builder(mpm).children(1).module(module);
    for line in STOCK {
        setup = setup.allow(line);
    }
    let site = |name: &str| {
        let site = Releases::at(setup.root().join(name));
        for release in ["42", "43"] {
            site.create(release, &[("web/index.html", release)]);
        }
        site.deploy("42");
        site
    };
    let sites = Sites {
        faulty: FAULTS.iter().map(|fault| site(fault.name)).collect(),
        other: site("other"),
    };
    let names = FAULTS.iter().map(|fault| fault.name);
    let hosts: String = names
        .chain(["other"])
        .map(|name| {
            format!(
                "<VirtualHost *:{{port}}>\nServerName {name}\n\
                 DocumentRoot {{root}}/{name}/current/web\n</VirtualHost>\n"
            )
        })
        .collect();
    (setup.config(&hosts), sites)
}

impl Sites {
    fn break_all(&self) {
        for (fault, site) in FAULTS.iter().zip(&self.faulty) {
            (fault.cause)(site);
        }
    }

    fn repair_all(&self) {
        for site in &self.faulty {
            set_mode(site, 0o755);
            site.deploy("43");
        }
    }
}

/// A directory whose name is too long for the system, though it can be reached through `end` in the
/// returned one.
fn deep_directory(site: &Releases) -> PathBuf {
    let deep = |base: &str| {
        let component = base.repeat(200);
        let path: PathBuf = std::iter::repeat_n(component, 15).collect();
        let path = site.path(base).join(path);
        fs::create_dir_all(&path).expect("this is short enough");
        path
    };
    let (first, second) = (deep("a"), deep("b"));
    let web = second.join("web");
    fs::create_dir(&web).expect("this is short enough");
    fs::write(web.join("index.html"), "deep").expect("this is short enough");
    // Each of the halves has a name of 3,000 bytes; together they are too long for anybody to name.
    fs::rename(site.path("b"), first.join("b")).expect("both are on one file system");
    let end = PathBuf::from("b").join(second.strip_prefix(site.path("b")).expect("it is below"));
    symlink(end, first.join("end")).expect("this is short enough");
    first
}

/// Asks the virtual host `name`; gives status and body. Error pages do not count: they name the
/// URL.
fn ask(endpoint: Endpoint, name: &str) -> (u16, String) {
    let response = endpoint.request("GET", "/index.html", &[("Host", name)]);
    let text = if response.status == 200 {
        response.text()
    } else {
        String::new()
    };
    (response.status, text)
}

fn ok(text: &str) -> (u16, String) {
    (200, text.into())
}

/// How httpd without the module answers, for each fault.
fn stock_answers(mpm: Mpm) -> Vec<(u16, String)> {
    let (setup, sites) = prepare(mpm, Module::Off);
    sites.break_all();
    let server = setup.start();
    let answers = FAULTS
        .iter()
        .map(|fault| ask(server.on(1), fault.name))
        .collect();
    sites.repair_all();
    server.stop();
    answers
}

/// What the log says of the site `name` under a tag.
fn said(server: &Server, tag: &str, name: &str) -> Vec<String> {
    let path = format!(" {}/current/web ", server.root().join(name).display());
    let mut lines = server.log_lines(tag);
    lines.retain(|line| line.contains(&path));
    lines
}

/// Exactly one line at error tells of the fault, and none of another site.
#[track_caller]
fn told_once(server: &Server, fault: &Fault, what_follows: &str) {
    let told = said(server, "RD12:", fault.name);
    assert!(
        matches!(&told[..], [line] if line.contains("[realdoc:error]")
            && line.contains(fault.words) && line.contains(what_follows)),
        "{}: {told:#?}",
        fault.name
    );
    assert_eq!(said(server, "RD12:", "other"), [""; 0]);
}

/// After the repair the next request is right again, and one notice says so.
#[track_caller]
fn recovers(server: &Server, fault: &Fault) {
    for _ in 0..3 {
        assert_eq!(ask(server.on(1), fault.name), ok("43"), "{}", fault.name);
    }
    let told = said(server, "RD13:", fault.name);
    assert!(
        matches!(&told[..], [line] if line.contains("[realdoc:notice]")),
        "{}: {told:#?}",
        fault.name
    );
}

each_mpm!(from_the_start);
/// The server starts and answers as httpd without the module; another virtual host does not notice;
/// a hundred requests are one line in the log; after the repair no restart is needed.
fn from_the_start(mpm: Mpm) {
    let stock = stock_answers(mpm);
    let (setup, sites) = prepare(mpm, Module::On);
    sites.break_all();
    let server = setup.allow("RD12:").start();
    for (fault, stock) in FAULTS.iter().zip(&stock) {
        for _ in 0..100 {
            assert_eq!(ask(server.on(1), fault.name), *stock, "{}", fault.name);
        }
        assert_eq!(ask(server.on(1), "other"), ok("42"));
        told_once(&server, fault, "answered as without mod_realdoc");
    }
    sites.other.deploy("43");
    assert_eq!(ask(server.on(1), "other"), ok("43"));
    sites.repair_all();
    for fault in &FAULTS {
        recovers(&server, fault);
    }
    server.stop();
}

each_mpm!(while_running);
/// The same, except that the last good target serves where a deploy in progress may be the cause,
/// for as long as it is there.
fn while_running(mpm: Mpm) {
    let stock = stock_answers(mpm);
    let (setup, sites) = prepare(mpm, Module::On);
    let server = setup.config("RealdocGrace 1h").allow("RD12:").start();
    for fault in &FAULTS {
        assert_eq!(ask(server.on(1), fault.name), ok("42"));
    }
    sites.break_all();
    for ((fault, stock), site) in FAULTS.iter().zip(&stock).zip(&sites.faulty) {
        let (expected, words) = if fault.passing {
            (&ok("42"), "going on with")
        } else {
            (stock, "answered as without mod_realdoc")
        };
        for _ in 0..100 {
            assert_eq!(ask(server.on(1), fault.name), *expected, "{}", fault.name);
        }
        if fault.passing {
            site.remove("42");
            assert_eq!(ask(server.on(1), fault.name), *stock, "{}", fault.name);
        }
        told_once(&server, fault, words);
    }
    assert_eq!(ask(server.on(1), "other"), ok("42"));
    sites.other.deploy("43");
    assert_eq!(ask(server.on(1), "other"), ok("43"));
    sites.repair_all();
    for fault in &FAULTS {
        recovers(&server, fault);
    }
    server.stop();
}

each_mpm!(the_grace_runs_out on event);
/// The last good target serves for `RealdocGrace`, and no longer.
fn the_grace_runs_out(mpm: Mpm) {
    // Longer than the machine may keep this test from asking.
    const GRACE: Duration = Duration::from_secs(10);
    // A file's time is that of the last tick of the kernel's clock.
    const TICK: Duration = Duration::from_millis(100);

    let setup = Server::builder(mpm)
        .module(Module::On)
        .children(1)
        .config("DocumentRoot {root}/app/current");
    let site = Releases::at(setup.root().join("app"));
    site.create("42", &[("index.html", "42")]);
    site.deploy("42");
    let server = setup.allow("RD12:").allow("AH00035:").start();
    let mut connection = server.connect();
    assert_eq!(connection.get("/").unwrap().text(), "42");

    let broken = Instant::now();
    site.break_link("current");
    let first = connection.get("/").unwrap();
    assert_eq!(first.status, 200);
    let mut last = first.clone();
    while last.status == 200 {
        assert!(
            last.started < first.finished + GRACE,
            "longer than the grace"
        );
        last = connection.get("/").unwrap();
    }
    assert!(
        last.finished + TICK >= broken + GRACE,
        "shorter than the grace"
    );
    assert_eq!(last.status, connection.get("/").unwrap().status);
    site.deploy("42");
    assert_eq!(connection.get("/").unwrap().text(), "42");
    server.stop();
}

each_mpm!(missing_for_a_moment);
/// `rm current`, and a few requests later `ln -s`, ten times under load: no request fails or gets a
/// wrong release, and the log has at most one error a process and minute. Without the module
/// requests fail.
fn missing_for_a_moment(mpm: Mpm) {
    let start = Instant::now();
    let (wrong, told) = with_gaps(mpm, Module::On, 10);
    let minutes = start.elapsed().as_secs() as usize / 60;
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(!told.is_empty());
    let mut processes: Vec<&str> = told
        .iter()
        .filter_map(|line| line.split("[pid ").nth(1)?.split(':').next())
        .collect();
    processes.sort_unstable();
    processes.dedup();
    assert!(told.len() <= processes.len() * (1 + minutes), "{told:#?}");

    let (wrong, _) = with_gaps(mpm, Module::Off, 1);
    assert!(!wrong.is_empty());
}

/// Deploys so many times with a gap; gives the wrong answers and what the log says of it.
fn with_gaps(mpm: Mpm, module: Module, deploys: usize) -> (Vec<String>, Vec<String>) {
    const CLIENTS: usize = 8;

    let mut setup = Server::builder(mpm).module(module).allow("RD12:");
    for line in STOCK {
        setup = setup.allow(line);
    }
    let site = Releases::at(setup.root().join("app"));
    let mut history = Deploys::of(&site);
    for release in 0..=deploys {
        let release = release.to_string();
        site.create(&release, &[("web/index.html", &release)]);
    }
    history.deploy("0");
    let grace = match module {
        Module::Off => "",
        _ => "RealdocGrace 1h",
    };
    let server = setup
        .config("DocumentRoot {root}/app/current/web")
        .config(grace)
        .start();
    if module == Module::On {
        // A process that has never seen a release has none to go on with.
        warm_up(&server, Duration::ZERO);
    }
    let traffic = Traffic::start(server.on(1), CLIENTS, "/");
    for release in 1..=deploys {
        // Whoever has not seen the release before this one by now would go on with an even older
        // one.
        traffic.wait_for(2);
        site.break_link("current");
        traffic.wait_for(2);
        history.deploy(&release.to_string());
    }
    traffic.wait_for(2);
    let Outcome { answers, errors } = traffic.finish();
    assert!(errors.is_empty(), "{errors:?}");
    let told = server.log_lines("RD12:");
    server.stop();
    (history.wrong(&answers), told)
}
