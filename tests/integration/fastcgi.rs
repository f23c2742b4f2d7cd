//! PHP-FPM by a path that the configuration names: what it is told of the script and of the docroot
//! is of one release.

use testbed::{Builder, Module, Mpm, PhpFpm, Relay, Releases, Server};

use crate::common::Gate;

/// A name, and a virtual host's configuration that hands PHP files to FastCGI; `{fpm}` is PHP-FPM's
/// port.
type Way = (&'static str, &'static str);

const REWRITES: [Way; 2] = [
    (
        "RewriteRule",
        "RewriteEngine On\n\
         RewriteRule ^/(.*\\.php(/.*)?)$ fcgi://127.0.0.1:{fpm}{root}/app/current/web/$1 [P]",
    ),
    (
        "RewriteRule to a socket",
        "RewriteEngine On\n\
         RewriteRule ^/(.*\\.php(/.*)?)$ unix:{root}/fpm/socket|fcgi://localhost{root}/app/current/web/$1 [P]",
    ),
];

const REWRITES_OF_A_DIRECTORY: [Way; 1] = [(
    "RewriteRule in a section",
    "<Directory {root}/app>\n\
     RewriteEngine On\n\
     RewriteRule ([^/]*\\.php)$ fcgi://127.0.0.1:{fpm}{root}/app/current/web/$1 [P]\n\
     </Directory>",
)];

const HANDLERS: [Way; 2] = [
    (
        "SetHandler",
        "<FilesMatch \\.php$>\n\
         SetHandler proxy:fcgi://127.0.0.1:{fpm}\n\
         </FilesMatch>",
    ),
    (
        "SetHandler to a socket",
        "<FilesMatch \\.php$>\n\
         SetHandler \"proxy:unix:{root}/fpm/socket|fcgi://localhost\"\n\
         </FilesMatch>",
    ),
];

/// httpd finds the worker of such a request, with its socket and settings, by the URL that is
/// configured here.
const WORKERS: [Way; 4] = [
    (
        "ProxyPassMatch",
        "ProxyPassMatch ^/(.*\\.php(/.*)?)$ fcgi://127.0.0.1:{fpm}{root}/app/current/web/$1",
    ),
    (
        "ProxyPassMatch to a socket",
        "ProxyPassMatch ^/(.*\\.php(/.*)?)$ unix:{root}/fpm/socket|fcgi://localhost{root}/app/current/web/$1",
    ),
    (
        "ProxyPassMatch that appends",
        "ProxyPassMatch ^/.*\\.php(/.*)?$ fcgi://127.0.0.1:{fpm}{root}/app/current/web",
    ),
    (
        "ProxyPass",
        "ProxyPass / unix:{root}/fpm/socket|fcgi://localhost{root}/app/current/web/",
    ),
];

/// A worker that the configuration has put out of service.
const OUT_OF_SERVICE: &str =
    "ProxyPassMatch ^/(.*\\.php)$ fcgi://127.0.0.1:{fpm}{root}/app/current/web/$1 status=D";

/// Waits at the gate; then prints PHP's variables that name a path, each with where it leads now.
const PAGE: &str = "<?php
header('Content-Type: text/plain');
shell_exec('{gate}');
$variables = [
    'DOCUMENT_ROOT' => $_SERVER['DOCUMENT_ROOT'],
    'CONTEXT_DOCUMENT_ROOT' => $_SERVER['CONTEXT_DOCUMENT_ROOT'],
    'SCRIPT_FILENAME' => dirname($_SERVER['SCRIPT_FILENAME']),
];
foreach ($variables as $variable => $path) {
    echo \"$variable $path \", file_get_contents(\"$path/name\"), \"\\n\";
}
";

/// What [`PAGE`] prints if its variables name the docroot in `dir`, which now leads to `release`.
fn page(dir: &str, release: &str) -> String {
    ["DOCUMENT_ROOT", "CONTEXT_DOCUMENT_ROOT", "SCRIPT_FILENAME"]
        .iter()
        .map(|variable| format!("{variable} {{root}}/app/{dir}/web {release}\n"))
        .collect()
}

