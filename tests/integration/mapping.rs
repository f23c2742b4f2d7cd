//! URLs are mapped as by httpd without the module: no client, rule or other module can make a
//! file's name be taken for another one's.

use testbed::{Builder, Module, Mpm, Releases, Response, Server};

use crate::common::{ENV, variable};

/// A virtual host with a site of its own, and what is asked of it.
struct Site {
    name: &'static str,
    config: &'static str,
    /// `{root}`: the server's directory.
    urls: &'static [&'static str],
}

/// `{site}`: the directory of the site, `{link}`: its DocumentRoot.
const SITES: [Site; 9] = [
    Site {
        name: "dots",
        config: "
            <Directory {site}>
                Require all granted
            </Directory>
            RewriteCond %{QUERY_STRING} ^f=(.*)$
            RewriteRule ^/get$ %{DOCUMENT_ROOT}/%1",
        urls: &[
            "/page.txt",
            "/get?f=page.txt",
            "/get?f=../../41/web/secret.txt",
            "/get?f=../../releases/41/web/secret.txt",
            "/get?f=../web/page.txt",
            "/get?f=./private//secret.txt",
        ],
    },
    Site {
        name: "location",
        config: "
            <Directory {site}/current>
                Require all granted
            </Directory>
            <Directory {site}/releases>
                Require all denied
            </Directory>
            <Location /loc>
                Alias {site}/releases/42/web/private/secret.txt
            </Location>
            <LocationMatch ^/release/(?<REST>.+)$>
                Alias {site}/releases/%{env:MATCH_REST}
            </LocationMatch>",
        urls: &["/page.txt", "/loc", "/release/42/web/private/secret.txt"],
    },
    Site {
        name: "spelling",
        config: "
            <Directory {site}>
                Require all granted
            </Directory>
            <Directory {site}/releases>
                Require all denied
            </Directory>
            <Directory {site}/current>
                Require all granted
            </Directory>
            RewriteCond %{QUERY_STRING} ^r=(.+)$
            RewriteRule ^/release$ {site}/releases/%1
            RewriteCond %{QUERY_STRING} ^f=(.+)$
            RewriteRule ^/f$ %1
            RewriteRule ^/where$ http://localhost/?d=%{DOCUMENT_ROOT} [R,NE]",
        urls: &[
            "/release?r=42/web/private/secret.txt",
            "/release?r=42/web/./private/secret.txt",
            "/release?r=42/web/.//private/secret.txt",
            "/release?r=42/./web/private/secret.txt",
            "/f?f={site}/current/web/page.txt",
            "/f?f={site}/releases/42/web/page.txt",
            "/f?f={site}/releases/42/web/./page.txt",
            "/where",
        ],
    },
    Site {
        name: "later",
        config: "
            <Directory {site}>
                Require all granted
            </Directory>
            <Directory {site}/releases/43/web/private>
                Require all denied
            </Directory>
            RewriteRule ^/release/([0-9]+)/(.*)$ {site}/releases/$1/web/$2",
        urls: &[
            "/private/secret.txt",
            "/release/42/private/secret.txt",
            "/release/43/private/secret.txt",
        ],
    },
    Site {
        name: "passed",
        config: "
            <Directory {site}>
                Require all granted
            </Directory>
            <Location /private>
                Require all denied
            </Location>
            MergeSlashes Off
            RewriteRule ^/old/(.*)$ /$1 [PT]
            RewriteCond %{QUERY_STRING} ^p=(.*)$
            RewriteRule ^/q$ /%1 [PT]",
        urls: &[
            "/page.txt",
            "/private/secret.txt",
            "/old{link}/private/secret.txt",
            "/old/{link}/private/secret.txt",
            "/old{link}//private/secret.txt",
            "/q?p={link}/private/secret.txt",
            "/q?p=.{link}/private/secret.txt",
            "/q?p=/{link}/./private/secret.txt",
        ],
    },
    Site {
        name: "proxy",
        config: "
            <Directory {site}>
                Require all granted
            </Directory>
            RewriteRule ^/a/(.*\\.php)$ fcgi://127.0.0.1:9%{DOCUMENT_ROOT}/$1 [P]
            ProxyPassMatch ^/b/(.*\\.php)$ fcgi://127.0.0.1:9{link}/$1
            <Proxy fcgi://127.0.0.1:9{link}/private/*>
                Require all denied
            </Proxy>",
        urls: &[
            "/a/x.php",
            "/a/private/x.php",
            "/b/x.php",
            "/b/private/x.php",
        ],
    },
    Site {
        name: "ahead",
        config: "
            <Directory {site}/releases>
                Require all granted
            </Directory>
            <Directory {site}/current>
                Require all granted
            </Directory>
            <Directory {link}/private>
                Require all denied
            </Directory>
            RewriteCond %{LA-U:DOCUMENT_ROOT} ^(.+)$
            RewriteRule ^/root/(.*)$ %1/$1 [UnsafePrefixStat]
            RewriteCond %{LA-U:CONTEXT_DOCUMENT_ROOT} ^(.+)$
            RewriteRule ^/context/(.*)$ %1/$1 [UnsafePrefixStat]
            RewriteCond %{LA-F:REQUEST_FILENAME} ^(.+)$
            RewriteRule ^/lf/(.*)$ %{DOCUMENT_ROOT}/$1
            RewriteCond /private/secret.txt ^(.*)$
            RewriteCond %{QUERY_STRING} =la
            RewriteRule ^/private/ %{LA-U:REQUEST_FILENAME} [UnsafePrefixStat]
            RewriteCond %{DOCUMENT_ROOT}/$1 -F
            RewriteRule ^/file/(.*)$ %{DOCUMENT_ROOT}/$1
            RewriteCond /$1 -U
            RewriteRule ^/url/(.*)$ %{DOCUMENT_ROOT}/$1",
        urls: &[
            "/root/page.txt",
            "/root/private/secret.txt",
            "/context/private/secret.txt",
            "/lf/private/secret.txt",
            "/private/secret.txt",
            "/private/secret.txt?la",
            "/file/page.txt",
            "/file/private/secret.txt",
            "/url/page.txt",
            "/url/private/secret.txt",
        ],
    },
    Site {
        name: "redirected",
        config: "
            <Directory {site}/releases>
                Require all granted
            </Directory>
            <Directory {site}/current>
                Require all granted
            </Directory>
            <Directory {link}/private>
                Require all denied
            </Directory>
            SetEnv ROOT {link}
            ErrorDocument 404 /error
            RewriteCond %{ENV:REDIRECT_ROOT} ^(.+)$
            RewriteRule ^/error$ %1/private/secret.txt [UnsafePrefixStat]",
        urls: &["/page.txt", "/missing"],
    },
    Site {
        name: "hook",
        config: "
            <Directory {site}>
                Require all granted
            </Directory>
            <Directory {site}/releases>
                Require all denied
            </Directory>
            <Directory {link}/private>
                Require all denied
            </Directory>
            Alias /hook/alias {link}
            LuaHookMapToStorage {site}/hook.lua map_to_storage",
        urls: &[
            "/page.txt",
            "/hook/release/page.txt",
            "/hook/release/private/secret.txt",
            "/hook/release/none.txt",
            "/hook/link/page.txt",
            "/hook/link/private/secret.txt",
            "/hook/link/none.txt",
            "/hook/beside/secret.txt",
            "/hook/alias/page.txt",
        ],
    },
];

