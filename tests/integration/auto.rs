//! `RealdocSections`: by which of a directory's two names the `<Directory>` sections apply.

use testbed::{Builder, Endpoint, Module, Mpm, Releases, Server};

/// Of the link's name, which stock httpd goes by, or of the release's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Link,
    Target,
}

/// Above the releases, and not above the link: what is read for requests that run in a release by its real name.
const ABOVE_RELEASES: &str = "Header always set X-Mode Target";

/// Overrides nothing in the sections to come, and lets the file above be read.
const ROOT_SECTION: &str = "\
Options FollowSymLinks
AllowOverride FileInfo
Require all granted
";

/// Grants nothing and denies nothing: which sections there are is what counts.
const NOTHING: &str = "SetEnv x y";

/// A server with virtual hosts of these names and further configurations, each with the docroot `{root}/app/current/web`.
fn start(log_level: &str, config: &str, hosts: &[(String, String)]) -> (Server, Releases) {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .children(1)
        .log_level(log_level)
        // The sections of the other name.
        .allow("RD06: ");
    let site = site(&setup);
    let setup = setup
        .load("headers")
        .root_section(ROOT_SECTION)
        .config(config);
    let setup = hosts.iter().fold(setup, |setup, (name, config)| {
        setup.config(&format!(
            "<VirtualHost *:{{port}}>\nServerName {name}\nDocumentRoot {{root}}/app/current/web\n\
             {config}\n</VirtualHost>"
        ))
    });
    (setup.start(), site)
}

fn site(setup: &Builder) -> Releases {
    let site = Releases::at(setup.root().join("app"));
    for release in ["42", "43"] {
        site.create(
            release,
            &[("web/part.txt", release), ("web/private/part.txt", release)],
        );
    }
    site.create("", &[(".htaccess", ABOVE_RELEASES)]);
    site.deploy("42");
    site
}

/// The mode in which a virtual host's request ran.
fn mode(endpoint: Endpoint, host: &str) -> Mode {
    let response = endpoint.request("GET", "/part.txt", &[("Host", host)]);
    assert_eq!(
        (response.status, response.text()),
        (200, "42".into()),
        "{host}"
    );
    match response.header("X-Mode") {
        None => Mode::Link,
        Some(value) => {
            assert_eq!(value, "Target");
            Mode::Target
        }
    }
}

/// A section of this kind for what is below the server's directory.
fn section(kind: &str, path: &str) -> String {
    let name = kind.split(' ').next().expect("a name before the ~");
    format!("<{kind} \"{{root}}{path}\">\n{NOTHING}\n</{name}>\n")
}

/// What `Auto` chooses for a virtual host by its sections: for the link's name if one of them applies to the docroot, or to
/// what is below it, by that name; else for the release's, if one applies by that.
#[test]
fn auto_goes_by_the_sections() {
    use Mode::{Link, Target};

    let directory = |path| section("Directory", path);
    let regex = |path| section("DirectoryMatch", path);
    let old_regex = |path| section("Directory ~", path);
    let cases = [
        (Link, String::new()),
        (Link, directory("/app/current/web")),
        (Link, directory("/app/current/web/")),
        (Link, directory("/app/current")),
        (Link, directory("/app/cur*")),
        (Link, regex("/app/[^/]+/web$")),
        (Link, old_regex("/app/current/")),
        // By both names, then by the link's, too.
        (Link, directory("")),
        (Link, directory("/app")),
        (Link, directory("/*")),
        (Link, regex("/app")),
        (Link, old_regex("/.*/web$")),
        // As the README of the original says.
        (Target, directory("/app/releases")),
        (Target, directory("/app/releases/42")),
        (Target, directory("/app/releases/42/web")),
        (Target, directory("/app/releases/*/web")),
        (Target, directory("/app/r*/??")),
        (Target, regex("/app/releases/[^/]+/web$")),
        (Target, old_regex("/app/releases/.*")),
        (
            Target,
            format!(
                "<IfModule mod_realdoc.c>\n{}</IfModule>",
                directory("/app/releases")
            ),
        ),
        (
            Link,
            format!(
                "<IfModule !mod_realdoc.c>\n{}</IfModule>",
                directory("/app/releases")
            ),
        ),
        // Sections for both.
        (
            Link,
            directory("/app/releases") + &directory("/app/current/web"),
        ),
        (Link, directory("/app/releases") + &directory("/app")),
        (
            Link,
            directory("/app/releases") + &regex("/app/current/web"),
        ),
        // What is denied there must not be granted.
        (
            Link,
            directory("/app/releases") + &directory("/app/current/web/private"),
        ),
        (
            Link,
            directory("/app/releases") + &directory("/app/current/*/private"),
        ),
        (
            Link,
            directory("/app/releases") + &directory("/app/c*/web/private"),
        ),
        // For neither.
        (Link, directory("/app/currently") + &directory("/elsewhere")),
        (
            Target,
            directory("/app/releases") + &directory("/app/current2/web"),
        ),
        (Target, directory("/app/releases") + &regex("/app/other/")),
        // Not the docroot's, but below the release.
        (Target, directory("/app/releases/42/web/private")),
    ];
    check_auto(&cases);
}

/// A regex that matches only what is below the docroot counts, too: what it denies there must not be granted.
#[test]
fn auto_sees_a_regex_below_the_docroot() {
    let by_release = section("Directory", "/app/releases");
    let cases = [
        ("DirectoryMatch", "/app/current/web/private"),
        ("DirectoryMatch", "/app/[^/]+/web/private$"),
        ("Directory ~", "/app/c.*/private/"),
    ]
    .map(|(kind, regex)| (Mode::Link, by_release.clone() + &section(kind, regex)));
    check_auto(&cases);
    let below_release = section("DirectoryMatch", "/app/releases/[0-9]+/web/private");
    check_auto(&[(Mode::Target, below_release)]);
}

