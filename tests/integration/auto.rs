//! `RealdocSections`: by which of a directory's two names the `<Directory>` sections apply.

use testbed::{Builder, Endpoint, Module, Mpm, Releases, Server};

/// Of the link's name, which stock httpd goes by, or of the release's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Link,
    Target,
}

/// Above the releases, and not above the link: what is read for requests that run in a release by
/// its real name.
const ABOVE_RELEASES: &str = "Header always set X-Mode Target";

/// Overrides nothing in the sections to come, and lets the file above be read.
const ROOT_SECTION: &str = "\
Options FollowSymLinks
AllowOverride FileInfo
Require all granted
";

/// Grants nothing and denies nothing: which sections there are is what counts.
const NOTHING: &str = "SetEnv x y";

/// A server with virtual hosts of these names and further configurations, each with the docroot
/// `{root}/app/current/web`.
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

/// What `Auto` chooses for a virtual host by its sections: the link's name if one of them applies
/// to the docroot, or to what is below the link, by that name; else the release's, if one names
/// something beside the link.
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
        (Link, directory("/elsewhere")),
        // Beside the link is what lies in its directory.
        (
            Target,
            directory("/app/currently") + &directory("/elsewhere"),
        ),
        (
            Target,
            directory("/app/releases") + &directory("/app/current2/web"),
        ),
        (Target, directory("/app/releases") + &regex("/app/other/")),
        // Which repositories are hidden says nothing.
        (
            Target,
            directory("/app/releases")
                + "<DirectoryMatch \"/\\.git\">\nRequire all denied\n</DirectoryMatch>\n",
        ),
        (
            Link,
            "<DirectoryMatch \"/\\.git\">\nRequire all denied\n</DirectoryMatch>\n".into(),
        ),
        // Not the docroot's, but below the release.
        (Target, directory("/app/releases/42/web/private")),
    ];
    check_auto(&cases);
}

/// A regex that matches only what is below the docroot counts, too: what it denies there must not
/// be granted.
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

/// A regex that matches only what is below the release does not apply by the link's name, and the
/// start says so.
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

/// The word said last holds, a virtual host's over the server's, both ways; the server's sections
/// count in each virtual host.
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

