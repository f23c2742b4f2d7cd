//! `apachectl -t -D DUMP_REALDOC`: what loading the module changes.

use std::fs;
use std::os::unix::fs::{lchown, symlink};

use testbed::{Builder, Module, Mpm, Releases, Server};

/// A server with `app/current -> releases/42`, and its `web`.
fn setup(config: &str) -> (Builder, Releases) {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .config(config);
    let site = Releases::at(setup.root().join("app"));
    site.create("42", &[("web/index.html", "42")]);
    site.deploy("42");
    (setup, site)
}

/// What the dump says, without the directory's name, and without httpd's own last line.
fn dump(setup: &Builder) -> String {
    let text = setup
        .dump("DUMP_REALDOC")
        .expect("the configuration is good");
    let text = text.replace(setup.root().to_str().expect("it is text"), "ROOT");
    let (dump, rest) = text.split_at(text.find("Syntax OK").expect("httpd says so"));
    assert_eq!(rest, "Syntax OK\n");
    dump.into()
}

/// The part of a dump that is about a server of this name.
fn part<'d>(dump: &'d str, name: &str) -> Vec<&'d str> {
    let is_head = |line: &&str| line.starts_with(&format!("{name} ("));
    let lines = dump.lines().skip_while(|line| !is_head(line)).skip(1);
    lines.take_while(|line| line.starts_with(' ')).collect()
}

/// A virtual host for each of these names and configurations.
fn hosts(hosts: &[(&str, &str)]) -> String {
    let host = |(name, config): &(&str, &str)| {
        format!("<VirtualHost *:{{port}}>\nServerName {name}\n{config}\n</VirtualHost>\n")
    };
    hosts.iter().map(host).collect()
}

const WEB: &str = "DocumentRoot {root}/app/current/web";

