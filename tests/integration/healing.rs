//! Healing: what is missing in the release that is known is looked for in the one that the link leads to now.
//!
//! Mostly with `RealpathEvery 1h`: nobody looks at the link by itself, so whoever gets the new release was healed.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, io};

use testbed::{Background, Module, Mpm, Releases, Response, Server};

use crate::common::{ENV, Gate, variable};
use crate::traffic::{Answer, Deploys, Traffic};

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

const ROOT_SECTION: &str = "\
Options FollowSymLinks Includes ExecCGI
AllowOverride All
Require all granted
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
        for module in ["alias", "headers", "include", "negotiation", "rewrite"] {
            setup = setup.load(module);
        }
        if mpm.is_threaded() {
            setup = setup.load("http2").config("Protocols h2c http/1.1");
        } else {
            setup = setup.load("php");
        }
        let releases = Releases::at(setup.root().join("app"));
        create(&releases, 0, &[]);
        releases.deploy("0");
        let server = setup
            .root_section(ROOT_SECTION)
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

/// How a release goes.
#[derive(Clone, Copy, Debug)]
enum Removal {
    /// Wholly, as by `rm -rf`.
    Whole,
    /// Its files are gone, its directories and .htaccess files are not yet.
    Files,
}

impl Removal {
    fn of(self, release: &Path, kind: &Kind) {
        match self {
            Removal::Whole => fs::remove_dir_all(release).expect("it is there"),
            Removal::Files => {
                for entry in fs::read_dir(release.join(kind.dir)).expect("it is there") {
                    let path = entry.expect("nobody else is here").path();
                    if path.is_file() && !path.ends_with(".htaccess") {
                        fs::remove_file(path).expect("it is there");
                    }
                }
            }
        }
    }
}

each_mpm!(a_release_deleted_right_after_the_flip_is_left);
/// Whatever kind of request comes first after a deploy that has deleted the old release at once: it gets the new one,
/// although nobody looks at the link for an hour.
fn a_release_deleted_right_after_the_flip_is_left(mpm: Mpm) {
    all_kinds_are_healed(mpm, Sections::Link, |server| {
        let mut connection = server.connect();
        move |url| connection.get(url).expect("the server answers")
    });
}

each_mpm!(streams_are_healed on worker, event);
/// The same over HTTP/2.
fn streams_are_healed(mpm: Mpm) {
    all_kinds_are_healed(mpm, Sections::Link, |server| {
        let connection = server.connect_h2();
        move |url| connection.get(url).expect("the server answers")
    });
}

each_mpm!(without_sections_too on event);
/// The same where there is no section to apply, and where httpd applies them by itself.
fn without_sections_too(mpm: Mpm) {
    for sections in [Sections::None, Sections::Target] {
        all_kinds_are_healed(mpm, sections, |server| {
            let mut connection = server.connect();
            move |url| connection.get(url).expect("the server answers")
        });
    }
}

fn all_kinds_are_healed<A>(mpm: Mpm, sections: Sections, connect: impl FnOnce(&Server) -> A)
where
    A: FnMut(&str) -> Response,
{
    let mut site = Site::start(mpm, sections, "RealpathEvery 1h");
    let mut ask = connect(&site.server);
    let part = "/static/part.txt";
    assert_eq!(release(&ask(part)), "0");
    for removal in [Removal::Whole, Removal::Files] {
        for kind in sections.kinds(mpm) {
            let old = site.current.to_string();
            site.deploy_next(&[]);
            let new = site.current.to_string();
            let checks = site.checks();
            assert_eq!(release(&ask(part)), old, "the control: nobody has looked");
            assert_eq!(site.checks(), checks);

            removal.of(&site.previous(), &kind);
            let response = ask(kind.url);
            assert_eq!(
                release(&response),
                new,
                "{removal:?}, {kind:?}: {}",
                response.text()
            );
            let looks = site.checks() - checks;
            // Whoever gets to no file in the new release either looks again, whether that is the newest still.
            let most = if kind.plain { 1 } else { 2 };
            assert!(
                (1..=most).contains(&looks),
                "{removal:?}, {kind:?}: {looks} looks"
            );
            assert_eq!(release(&ask(part)), new);
            assert_eq!(site.checks(), checks + looks, "{removal:?}, {kind:?}");
        }
    }
    drop(ask);
    site.server.stop();
}