/// The choice and the section that decided are logged at start, once for virtual hosts that are
/// alike.
#[test]
fn the_start_logs_the_choice() {
    let cases = [
        (
            "",
            "the link's name (RealdocSections Auto: no section is for the link or beside it)",
        ),
        (
            &section("Directory", "/app/current"),
            "the link's name (RealdocSections Auto: <Directory \"{root}/app/current/\"> is for it)",
        ),
        (
            &section("Directory", "/app/releases"),
            "the name in the release (RealdocSections Auto: <Directory \"{root}/app/releases/\"> is beside the \
             link, and no section is for it)",
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
        let choice = choice.replace("{root}", server.root().to_str().expect("it is text"));
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

/// A site whose configuration is that of the whole server; a request for `/part.txt` shows the
/// mode.
fn start_whole(root_section: &str, config: &str, flip_to: Option<&str>) -> (Server, Releases) {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .children(1)
        .log_level("warn realdoc:info")
        .allow("RD06: ")
        .allow("RD07: ");
    let site = site(&setup);
    if let Some(target) = flip_to {
        site.flip("current", target);
    }
    let setup = setup
        .load("headers")
        .root_section(root_section)
        .config(&format!("DocumentRoot {{root}}/app/current/web\n{config}"));
    (setup.start(), site)
}

/// The configurations that the README of Etsy's module and those who use it write, each unchanged.
#[test]
fn configurations_for_the_original() {
    use Mode::{Link, Target};

    let granted = "Require all granted\nAllowOverride FileInfo";
    let grant = |kind: &str, path: &str| {
        let name = kind.split(' ').next().expect("a name before the ~");
        format!("<{kind} \"{path}\">\nRequire all granted\n</{name}>\n")
    };
    let releases = grant("Directory ~", "{root}/app/releases/\\d{2}");
    let closed = "Options None\nAllowOverride FileInfo\nRequire all denied";
    let follow = "Options FollowSymLinks\nAllowOverride FileInfo\nRequire all denied";
    let git = "<DirectoryMatch \"/\\.git\">\nRequire all denied\n</DirectoryMatch>\n";
    // Debian's: for all that lies above the link, so for the link too.
    let debian = grant("Directory", "{root}/");
    let cases = [
        // As the README says, with the <Directory "/"> that its users have.
        (closed, releases.clone(), Target),
        (follow, releases.clone(), Target),
        (closed, releases.clone() + git, Target),
        (closed, git.to_owned() + &releases, Target),
        (
            closed,
            grant("DirectoryMatch", "^{root}/app/releases/[0-9]+/web"),
            Target,
        ),
        (closed, grant("Directory", "{root}/app/releases"), Target),
        // The old form of the README, before it went over to Require.
        (follow, debian + &releases, Link),
        (granted, git.to_owned(), Link),
    ];
    for (root_section, config, expected) in cases {
        let (server, _) = start_whole(root_section, &config, None);
        let response = server.get("/part.txt");
        assert_eq!(response.status, 200, "{root_section}\n{config}");
        let by_release = response.header("X-Mode").is_some();
        assert_eq!(by_release, expected == Target, "{root_section}\n{config}");
        server.stop();
    }
}

/// Releases that do not lie beside the link are not looked for: the link would have to be followed.
/// The first request says what to write.
#[test]
fn releases_elsewhere_need_a_word() {
    let closed = "Options FollowSymLinks\nRequire all denied";
    let elsewhere =
        "<Directory ~ \"{root}/data/releases/\\d{2}\">\nRequire all granted\n</Directory>\n";
    let expected = [("", 403, 1), ("RealdocSections Target\n", 200, 0)];
    for (word, status, warnings) in expected {
        let setup = Server::builder(Mpm::Event)
            .module(Module::On)
            .children(2)
            .allow("RD06: ")
            .allow("RD07: ")
            .allow("AH01630: client denied");
        let site = site(&setup);
        let data = Releases::at(setup.root().join("data"));
        data.create("42", &[("web/part.txt", "42")]);
        site.flip("current", "../data/releases/42");
        let config = format!("DocumentRoot {{root}}/app/current/web\n{word}{elsewhere}");
        let server = setup.root_section(closed).config(&config).start();
        for _ in 0..4 {
            assert_eq!(server.get("/part.txt").status, status, "{word}");
        }
        let line = "If those sections are to apply, write RealdocSections Target";
        assert_eq!(server.log_count(line), warnings, "{}", server.error_log());
        assert_eq!(server.log_count("RD06: "), warnings);
        server.stop();
    }
}

/// Whoever may write the link cannot choose the mode by where it points while httpd is reloaded.
#[test]
fn the_link_does_not_choose() {
    let config = "<Directory {root}/other>\nSetEnv x y\n</Directory>";
    let (server, site) = start_whole(ROOT_SECTION, config, None);
    let is_target = |server: &Server| server.get("/part.txt").header("X-Mode").is_some();
    assert!(!is_target(&server));
    let other = Releases::at(server.root().join("other"));
    other.create("42", &[("web/part.txt", "42")]);
    site.flip("current", "../other/releases/42");
    server.graceful();
    site.deploy("42");
    assert!(!is_target(&server));
    server.stop();
}

/// Where `Auto` has chosen the release's name, `SymLinksIfOwnerMatch` by the link's name stays in
/// force, as without the module. `Options None`, which the README of the original told to write,
/// goes on to follow the link.
#[test]
fn owners_must_match_where_auto_chose_the_release() {
    let is_root = std::fs::metadata("/proc/self")
        .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        println!("skipped: only root can give a link away");
        return;
    }
    let owner_match = "Options SymLinksIfOwnerMatch\nRequire all granted";
    let releases = "<Directory {root}/app/releases>\nSetEnv x y\n</Directory>\n";
    let expected = [
        (owner_match, "", 403),
        (owner_match, "RealdocSections Target\n", 200),
        ("Options None\nRequire all granted", "", 200),
        ("Options FollowSymLinks\nRequire all granted", "", 200),
    ];
    let with_htaccess = |section: &str| format!("{section}\nAllowOverride FileInfo");
    for (root_section, word, status) in expected {
        let (server, site) = start_whole(
            &with_htaccess(root_section),
            &format!("{word}{releases}"),
            None,
        );
        assert_eq!(server.get("/part.txt").text(), "42", "{root_section}");
        std::os::unix::fs::lchown(site.current(), Some(1), None).expect("we are root");
        server.allow("RD20: symbolic link not allowed");
        server.restart();
        assert_eq!(
            server.get("/part.txt").status,
            status,
            "{root_section} {word}"
        );
        let line = format!(
            "RD20: symbolic link not allowed: {}",
            site.current().display()
        );
        assert_eq!(server.log_count(&line), usize::from(status == 403));
        server.stop();
    }
}
