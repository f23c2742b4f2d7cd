//! Random releases that overtake a request on its way to its file: it is answered as the one after
//! it.
//!
//! Two directories take turns, so that a release comes to stand where the request has already been.
//! The one that is left loses all of it, its .htaccess files, its other files, or nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use testbed::{Background, Module, Mpm, Releases, Response, Server};

use super::number;
use super::random::Random;
use crate::common::{Gate, SECTION_MODULES};

const ROOT_SECTION: &str =
    "Options FollowSymLinks Includes ExecCGI\nAllowOverride All\nRequire all granted";

const CONFIG: &str = r#"
DocumentRoot {root}/app/current/web
AddOutputFilter INCLUDES .shtml
Alias /alias/ {root}/app/current/shared/
AliasMatch ^/match/(.*)$ {root}/app/current/shared/$1
ScriptAlias /script/ {root}/app/current/shared/
RewriteEngine On
RewriteRule ^/rule/item$ {root}/app/current/web/dir/file.txt
RewriteRule ^/rule/(name.*)$ {root}/app/current/web/dir/$1
RewriteRule ^/passed/(.*)$ /dir/$1 [PT]
ErrorDocument 404 /error.cgi
<Directory {root}/app/current/web/section>
    RewriteEngine On
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteRule ^ front.cgi [L]
</Directory>
<DirectoryMatch "/current/web/(dir|section)/[a-z]+">
    Header always set X-Match match
</DirectoryMatch>
<Files "secret.txt">
    Require all denied
</Files>
<Directory {root}/app/current/web/if>
    <If "-f '%{REQUEST_FILENAME}'">
        Header set X-If is-file
    </If>
</Directory>
<Location /dir/location>
    SetHandler cgi-script
</Location>
"#;

const URLS: [&str; 27] = [
    "/",
    "/alias/",
    "/alias/deep/file.txt",
    "/alias/file.txt",
    "/dir",
    "/dir/",
    "/dir/deep/",
    "/dir/deep/x/y.cgi",
    "/dir/file",
    "/dir/file.txt",
    "/dir/file.txt/extra",
    "/dir/location",
    "/dir/location/x",
    "/dir/name.cgi/path/info",
    "/dir/none.txt",
    "/dir/page.shtml",
    "/dir/rewritten",
    "/dir/rewritten-script",
    "/dir/secret.txt",
    "/fallback/none",
    "/if/file.txt",
    "/match/name.cgi/path/info",
    "/none",
    "/passed/name.cgi/path/info",
    "/rule/item",
    "/rule/name.cgi/path/info",
    "/section/deep/none",
];

const DIRS: [&str; 6] = [
    "shared",
    "web/dir",
    "web/dir/deep",
    "web/fallback",
    "web/if",
    "web/section",
];

/// `OWN` stands for the release's name.
const HTACCESS: [&str; 16] = [
    "",
    "Require all denied",
    "Nonsense",
    "AuthType Basic\nAuthName x\nAuthUserFile /nonexistent\nRequire valid-user",
    "<Files file.txt>\nSetHandler cgi-script\n</Files>",
    "Options +MultiViews -Includes\nForceType text/x-own\nHeader set X-Own OWN\nSetEnv OWN 1",
    "ErrorDocument 404 \"own OWN\"\nDirectoryIndex file.txt",
    "RewriteEngine On\nRewriteRule ^rewritten$ file.txt\nRewriteRule ^rewritten-script$ name.cgi/x",
    "Options -FollowSymLinks",
    "<If \"%{REQUEST_URI} =~ m#file#\">\nHeader set X-Own OWN\nRequire all denied\n</If>",
    "<FilesMatch ^na>\nHeader set X-Own OWN\n</FilesMatch>",
    "Options -ExecCGI +Indexes\nDirectoryIndex disabled",
    "FallbackResource /dir/name.cgi",
    "SetHandler cgi-script",
    "RewriteEngine On\nRewriteRule ^(.*)$ - [E=OWN:1]",
    "ErrorDocument 403 /error.cgi\nErrorDocument 401 /error.shtml\nRequire all denied",
];

const SCRIPT: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nOWN\\n'; \
    env | grep -E '^(REDIRECT_)?(DOCUMENT_|CONTEXT_|SCRIPT_|PATH_|REQUEST_URI|STATUS|ERROR_|release)' | sort";

const FILES: [(&str, &str); 7] = [
    ("file.txt", "file OWN"),
    ("name.cgi", SCRIPT),
    ("front.cgi", SCRIPT),
    (
        "page.shtml",
        "OWN <!--#include virtual=\"file.txt\" --> <!--#include virtual=\"/error.shtml\" -->",
    ),
    ("secret.txt", "secret OWN"),
    ("index.html", "index OWN"),
    ("release-OWN.txt", "OWN"),
];

