//! What a link leads to, but not by the docroot: Alias and its kin, rewrites to an absolute path,
//! Action. Their environment and all that is included from there are of the request's release.

use testbed::{Builder, Module, Mpm, Releases, Server};

use crate::common::{ENV, Gate, start_site};

const ROOT_SECTION: &str = "\
Options FollowSymLinks Includes ExecCGI MultiViews
AllowOverride All
Require all granted
";

const CONFIG: &str = "\
DocumentRoot {root}/app/current/web
DirectoryIndex index.txt index.cgi
AddOutputFilter INCLUDES .shtml
Alias /alias {root}/app/current/files
AliasMatch ^/match/(.*)$ {root}/app/current/files/$1
ScriptAlias /script {root}/app/current/cgi
ScriptAliasMatch ^/scriptmatch/(.*)$ {root}/app/current/cgi/$1
RewriteEngine On
RewriteRule ^/rewritten/(.*)$ {root}/app/current/files/$1
AddHandler shows .shows
Action shows /script/show.cgi
AddHandler env .env
Action env /script/env.cgi
AddHandler late .late
Action late /script/late.cgi
ErrorDocument 404 /alias/error.txt
ErrorDocument 410 /alias/env.cgi
RewriteRule ^/gone$ - [G]
";

/// A server and its site of the releases "42" and "43".
struct Site {
    server: Server,
    releases: Releases,
    gate: Gate,
}

impl Site {
    fn start(module: Module, config: &str) -> Self {
        let setup = Server::builder(Mpm::Event)
            .module(module)
            .children(2)
            .cgi()
            .load_all(&["actions", "alias", "include", "negotiation", "rewrite"])
            .root_section(ROOT_SECTION)
            .config(CONFIG)
            .config(config);
        let (server, releases, gate) = start_site(setup, create);
        Self {
            server,
            releases,
            gate,
        }
    }

    /// What `url` gives if 43 is deployed while it waits at the gate.
    fn across_a_flip(&self, url: &str) -> String {
        self.releases.deploy("42");
        let (endpoint, url) = (self.server.on(1), url.to_owned());
        self.gate.hold(
            move || endpoint.get(&url).text(),
            || {
                self.releases.deploy("43");
                assert_eq!(endpoint.get("/alias/part.txt").text(), "43");
            },
        )
    }
}

fn create(setup: &Builder, releases: &Releases, release: &str, gate: &Gate) {
    let root = setup.root().display();
    let wait = gate.command();
    let script = |text: &str| format!("#!/bin/sh\n{text}\n");
    let prints = |what: &str| script(&format!("printf 'Content-Type: text/plain\\n\\n'; {what}"));
    // Where the script's variables lead after the gate.
    let late = prints(&format!(
        "{wait}; cat \"$DOCUMENT_ROOT/name\" \"$CONTEXT_DOCUMENT_ROOT/name\" \
         \"${{SCRIPT_FILENAME%/*}}/name\" \"$PATH_TRANSLATED\""
    ));
    let page = |parts: &[(&str, &str)]| -> String {
        parts
            .iter()
            .map(|(name, part)| format!("{name}: <!--#include {part} -->\n"))
            .collect()
    };
    let name = format!("{release} ");
    let files = [
        ("web/name", name.clone()),
        ("web/part.txt", release.into()),
        ("web/gate.cgi", prints(&format!("{wait}; printf {release}"))),
        ("web/page.shtml", page(&PARTS)),
        ("web/others.shtml", page(&OTHERS)),
        (
            "web/absolute/.htaccess",
            format!("RewriteEngine On\nRewriteRule ^part$ {root}/app/current/web/part.txt"),
        ),
        ("files/name", name.clone()),
        ("files/part.txt", release.into()),
        ("files/error.txt", release.into()),
        ("files/dir/index.txt", release.into()),
        ("files/negotiated.txt", release.into()),
        ("files/file.shows", release.into()),
        ("files/file.env", String::new()),
        ("files/file.late", name.clone()),
        ("files/page.shtml", page(&PARTS_BY_ALIAS)),
        (
            "files/rewritten/.htaccess",
            "RewriteEngine On\nRewriteBase /alias/rewritten\nRewriteRule ^part$ file.txt".into(),
        ),
        ("files/rewritten/file.txt", release.into()),
        (
            "files/nowhere.cgi",
            script("printf 'Location: /alias/missing\\n\\n'"),
        ),
        ("files/env.cgi", ENV.into()),
        ("files/env.shtml", "\n<!--#printenv -->".into()),
        ("files/index/index.cgi", ENV.into()),
        ("files/by-type.shtml", "\n<!--#printenv -->".into()),
        ("files/late.cgi", late.clone()),
        ("cgi/name", name),
        ("cgi/name.cgi", prints(&format!("printf {release}"))),
        ("cgi/show.cgi", prints("cat \"$PATH_TRANSLATED\"")),
        ("cgi/env.cgi", ENV.into()),
        ("cgi/late.cgi", late),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(f, text)| (*f, text.as_str())).collect();
    releases.create(release, &files);
}