/// All that there is to say of virtual hosts, as an administrator reads it.
#[test]
fn what_changes() {
    let by_link = "<Directory {root}/app/current/web>\nSetEnv x y\n</Directory>";
    let by_release = "<Directory {root}/app/releases>\nSetEnv x y\n</Directory>";
    let (setup, _) = setup(&hosts(&[
        ("plain", "DocumentRoot {root}/htdocs"),
        ("off", &format!("{WEB}\nRealdoc Off")),
        ("broken", "DocumentRoot {root}/app/gone/web"),
        ("nothing", WEB),
        ("link", &format!("{WEB}\n{by_link}\n{by_release}")),
        ("target", &format!("{WEB}\n{by_release}")),
        (
            "told",
            &format!("{WEB}\n{by_link}\n{by_release}\nRealdocSections Target"),
        ),
        (
            "further",
            &format!("{WEB}\nRealdocLink {{root}}/shared {{root}}/htdocs"),
        ),
        (
            "readlink",
            &format!("{WEB}\nUseReadlink {{root}}/elsewhere"),
        ),
    ]));
    symlink("app/releases", setup.root().join("shared")).expect("it can be made");
    symlink("none", setup.root().join("app/gone")).expect("it can be made");
    let setup = setup.allow("AH00112");
    let dump = dump(&setup);
    assert!(
        dump.contains("mod_realdoc configuration:\nlocalhost (main server)\n"),
        "{dump}"
    );

    let web = "  DocumentRoot \"ROOT/app/current/web\" -> \"ROOT/app/releases/42/web\"";
    let link = "    link \"ROOT/app/current\" -> \"ROOT/app/releases/42\"";
    let stock =
        |why: &str| format!("  sections as to the link's name, as without mod_realdoc ({why})");
    let neither = stock("RealdocSections Auto: no section is for the link or beside it");
    let expected: [(&str, &[&str]); 9] = [
        (
            "plain",
            &[
                "  DocumentRoot \"ROOT/htdocs\"",
                "    left alone: no symlink on its path",
            ],
        ),
        ("off", &["  left alone: Realdoc Off"]),
        (
            "broken",
            &[
                "  DocumentRoot \"ROOT/app/gone/web\"",
                "    left alone until it resolves: \"ROOT/app/none\": No such file or directory",
            ],
        ),
        ("nothing", &[web, link, &neither]),
        (
            "link",
            &[
                web,
                link,
                &stock("RealdocSections Auto: <Directory \"ROOT/app/current/web/\"> is for it"),
                "    carried over to the release: <Directory \"ROOT/app/current/web/\">",
                "    does not apply, as without mod_realdoc: <Directory \"ROOT/app/releases/\">",
            ],
        ),
        (
            "target",
            &[
                web,
                link,
                "  sections as to the name in the release (RealdocSections Auto: <Directory \"ROOT/app/releases/\"> \
                 is beside the link, and no section is for it)",
                "    applies now: <Directory \"ROOT/app/releases/\">",
            ],
        ),
        (
            "told",
            &[
                web,
                link,
                "  sections as to the name in the release (RealdocSections Target)",
                "    no longer applies: <Directory \"ROOT/app/current/web/\">",
                "    applies now: <Directory \"ROOT/app/releases/\">",
            ],
        ),
        (
            "further",
            &[
                web,
                link,
                "  RealdocLink \"ROOT/shared\" -> \"ROOT/app/releases\"",
                "    link \"ROOT/shared\" -> \"ROOT/app/releases\"",
                "  RealdocLink \"ROOT/htdocs\"",
                "    left alone: no symlink on its path",
                &neither,
            ],
        ),
        (
            "readlink",
            &[
                web,
                "    UseReadlink: only the first symlink, by one step",
                "    UseReadlink \"ROOT/elsewhere\" is ignored: the path does not lie under it",
                link,
                &neither,
            ],
        ),
    ];
    for (name, lines) in expected {
        assert_eq!(part(&dump, name), lines, "{name}");
    }
    let heads = dump
        .lines()
        .skip(2)
        .filter(|line| line.ends_with(')') && !line.starts_with(' '));
    let heads = heads.map(|line| line.split_once(' ').expect("its place follows").0);
    assert!(
        heads.eq(expected.map(|(name, _)| name)),
        "in the order of the text: {dump}"
    );
}

/// File and line are those of `DUMP_VHOSTS`.
#[test]
fn where_a_virtual_host_is_defined() {
    let (setup, _) = setup(&hosts(&[("a", WEB), ("b", WEB)]));
    let ours = setup
        .dump("DUMP_REALDOC")
        .expect("the configuration is good");
    let theirs = setup
        .dump("DUMP_VHOSTS")
        .expect("the configuration is good");
    for name in ["a", "b"] {
        let place = |text: &str, before: &str| {
            let line = text
                .lines()
                .find_map(|line| line.trim_start().strip_prefix(before));
            line.unwrap_or_else(|| panic!("{before} in {text}"))
                .to_owned()
        };
        let stock = place(
            &theirs,
            &format!("port {} namevhost {name} ", port(&theirs)),
        );
        assert_eq!(place(&ours, &format!("{name} ")), stock);
    }
}

/// The port in what `DUMP_VHOSTS` says.
fn port(dump: &str) -> &str {
    let rest = dump.split_once("port ").expect("it names one").1;
    rest.split_once(' ').expect("more follows").0
}