/// What another module says at map_to_storage, when names have changed over.
const HOOK: &str = r#"
require "apache2"
function map_to_storage(r)
    local dir, file = r.uri:match("^/hook/(%w+)/(.+)$")
    if dir == "release" then
        r.filename = "{site}/releases/42/web/" .. file
    elseif dir == "link" then
        r.filename = "{link}/" .. file
    elseif dir == "beside" then
        r.filename = "{link}/../../releases/41/web/" .. file
    end
    return apache2.DECLINED
end
"#;

/// A server to be, with the sites.
fn prepare(mpm: Mpm, module: Option<Module>) -> (Builder, Vec<Releases>) {
    let mut setup = Server::builder(mpm);
    if let Some(module) = module {
        setup = setup.module(module);
    }
    for module in ["alias", "lua", "proxy", "proxy_fcgi", "rewrite"] {
        setup = setup.load(module);
    }
    for refusal in ["[authz_core:error]", "[proxy", "[rewrite:error]", "RD06: "] {
        setup = setup.allow(refusal);
    }
    setup = setup
        .children(1)
        .root_section("Options FollowSymLinks\nAllowOverride None\nRequire all denied");
    let mut sites = Vec::new();
    for site in &SITES {
        let releases = Releases::at(setup.root().join(site.name));
        for release in ["41", "42", "43"] {
            let files = [
                ("web/page.txt", release),
                ("web/private/secret.txt", release),
            ];
            releases.create(release, &files);
        }
        releases.put("releases/41/web/secret.txt", "SECRET");
        releases.put("hook.lua", &fill_in(HOOK, &releases));
        releases.deploy("42");
        let config = fill_in(site.config, &releases);
        setup = setup.config(&format!(
            "<VirtualHost *:{{port}}>\nServerName {}\nDocumentRoot {}/web\nRewriteEngine On\n\
             {config}\n</VirtualHost>",
            site.name,
            releases.current().display()
        ));
        sites.push(releases);
    }
    (setup, sites)
}