each_mpm!(in_releases_that_overtake_it_a_request_is_answered_as_the_next on prefork, event);
fn in_releases_that_overtake_it_a_request_is_answered_as_the_next(mpm: Mpm) {
    for sections in ["Link", "Target"] {
        let first = number("REALDOC_SEED").unwrap_or(0);
        // A configuration of the others is one of dozens in a server; here each needs deploys of
        // its own.
        let count = number("REALDOC_CONFIGS").map_or(1, |count| count.div_ceil(100));
        let (mut compared, mut differences) = (0, Vec::new());
        let mut house = House::start(mpm, sections);
        for seed in first..first + count {
            let mut random = Random::from_seed(seed);
            for url in URLS {
                let [overtaken, next] = house.ask(url, &mut random);
                compared += 1;
                if overtaken != next {
                    differences.push(format!(
                        "{url}, seed {seed}:\n{overtaken}\n-- next:\n{next}"
                    ));
                }
            }
        }
        house.server.stop();
        println!(
            "{sections}, {mpm}: seeds from {first}, {compared} requests overtaken, {} answers differ",
            differences.len()
        );
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

/// A server and its site.
struct House {
    server: Server,
    gate: Gate,
    site: Releases,
    /// How many releases there have been.
    releases: usize,
}

impl House {
    fn start(mpm: Mpm, sections: &str) -> Self {
        let mut setup = Server::builder(mpm)
            .module(Module::TestHooks)
            .children(1)
            .cgi()
            .log_level("crit");
        setup = setup.load_all(&SECTION_MODULES);
        let gate = Gate::at(setup.root());
        gate.open();
        let site = Releases::at(setup.root().join("app"));
        fs::create_dir_all(site.release("a").join("web")).expect("it is ours");
        site.deploy("a");
        let server = setup
            .env("REALDOC_TEST_GATE", gate.dir())
            .root_section(ROOT_SECTION)
            .config(CONFIG)
            .config(&format!("RealdocSections {sections}"))
            // .htaccess files that make no sense.
            .allow("core:alert")
            // And those that cannot be read.
            .allow("AH00529:")
            .start();
        Self {
            server,
            gate,
            site,
            releases: 0,
        }
    }

    /// The answer to a request that up to three deploys overtake, and to the next one.
    fn ask(&mut self, url: &'static str, random: &mut Random) -> [String; 2] {
        self.deploy(random);
        let endpoint = self.server.on(1);
        self.gate.close();
        let answer = Background::run(move |_| endpoint.get(url));
        for times in 0..random.within(1..4) {
            // Not each request is on its way as often.
            if !self.gate.is_waited_at(&answer) {
                assert_ne!(times, 0, "the control: {url}");
                break;
            }
            let left = self.deploy(random);
            lose(&left, random.within(0..4));
            self.gate.pass();
        }
        self.gate.open();
        [answer.finish(), endpoint.get(url)].map(|response| show(&response))
    }

    /// Makes and deploys a release. Gives the directory of the one before.
    fn deploy(&mut self, random: &mut Random) -> std::path::PathBuf {
        let turn = |release: usize| self.site.release(["a", "b"][release % 2]);
        let (before, dir) = (turn(self.releases), turn(self.releases + 1));
        self.releases += 1;
        if dir.exists() {
            fs::remove_dir_all(&dir).expect("it is ours");
        }
        let own = format!("release-{}", self.releases);
        let mut files = vec![
            ("web/error.cgi".to_owned(), SCRIPT),
            (
                "web/error.shtml".to_owned(),
                "OWN <!--#echo var=\"REDIRECT_URL\" -->",
            ),
        ];
        for dir in DIRS {
            if random.chance(80) {
                files.push((format!("{dir}/.htaccess"), random.pick(&HTACCESS)));
            }
            let kept = FILES.iter().filter(|_| random.chance(85));
            files.extend(kept.map(|(file, text)| (format!("{dir}/{file}"), *text)));
        }
        // A file in one release may be a directory in the next.
        for path in [
            &["web/dir/location", "web/dir/location/x"][..],
            &["web/dir/deep/x/y.cgi", "web/dir/deep/x"],
        ] {
            if random.chance(70) {
                files.push((random.pick(path).to_owned(), SCRIPT));
            }
        }
        let files = files
            .iter()
            .map(|(file, text)| (file.replace("OWN", &own), text.replace("OWN", &own)));
        let files: Vec<_> = files.collect();
        let files: Vec<_> = files
            .iter()
            .map(|(file, text)| (&**file, &**text))
            .collect();
        let name = dir
            .file_name()
            .and_then(|name| name.to_str())
            .expect("it has one");
        self.site.create(name, &files);
        let htaccess = dir.join(random.pick(&DIRS)).join(".htaccess");
        if htaccess.exists() && random.chance(20) {
            fs::set_permissions(htaccess, Permissions::from_mode(0o0)).expect("it is ours");
        }
        self.site.deploy(name);
        before
    }
}

/// Takes from a release what `how` says.
fn lose(release: &Path, how: usize) {
    let goes = |path: &Path| match how {
        0 => true,
        1 => path.ends_with(".htaccess"),
        2 => !path.ends_with(".htaccess"),
        _ => false,
    };
    for entry in fs::read_dir(release).expect("it is there") {
        let path = entry.expect("it is there").path();
        if path.is_dir() {
            lose(&path, how);
        } else if goes(&path) {
            fs::remove_file(path).expect("it is ours");
        }
    }
    if how == 0 {
        fs::remove_dir(release).expect("it is empty");
    }
}

fn show(response: &Response) -> String {
    let names = [
        "Content-Type",
        "Location",
        "WWW-Authenticate",
        "X-If",
        "X-Match",
        "X-Own",
    ];
    let headers = names.map(|name| response.header(name).unwrap_or("-"));
    format!("{} {headers:?}\n{}", response.status, response.text())
}