each_mpm!(what_is_there_is_served_without_a_look on event);
/// A plain file of the known release is served from it: the link is looked at when `RealpathEvery` says.
fn what_is_there_is_served_without_a_look(mpm: Mpm) {
    let mut site = Site::start(mpm, Sections::Link, "RealpathEvery 1h");
    let mut connection = site.server.connect();
    let mut ask = |url| release(&connection.get(url).expect("the server answers"));
    assert_eq!(ask("/static/part.txt"), "0");
    let checks = site.checks();
    site.deploy_next(&[]);
    for kind in KINDS.iter().filter(|kind| kind.plain) {
        assert_eq!(ask(kind.url), "0", "{kind:?}");
    }
    assert_eq!(site.checks(), checks);
}

each_mpm!(what_no_release_has_costs_one_look);
/// A URL that is missing everywhere is a 404, with one look at the link, whatever its error page is made of; with two if the
/// first one leads to another release, in which it is missing as well.
fn what_no_release_has_costs_one_look(mpm: Mpm) {
    let config =
        "RealpathEvery 1h\n<Location /with-page>\nErrorDocument 404 /error.shtml\n</Location>";
    let mut site = Site::start(mpm, Sections::Link, config);
    let page =
        "sorry <!--#include virtual=\"/none.txt\" --> <!--#include virtual=\"/none/too\" -->";
    let files = [("web/error.shtml", page)];
    site.deploy_next(&files);
    site.server.allow("unable to include");
    let mut connection = site.server.connect();
    // The first look of a process is not for what is missing.
    assert_eq!(release(&connection.get("/static/part.txt").unwrap()), "1");
    let mut missing = |site: &Site, url: &str, looks: usize| {
        let checks = site.checks();
        let response = connection.get(url).expect("the server answers");
        assert_eq!(response.status, 404, "{url}");
        assert_eq!(site.checks(), checks + looks, "{url}");
        response.text()
    };
    missing(&site, "/none.txt", 1);
    let urls = [
        "/none.txt",
        "/none/none/none",
        "/dir/none.txt",
        "/alias/none.txt",
    ];
    for url in urls {
        missing(&site, url, 1);
    }
    assert!(missing(&site, "/with-page/none.txt", 1).starts_with("sorry "));
    // The same when the link leads elsewhere, where it is missing, too.
    for url in urls {
        site.deploy_next(&files);
        missing(&site, url, 2);
    }
    site.deploy_next(&files);
    assert!(missing(&site, "/with-page/none.txt", 2).starts_with("sorry "));
    site.server.stop();
}

each_mpm!(only_what_the_client_asks_for_is_healed on prefork, event);
/// What a page includes, and where a script or an error leads, stays in the page's release even if it is missing there.
fn only_what_the_client_asks_for_is_healed(mpm: Mpm) {
    let config = "RealpathEvery 1h\nErrorDocument 403 /new.txt";
    let mut site = Site::start(mpm, Sections::Link, config);
    site.server.allow("unable to include");
    site.server.allow("AH01630: client denied");
    let mut connection = site.server.connect();
    let mut ask = |url| connection.get(url).expect("the server answers");
    let moved = "#!/bin/sh\nprintf 'Location: /new.txt\\n\\n'\n";
    let page =
        "<!--#include virtual=\"/static/part.txt\" --> <!--#include virtual=\"/new.txt\" -->";
    site.deploy_next(&[
        ("web/page.shtml", page),
        ("web/moved.cgi", moved),
        ("web/denied/.htaccess", "Require all denied"),
        ("web/denied/file.txt", ""),
    ]);
    // The release that is left later must be the one that has these.
    assert_eq!(release(&ask("/dir/")), "1");
    site.deploy_next(&[("web/new.txt", "2")]);
    let checks = site.checks();

    let response = ask("/page.shtml");
    assert!(
        response.text().starts_with("1 [an error"),
        "{}",
        response.text()
    );
    assert_eq!(ask("/moved.cgi").status, 404);
    let response = ask("/denied/file.txt");
    assert_eq!(response.status, 403);
    assert!(!response.text().starts_with('2'), "{}", response.text());
    assert_eq!(site.checks(), checks);

    // The control: the client may ask for it.
    assert_eq!(release(&ask("/new.txt")), "2");
    site.server.stop();
}

