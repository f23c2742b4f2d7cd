//! More links than one: on the docroot's path, and those that `RealdocLink` names.

use std::os::unix::fs::symlink;
use std::path::Path;

use testbed::{Builder, Module, Mpm, Releases, Server};

use crate::common::{ENV, Gate, variable};

const ROOT_SECTION: &str = "\
Options FollowSymLinks Includes ExecCGI
AllowOverride None
Require all granted
";

fn prints(what: &str) -> String {
    format!("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; {what}\n")
}

/// What `page.shtml` of release 42 says of three places: the docroot; its `assets`, a link in each
/// release; and `/media`, an Alias to a link elsewhere. While it waits at the gate all three links
/// are flipped, from 42, 1 and A.
fn places(module: Module, links: &str) -> [String; 3] {
    const URLS: [&str; 3] = ["/part.txt", "/assets/part.txt", "/media/part.txt"];

    let setup = Server::builder(Mpm::Event).module(module).children(1).cgi();
    let gate = Gate::at(setup.root());
    let (app, media) = sites(&setup, &URLS, &gate);
    let server = setup
        .load("alias")
        .load("include")
        .root_section(ROOT_SECTION)
        .config("DocumentRoot {root}/app/current/web\nAlias /media {root}/media/current")
        .config("AddOutputFilter INCLUDES .shtml")
        .config(links)
        .start();
    let endpoint = server.on(1);
    let answer = gate.hold(
        move || endpoint.get("/page.shtml").text(),
        || {
            app.flip("releases/42/web/assets", "../../../../assets/releases/2");
            app.deploy("43");
            media.deploy("B");
            let texts = URLS.map(|url| endpoint.get(url).text());
            assert_eq!(texts, ["43", "3", "B"], "{links}");
        },
    );
    let mut lines = answer.lines().map(str::to_owned);
    assert_eq!(lines.next().as_deref(), Some("A 42"), "{answer}");
    let places = std::array::from_fn(|_| lines.next().expect("a line for each"));
    server.stop();
    places
}

fn sites(setup: &Builder, urls: &[&str], gate: &Gate) -> (Releases, Releases) {
    let app = Releases::at(setup.root().join("app"));
    let includes: String = urls
        .iter()
        .map(|url| format!("<!--#include virtual=\"{url}\" -->\n"))
        .collect();
    // A link is pinned when the first name leads through it.
    let media = "<!--#include virtual=\"/media/part.txt\" -->";
    let page = format!("{media} <!--#include virtual=\"/gate.cgi\" -->\n{includes}");
    for (release, assets) in [("42", "1"), ("43", "3")] {
        let gate = prints(&format!("{}; printf {release}", gate.command()));
        let files = [
            ("web/page.shtml", page.as_str()),
            ("web/gate.cgi", &gate),
            ("web/part.txt", release),
        ];
        app.create(release, &files);
        app.flip(
            &format!("releases/{release}/web/assets"),
            format!("../../../../assets/releases/{assets}"),
        );
    }
    app.deploy("42");
    let assets = Releases::at(setup.root().join("assets"));
    for name in ["1", "2", "3"] {
        assets.create(name, &[("part.txt", name), ("env.cgi", ENV)]);
    }
    let media = Releases::at(setup.root().join("media"));
    for name in ["A", "B"] {
        media.create(name, &[("part.txt", name)]);
    }
    media.deploy("A");
    media.flip("current2", "releases/A");
    (app, media)
}

/// `RealdocLink` pins what it names, and no more, for as long as the request lasts: a link below
/// the docroot, which is under the docroot's link as well, and one in another tree.
#[test]
fn named_links_are_pinned() {
    const ASSETS: &str = "{root}/app/current/web/assets";
    const MEDIA: &str = "{root}/media/current";

    assert_eq!(places(Module::Off, ""), ["43", "3", "B"], "the control");
    assert_eq!(places(Module::On, ""), ["42", "2", "B"]);
    for (links, places_expected) in [
        (ASSETS.to_owned(), ["42", "1", "B"]),
        (MEDIA.to_owned(), ["42", "2", "A"]),
        (format!("{ASSETS} {MEDIA}"), ["42", "1", "A"]),
        (format!("{MEDIA}/ {ASSETS}/"), ["42", "1", "A"]),
        // A name that has much in common with the link's.
        (format!("{MEDIA}2"), ["42", "2", "B"]),
        // One that is not there disturbs neither the docroot nor the others.
        (format!("{{root}}/nowhere/link {MEDIA}"), ["42", "2", "A"]),
    ] {
        let config = format!("RealdocLink {links}");
        assert_eq!(places(Module::On, &config), places_expected, "{config}");
    }
}