/// Scripts by each way to a path under the link, which print their environment.
const ENVIRONMENTS: [&str; 11] = [
    "/alias/env.cgi",
    "/alias/env.cgi/extra/info?a=b",
    "/alias/env.shtml",
    "/alias/index/",
    "/alias/by-type",
    "/match/env.cgi/extra",
    "/script/env.cgi/extra",
    "/scriptmatch/env.cgi/extra",
    "/rewritten/env.cgi/extra",
    "/alias/file.env/extra",
    "/gone",
];

/// All variables of a script are those of stock httpd, with the release's path where stock has the
/// link's name.
#[test]
fn the_environment_is_stocks_with_the_release_for_the_link() {
    let stock = Site::start(Module::Off, "");
    for mode in ["", "RealdocSections Link", "RealdocSections Target"] {
        let site = Site::start(Module::On, mode);
        for release in ["42", "43"] {
            for site in [&stock, &site] {
                site.releases.deploy(release);
            }
            for url in ENVIRONMENTS {
                let expected = environment(&stock, url);
                assert!(
                    expected.contains("\nSCRIPT_FILENAME={root}/app/current/"),
                    "{url}: {expected}"
                );
                assert!(expected.contains("\nDOCUMENT_ROOT={root}/app/current/web\n"));
                assert!(expected.contains("\nCONTEXT_DOCUMENT_ROOT={root}/app/current/"));
                let expected =
                    expected.replace("/app/current", &format!("/app/releases/{release}"));
                assert_eq!(environment(&site, url), expected, "{mode}: {url}");
            }
        }
        site.server.stop();
    }
}

/// The environment of the script behind `url`, without what is different for each server, request
/// and file.
fn environment(site: &Site, url: &str) -> String {
    const VOLATILE: [&str; 4] = ["REMOTE_PORT=", "SERVER_PORT=", "DATE_", "LAST_MODIFIED="];
    let root = site.server.root().display().to_string();
    let text = site.server.get(url).text().replace(&root, "{root}");
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|line| !VOLATILE.iter().any(|name| line.starts_with(name)))
        .collect();
    lines.sort_unstable();
    format!("\n{}\n", lines.join("\n"))
}

/// Scripts by each way to a path under the link, which wait at the gate.
const LATE: [&str; 6] = [
    "/alias/late.cgi/name",
    "/match/late.cgi/name",
    "/script/late.cgi/name",
    "/scriptmatch/late.cgi/name",
    "/rewritten/late.cgi/name",
    "/alias/file.late",
];

/// DOCUMENT_ROOT, CONTEXT_DOCUMENT_ROOT, SCRIPT_FILENAME and PATH_TRANSLATED, in this order, still
/// do so after a flip.
#[test]
fn a_scripts_variables_lead_to_one_release() {
    let check = |module, release: &str| {
        let site = Site::start(module, "");
        for url in LATE {
            assert_eq!(
                site.across_a_flip(url),
                format!("{release} ").repeat(4),
                "{url}"
            );
        }
    };
    // The control.
    check(Module::Off, "43");
    check(Module::On, "42");
}