/// Where stock httpd refuses to follow the link, so does the module.
#[test]
fn options_that_do_not_allow_to_follow() {
    let owner_match =
        "<Directory {root}/app>\nOptions -FollowSymLinks +SymLinksIfOwnerMatch\n</Directory>";
    let refused = "<Directory {root}/a*>\nOptions -FollowSymLinks\n</Directory>";
    let (setup, site) = setup(&hosts(&[
        ("followed", WEB),
        ("refused", &format!("{WEB}\n{refused}")),
        (
            "granted",
            &format!(
                "{WEB}\n{refused}\n<Directory {{root}}/app>\nOptions FollowSymLinks\n</Directory>"
            ),
        ),
        ("owner", &format!("{WEB}\n{owner_match}")),
        (
            "target",
            &format!("{WEB}\n{refused}\nRealdocSections Target"),
        ),
    ]));
    let says = |name: &str| {
        let dump = dump(&setup);
        let line = part(&dump, name)
            .into_iter()
            .find(|line| line.contains("Options"));
        line.map(str::to_owned)
    };
    let refused = Some("      refused as without mod_realdoc: Options does not allow it");
    let names = ["followed", "refused", "granted", "owner"];
    assert_eq!(
        names.map(says),
        [None, refused.map(String::from), None, None]
    );
    // By the release's name alone nobody asks for what is above the link.
    let followed = "      followed, and refused without mod_realdoc: Options does not allow it";
    assert_eq!(says("target").as_deref(), Some(followed));
    // Only root can give a link away.
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        lchown(site.current(), Some(1), None).expect("we are root");
        assert_eq!(says("owner").as_deref(), refused);
    }
}

/// Nothing is printed, or logged, that was not asked for.
#[test]
fn only_when_asked_for() {
    let (setup, _) = setup(WEB);
    assert_eq!(setup.configtest().expect("it is good"), "Syntax OK\n");
    let other = setup.dump("DUMP_RUN_CFG").expect("it is good");
    assert!(
        !other.contains("mod_realdoc") && other.contains("ServerRoot:"),
        "{other}"
    );
    let (setup, _) = self::setup(WEB);
    let without = setup
        .module(Module::Off)
        .dump("DUMP_REALDOC")
        .expect("it is good");
    assert_eq!(without, "Syntax OK\n");
}

/// No name of a file can make another line, or speak to the terminal.
#[test]
fn names_are_escaped() {
    const EVIL: &str = "4\n  left alone: \x1b[2J\"2\\";
    let (setup, site) = setup(&hosts(&[("site", WEB)]));
    site.create(EVIL, &[("web/index.html", "evil")]);
    site.deploy(EVIL);
    let dump = dump(&setup);
    assert_eq!(
        part(&dump, "site")[..2],
        [
            r#"  DocumentRoot "ROOT/app/current/web" -> "ROOT/app/releases/4\n  left alone: \x1b[2J\"2\\/web""#,
            r#"    link "ROOT/app/current" -> "ROOT/app/releases/4\n  left alone: \x1b[2J\"2\\""#,
        ]
    );
    site.flip("current", format!("releases/none{EVIL}"));
    let dump = self::dump(&setup);
    let error = r#"    left alone until it resolves: "ROOT/app/releases/none4\n  left alone: \x1b[2J\"2\\": No such file or directory"#;
    assert_eq!(part(&dump, "site")[1], error);
}

/// A panic leaves httpd its own say.
#[test]
fn a_panic() {
    let (setup, _) = setup(WEB);
    let setup = setup
        .module(Module::TestHooks)
        .env("REALDOC_TEST_PANIC", "test_config");
    let said = setup
        .dump("DUMP_REALDOC")
        .expect("the configuration is good");
    let line = "RD01: panic in test_config: asked for by REALDOC_TEST_PANIC";
    assert!(said.contains(line), "{said}");
    assert!(
        said.ends_with("Syntax OK\n") && !said.contains("DocumentRoot"),
        "{said}"
    );
}

/// A virtual host whose document root is made with each request is pinned, too.
#[test]
fn virtual_document_roots() {
    let (setup, _) = setup(&hosts(&[
        ("mass", "VirtualDocumentRoot {root}/%0/current"),
        ("none", "DocumentRoot {root}/htdocs"),
    ]));
    let dump = dump(&setup.load("vhost_alias"));
    let part = part(&dump, "mass");
    assert_eq!(
        part[..2],
        [
            "  VirtualDocumentRoot \"ROOT/%0/current\"",
            "    resolved with each request, and pinned if a symlink is on its path",
        ]
    );
    assert!(
        part.iter()
            .any(|line| line.starts_with("  sections as to ")),
        "{dump}"
    );
    assert!(
        !self::part(&dump, "none").join("").contains("Virtual"),
        "{dump}"
    );
}

