//! Which symlinks on a docroot's path are replaced, and by what: with UseReadlink, and without.

use std::fs;

use testbed::{Builder, LIMIT, Module, Mpm, Releases, Response, Server, wait_until};

use crate::common::{ENV, variable};

/// The files of every release, here also of every other directory that is a docroot.
const FILES: [(&str, &str); 3] = [
    ("env.cgi", ENV),
    ("web/env.cgi", ENV),
    ("public/env.cgi", ENV),
];

/// A server to be, and the folder `{root}/app` with releases `12` and `13`.
fn prepare(mpm: Mpm, module: Module) -> (Builder, Releases) {
    let setup = Server::builder(mpm).module(module).children(1).cgi();
    let setup = setup.root_section("Options FollowSymLinks ExecCGI\nRequire all granted");
    let setup = setup.allow("RD15:");
    let app = Releases::at(setup.root().join("app"));
    for release in ["12", "13"] {
        app.create(release, &FILES);
    }
    (setup, app)
}

/// A virtual host; `docroot` is below `{root}/app`. Without the module `directive` is skipped.
fn host(name: &str, docroot: &str, directive: &str) -> String {
    format!(
        "<VirtualHost *:{{port}}>\nServerName {name}\nDocumentRoot \"{{root}}/app/{docroot}\"\n\
         <IfModule realdoc_module>\n{directive}\n</IfModule>\n</VirtualHost>"
    )
}

fn ask(server: &Server, host: &str) -> Response {
    server.request("GET", "/env.cgi", &[("Host", host)])
}

/// The docroot that a CGI script of the virtual host sees, from `{root}/app` on; its own name
/// begins with it.
#[track_caller]
fn docroot(server: &Server, host: &str) -> String {
    let response = ask(server, host);
    let docroot = variable(&response, "DOCUMENT_ROOT");
    let script = variable(&response, "SCRIPT_FILENAME");
    assert_eq!(script, format!("{docroot}/env.cgi"), "{host}");
    let app = server.root().join("app");
    let below = docroot.strip_prefix(&*app.to_string_lossy());
    below
        .unwrap_or_else(|| panic!("{host}: {docroot}"))
        .trim_start_matches('/')
        .to_owned()
}

each_mpm!(one_step_of_a_chain);
/// The picture of the original's README: `current -> /.../A -> releases/12`. The docroot is A, and
/// a flip of `current` to B is seen. Where A leads is nobody's business: it stays A.
fn one_step_of_a_chain(mpm: Mpm) {
    let (setup, app) = prepare(mpm, Module::On);
    app.flip("A", "releases/12");
    app.flip("B", "releases/13");
    app.flip("current", app.path("A"));
    let server = setup
        .config(&host("last", "current", "UseReadlink On"))
        .config(&host("middle", "current/web", "UseReadlink On"))
        .config(&host("off", "current/web", "UseReadlink Off"))
        .start();

    let docroots = || ["last", "middle", "off"].map(|host| docroot(&server, host));
    assert_eq!(docroots(), ["A", "A/web", "releases/12/web"]);
    // PHP resolves A by itself.
    for path in ["current", "current/web"] {
        let line = format!(
            "RD15: UseReadlink resolves DocumentRoot {} to ",
            app.path(path).display()
        );
        assert_eq!(server.log_count(&line), 1, "{}", server.error_log());
    }
    assert_eq!(server.log_count("RD15: "), 2);
    app.flip("current", app.path("B"));
    assert_eq!(docroots(), ["B", "B/web", "releases/13/web"]);
    app.flip("B", "releases/12");
    assert_eq!(docroots(), ["B", "B/web", "releases/12/web"]);
    server.stop();
}