/// The parts of a page in the docroot: by what each comes about, and how it is included. The first
/// waits at the gate. Each gives nothing but the name of the release that it is from.
const PARTS: [(&str, &str); 10] = [
    ("CGI script", "virtual=\"/gate.cgi\""),
    ("Alias", "virtual=\"/alias/part.txt\""),
    ("AliasMatch", "virtual=\"/match/part.txt\""),
    ("ScriptAlias", "virtual=\"/script/name.cgi\""),
    ("ScriptAliasMatch", "virtual=\"/scriptmatch/name.cgi\""),
    ("RewriteRule", "virtual=\"/rewritten/part.txt\""),
    ("DirectoryIndex", "virtual=\"/alias/dir/\""),
    ("MultiViews", "virtual=\"/alias/negotiated\""),
    ("Action", "virtual=\"/alias/file.shows\""),
    ("ErrorDocument", "virtual=\"/alias/nowhere.cgi\""),
];

/// The same of a page under an Alias.
const PARTS_BY_ALIAS: [(&str, &str); 6] = [
    ("CGI script", "virtual=\"/gate.cgi\""),
    ("file", "file=\"part.txt\""),
    ("file's neighbour", "virtual=\"part.txt\""),
    ("docroot", "virtual=\"/part.txt\""),
    ("RewriteRule in .htaccess", "virtual=\"rewritten/part\""),
    ("ErrorDocument", "virtual=\"nowhere.cgi\""),
];

/// What a page of these parts is if the first, at the gate, is of one release and the others of
/// another.
fn page(parts: &[(&str, &str)], first: &str, others: &str) -> String {
    let releases = [first].into_iter().chain(std::iter::repeat(others));
    parts
        .iter()
        .zip(releases)
        .map(|((name, _), release)| format!("{name}: {release}\n"))
        .collect()
}

/// A page and what it includes from aliased places, and an aliased page and what it includes, stay
/// in one release.
#[test]
fn all_parts_of_a_page_are_of_one_release() {
    let check = |module, others| {
        let site = Site::start(module, "");
        let parts = site.across_a_flip("/page.shtml");
        assert_eq!(parts, page(&PARTS, "42", others));
        let parts = site.across_a_flip("/alias/page.shtml");
        assert_eq!(parts, page(&PARTS_BY_ALIAS, "42", others));
    };
    // The control.
    check(Module::Off, "43");
    check(Module::On, "42");
}

/// Where a .htaccess file names the link, its own release answers.
#[test]
fn a_rewrite_in_htaccess_to_the_links_name_works() {
    for module in [Module::Off, Module::On] {
        let site = Site::start(module, "");
        for release in ["42", "43"] {
            site.releases.deploy(release);
            let response = site.server.get("/absolute/part");
            assert_eq!(
                (response.status, response.text()),
                (200, release.into()),
                "{module:?}"
            );
        }
    }
}

/// Places that have much in common with the pinned link, but are not under it.
const OTHERS: [(&str, &str); 5] = [
    ("CGI script", "virtual=\"/gate.cgi\""),
    ("the release by its own name", "virtual=\"/real/part.txt\""),
    ("a longer name", "virtual=\"/longer/part.txt\""),
    ("another link to the release", "virtual=\"/other/part.txt\""),
    ("the same name elsewhere", "virtual=\"/elsewhere/part.txt\""),
];

/// What does not lie under a pinned link is served as without the module: where another link is
/// flipped in the middle of the request, by the new one.
#[test]
fn what_is_not_under_the_link_is_left_alone() {
    let get = |module| {
        let site = Site::start(
            module,
            "Alias /real {root}/app/releases/42/web\n\
             Alias /longer {root}/app/current2/web\n\
             Alias /other {root}/app/other/web\n\
             Alias /elsewhere {root}/app/releases/app/current/web",
        );
        for (link, target) in [
            ("current2", "releases/42"),
            ("other", "releases/42"),
            ("releases/app/current", "../42"),
        ] {
            std::fs::create_dir_all(site.releases.path(link).parent().unwrap()).unwrap();
            site.releases.flip(link, target);
        }
        let endpoint = site.server.on(1);
        site.gate.hold(
            move || endpoint.get("/others.shtml").text(),
            || {
                for (link, target) in [
                    ("current2", "releases/43"),
                    ("other", "releases/43"),
                    ("releases/app/current", "../43"),
                ] {
                    site.releases.flip(link, target);
                }
            },
        )
    };
    let expected = page(&OTHERS, "42", "43").replacen("own name: 43", "own name: 42", 1);
    assert_eq!(get(Module::On), expected);
    assert_eq!(get(Module::Off), expected);
}