/// A regex that matches only what is below the release does not apply by the link's name, and the start says so.
#[test]
fn the_start_tells_of_a_regex_below_the_release() {
    let regex = "/app/releases/[0-9]+/web/private";
    let sections = section("Directory", "/app") + &section("DirectoryMatch", regex);
    let (server, _) = start("warn", &sections, &[("host".into(), String::new())]);
    assert_eq!(mode(server.on(1), "host"), Mode::Link);
    let line = format!(
        "RD06: <DirectoryMatch \"{}{regex}\">",
        server.root().display()
    );
    assert_eq!(server.log_count(&line), 1, "{}", server.error_log());
    server.stop();
}

/// Each of these sections makes a virtual host run in this mode.
fn check_auto(cases: &[(Mode, String)]) {
    let hosts: Vec<(String, String)> = cases
        .iter()
        .enumerate()
        .map(|(n, (_, sections))| (format!("host{n}"), sections.clone()))
        .collect();
    let (server, _) = start("warn", "", &hosts);
    for ((expected, sections), (host, _)) in cases.iter().zip(&hosts) {
        assert_eq!(mode(server.on(1), host), *expected, "{sections}");
    }
}

/// The word said last holds, a virtual host's over the server's, both ways; the server's sections count in each virtual
/// host.
#[test]
fn a_word_overrides_the_choice() {
    use Mode::{Link, Target};

    let by_release = section("Directory", "/app/releases");
    let by_link = section("Directory", "/app/current");
    let check = |config: &str, cases: &[(Mode, &str, &str)]| {
        let hosts: Vec<(String, String)> = cases
            .iter()
            .enumerate()
            .map(|(n, (_, word, sections))| (format!("host{n}"), format!("{word}\n{sections}")))
            .collect();
        let (server, _) = start("warn", config, &hosts);
        for ((expected, word, sections), (host, _)) in cases.iter().zip(&hosts) {
            assert_eq!(
                mode(server.on(1), host),
                *expected,
                "{config}\n{word}\n{sections}"
            );
        }
    };
    check(
        "RealdocSections Target",
        &[
            (Target, "", ""),
            (Target, "", &by_link),
            (Link, "RealdocSections Link", &by_release),
            (Link, "RealdocSections Auto", &by_link),
            (Target, "RealdocSections Auto", &by_release),
            (Link, "Realdoc Off", &by_release),
        ],
    );
    check(
        "RealdocSections Link",
        &[
            (Link, "", &by_release),
            (Target, "realdocsections TARGET", &by_link),
            (Target, "RealdocSections auto", &by_release),
            (Target, "RealdocSections Link\nRealdocSections Target", ""),
        ],
    );
    check(
        &by_release,
        &[
            (Target, "", ""),
            (Link, "", &by_link),
            (Target, "RealdocSections Target", &by_link),
        ],
    );
}

/// What is in force, by what stock httpd answers by the one name and by the other.
#[test]
fn each_mode_has_the_sections_of_its_name() {
    let deny =
        |path: &str| format!("<Directory {{root}}{path}>\nRequire all denied\n</Directory>\n");
    let by_link = deny("/app/current/web/private");
    let by_target = deny("/app/releases/42/web/private");
    let hosts: Vec<(String, String)> = ["Link", "Target"]
        .into_iter()
        .flat_map(|word| {
            [("by-link", &by_link), ("by-target", &by_target)].map(|(name, sections)| {
                let config = format!("RealdocSections {word}\n{sections}");
                (format!("{word}-{name}").to_lowercase(), config)
            })
        })
        .collect();
    let (server, _) = start("warn", "", &hosts);
    server.allow("AH01630: client denied");
    let status = |host: &str| {
        let headers = [("Host", host)];
        server.request("GET", "/private/part.txt", &headers).status
    };
    assert_eq!(status("link-by-link"), 403);
    assert_eq!(status("link-by-target"), 200);
    assert_eq!(status("target-by-link"), 200);
    assert_eq!(status("target-by-target"), 403);
}

/// The choice and its reason are told at the start, once for virtual hosts that are alike.
#[test]
fn the_start_tells_the_choice() {
    let cases = [
        (
            "",
            "the link's name (RealdocSections Auto: there are no sections for either)",
        ),
        (
            &section("Directory", "/app/current"),
            "the link's name (RealdocSections Auto: there are sections for it)",
        ),
        (
            &section("Directory", "/app/releases"),
            "the name in the release (RealdocSections Auto: there are sections for it, and none for the link's)",
        ),
        (
            "RealdocSections Link",
            "the link's name (RealdocSections Link)",
        ),
        (
            "RealdocSections Target",
            "the name in the release (RealdocSections Target)",
        ),
    ];
    for (config, choice) in cases {
        let hosts = ["one", "two"].map(|name| (name.to_owned(), config.to_owned()));
        let (server, site) = start("warn realdoc:info", "", &hosts);
        let docroot = site.current().join("web");
        let line = format!(
            "RD07: for DocumentRoot {}, sections apply as to {choice}",
            docroot.display()
        );
        assert_eq!(server.log_count(&line), 1, "{}", server.error_log());
        assert_eq!(server.log_count("RD07: "), 1, "{}", server.error_log());
        assert!(server.log_lines(&line)[0].contains("[realdoc:info]"));
        server.stop();
    }
}