/// A server with a virtual host for each of these ways, PHP-FPM, and a site of the releases "42"
/// and "43".
struct Site {
    // Dropped before the server.
    _fpm: PhpFpm,
    _relay: Relay,
    server: Server,
    releases: Releases,
    gate: Gate,
}

impl Site {
    fn start(module: Module, ways: &[&str]) -> Self {
        let setup = Server::builder(Mpm::Event).module(module).children(1);
        let gate = Gate::at(setup.root());
        let page = PAGE.replace("{gate}", &gate.command());
        let releases = Releases::at(setup.root().join("app"));
        for release in ["42", "43"] {
            releases.create(release, &[("web/page.php", &page), ("web/name", release)]);
        }
        releases.deploy("42");
        let relay = Relay::to(setup.root().join("fpm/socket"));
        let port = relay.port().to_string();
        let setup = ["proxy", "proxy_fcgi", "rewrite"]
            .into_iter()
            .fold(setup, Builder::load);
        let server = ways
            .iter()
            .enumerate()
            .fold(setup, |setup, (n, way)| {
                let way = way.replace("{fpm}", &port);
                setup.config(&format!(
                    "<VirtualHost *:{{port}}>\nServerName way{n}\n\
                     DocumentRoot {{root}}/app/current/web\n{way}\n</VirtualHost>"
                ))
            })
            .start();
        // Or an answer might be right only because PHP remembers it.
        let settings =
            "php_admin_value[realpath_cache_size] = 0\nphp_admin_value[opcache.enable] = 0";
        Self {
            _fpm: PhpFpm::start(server.root(), settings),
            _relay: relay,
            server,
            releases,
            gate,
        }
    }

    /// The page, if 43 is deployed while it waits at the gate.
    fn across_a_flip(&self, way: usize) -> String {
        self.releases.deploy("42");
        let endpoint = self.server.on(1);
        let ask = move || {
            let host = format!("way{way}");
            let response = endpoint.request("GET", "/page.php", &[("Host", &host)]);
            response.text()
        };
        let page = self.gate.hold(ask, || self.releases.deploy("43"));
        page.replace(&self.server.root().display().to_string(), "{root}")
    }
}

/// Whichever of these ways PHP-FPM is asked by, its variables are of the release in which the
/// request began.
fn check(ways: &[Way]) {
    let configs: Vec<&str> = ways.iter().map(|(_, config)| *config).collect();
    let check = |module, expected: &str| {
        let site = Site::start(module, &configs);
        for (n, (way, _)) in ways.iter().enumerate() {
            assert_eq!(site.across_a_flip(n), expected, "{way}");
        }
    };
    // The control.
    check(Module::Off, &page("current", "43"));
    check(Module::On, &page("releases/42", "42"));
}

/// `SetHandler "proxy:..."`.
#[test]
fn what_a_handler_is_told_is_of_one_release() {
    check(&HANDLERS);
}

/// `RewriteRule ... [P]`.
#[test]
fn what_a_rewrite_tells_is_of_one_release() {
    check(&REWRITES);
}

/// The same in a `<Directory>` section, where it acts after the file has been found.
#[test]
fn what_a_rewrite_of_a_directory_tells_is_of_one_release() {
    check(&REWRITES_OF_A_DIRECTORY);
}

/// `ProxyPassMatch` and `ProxyPass`.
#[test]
fn what_proxy_pass_tells_is_of_one_release() {
    check(&WORKERS);
}

/// A worker's settings stay in force.
#[test]
fn a_worker_out_of_service_is() {
    for module in [Module::Off, Module::On] {
        let site = Site::start(module, &[OUT_OF_SERVICE]);
        for error in ["AH00940: ", "AH01079: "] {
            site.server.allow(error);
        }
        site.gate.open();
        let response = site.server.request("GET", "/page.php", &[("Host", "way0")]);
        assert_eq!(response.status, 503, "{module:?}");
    }
}