/// Requests that name no file, with whole answers but for the date: asked raw, `{port2}` being
/// another server's port.
const NO_FILE: [(&str, &str); 9] = [
    (
        "OPTIONS *",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (
        "OPTIONS",
        "OPTIONS /alias/part.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (
        "TRACE",
        "TRACE /alias/part.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (
        "TRACE *",
        "TRACE * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (
        "GET *",
        "GET * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (
        "no slash",
        "GET alias/part.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (
        "ProxyPass",
        "GET /back/part.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
    (
        "forward proxy",
        "GET http://127.0.0.1:{port2}{root}/app/current/x HTTP/1.1\r\nHost: 127.0.0.1:{port2}\r\nConnection: close\r\n\r\n",
    ),
    (
        "CONNECT",
        "CONNECT 127.0.0.1:{port2} HTTP/1.1\r\nHost: 127.0.0.1:{port2}\r\n\r\n\
         GET {root}/app/current/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ),
];

/// They are answered as by stock httpd; also what goes by proxy to a URL that looks like the link's
/// name.
#[test]
fn what_names_no_file_is_left_alone() {
    let answers = |module| {
        // A fault of stock httpd: a child with threads may not end on TERM after a CONNECT.
        let setup = Server::builder(Mpm::Prefork).module(module).children(3);
        let setup = ["alias", "proxy", "proxy_http", "proxy_connect"]
            .into_iter()
            .fold(setup, Builder::load);
        let releases = Releases::at(setup.root().join("app"));
        releases.create("42", &[("web/index.html", "42"), ("files/part.txt", "42")]);
        releases.deploy("42");
        let server = setup
            .config(
                "<VirtualHost *:{port}>\n\
                 DocumentRoot {root}/app/current/web\n\
                 Alias /alias {root}/app/current/files\n\
                 ProxyPass /back http://127.0.0.1:{port2}{root}/app/current/files\n\
                 ProxyRequests On\n\
                 AllowCONNECT {port2}\n\
                 TraceEnable On\n\
                 </VirtualHost>\n\
                 <VirtualHost *:{port2}>\n\
                 DocumentRoot {root}/htdocs\n\
                 ErrorDocument 404 \"%{REQUEST_METHOD} %{REQUEST_URI}\"\n\
                 </VirtualHost>",
            )
            .start();
        let fill_in = |text: &str| {
            text.replace("{root}", &server.root().display().to_string())
                .replace("{port2}", &server.port(2).to_string())
        };
        let answers = NO_FILE.map(|(name, request)| {
            let answer = server.on(1).send(fill_in(request).as_bytes());
            let answer: Vec<String> = answer
                .lines()
                .filter(|line| !line.starts_with("Date: "))
                .map(|line| match line.strip_prefix("Allow: ") {
                    Some(methods) => in_order(methods),
                    None => line.to_owned(),
                })
                .collect();
            let answer = answer
                .join("\n")
                .replace(&server.root().display().to_string(), "{root}")
                .replace(&server.port(2).to_string(), "{port2}");
            (name, answer)
        });
        server.stop();
        answers
    };
    let stock = answers(Module::Off);
    for (name, part) in [
        ("OPTIONS", "Allow: "),
        ("TRACE", "TRACE /alias/part.txt"),
        ("ProxyPass", "GET {root}/app/current/files/part.txt"),
        ("forward proxy", "GET {root}/app/current/x"),
        ("CONNECT", "GET {root}/app/current/x"),
    ] {
        let (_, answer) = stock.iter().find(|(n, _)| *n == name).unwrap();
        assert!(answer.contains(part), "{name}: {answer}");
    }
    assert_eq!(answers(Module::On), stock);
}

/// The methods of an Allow header, which httpd gives in any order.
fn in_order(methods: &str) -> String {
    let mut methods: Vec<&str> = methods.split(',').collect();
    methods.sort_unstable();
    format!("Allow: {}", methods.join(","))
}
