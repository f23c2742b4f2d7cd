//! The module's part of mod_status' page.

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testbed::{Builder, Connection, LIMIT, Module, Mpm, Releases, Response, Server, wait_until};

use crate::common::warm_up;

const STATUS: &str = "<Location /server-status>\nSetHandler server-status\n</Location>";
const WEB: &str = "DocumentRoot {root}/app/current/web";

fn setup(mpm: Mpm, config: &str) -> (Builder, Releases) {
    let setup = Server::builder(mpm).module(Module::On).load("status");
    let site = Releases::at(setup.root().join("app"));
    for release in ["42", "43"] {
        site.create(release, &[("web/index.html", release)]);
    }
    site.deploy("42");
    (setup.config(STATUS).config(config), site)
}

/// The module's lines of `?auto`.
fn auto(server: &Server) -> Vec<String> {
    auto_from(&mut server.connect())
}

/// The same on a connection that is there; on prefork nobody else may be free.
fn auto_from(connection: &mut Connection) -> Vec<String> {
    let page = connection
        .get("/server-status?auto")
        .expect("the server answers");
    assert_eq!(page.status, 200);
    let text = page.text();
    text.lines()
        .filter(|line| line.contains("Realdoc"))
        .map(String::from)
        .collect()
}

/// The keys of the links, in the order of the page.
fn keys(lines: &[String]) -> Vec<&str> {
    let keys = lines.iter().filter_map(|line| {
        let (key, _) = line.strip_prefix("Realdoc[")?.split_once("]Link: ")?;
        Some(key)
    });
    keys.collect()
}

/// What the lines of the nth link say of `name`.
fn value(lines: &[String], n: usize, name: &str) -> Option<String> {
    let key = keys(lines).get(n).copied()?;
    let start = format!("Realdoc[{key}]{name}: ");
    lines
        .iter()
        .find_map(|line| line.strip_prefix(&start))
        .map(String::from)
}

fn number(lines: &[String], name: &str) -> u64 {
    let text = value(lines, 0, name).unwrap_or_else(|| panic!("no {name}: {lines:#?}"));
    text.parse().expect("it is a number")
}

/// The module's part of the page.
fn part(page: &Response) -> String {
    assert_eq!(page.status, 200);
    let text = page.text();
    let start = text
        .find("<h1>Document Roots")
        .unwrap_or_else(|| panic!("no part:\n{text}"));
    let end = text[start..].find("</table>").expect("it is a table");
    text[start..start + end].into()
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("it is later than 1970").as_secs()
}

each_mpm!(all_processes_count_together);
/// A flip is one, however many processes see it. The figures outlive a graceful restart, and begin
/// anew with another.
fn all_processes_count_together(mpm: Mpm) {
    // The last is to release 43.
    const FLIPS: usize = 21;

    let (setup, site) = setup(mpm, WEB);
    let server = setup.children(4).threads(2).start();
    let began = now();
    let mut processes = warm_up(&server, Duration::ZERO);
    let lines = auto_from(&mut processes[0]);
    assert_eq!(number(&lines, "Flips"), 0);
    assert_eq!(value(&lines, 0, "LastFlip"), None);
    // All ask at once, so that several are the first to see it.
    let ask = |process: &mut Connection, release: &str| {
        assert_eq!(process.get("/index.html").unwrap().text(), release);
    };
    let flip = |processes: &mut [Connection], release: &str| {
        site.deploy(release);
        thread::scope(|scope| {
            for process in processes {
                scope.spawn(move || ask(process, release));
            }
        });
    };
    for release in ["43", "42"].into_iter().cycle().take(FLIPS) {
        flip(&mut processes, release);
    }
    let lines = auto_from(&mut processes[0]);
    assert_eq!(number(&lines, "Flips"), FLIPS as u64, "{lines:#?}");
    assert_eq!(value(&lines, 0, "Server").as_deref(), Some("localhost"));
    assert_eq!(value(&lines, 0, "Link").as_deref(), Some("current"));
    assert_eq!(value(&lines, 0, "Release").as_deref(), Some("releases/43"));
    assert_eq!(number(&lines, "Failures"), 0);
    assert_eq!(value(&lines, 0, "LastError"), None);
    let seen = (FLIPS * processes.len()) as u64;
    assert!(number(&lines, "Checks") >= seen, "{lines:#?}");
    assert!((began..=now()).contains(&number(&lines, "LastFlip")));
    drop(processes);

    server.graceful();
    let lines = auto(&server);
    assert_eq!(number(&lines, "Flips"), FLIPS as u64, "{lines:#?}");
    assert!(number(&lines, "Checks") >= seen, "{lines:#?}");

    server.restart();
    let lines = auto(&server);
    assert_eq!(number(&lines, "Flips"), 0, "{lines:#?}");
    assert!(number(&lines, "Checks") < seen, "{lines:#?}");
    assert_eq!(value(&lines, 0, "Release").as_deref(), Some("releases/43"));
    let mut processes = warm_up(&server, Duration::ZERO);
    flip(&mut processes, "42");
    assert_eq!(number(&auto_from(&mut processes[0]), "Flips"), 1);
    drop(processes);
    server.stop();
}

