//! The error log: its tags, how much is written, and that names of files cannot forge lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, thread};

use testbed::{Module, Mpm, Releases, Server};

each_mpm!(a_broken_link_is_no_flood);
/// Thousands of requests for a broken link, as fast as they go: one line from each process, at
/// once.
fn a_broken_link_is_no_flood(mpm: Mpm) {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 250;

    let setup = Server::builder(mpm)
        .module(Module::On)
        .log_level("warn")
        .config("DocumentRoot {root}/app/current/web");
    let site = Releases::at(setup.root().join("app"));
    site.create("42", &[("web/index.html", "42")]);
    site.deploy("42");
    // httpd itself tells of each request.
    let setup = setup.allow("RD12:").allow("AH00037:");
    let server = setup.start();
    assert_eq!(server.get("/index.html").text(), "42");
    // It dangles: a process that has not seen the link before cannot tell a missing one from a
    // directory.
    site.deploy("none");
    let endpoint = server.on(1);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(move || {
                let mut client = endpoint.client();
                for _ in 0..REQUESTS {
                    client.get("/none").expect("the server answers");
                }
            });
        }
    });
    let lines = server.log_lines("RD12:");
    let processes: BTreeSet<&str> = lines
        .iter()
        .map(|line| line.split_once("[pid ").expect("each has it").1)
        .map(|rest| rest.split_once(':').expect("and its thread").0)
        .collect();
    assert!(!lines.is_empty());
    assert_eq!(lines.len(), processes.len(), "{lines:#?}");
    server.stop();
}

/// Line feeds, escape sequences and quotes in the name of a release: one line each, at any level.
/// (That no line of another format is in the log is checked when the server stops.)
#[test]
fn names_cannot_forge_lines() {
    const EVIL: &str = "4\n[Sat Nov 21 08:00:00 2026] [realdoc:error] RD12: forged\r\x1b[2J\"\\";
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .children(1)
        .config("DocumentRoot {root}/app/current/web\nRealdocGrace 0");
    let site = Releases::at(setup.root().join("app"));
    for release in ["42", EVIL] {
        site.create(release, &[("web/index.html", "found")]);
    }
    site.deploy(EVIL);
    let server = setup
        .log_level("warn realdoc:debug")
        .allow("RD12:")
        .allow("AH00037:")
        .start();
    let get = || server.get("/index.html");
    assert_eq!(get().text(), "found");
    site.deploy("42");
    assert_eq!(get().text(), "found");
    site.deploy(&format!("none{EVIL}"));
    assert_ne!(get().status, 200);
    site.deploy(EVIL);
    assert_eq!(get().text(), "found");

    let name = r#"4\n[Sat Nov 21 08:00:00 2026] [realdoc:error] RD12: forged\r\x1b[2J"\\"#;
    for tag in ["RD04:", "RD10:", "RD11:", "RD12:", "RD13:"] {
        let lines = server.log_lines(tag);
        assert!(
            lines.iter().any(|line| line.contains(name)),
            "{tag} {lines:#?}"
        );
        assert!(!server.error_log().contains('\x1b'));
    }
    server.stop();
}

/// Each message of the module has a tag of its own, and the documentation lists it with its level.
#[test]
fn all_tags_are_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_to_string(root.join("docs/mod_realdoc.md")).expect("it is there");
    let mut documented = BTreeSet::new();
    let mut last = "";
    for line in docs.lines() {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (Some(tag), Some(level)) = (cells.next(), cells.next()) else {
            last = "";
            continue;
        };
        // A further level of the tag above.
        let tag = if tag.is_empty() { last } else { tag };
        if tag.starts_with("RD") {
            documented.insert((tag.to_owned(), level.to_owned()));
        }
        last = tag;
    }

    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut written = BTreeSet::new();
    let mut dirs = vec![root.join("src")];
    while let Some(dir) = dirs.pop() {
        for file in fs::read_dir(dir).expect("it is there") {
            let file = file.expect("it can be read").path();
            if file.is_dir() {
                dirs.push(file);
                continue;
            }
            if file.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&file).expect("it can be read");
            let text = text.replace("log_once!(", "log!(");
            for call in text.split("log!(").skip(1) {
                let Some((before, after)) = call.split_once("\"RD") else {
                    continue;
                };
                let level = before
                    .trim_end()
                    .trim_end_matches(',')
                    .rsplit(char::is_whitespace);
                let level = level.map(str::to_lowercase).next().expect("there is one");
                let tag = format!("RD{}", &after[..2]);
                files
                    .entry(tag.clone())
                    .or_default()
                    .insert(file.display().to_string());
                written.insert((tag, level));
            }
        }
    }
    assert_eq!(written, documented);
    for (tag, files) in files {
        assert_eq!(files.len(), 1, "{tag} is used in {files:?}");
    }
}
