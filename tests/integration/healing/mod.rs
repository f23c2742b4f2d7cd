//! Healing: what is missing in the release that is known is looked for in the one that the link
//! leads to now.
//!
//! Mostly with `RealpathEvery 1h`: nobody looks at the link by itself, so whoever gets the new
//! release was healed.

mod deletion;
mod kinds;
mod new_release;

use std::path::PathBuf;

use testbed::{Module, Mpm, Releases, Response, Server};

use crate::common::SSI_CGI;
use crate::traffic::Answer;

/// A kind of request. Its answer is the name of its release, once or several times.
#[derive(Clone, Copy, Debug)]
struct Kind {
    url: &'static str,
    /// All that it needs is in this directory of the release.
    dir: &'static str,
    /// Whether the URL is a plain file's, perhaps with a path behind it.
    plain: bool,
}

const fn plain(url: &'static str, dir: &'static str) -> Kind {
    Kind {
        url,
        dir,
        plain: true,
    }
}

const fn found(url: &'static str, dir: &'static str) -> Kind {
    Kind {
        url,
        dir,
        plain: false,
    }
}

const KINDS: [Kind; 14] = [
    plain("/static/part.txt", "web/static"),
    plain("/cgi/name.cgi/path/info", "web/cgi"),
    plain("/ssi/page.shtml", "web/ssi"),
    plain("/alias/part.txt", "shared/plain"),
    // DirectoryIndex.
    found("/", "web"),
    found("/dir/", "web/dir"),
    found("/alias-dir/", "shared/dir"),
    // Front controllers and other rules, in .htaccess and in a section.
    found("/fallback/none", "web/fallback"),
    found("/front/none", "web/front"),
    found("/front/no/such/path", "web/front"),
    found("/rule/item", "web/rule"),
    found("/section/none", "web/section"),
    found("/server-rule/item", "web/server-rule"),
    // MultiViews.
    found("/views/page", "web/views"),
];

/// mod_php, which there is on prefork only.
const PHP: Kind = plain("/php/name.php/path/info", "web/php");

const CONFIG: &str = "\
DocumentRoot {root}/app/current/web
AddOutputFilter INCLUDES .shtml
Alias /alias/ {root}/app/current/shared/plain/
Alias /alias-dir/ {root}/app/current/shared/dir/
RewriteEngine On
RewriteRule ^/server-rule/item$ {root}/app/current/web/server-rule/part.txt
<Files *.php>
    SetHandler application/x-httpd-php
</Files>
";

/// A front controller in a section of the directory that `{}` stands for.
const SECTION: &str = "
<Directory {}/web/section>
    RewriteEngine On
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteRule ^ front.txt [L]
</Directory>
";

/// The files of a release. What an .htaccess names, another release does not have.
fn files(release: &str) -> Vec<(String, String)> {
    let own = |text: &str| text.replace("OWN", release);
    let page = "OWN <!--#include virtual=\"/ssi/part.txt\" -->";
    [
        ("web/index.html", "OWN"),
        ("web/static/part.txt", "OWN"),
        (
            "web/cgi/name.cgi",
            "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; printf OWN\n",
        ),
        ("web/php/name.php", "<?php print 'OWN';"),
        ("web/ssi/page.shtml", page),
        ("web/ssi/part.txt", "OWN"),
        ("shared/plain/part.txt", "OWN"),
        ("shared/dir/.htaccess", "DirectoryIndex OWN.txt"),
        ("shared/dir/OWN.txt", "OWN"),
        ("web/dir/.htaccess", "DirectoryIndex OWN.txt"),
        ("web/dir/OWN.txt", "OWN"),
        (
            "web/fallback/.htaccess",
            "FallbackResource /fallback/OWN.txt",
        ),
        ("web/fallback/OWN.txt", "OWN"),
        (
            "web/front/.htaccess",
            "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ OWN.txt [L]",
        ),
        ("web/front/OWN.txt", "OWN"),
        (
            "web/rule/.htaccess",
            "RewriteEngine On\nRewriteRule ^item$ OWN.txt",
        ),
        ("web/rule/OWN.txt", "OWN"),
        ("web/section/front.txt", "OWN"),
        ("web/server-rule/part.txt", "OWN"),
        ("web/views/.htaccess", "Options +MultiViews"),
        ("web/views/page.txt", "OWN"),
    ]
    .map(|(file, text)| (own(file), own(text)))
    .into()
}

/// Which sections there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sections {
    /// None but that of the root directory.
    None,
    /// By the link's name.
    Link,
    /// By the release's own name.
    Target,
}

impl Sections {
    fn config(self) -> String {
        match self {
            Sections::None => String::new(),
            Sections::Link => SECTION.replace("{}", "{root}/app/current"),
            // In a section of several directories a rule has no path to begin with.
            Sections::Target => {
                let section = SECTION.replace("{}", "{root}/app/releases/*");
                let section = section.replace(" front.txt", " /section/front.txt");
                format!("RealdocSections Target\n{section}")
            }
        }
    }

    /// What is served with them.
    fn kinds(self, mpm: Mpm) -> Vec<Kind> {
        let php = (!mpm.is_threaded()).then_some(PHP);
        let served = |kind: &Kind| self != Sections::None || kind.dir != "web/section";
        KINDS.into_iter().chain(php).filter(served).collect()
    }
}

/// A server, and a site of one release so far.
struct Site {
    server: Server,
    releases: Releases,
    /// The number of the release that the link leads to.
    current: usize,
}

impl Site {
    fn start(mpm: Mpm, sections: Sections, config: &str) -> Self {
        Self::with_children(2, mpm, sections, config)
    }

    fn with_children(children: usize, mpm: Mpm, sections: Sections, config: &str) -> Self {
        let mut setup = Server::builder(mpm)
            .module(Module::On)
            .children(children)
            .cgi();
        setup = setup.load_all(&["alias", "headers", "include", "negotiation", "rewrite"]);
        if mpm.is_threaded() {
            setup = setup.load("http2").config("Protocols h2c http/1.1");
        } else {
            setup = setup.load("php");
        }
        let releases = Releases::at(setup.root().join("app"));
        create(&releases, 0, &[]);
        releases.deploy("0");
        let server = setup
            .root_section(SSI_CGI)
            .config(CONFIG)
            .config(&sections.config())
            .config(config)
            .start();
        Self {
            server,
            releases,
            current: 0,
        }
    }

    /// Makes and deploys the next release, with these files beside the usual ones.
    fn deploy_next(&mut self, files: &[(&str, &str)]) {
        self.current += 1;
        create(&self.releases, self.current, files);
        self.releases.deploy(&self.current.to_string());
    }

    /// The path of the release before the current one.
    fn previous(&self) -> PathBuf {
        self.releases.release(&(self.current - 1).to_string())
    }

    fn checks(&self) -> usize {
        self.server.log_count("RD10")
    }
}

fn create(releases: &Releases, release: usize, more: &[(&str, &str)]) {
    let release = release.to_string();
    let files = files(&release);
    let files = files.iter().map(|(file, text)| (&**file, &**text));
    let files: Vec<(&str, &str)> = files.chain(more.iter().copied()).collect();
    releases.create(&release, &files);
}

/// The release that a response is of, or what there is instead.
fn release(response: &Response) -> String {
    Answer::from(response).release
}