/// Between checks nothing is counted, and what is counted does not depend on who asks.
#[test]
fn what_is_not_checked_is_not_counted() {
    let (setup, _) = setup(Mpm::Event, &format!("{WEB}\nRealpathEvery 1h"));
    let server = setup.children(1).start();
    for _ in 0..20 {
        assert_eq!(server.get("/index.html").text(), "42");
    }
    // The page's own request has no file: whether the link has been flipped is then looked at.
    assert_eq!(number(&auto(&server), "Checks"), 2);
    server.stop();
}

/// Whoever answers shows the broken link, with the last cause; after the repair it is that of the
/// past.
#[test]
fn a_broken_link() {
    let config = "<VirtualHost *:{port}>\nDocumentRoot {root}/app/current/web\n</VirtualHost>\n\
                  <VirtualHost *:{port2}>\nDocumentRoot {root}/htdocs\n</VirtualHost>";
    let (setup, site) = setup(Mpm::Prefork, config);
    let server = setup
        .config("RealdocGrace 0")
        .allow("RD12:")
        .allow("AH00035:")
        .allow("AH00037:")
        .start();
    let status = server.on(2);
    let get = || server.get("/index.html").status;
    assert_eq!(get(), 200);
    site.break_link("current");
    let began = now();
    // By each of the processes, of which most have never seen the link.
    let mut connections: Vec<_> = server.children().iter().map(|_| status.connect()).collect();
    for connection in &mut connections {
        let lines = auto_from(connection);
        assert_eq!(
            value(&lines, 0, "Link").as_deref(),
            Some("current"),
            "{lines:#?}"
        );
    }
    drop(connections);
    let auto = || auto_from(&mut status.connect());
    wait_until(
        "the process that has seen the link misses it",
        LIMIT,
        || {
            let mut all: Vec<_> = server.children().iter().map(|_| server.connect()).collect();
            let asked: Vec<_> = all.iter_mut().map(|one| one.get("/index.html")).collect();
            drop(all);
            asked.iter().all(Result::is_ok) && number(&auto(), "Failures") > 0
        },
    );
    let lines = auto();
    assert_eq!(value(&lines, 0, "Release").as_deref(), Some("-"));
    let missing = "No such file or directory";
    assert_eq!(value(&lines, 0, "LastError").as_deref(), Some(missing));
    assert!((began..=now()).contains(&number(&lines, "LastFailure")));
    let table = part(&status.get("/server-status"));
    assert!(table.contains("<td>current</td><td>-</td>"), "{table}");
    assert!(table.contains(&format!(": {missing}</td>")), "{table}");

    site.flip("current", "current");
    let cause = "Too many levels of symbolic links";
    // Who has seen nothing there looks again after a second only.
    wait_until("the loop is seen", LIMIT, || {
        assert_eq!(get(), 403);
        value(&auto(), 0, "LastError").as_deref() == Some(cause)
    });

    site.deploy("42");
    wait_until("the repair is seen", LIMIT, || {
        assert_eq!(get(), 200);
        value(&auto(), 0, "Release").as_deref() == Some("releases/42")
    });
    let lines = auto();
    assert_eq!(value(&lines, 0, "LastError").as_deref(), Some(cause));
    assert_eq!(number(&lines, "Flips"), 0);
    server.stop();
}