each_mpm!(the_new_release_decides);
/// A healed request is subject to the .htaccess files and the sections as they are for the new release.
fn the_new_release_decides(mpm: Mpm) {
    let config = "RealpathEvery 1h\n\
        <Directory {root}/app/current/web/private>\nRequire all denied\n</Directory>\n\
        <DirectoryMatch \"/current/web/hidden\">\nRequire all denied\n</DirectoryMatch>\n\
        <Directory {root}/app/current/web/marked>\nHeader set X-Section marked\n</Directory>";
    let mut site = Site::start(mpm, Sections::Link, config);
    site.server.allow("AH01630: client denied");
    let mut connection = site.server.connect();
    let mut ask = |url| connection.get(url).expect("the server answers");
    assert_eq!(release(&ask("/static/part.txt")), "0");
    for (url, status) in [
        ("/private/file.txt", 403),
        ("/hidden/file.txt", 403),
        ("/closed/file.txt", 403),
        ("/opened/file.txt", 200),
        ("/marked/file.txt", 200),
        ("/plain/file.txt", 200),
    ] {
        let file = format!("web{url}");
        let dir = Path::new(&file).parent().expect("it has one").display();
        let htaccess = format!("{dir}/.htaccess");
        let (closed, opened) = ("Require all denied", "Require all granted");
        // In the old release it is the other way round, and the file is missing.
        let (old, new) = match url {
            "/closed/file.txt" => (opened, closed),
            "/opened/file.txt" => (closed, opened),
            "/plain/file.txt" => ("Header set X-Section old", ""),
            _ => ("", ""),
        };
        site.deploy_next(&[(&htaccess, old)]);
        assert_eq!(release(&ask("/dir/")), site.current.to_string());
        site.deploy_next(&[(&htaccess, new), (&file, "new")]);
        let response = ask(url);
        assert_eq!(response.status, status, "{url}");
        assert_eq!(response.text() == "new", status == 200, "{url}");
        let mark = url.starts_with("/marked").then_some("marked");
        assert_eq!(response.header("X-Section"), mark, "{url}");
    }
    site.server.stop();
}

each_mpm!(a_healed_script_sees_the_new_release_only);
/// All paths in its environment are of the release that it was found in.
fn a_healed_script_sees_the_new_release_only(mpm: Mpm) {
    let mut site = Site::start(mpm, Sections::Link, "RealpathEvery 1h");
    let mut connection = site.server.connect();
    let mut ask = |url| connection.get(url).expect("the server answers");
    assert_eq!(release(&ask("/static/part.txt")), "0");
    for (url, context, file) in [
        ("/env.cgi/path/info", "web", "web/env.cgi"),
        (
            "/alias/env.cgi/path/info",
            "shared/plain",
            "shared/plain/env.cgi",
        ),
    ] {
        site.deploy_next(&[(file, ENV)]);
        let old = site.previous();
        fs::remove_dir_all(&old).expect("it is there");
        let new = site.releases.release(&site.current.to_string());
        let response = ask(url);
        for (name, path) in [
            ("DOCUMENT_ROOT", "web"),
            ("CONTEXT_DOCUMENT_ROOT", context),
            ("SCRIPT_FILENAME", file),
            ("PATH_TRANSLATED", "web/path/info"),
        ] {
            let value = Path::new(variable(&response, name));
            assert_eq!(
                value.components().as_path(),
                new.join(path),
                "{url}: {name}"
            );
        }
        let old = old.to_str().expect("its name is text");
        assert!(!response.text().contains(old), "{}", response.text());
    }
    drop(connection);
    site.server.stop();
}

each_mpm!(a_healed_request_keeps_to_its_new_release);
/// It is pinned to the release that healed it: when the link is flipped once more meanwhile, it goes on there.
fn a_healed_request_keeps_to_its_new_release(mpm: Mpm) {
    let mut site = Site::start(mpm, Sections::Link, "RealpathEvery 1h");
    let endpoint = site.server.on(1);
    assert_eq!(release(&endpoint.get("/static/part.txt")), "0");
    let gate = Gate::at(site.server.root());
    let wait = gate.command();
    let script = format!("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; {wait}; printf 1\n");
    let page: String = [
        "wait.cgi",
        "dir/",
        "static/part.txt",
        "section/none",
        "front/none",
    ]
    .map(|url| format!("<!--#include virtual=\"/{url}\" --> "))
    .concat();
    site.deploy_next(&[("web/wait.cgi", &script), ("web/page.shtml", &page)]);
    let answer = Background::run(move |_| endpoint.get("/page.shtml"));
    gate.wait_for(1);
    site.deploy_next(&[]);
    assert_eq!(release(&endpoint.get("/dir/")), "2");
    assert!(!answer.is_finished());
    gate.open();
    assert_eq!(release(&answer.finish()), "1");
    site.server.stop();
}