/// A virtual host's links go over the server's; `None` takes them all back.
#[test]
fn a_virtual_host_overrides_the_links() {
    const SERVER: &str = "RealdocLink {root}/media/current {root}/app/current/web/assets\n";
    let host = |links: &str| {
        let host = format!("<VirtualHost *:{{port}}>\n{links}\n</VirtualHost>");
        places(Module::On, &format!("{SERVER}{host}"))
    };
    assert_eq!(host(""), ["42", "1", "A"]);
    assert_eq!(host("RealdocGrace 5"), ["42", "1", "A"]);
    assert_eq!(host("RealdocLink None"), ["42", "2", "B"]);
    assert_eq!(host("RealdocLink {root}/media/current"), ["42", "2", "A"]);
    let both = "RealdocLink {root}/media/current\nRealdocLink {root}/app/current/web/assets";
    assert_eq!(host(both), ["42", "1", "A"]);
    let none_at_last = "RealdocLink {root}/media/current\nRealdocLink None";
    assert_eq!(host(none_at_last), ["42", "2", "B"]);
}

/// A script behind two links, the docroot's and one that is named, sees where both lead.
#[test]
fn a_script_behind_two_links_sees_where_they_lead() {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .children(1)
        .cgi();
    let gate = Gate::at(setup.root());
    let (app, _) = sites(&setup, &[], &gate);
    let server = setup
        .root_section(ROOT_SECTION)
        .config("DocumentRoot {root}/app/current/web")
        .config("RealdocLink {root}/app/current/web/assets")
        .start();
    for (release, assets) in [("42", "1"), ("43", "3")] {
        app.deploy(release);
        let response = server.get("/assets/env.cgi");
        let path = |name| Path::new(variable(&response, name));
        let web = app.release(release).join("web");
        assert_eq!(path("DOCUMENT_ROOT"), web);
        assert_eq!(path("CONTEXT_DOCUMENT_ROOT"), web);
        assert_eq!(
            path("SCRIPT_FILENAME"),
            server
                .root()
                .join("assets/releases")
                .join(assets)
                .join("env.cgi")
        );
    }
}

/// `/var` on another disk, `current`, and `web -> public` in the release: whichever is flipped, the
/// request stays where it began, also with what lies under the first of them but not under the
/// others.
#[test]
fn each_link_on_the_docroots_path_is_pinned() {
    const URLS: [&str; 3] = ["/part.txt", "/env.cgi", "/shared/part.txt"];
    // What to flip, from where, to where; and what others then get.
    const FLIPS: [(&str, [&str; 2], &str); 3] = [
        ("var", ["disk1", "disk2"], "disk2 42 public"),
        (
            "disk1/app/current",
            ["releases/42", "releases/43"],
            "disk1 43 public",
        ),
        (
            "disk1/app/releases/42/web",
            ["public", "private"],
            "disk1 42 private",
        ),
    ];

    let answers = |module| {
        let setup = Server::builder(Mpm::Event).module(module).children(2).cgi();
        let gate = Gate::at(setup.root());
        let root = Releases::at(setup.root());
        for disk in ["disk1", "disk2"] {
            three_links(&setup, disk, &URLS, &gate);
        }
        root.flip("var", "disk1");
        let server = setup
            .load("alias")
            .load("include")
            .root_section(ROOT_SECTION)
            .config(
                "DocumentRoot {root}/var/app/current/web\nAlias /shared {root}/var/releases/shared",
            )
            .config("AddOutputFilter INCLUDES .shtml")
            .start();
        let endpoint = server.on(1);
        FLIPS.map(|(link, [from, to], others)| {
            let answer = gate.hold(
                move || endpoint.get("/page.shtml").text(),
                || {
                    root.flip(link, to);
                    assert_eq!(endpoint.get("/part.txt").text(), others);
                },
            );
            root.flip(link, from);
            answer.replace(&server.root().display().to_string(), "{root}")
        })
    };
    // The control.
    let by_name = "{root}/var/app/current/web";
    let follows = [
        ("disk2 42 public", "disk2 shared"),
        ("disk1 43 public", "disk1 shared"),
        ("disk1 42 private", "disk1 shared"),
    ];
    assert_eq!(
        answers(Module::Off),
        follows.map(|(part, shared)| format!("gate\n{part}\n{by_name}\n{shared}\n"))
    );
    let stays = "gate\ndisk1 42 public\n{root}/disk1/app/releases/42/public\ndisk1 shared\n";
    assert_eq!(answers(Module::On), [stays; 3]);
}