each_mpm!(a_target_in_any_spelling on prefork, event);
/// Relative targets count from the link's directory; `.`, `..`, `//` and a trailing slash are
/// resolved, `..` where it leads and not by text; the target of a chain is its next link.
fn a_target_in_any_spelling(mpm: Mpm) {
    let (setup, app) = prepare(mpm, Module::On);
    app.flip("A", "releases/12");
    // hop/.. is `far`, and only by text `links`.
    app.create("../far/deep", &[]);
    app.create("../far/near", &FILES);
    app.create("../links/near", &FILES);
    app.flip("links/hop", "../far/deep");
    app.flip("links/chain", "../A");

    let root = app.dir().display();
    let targets = [
        ("../A".into(), "A"),
        ("../A/".into(), "A"),
        ("..//A//".into(), "A"),
        ("./.././A/.".into(), "A"),
        ("../links/../A".into(), "A"),
        ("../releases/13".into(), "releases/13"),
        (format!("{root}/A"), "A"),
        (format!("/{root}//A/"), "A"),
        (format!("{root}/releases/../A"), "A"),
        ("hop/../near".into(), "far/near"),
        ("near".into(), "links/near"),
        ("chain".into(), "links/chain"),
    ];
    let mut hosts = String::new();
    for (n, (target, _)) in targets.iter().enumerate() {
        app.flip(&format!("links/{n}"), target);
        hosts += &host(&format!("last{n}"), &format!("links/{n}"), "UseReadlink On");
        hosts += "\n";
        hosts += &host(
            &format!("middle{n}"),
            &format!("links/{n}/web"),
            "UseReadlink On",
        );
        hosts += "\n";
    }
    let server = setup.config(&hosts).start();
    for (n, (target, resolved)) in targets.iter().enumerate() {
        assert_eq!(docroot(&server, &format!("last{n}")), *resolved, "{target}");
        let web = format!("{resolved}/web");
        assert_eq!(docroot(&server, &format!("middle{n}")), web, "{target}");
    }
    server.stop();
}

each_mpm!(a_start_further_down on prefork, event);
/// `UseReadlink /path`: the first symlink from that part of the docroot on is replaced, and no
/// other. A path that is no part of the docroot, also if it is by its letters, is ignored, as the
/// log says.
fn a_start_further_down(mpm: Mpm) {
    let (setup, app) = prepare(mpm, Module::On);
    app.create("../disk/sub/v12", &FILES);
    app.flip("outer", "disk");
    app.flip("disk/sub/current", "v12");
    app.flip("disk/sub/v12/link", "web");

    let current = "outer/sub/current";
    let cases = [
        ("On", current, "disk/sub/current"),
        ("{root}", current, "disk/sub/current"),
        ("{root}/app/outer", current, "disk/sub/current"),
        ("{root}/app/outer/", current, "disk/sub/current"),
        ("{root}/app/outer/sub", current, "outer/sub/v12"),
        ("{root}/app/outer/sub/current", current, "outer/sub/v12"),
        (
            "{root}/app/outer/sub",
            "outer/sub/current/web",
            "outer/sub/v12/web",
        ),
        (
            "{root}/app/outer/sub/current/link",
            "outer/sub/current/link",
            "outer/sub/current/web",
        ),
        // No symlink from there on: the docroot as configured.
        (
            "{root}/app/outer/sub/current/web",
            "outer/sub/current/web",
            "outer/sub/current/web",
        ),
        ("{root}/app/out", current, "disk/sub/current"),
        ("{root}/app/elsewhere", current, "disk/sub/current"),
    ];
    let hosts: String = (0..)
        .zip(cases)
        .map(|(n, (start, docroot, _))| {
            host(
                &format!("host{n}"),
                docroot,
                &format!("UseReadlink {start}"),
            ) + "\n"
        })
        .collect();
    let server = setup.config(&hosts).allow("RD03").start();
    for (n, (start, configured, resolved)) in cases.into_iter().enumerate() {
        assert_eq!(
            docroot(&server, &format!("host{n}")),
            resolved,
            "{start} for {configured}"
        );
    }
    for ignored in ["out", "elsewhere"] {
        let warning = format!(
            "RD03: UseReadlink {} is ignored",
            app.path(ignored).display()
        );
        assert_eq!(server.log_count(&warning), 1, "{}", server.error_log());
    }
    assert_eq!(server.log_count("RD03"), 2, "{}", server.error_log());
    server.stop();
}