fn fill_in(text: &str, releases: &Releases) -> String {
    let link = releases.current().join("web");
    text.replace("{site}", &releases.dir().display().to_string())
        .replace("{link}", &link.display().to_string())
}

/// Status, Location and body of all answers.
fn ask(server: &Server, sites: &[Releases]) -> Vec<String> {
    let root = server.root().display().to_string();
    let mut answers = Vec::new();
    for (site, releases) in SITES.iter().zip(sites) {
        for url in site.urls {
            let filled = fill_in(url, releases);
            let response = server.request("GET", &filled, &[("Host", site.name)]);
            let location = response.header("location").unwrap_or_default();
            let body = if response.status == 200 {
                response.text()
            } else {
                String::new()
            };
            let answer = format!("{}{url}: {} {location} {body}", site.name, response.status);
            answers.push(answer.replace(&root, ""));
        }
    }
    answers
}

each_mpm!(names_are_those_that_httpd_makes);
/// With sections that tell the link's name from the release's, before and after a flip.
fn names_are_those_that_httpd_makes(mpm: Mpm) {
    let [stock, module] = [None, Some(Module::On)].map(|module| {
        let (setup, sites) = prepare(mpm, module);
        let server = setup.start();
        let mut answers = ask(&server, &sites);
        sites.iter().for_each(|site| site.deploy("43"));
        answers.extend(ask(&server, &sites));
        server.stop();
        answers
    });
    let refused = stock.iter().filter(|answer| answer.contains(": 403 "));
    assert!(refused.count() > 20, "{stock:#?}");
    assert_eq!(module, stock);
}

/// What the configuration sets to a path under the link names the release for scripts, also where
/// their own name leads through no link.
#[test]
fn variables_name_the_release() {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .children(1)
        .cgi()
        .load("alias")
        .load("rewrite")
        .root_section("Options FollowSymLinks ExecCGI\nRequire all granted");
    let site = Releases::at(setup.root().join("app"));
    for release in ["42", "43"] {
        site.create(release, &[("web/env.cgi", ENV)]);
    }
    site.deploy("42");
    site.put("cgi-bin/env.cgi", ENV);
    let server = setup
        .config(
            "DocumentRoot {root}/app/current/web
            ScriptAlias /cgi-bin {root}/app/cgi-bin
            SetEnv APP_ROOT {root}/app/current
            SetEnv APP_PATH /usr/bin:{root}/app/current/bin:{root}/app/currently
            SetEnv OTHER {root}/app/currently
            RewriteEngine On
            RewriteRule ^ - [E=RULE:%{DOCUMENT_ROOT}/lib]",
        )
        .start();
    let root = server.root().display().to_string();
    for release in ["42", "43"] {
        site.deploy(release);
        let release = format!("{root}/app/releases/{release}");
        let response = server.get("/env.cgi");
        assert_eq!(variable(&response, "APP_ROOT"), release);
        assert_eq!(
            variable(&response, "APP_PATH"),
            format!("/usr/bin:{release}/bin:{root}/app/currently")
        );
        assert_eq!(
            variable(&response, "OTHER"),
            format!("{root}/app/currently")
        );
        assert_eq!(variable(&response, "RULE"), format!("{release}/web/lib"));
        let response = server.get("/cgi-bin/env.cgi");
        assert_eq!(variable(&response, "APP_ROOT"), release);
        assert_eq!(
            variable(&response, "DOCUMENT_ROOT"),
            format!("{release}/web")
        );
    }
    server.stop();
}