/// A link in a release that the next one lacks. It is broken, the link above it is not: requests
/// that ask for both are in the new release, also when they look again for a file.
#[test]
fn a_link_that_a_new_release_lacks_holds_back_no_other() {
    let assets = "{root}/app/current/assets";
    let below_link = format!("DocumentRoot {{root}}/app/current\nRealdocLink {assets}");
    let above_link =
        format!("DocumentRoot {{root}}/app\nRealdocLink {assets} {{root}}/app/current");
    for (config, url) in [(below_link, ""), (above_link, "/current")] {
        let setup = Server::builder(Mpm::Event).module(Module::On).children(1);
        let app = Releases::at(setup.root().join("app"));
        let files = [("part.txt", "42"), ("old.txt", "42"), ("1/a.txt", "1")];
        app.create("42", &files);
        app.create("43", &[("part.txt", "43")]);
        app.flip("releases/42/assets", "1");
        app.deploy("42");
        let server = setup
            .root_section(ROOT_SECTION)
            .config(&config)
            .allow("/app/current/assets")
            .start();
        let get = |file: &str| server.get(&format!("{url}/{file}"));
        assert_eq!(get("assets/a.txt").text(), "1", "{config}");

        app.deploy("43");
        assert_eq!(get("part.txt").text(), "43", "{config}");
        for file in ["old.txt", "new.txt"] {
            assert_eq!(get(file).status, 404, "{config}: {file}");
        }
        server.stop();
    }
}

/// A disk with a site whose releases have a link `web -> public`, and a directory beside it.
fn three_links(setup: &Builder, disk: &str, urls: &[&str], gate: &Gate) {
    let site = Releases::at(setup.root().join(disk).join("app"));
    let includes: String = urls
        .iter()
        .map(|url| format!("<!--#include virtual=\"{url}\" -->\n"))
        .collect();
    let page = format!("<!--#include virtual=\"/gate.cgi\" -->\n{includes}");
    let gate = prints(&format!("{}; printf gate", gate.command()));
    let docroot = prints("printf %s \"$DOCUMENT_ROOT\"");
    for release in ["42", "43"] {
        for dir in ["public", "private"] {
            let file = |name: &str| format!("{dir}/{name}");
            let part = format!("{disk} {release} {dir}");
            site.create(
                release,
                &[
                    (&file("page.shtml"), &page),
                    (&file("gate.cgi"), &gate),
                    (&file("part.txt"), &part),
                    (&file("env.cgi"), &docroot),
                ],
            );
        }
        symlink("public", site.release(release).join("web")).unwrap();
    }
    site.deploy("42");
    let beside = Releases::at(setup.root().join(disk));
    beside.create("shared", &[("part.txt", &format!("{disk} shared"))]);
}

each_mpm!(a_file_behind_a_link_asks_for_others_by_its_roots);
/// By `%{DOCUMENT_ROOT}` and `%{CONTEXT_DOCUMENT_ROOT}` it asks for what lies behind the links to
/// these: there the sections of the links' names apply.
fn a_file_behind_a_link_asks_for_others_by_its_roots(mpm: Mpm) {
    const SITES: [(&str, &str, &str); 2] = [
        ("app", "DOCUMENT_ROOT", "/media/part.txt"),
        ("other", "CONTEXT_DOCUMENT_ROOT", "/other/media/part.txt"),
    ];
    for module in [Module::Off, Module::On] {
        let mut setup = Server::builder(mpm)
            .module(module)
            .load("alias")
            // What is asked for is refused.
            .allow("AH01630: ")
            .root_section(ROOT_SECTION)
            .config("DocumentRoot {root}/app/current\nAlias /other {root}/other/current");
        for (dir, root, _) in SITES {
            let link = format!("{{root}}/{dir}/current");
            setup = setup.config(&format!(
                "<Directory {link}/locked>\nRequire all denied\n</Directory>\n\
                 <Directory {link}/media>\n\
                 <If \"%{{IS_SUBREQ}} == 'false' && -F '%{{{root}}}/locked/part.txt'\">\n\
                 Require all denied\n</If>\n</Directory>"
            ));
            if module == Module::On {
                setup = setup.config(&format!("RealdocLink {link} {link}/media"));
            }
            let site = Releases::at(setup.root().join(dir));
            let files = [("shared/part.txt", "part"), ("locked/part.txt", "")];
            site.create("42", &files);
            site.flip("releases/42/media", "shared");
            site.deploy("42");
        }
        let server = setup.start();
        for (_, root, url) in SITES {
            assert_eq!(server.get(url).text(), "part", "{module:?}, {root}");
        }
        server.stop();
    }
}