/// What the error log warns of is in the dump, too: it is read before the module goes into service.
#[test]
fn warnings() {
    let rule = "<Directory {root}/app/current>\nRewriteEngine On\n\
                RewriteCond %{SCRIPT_FILENAME} /current/web/x\nRewriteRule x - [F]\n</Directory>";
    let (setup, _) = setup(&hosts(&[("site", &format!("{WEB}\n{rule}"))]));
    let dump = dump(&setup.load("rewrite"));
    let line = part(&dump, "site").last().copied().unwrap_or_default();
    assert!(
        line.starts_with("  warning RD26: ROOT/conf/httpd.conf:"),
        "{dump}"
    );
    assert!(
        line.ends_with(": RewriteCond %{SCRIPT_FILENAME} /current/web/x"),
        "{dump}"
    );
}

/// The same for programs.
#[test]
fn as_json() {
    let by_link = "<Directory {root}/app/current/web>\nSetEnv x y\n</Directory>";
    let (setup, _) = setup(&hosts(&[
        ("off", &format!("{WEB}\nRealdoc Off")),
        ("site", &format!("{WEB}\n{by_link}")),
        ("broken", "DocumentRoot {root}/app/gone"),
    ]));
    symlink("none", setup.root().join("app/gone")).expect("it can be made");
    let setup = setup.allow("AH00112");
    let text = setup.dump("DUMP_REALDOC_JSON").expect("it is good");
    let text = text.replace(setup.root().to_str().expect("it is text"), "ROOT");
    // What httpd says itself goes to its error log.
    let (json, rest) = text.split_once('\n').expect("it is one line");
    assert!(rest.ends_with("Syntax OK\n"), "{rest}");
    assert!(json.starts_with("{\"version\": \""), "{json}");
    let expected = [
        "{\"name\": \"localhost\", \"file\": null, \"line\": null, \"realdoc\": true, ",
        "\"realdoc\": false}",
        "\"virtual_root\": null, \"roots\": [{\"directive\": \"DocumentRoot\", \"path\": \"ROOT/app/current/web\", \
         \"resolved\": \"ROOT/app/releases/42/web\", \"error\": null, \"error_at\": null, \"links\": \
         [{\"path\": \"ROOT/app/current\", \"chain\": [\"ROOT/app/releases/42\"], \"followed\": true, \
         \"followed_without_module\": true}]}], \"sections\": {\"name\": \"link\", \"reason\": \"RealdocSections \
         Auto: <Directory \\\"ROOT/app/current/web/\\\"> is for it\", \"applied\": [\"<Directory \
         \\\"ROOT/app/current/web/\\\">\"], \"left_out\": []}, \"warnings\": []}",
        "\"resolved\": null, \"error\": \"No such file or directory\", \"error_at\": \"ROOT/app/none\", \"links\": []}",
    ];
    for part in expected {
        assert!(json.contains(part), "{part}\nin {json}");
    }
}

/// Each symlink on the way from the link to the release is shown.
#[test]
fn symlinks_on_the_way() {
    let (setup, site) = setup(&hosts(&[("home", "DocumentRoot {root}/home/public_html")]));
    let home = setup.root().join("home");
    fs::create_dir(&home).expect("a new directory");
    let target = setup.root().join("app/current/web");
    symlink(target, home.join("public_html")).expect("a new link");
    let dump = dump(&setup);
    let link = "    link \"ROOT/home/public_html\" -> \"ROOT/app/current/web\" -> \"ROOT/app/releases/42/web\"";
    assert!(part(&dump, "home").contains(&link), "{dump}");
    drop(site);
}