each_mpm!(a_link_to_nowhere on prefork, event);
/// A dangling link and a loop are one line in the log each; their virtual hosts are answered as
/// without the module, and no other virtual host notices. When the link leads somewhere, it is
/// followed.
fn a_link_to_nowhere(mpm: Mpm) {
    const BROKEN: [&str; 3] = ["dangling", "loop", "behind"];
    let prepare = |module| {
        let (setup, app) = prepare(mpm, module);
        app.flip("dangling", "none");
        app.flip("loop", "loop");
        // UseReadlink's one step succeeds, what it leads to does not.
        app.flip("behind", "loop");
        app.flip("good", "releases/12");
        let hosts = ["dangling", "loop", "behind", "good"]
            .map(|name| host(name, name, "UseReadlink On"))
            .join("\n");
        // httpd's own words on such docroots: at the start, and on a request.
        let setup = setup
            .config(&hosts)
            .allow("AH00112")
            .allow("AH00036")
            .allow("AH00037");
        (setup, app)
    };
    let (stock, _) = prepare(Module::Off);
    let stock = stock.start();
    let as_stock = BROKEN.map(|host| (ask(&stock, host).status, ask(&stock, host).text()));
    stock.stop();

    let (setup, app) = prepare(Module::On);
    let server = setup.allow("RD12").start();
    for _ in 0..5 {
        let answers = BROKEN.map(|host| (ask(&server, host).status, ask(&server, host).text()));
        assert_eq!(answers, as_stock);
        assert_eq!(docroot(&server, "good"), "releases/12");
    }
    for name in BROKEN {
        let path = app.path(name);
        let on_request = format!("RD12: {} does not resolve", path.display());
        assert_eq!(server.log_count(&on_request), 1, "{}", server.error_log());
    }
    assert_eq!(server.log_count("No such file or directory"), 1);

    for name in BROKEN {
        app.flip(name, "releases/13");
        assert_eq!(docroot(&server, name), "releases/13");
    }
    assert_eq!(server.log_count("RD13"), BROKEN.len());
    server.stop();
}

each_mpm!(every_link_is_followed);
/// Without UseReadlink a docroot may lead through several symlinks: the flip of each is seen at the
/// next request.
fn every_link_is_followed(mpm: Mpm) {
    let (setup, app) = prepare(mpm, Module::On);
    for disk in ["disk1", "disk2"] {
        for version in ["v1", "v2"] {
            app.create(&format!("../{disk}/{version}"), &FILES);
            app.flip(&format!("{disk}/{version}/htdocs"), "web");
        }
        app.flip(&format!("{disk}/current"), "v1");
    }
    app.flip("outer", "disk1");
    let server = setup
        .config(&host("it", "outer/current/htdocs", ""))
        .start();

    let flips = [
        ("outer", "disk1", "disk1/v1/web"),
        ("disk1/current", "v2", "disk1/v2/web"),
        ("disk1/v2/htdocs", "public", "disk1/v2/public"),
        ("outer", "disk2", "disk2/v1/web"),
        ("disk2/v1/htdocs", "public", "disk2/v1/public"),
        ("disk2/current", "v2", "disk2/v2/web"),
        ("outer", "disk1", "disk1/v2/public"),
        ("disk1/current", "v1", "disk1/v1/web"),
    ];
    for (link, target, resolved) in flips {
        app.flip(link, target);
        assert_eq!(docroot(&server, "it"), resolved, "after {link} -> {target}");
    }
    server.stop();
}

each_mpm!(without_a_link_nothing_changes on prefork, event);
/// A docroot without a symlink on its path, however it is spelt, is served as without the module,
/// in either mode.
fn without_a_link_nothing_changes(mpm: Mpm) {
    const SPELLINGS: [&str; 4] = [
        "releases/12",
        "releases/12/",
        "releases//12",
        "releases/13/../12/.",
    ];
    let environments = |module| {
        let (setup, _app) = prepare(mpm, module);
        let mut hosts = String::new();
        for (n, spelling) in SPELLINGS.iter().enumerate() {
            hosts += &(host(&format!("realpath{n}"), spelling, "") + "\n");
            hosts += &(host(&format!("readlink{n}"), spelling, "UseReadlink On") + "\n");
        }
        let server = setup.config(&hosts).start();
        let mut seen = Vec::new();
        for n in 0..SPELLINGS.len() {
            for mode in ["realpath", "readlink"] {
                let response = ask(&server, &format!("{mode}{n}"));
                let root = server.root().to_string_lossy();
                for name in ["DOCUMENT_ROOT", "CONTEXT_DOCUMENT_ROOT", "SCRIPT_FILENAME"] {
                    seen.push(variable(&response, name).replace(&*root, ""));
                }
            }
        }
        server.stop();
        seen
    };
    assert_eq!(environments(Module::On), environments(Module::Off));
}