each_mpm!(what_is_deleted_first_still_protects on prefork, event);
/// A release is deleted while a request is on its way to a file of it. The .htaccess that protects the file is gone first.
fn what_is_deleted_first_still_protects(mpm: Mpm) {
    let config = "RewriteMap held \"prg:/bin/sh -c 'while read url; do : >{root}/gate/waits.1; \
        while test -d {root}/gate && ! test -e {root}/gate/open; do sleep 0.02; done; echo go; done'\"\n\
        RewriteCond ${held:$0} go\n\
        RewriteRule ^/closed/ -";
    let mut site = Site::start(mpm, Sections::Link, config);
    site.server.allow("AH01630: client denied");
    let gate = Gate::at(site.server.root());
    let endpoint = site.server.on(1);
    let closed = [
        ("web/closed/.htaccess", "Require all denied"),
        ("web/closed/file.txt", "secret"),
    ];
    site.deploy_next(&closed);
    let answer = Background::run(move |_| endpoint.get("/closed/file.txt"));
    gate.wait_for(1);
    site.deploy_next(&closed);
    fs::remove_file(site.previous().join("web/closed/.htaccess")).expect("it is there");
    gate.open();
    assert_eq!(answer.finish().status, 403);
    site.server.stop();
}

each_mpm!(a_release_deleted_before_the_flip on event);
/// Requests in between are lost; the first one after the flip is not.
fn a_release_deleted_before_the_flip(mpm: Mpm) {
    let mut site = Site::start(mpm, Sections::Link, "RealpathEvery 1h");
    site.server.allow("RD12");
    let mut connection = site.server.connect();
    let mut ask = |url| release(&connection.get(url).expect("the server answers"));
    for kind in KINDS {
        assert_eq!(ask("/static/part.txt"), site.current.to_string());
        site.releases.remove(&site.current.to_string());
        let answer = ask(kind.url);
        assert!(answer.starts_with("status 4"), "{kind:?}: {answer}");
        site.deploy_next(&[]);
        assert_eq!(ask(kind.url), site.current.to_string(), "{kind:?}");
    }
    drop(connection);
    site.server.stop();
}

each_mpm!(what_lies_under_a_further_link_is_healed on event);
/// So is what an Alias leads to, in a tree with a link of its own.
fn what_lies_under_a_further_link_is_healed(mpm: Mpm) {
    let config = "RealpathEvery 1h\n\
        RealdocLink {root}/media/current\n\
        Alias /media/ {root}/media/current/files/\n";
    let mut site = Site::start(mpm, Sections::Link, config);
    let media = Releases::at(site.server.root().join("media"));
    let mut connection = site.server.connect();
    let mut ask = |url| release(&connection.get(url).expect("the server answers"));
    let deploy_media = |name: &str| {
        media.create(name, &[("files/a.txt", name), ("files/index.html", name)]);
        media.deploy(name);
    };
    deploy_media("0");
    assert_eq!(ask("/media/a.txt"), "0");
    for (old, new, url) in [("0", "1", "/media/a.txt"), ("1", "2", "/media/")] {
        deploy_media(new);
        assert_eq!(ask("/media/a.txt"), old, "the control: nobody has looked");
        media.remove(old);
        assert_eq!(ask(url), new);
        assert_eq!(ask("/media/a.txt"), new);
    }
    // Both links at once.
    site.deploy_next(&[]);
    deploy_media("3");
    media.remove("2");
    site.releases.remove("0");
    assert_eq!(ask("/static/part.txt"), "1");
    assert_eq!(ask("/media/a.txt"), "3");
    drop(connection);
    site.server.stop();
}

each_mpm!(deploys_that_delete_the_old_release_lose_no_request);
/// Blue and green: ten deploys under load that delete the old release at once, and one whose `rm` takes seconds. What all
/// releases have is always there for who asks after that; only what the very deletion of its files hits may fail.
fn deploys_that_delete_the_old_release_lose_no_request(mpm: Mpm) {
    let all = Sections::Link.kinds(mpm);
    // Other requests would tell all processes of the flip.
    let plain = all.iter().filter(|kind| kind.plain).copied().collect();
    let runs: [(&str, Vec<Kind>); 3] = [("2", plain), ("2", all.clone()), ("0", all)];
    let runs = runs.map(|(every, kinds)| Background::run(move |_| lost(mpm, every, &kinds)));
    for run in runs {
        let lost = run.finish();
        assert!(lost.is_empty(), "{}: {lost:#?}", lost.len());
    }
}