/// A row for each link, with the virtual hosts that share it; none for those that are left alone;
/// no full path.
#[test]
fn a_row_for_each_link() {
    let host = |name: &str, config: &str| {
        format!("<VirtualHost *:{{port}}>\nServerName {name}\n{config}\n</VirtualHost>\n")
    };
    let other =
        "DocumentRoot {root}/other/live\nRealdocLink {root}/shared\nAlias /shared {root}/shared";
    let config = [
        host("status", "DocumentRoot {root}/htdocs"),
        host("one", WEB),
        host("one", &format!("{WEB}\nServerAlias again")),
        host("two", "DocumentRoot {root}/app/current"),
        host("off", &format!("{WEB}\nRealdoc Off")),
        host("other", other),
        host("readlink", &format!("{WEB}\nUseReadlink On")),
    ];
    let (setup, site) = setup(Mpm::Event, &config.concat());
    let root = setup.root().to_owned();
    fs::create_dir_all(root.join("other/a")).expect("it can be made");
    std::os::unix::fs::symlink("a", root.join("other/live")).expect("it can be made");
    std::os::unix::fs::symlink("app", root.join("shared")).expect("it can be made");
    let server = setup.load("alias").start();
    // What no request has led through is not known.
    assert_eq!(auto(&server), [""; 0]);
    for host in ["one", "two", "off", "other", "readlink"] {
        server.request("GET", "/", &[("Host", host)]);
    }
    server.request("GET", "/shared/none", &[("Host", "other")]);
    let lines = auto(&server);
    let of = |name: &str| {
        let rows = 0..lines.iter().filter(|line| line.contains("]Link: ")).count();
        rows.map(|n| value(&lines, n, name).expect("each has it"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("Server"),
        ["one and 1 more", "other", "other", "readlink"]
    );
    assert_eq!(of("Link"), ["current", "live", "shared", "current"]);
    assert_eq!(
        of("Release"),
        ["releases/42", "./a", "./app", "releases/42"]
    );
    let pages = ["/server-status", "/server-status?auto"].map(|path| server.get(path).text());
    for page in pages {
        assert!(page.contains("one and 1 more"), "{page}");
        assert!(!page.contains(root.to_str().expect("it is text")), "{page}");
    }
    let table = part(&server.get("/server-status"));
    assert_eq!(table.matches("<tr>").count(), 5, "{table}");
    drop(site);
    server.stop();
}

/// No name of a release, link or virtual host can add to the page, in either form.
#[test]
fn names_are_escaped() {
    const EVIL: &str = "<b>4\"2&\nRealdoc[0]Flips: 7\x1b[2J";
    let (setup, site) = setup(Mpm::Event, &WEB.replace("current", "<i>"));
    site.create(EVIL, &[("web/index.html", "evil")]);
    site.flip("<i>", format!("releases/{EVIL}"));
    let server = setup.start();
    assert_eq!(server.get("/index.html").text(), "evil");
    let lines = auto(&server);
    assert_eq!(value(&lines, 0, "Link").as_deref(), Some("<i>"));
    let release = r#"releases/<b>4\"2&\nRealdoc[0]Flips: 7\x1b[2J"#;
    assert_eq!(value(&lines, 0, "Release").as_deref(), Some(release));
    assert_eq!(number(&lines, "Flips"), 0);
    let table = part(&server.get("/server-status"));
    let cells =
        r"<td>&lt;i&gt;</td><td>releases/&lt;b&gt;4\&quot;2&amp;\nRealdoc[0]Flips: 7\x1b[2J</td>";
    assert!(table.contains(cells), "{table}");
    server.stop();
}

/// Where no document root leads through a link the page is as without the module.
#[test]
fn nothing_without_links() {
    let (setup, _) = setup(Mpm::Event, "");
    let server = setup.start();
    for path in ["/server-status", "/server-status?auto"] {
        let page = server.get(path);
        assert_eq!(
            (page.status, page.text().contains("ealdoc")),
            (200, false),
            "{path}"
        );
    }
    server.stop();
}

/// A panic there costs the page the module's part, or leaves the figures as they are.
#[test]
fn a_panic() {
    for (place, rows) in [("status_hook", 0), ("pre_mpm", 1)] {
        let (setup, _) = setup(Mpm::Event, WEB);
        let line = format!("RD01: panic in {place}: asked for by REALDOC_TEST_PANIC");
        let setup = setup
            .module(Module::TestHooks)
            .env("REALDOC_TEST_PANIC", place);
        let server = setup.allow(&line).start();
        assert_eq!(server.get("/index.html").text(), "42");
        let lines = auto(&server);
        assert_eq!(
            lines.iter().filter(|line| line.contains("]Link: ")).count(),
            rows
        );
        assert!(server.log_count(&line) > 0, "{place}");
        server.stop();
    }
}

/// A link's key stays the same when a virtual host is added before it, and tells links of one name
/// apart.
#[test]
fn keys_do_not_depend_on_other_links() {
    let host = |name: &str, dir: &str| {
        format!(
            "<VirtualHost *:{{port}}>\nServerName {name}\nDocumentRoot {{root}}/{dir}\n</VirtualHost>\n"
        )
    };
    let site = host("site", "app/current/web");
    let (setup, _site) = setup(Mpm::Event, &site);
    let other = Releases::at(setup.root().join("other"));
    other.create("42", &[("index.html", "42")]);
    other.deploy("42");
    let server = setup.start();
    let get = |host: &str| server.request("GET", "/", &[("Host", host)]).status;
    assert_eq!(get("site"), 200);
    let lines = auto(&server);
    let before = keys(&lines);
    let is_digits = |key: &str| key.len() == 12 && key.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(matches!(before[..], [key] if is_digits(key)), "{lines:#?}");

    server.reconfigure(&format!(
        "{STATUS}\n{}{site}",
        host("first", "other/current")
    ));
    server.graceful();
    assert_eq!(get("first"), 200);
    let after = auto(&server);
    let after = keys(&after);
    assert_eq!((after.len(), after[1]), (2, before[0]));
    assert_ne!(after[0], after[1]);
    server.stop();
}

/// What tells releases apart is shown, wherever in the path that is; always as text and not as a
/// number.
#[test]
fn releases_are_told_apart() {
    let config = "DocumentRoot {root}/home/public_html";
    let (setup, _site) = setup(Mpm::Event, config);
    let home = setup.root().join("home");
    let code = Releases::at(home.join("code"));
    for release in ["42", "43"] {
        code.create(release, &[("public/index.html", release)]);
    }
    code.deploy("42");
    std::os::unix::fs::symlink("code/current/public", home.join("public_html"))
        .expect("a new link");
    let server = setup.start();
    for release in ["42", "43"] {
        code.deploy(release);
        assert_eq!(server.get("/index.html").text(), release);
        let lines = auto(&server);
        let shown = format!("code/releases/{release}/public");
        assert_eq!(value(&lines, 0, "Release"), Some(shown.clone()));
        let page = server.get("/server-status");
        assert!(part(&page).contains(&format!("<td>public_html</td><td>{shown}</td>")));
    }
    server.stop();
}

/// The same as JSON, at any URL that has the handler.
#[test]
fn as_json() {
    let handler = "<Location /json>\nSetHandler realdoc-status\n</Location>";
    let host = |name: &str, config: &str| {
        format!("<VirtualHost *:{{port}}>\nServerName {name}\n{config}\n</VirtualHost>\n")
    };
    let config = [
        handler.into(),
        host("one", &format!("{WEB}/")),
        host("two", WEB),
        host("gone", "DocumentRoot {root}/gone/web"),
        host("plain", "DocumentRoot {root}/htdocs"),
    ];
    let (setup, site) = setup(Mpm::Event, &config.join("\n"));
    site.flip("../gone", "app/gone");
    let server = setup
        .config("RealdocGrace 0")
        .allow("AH00112")
        .allow("RD12: ")
        .allow("AH00035")
        .allow("AH00037")
        .start();
    let json = || {
        let response = server.get("/json");
        assert_eq!(response.status, 200);
        assert_eq!(response.header("Content-Type"), Some("application/json"));
        response.text()
    };
    let link = |text: &str, name: &str| {
        let start = text.find(&format!("\"link\": \"{name}\""));
        let rest = &text[start.unwrap_or_else(|| panic!("{name} in {text}"))..];
        rest[..rest.find('}').expect("its end")].to_owned()
    };
    let version = env!("CARGO_PKG_VERSION");
    let get = |host: &str| server.request("GET", "/index.html", &[("Host", host)]);
    get("one");
    let text = json();
    let head = format!("{{\"version\": \"{version}\", \"links\": [{{\"key\": \"");
    assert!(text.starts_with(&head) && text.ends_with("}]}\n"), "{text}");
    assert!(text.contains("\"servers\": [\"one\", \"two\"]"), "{text}");
    let current = link(&text, "current");
    assert!(current.contains(
        "\"release\": \"releases/42\", \"previous\": [], \"previous_served\": 0, \"previous_lost\": 0, \
         \"flips\": 0, \"last_flip\": null, "
    ));
    assert!(current.ends_with("\"failures\": 0, \"last_failure\": null, \"last_error\": null"));
    site.deploy("43");
    assert_eq!(get("one").text(), "43");
    get("gone");
    let text = json();
    let current = link(&text, "current");
    assert!(current.contains("\"release\": \"releases/43\", \"previous\": [], "));
    assert!(current.contains("\"flips\": 1, \"last_flip\": 1"));
    let gone = link(&text, "gone");
    assert!(gone.contains("\"release\": null"), "{gone}");
    assert!(
        gone.contains("\"last_error\": \"No such file or directory\""),
        "{gone}"
    );
    server.stop();
}