each_mpm!(a_directory_becomes_a_link on prefork, event);
/// Where a directory was, a symlink is put later, as when a site is first deployed: it is seen
/// about a second later, and its flips at once.
fn a_directory_becomes_a_link(mpm: Mpm) {
    let (setup, app) = prepare(mpm, Module::On);
    app.create("../site", &FILES);
    let server = setup.config(&host("it", "site", "")).start();
    assert_eq!(docroot(&server, "it"), "site");

    fs::rename(app.path("site"), app.path("site.old")).expect("a new name");
    app.flip("site", "releases/12");
    wait_until("the symlink is seen", LIMIT, || {
        docroot(&server, "it") == "releases/12"
    });
    app.flip("site", "releases/13");
    assert_eq!(docroot(&server, "it"), "releases/13");
    server.stop();
}

each_mpm!(a_further_link_behind_the_first);
/// The symlink that UseReadlink leaves in the path is a further link as well: what the
/// DocumentRoot's name denies stays denied, and so does a symlink that its options refuse.
fn a_further_link_behind_the_first(mpm: Mpm) {
    const DENY: &str = "<Directory {root}/app/current/web/private>\nRequire all denied\n</Directory>\n\
         <Directory {root}/app/other>\nOptions None\n</Directory>\n\
         RewriteEngine On\nRewriteRule ^/rw/(.*) %{DOCUMENT_ROOT}/$1";

    let start = |module| {
        let (setup, app) = prepare(mpm, module);
        let files = [
            ("web/private/secret.txt", "secret"),
            (
                "web/page.shtml",
                "<!--#include file=\"private/secret.txt\" --><!--#include virtual=\"/private/secret.txt\" -->",
            ),
        ];
        app.create("12", &files);
        app.flip("A", "releases/12");
        app.flip("current", "A");
        app.create("14", &[("public/private/secret.txt", "secret")]);
        app.flip("releases/14/web", "public");
        app.flip("other", "releases/14");
        let both = |name, docroot, directives| {
            host(name, docroot, directives).replace("</V", &format!("{DENY}\n</V"))
        };
        setup
            .load("include")
            .load("rewrite")
            .allow("[include:error]")
            .allow("[authz_core:error]")
            .allow("RD20:")
            .allow("AH00037:")
            .config("AddOutputFilter INCLUDES .shtml")
            .root_section("Options FollowSymLinks Includes\nRequire all granted")
            .config(&both(
                "behind",
                "current/web",
                "UseReadlink On\nRealdocLink {root}/app/A",
            ))
            .config(&both(
                "refused",
                "other/web",
                "UseReadlink {root}/app/other/web\nRealdocLink {root}/app/other",
            ))
            .start()
    };
    let answers = [Module::Off, Module::On].map(|module| {
        let server = start(module);
        let asked = [
            ("behind", "/private/secret.txt"),
            ("behind", "/page.shtml"),
            ("behind", "/rw/private/secret.txt"),
            ("refused", "/private/secret.txt"),
        ];
        let answers = asked.map(|(host, path)| {
            let answer = server.request("GET", path, &[("Host", host)]);
            (answer.status, answer.text().contains("secret"))
        });
        server.stop();
        answers
    });
    assert_eq!(answers[1], answers[0]);
    assert!(
        answers[0].iter().all(|(_, is_secret)| !is_secret),
        "{answers:?}"
    );
    assert_eq!(answers[0].map(|(status, _)| status), [403, 200, 403, 403]);
}