/// The answers that must not be, in words.
fn lost(mpm: Mpm, every: &str, kinds: &[Kind]) -> Vec<String> {
    const DEPLOYS: usize = 11;
    // Between two files, at the last of them.
    const SLOWLY: Duration = Duration::from_millis(60);

    // Prefork needs a process for each client.
    let (clients, children) = if mpm.is_threaded() {
        (2, 2)
    } else {
        (1, kinds.len())
    };
    let config = format!("RealpathEvery {every}\nLogLevel warn");
    let mut site = Site::with_children(children, mpm, Sections::Link, &config);
    // What scripts, pages and httpd say of files that vanish under their hands.
    for part in [
        "No such file",
        "unable to include",
        "[cgi:error]",
        "[cgid:error]",
        "[php:error]",
    ] {
        site.server.allow(part);
    }
    let mut deploys = Deploys::of(&site.releases);
    deploys.deploy("0");
    let traffic: Vec<(&Kind, Traffic)> = kinds
        .iter()
        .map(|kind| (kind, Traffic::start(site.server.on(1), clients, kind.url)))
        .collect();

    // Of each release in turn.
    let mut deletions: Vec<Vec<Deletion>> = Vec::new();
    for deploy in 1..=DEPLOYS {
        traffic.iter().for_each(|(_, traffic)| traffic.wait_for(2));
        site.current += 1;
        create(&site.releases, site.current, &[]);
        deploys.deploy(&site.current.to_string());
        let pause = if deploy == DEPLOYS {
            SLOWLY
        } else {
            Duration::ZERO
        };
        let mut deleted = Vec::new();
        delete(&site.previous(), pause, &mut deleted);
        deletions.push(deleted);
    }
    traffic.iter().for_each(|(_, traffic)| traffic.wait_for(2));

    let mut answers = Vec::new();
    let mut hit = 0;
    for (kind, traffic) in traffic {
        let mut outcome = traffic.finish();
        assert!(outcome.errors.is_empty(), "{kind:?}: {:?}", outcome.errors);
        let all = outcome.answers.len();
        outcome
            .answers
            .retain(|answer| !is_hit(answer, kind, &deletions));
        hit += all - outcome.answers.len();
        assert!(
            outcome.releases() > DEPLOYS,
            "{kind:?}: every release was seen"
        );
        answers.extend(outcome.answers);
    }
    site.server.stop();
    println!(
        "{mpm}, RealpathEvery {every}: {} answers, {hit} hit by the deletion of their files",
        answers.len()
    );
    deploys.wrong(&answers)
}

/// A file or a directory that was deleted, and when.
struct Deletion {
    path: PathBuf,
    from: Instant,
    to: Instant,
}

/// Deletes a directory with a pause after each file. What a page includes goes before the page.
fn delete(dir: &Path, pause: Duration, deletions: &mut Vec<Deletion>) {
    let entries = fs::read_dir(dir).expect("it is there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("nobody else deletes").path())
        .collect();
    paths.sort();
    for path in paths.into_iter().rev() {
        if path.is_dir() {
            delete(&path, pause, deletions);
        } else {
            note(path, |path| fs::remove_file(path), deletions);
            sleep(pause);
        }
    }
    note(dir.into(), |dir| fs::remove_dir(dir), deletions);
}

fn note(
    path: PathBuf,
    delete: impl FnOnce(&Path) -> io::Result<()>,
    deletions: &mut Vec<Deletion>,
) {
    let from = Instant::now();
    delete(&path).unwrap_or_else(|error| panic!("cannot delete {}: {error}", path.display()));
    deletions.push(Deletion {
        path,
        from,
        to: Instant::now(),
    });
}

/// Whether an answer is of no release because of a deletion while it was made: of a file that it needs, or, for a page that
/// includes others, at any time between the first of its files and the last.
fn is_hit(answer: &Answer, kind: &Kind, deletions: &[Vec<Deletion>]) -> bool {
    let fails = answer.release.parse::<usize>().is_err();
    let is_page = answer.release.starts_with("mixed");
    let meets = |from, to| answer.started <= to && from <= answer.finished;
    let hits = |release: &Vec<Deletion>| {
        let needs = |deletion: &&Deletion| {
            let mut own = deletion.path.ancestors().take(2);
            own.any(|path| path.ends_with(kind.dir))
        };
        let needed: Vec<&Deletion> = release.iter().filter(needs).collect();
        match needed.as_slice() {
            [first, .., last] if is_page => meets(first.from, last.to),
            needed => needed.iter().any(|one| meets(one.from, one.to)),
        }
    };
    fails && deletions.iter().any(hits)
}