/// The same for scripts that a page includes: also what only a script's own name leads through.
#[test]
fn variables_of_included_scripts_name_the_release() {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .children(1)
        .cgi()
        .load("alias")
        .load("include")
        .load("setenvif")
        .root_section("Options FollowSymLinks ExecCGI Includes\nRequire all granted");
    let (site, media) = (
        Releases::at(setup.root().join("app")),
        Releases::at(setup.root().join("media")),
    );
    let of_page = "<!--#include virtual=\"/env.cgi\" -->";
    let of_media = "<!--#include virtual=\"/media/env.cgi\" -->";
    let pages = [
        ("web/env.cgi", ENV),
        ("web/page.shtml", &format!("{of_page}{of_page}")),
        ("web/media.shtml", &format!("{of_page}{of_media}")),
    ];
    site.create("42", &pages);
    site.deploy("42");
    media.create("A", &[("env.cgi", ENV)]);
    media.deploy("A");
    let server = setup
        .config(
            "DocumentRoot {root}/app/current/web
            Alias /media {root}/media/current
            RealdocLink {root}/media/current
            AddOutputFilter INCLUDES .shtml
            SetEnvIf Request_URI . APP_ROOT={root}/app/current
            SetEnvIf Request_URI . MEDIA_ROOT={root}/media/current",
        )
        .start();
    let root = server.root().display().to_string();
    let [app, link, target] = ["app/releases/42", "media/current", "media/releases/A"];
    for (page, second) in [("/page.shtml", link), ("/media.shtml", target)] {
        let response = server.get(page);
        assert_values(&response, "APP_ROOT", &root, [app, app]);
        assert_values(&response, "MEDIA_ROOT", &root, [link, second]);
    }
    server.stop();
}

/// What the scripts of a page say of a variable, in turn.
#[track_caller]
fn assert_values(response: &Response, name: &str, root: &str, expected: [&str; 2]) {
    let text = response.text();
    let values = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let expected = expected.map(|path| format!("{root}/{path}"));
    assert!(values.eq(&expected), "{expected:?}:\n{text}");
}

/// A request and what comes from it keep no more values in the release than that, or each part of a
/// page would be compared with those of all parts before.
#[test]
fn few_values_name_the_release() {
    const MOST: usize = 256;
    const MORE: usize = 10;
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .children(1)
        .cgi()
        .root_section("Options FollowSymLinks ExecCGI\nRequire all granted");
    let site = Releases::at(setup.root().join("app"));
    site.create("42", &[("env.cgi", ENV)]);
    site.deploy("42");
    let value = |n| format!("SetEnv VALUE_{n} {{root}}/app/current/{n}\n");
    let values: String = (0..MOST + MORE).map(value).collect();
    let server = setup
        .config(&format!("DocumentRoot {{root}}/app/current\n{values}"))
        .start();
    let app = server.root().join("app").display().to_string();
    let env = server.get("/env.cgi").text();
    let count = |dir: &str| {
        let is_named = |line: &&str| line.starts_with("VALUE_") && line.contains(dir);
        env.lines().filter(is_named).count()
    };
    assert_eq!(count(&format!("={app}/releases/42/")), MOST, "{env}");
    assert_eq!(count(&format!("={app}/current/")), MORE, "{env}");
    server.stop();
}
