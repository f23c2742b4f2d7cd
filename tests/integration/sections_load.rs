//! Sections and .htaccess files under a link that flips under load.
//!
//! The two releases differ in their content and in their .htaccess files. What each of them answers stock httpd says
//! beforehand, with the link at rest: under load each response has to be one of these two, as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::mem;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use testbed::{
    Background, Builder, Client, ClientError, H2Connection, Module, Mpm, Releases, Response,
    Server, Stop,
};

const RELEASES: [&str; 2] = ["42", "43"];

/// In each file that both releases protect.
const SECRET: &str = "SECRET";

/// "user:secret", as HTTP and as a password file have it.
const LOGIN: &str = "Basic dXNlcjpzZWNyZXQ=";
const PASSWORD: &str = "user:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

/// The virtual hosts. With a port: else redirects would name each server's own.
const FIRST: &str = "first:80";
const SECOND: &str = "second:80";

/// What is asked for.
#[derive(Clone, Copy)]
struct Ask {
    path: &'static str,
    host: &'static str,
    login: bool,
}

const fn get(path: &'static str) -> Ask {
    Ask {
        path,
        host: FIRST,
        login: false,
    }
}

impl Ask {
    const fn as_user(self) -> Self {
        Self {
            login: true,
            ..self
        }
    }

    const fn at(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    fn headers(&self) -> Vec<(&'static str, &'static str)> {
        let login = self.login.then_some(("Authorization", LOGIN));
        [("Host", self.host)].into_iter().chain(login).collect()
    }

    /// mod_include over mod_http2 under load crashes in stock httpd.
    fn suits_http2(&self) -> bool {
        !self.path.ends_with(".shtml")
    }
}

const ASKS: [Ask; 43] = [
    get("/page.txt"),
    get("/page.txt").at(SECOND),
    get("/missing.txt"),
    get("/missing.txt").at(SECOND),
    get("/mix.shtml"),
    get("/mix.shtml").as_user(),
    // Each release denies one of the two.
    get("/denied-in-42/file.txt"),
    get("/denied-in-43/file.txt"),
    // Both deny.
    get("/private/secret.txt"),
    get("/private/"),
    get("/hidden-a/secret.txt"),
    get("/closed/secret.txt"),
    get("/files/secret.key"),
    get("/only-first/secret.txt").at(SECOND),
    get("/shared/closed/secret.txt"),
    get("/only-first/page.txt"),
    get("/files/page.txt"),
    // Regex sections with captures.
    get("/match/one/page.txt"),
    get("/match/two/page.txt").at(SECOND),
    get("/tilde-x/page.txt"),
    // Wildcard sections.
    get("/wild-1/page.txt"),
    // Authentication.
    get("/members/page.txt"),
    get("/members/page.txt").as_user(),
    get("/members/").as_user(),
    get("/members/page.shtml").as_user(),
    // RewriteRule in a section, which remembers its path.
    get("/section/item/a"),
    get("/section/item/a").at(SECOND),
    get("/section/front/none"),
    get("/section/page.txt"),
    // RewriteRule in .htaccess, without and with RewriteBase, and behind `-f`.
    get("/rules/item"),
    get("/rules/base/item"),
    get("/front/none"),
    get("/front/page.txt"),
    get("/fallback/none"),
    // DirectoryIndex, autoindex, MultiViews.
    get("/index/"),
    get("/index"),
    get("/list/"),
    get("/views/page"),
    // Alias.
    get("/shared/page.txt"),
    get("/shared/"),
    // CGI.
    get("/cgi/print.cgi/path/info"),
    get("/cgi/print.cgi/path/info").at(SECOND),
    get("/mix.shtml").at(SECOND),
];

/// Granted is only what a section by the link's name grants. Each section leaves its trace in X-Section.
const CONFIG: &str = r#"
DocumentRoot {site}/current/web
AddOutputFilter INCLUDES .shtml
Alias /shared {site}/current/shared
<Directory {site}/current>
    Require all granted
    AllowOverride All
    Options FollowSymLinks Includes ExecCGI
    Header always append X-Section current
    ErrorDocument 403 /errors/denied.txt
</Directory>
<Directory {site}/current/web/private>
    Require all denied
</Directory>
<DirectoryMatch "^{site}/current/web/hidden-[a-z]+">
    Require all denied
</DirectoryMatch>
<Directory {site}/current/shared/closed>
    Require all denied
</Directory>
<Directory {site}/current/web/files>
    <Files *.key>
        Require all denied
    </Files>
    <If "%{REQUEST_URI} =~ /page/">
        Header always append X-Section if
    </If>
</Directory>
<DirectoryMatch "^{site}/current/web/match/(?<word>[a-z]+)">
    Header always append X-Section match-%{MATCH_WORD}e
</DirectoryMatch>
<Directory ~ "/current/web/tilde-.$">
    Header always append X-Section tilde
</Directory>
<Directory {site}/current/*/wild-?>
    Header always append X-Section wild
</Directory>
<Directory {site}/current/web/members>
    AuthType Basic
    AuthName members
    AuthUserFile {root}/users
    Require valid-user
    ErrorDocument 401 /errors/login.txt
</Directory>
<Directory {site}/current/web/section>
    RewriteEngine On
    RewriteRule ^item/([a-z]+)$ items/$1.txt [L]
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteRule ^ items/front.txt [L]
</Directory>
<Directory {site}/current/web/list>
    Options +Indexes
    IndexOptions FancyIndexing
    IndexIgnore *.bak
    AddDescription "a text" *.txt
    DirectoryIndex disabled
</Directory>
<VirtualHost *:{port}>
</VirtualHost>
<VirtualHost *:{port}>
    ServerName second
    <Directory {site}/current/web>
        Header always append X-Section second
    </Directory>
    <Directory {site}/current/web/only-first>
        Require all denied
    </Directory>
</VirtualHost>
"#;

/// What the README of the original module tells to write.
const RELEASES_GRANTED: &str = "
RealdocSections Target
<Directory {site}/releases>
    Require all granted
    AllowOverride All
    Options FollowSymLinks Includes ExecCGI
</Directory>
";

/// Includes what is allowed, what is denied, and what only one of the releases allows.
const MIX: [&str; 13] = [
    "page.txt",
    "denied-in-42/file.txt",
    "match/one/page.txt",
    "private/secret.txt",
    "members/page.txt",
    "section/item/a",
    "rules/item",
    "front/none",
    "fallback/none",
    "index/",
    "denied-in-43/file.txt",
    "cgi/print.cgi/path/info",
    "page.txt",
];

const MODULES: [&str; 10] = [
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_user",
    "autoindex",
    "headers",
    "include",
    "negotiation",
    "rewrite",
];

fn create(site: &Releases, release: &str) {
    let mix = MIX.map(|url| format!("{url}: <!--#include virtual=\"/{url}\" -->\n"));
    let script = format!(
        "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n\
         read page <\"$DOCUMENT_ROOT/page.txt\"\n\
         echo {release} $PATH_INFO $page\n"
    );
    let own = |text: &str| text.replace("OWN", release);
    let denied_in = |denied: &str| {
        if release == denied {
            "Require all denied"
        } else {
            "Require all granted"
        }
    };
    let page = own("OWN's page\n");
    let secret = own("OWN's SECRET");
    // In both releases are the files that the other's .htaccess would take.
    let both = |dir: &'static str| {
        let text = |name| (format!("{dir}/{name}.txt"), own(&format!("OWN's {name}")));
        RELEASES.map(text)
    };
    let mut files: Vec<(String, String)> = [
        (
            "web/.htaccess",
            own(
                "Header always append X-Section htaccess-OWN\nErrorDocument 404 /errors/missing-OWN.txt\n",
            ),
        ),
        ("web/page.txt", page.clone()),
        ("web/mix.shtml", mix.concat()),
        ("web/errors/denied.txt", own("OWN denies")),
        ("web/errors/login.txt", own("OWN wants a login")),
        ("web/errors/missing-42.txt", own("OWN has no such file")),
        ("web/errors/missing-43.txt", own("OWN has no such file")),
        ("web/denied-in-42/.htaccess", denied_in("42").into()),
        ("web/denied-in-42/file.txt", own("OWN's file")),
        ("web/denied-in-43/.htaccess", denied_in("43").into()),
        ("web/denied-in-43/file.txt", own("OWN's file")),
        ("web/private/secret.txt", secret.clone()),
        ("web/private/index.html", secret.clone()),
        ("web/hidden-a/secret.txt", secret.clone()),
        ("web/closed/.htaccess", "Require all denied".into()),
        ("web/closed/secret.txt", secret.clone()),
        ("web/files/secret.key", secret.clone()),
        ("web/files/page.txt", page.clone()),
        ("web/only-first/secret.txt", secret.clone()),
        ("web/only-first/page.txt", page.clone()),
        ("web/match/one/page.txt", page.clone()),
        ("web/match/two/page.txt", page.clone()),
        ("web/tilde-x/page.txt", page.clone()),
        ("web/wild-1/page.txt", page.clone()),
        ("web/members/page.txt", own("OWN's SECRET for members")),
        ("web/members/index.html", own("OWN's SECRET for members")),
        (
            "web/members/page.shtml",
            own("OWN <!--#include virtual=\"/members/page.txt\" -->"),
        ),
        ("web/section/page.txt", page.clone()),
        ("web/section/items/a.txt", own("OWN's item")),
        ("web/section/items/front.txt", own("OWN's front controller")),
        (
            "web/rules/.htaccess",
            own("RewriteEngine On\nRewriteRule ^item$ OWN.txt"),
        ),
        (
            "web/rules/base/.htaccess",
            own("RewriteEngine On\nRewriteBase /rules/base/\nRewriteRule ^item$ OWN.txt"),
        ),
        (
            "web/front/.htaccess",
            own("RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ OWN.txt [L]"),
        ),
        ("web/front/page.txt", page.clone()),
        (
            "web/fallback/.htaccess",
            own("FallbackResource /fallback/OWN.txt"),
        ),
        ("web/index/.htaccess", own("DirectoryIndex OWN.txt")),
        ("web/list/OWN-only.txt", page.clone()),
        ("web/list/both.txt", page.clone()),
        ("web/list/ignored.bak", page.clone()),
        ("web/views/.htaccess", "Options +MultiViews".into()),
        ("web/views/page.txt", page.clone()),
        ("web/cgi/print.cgi", script),
        (
            "shared/.htaccess",
            own("Header always append X-Section shared-OWN\nDirectoryIndex OWN.txt"),
        ),
        ("shared/page.txt", page.clone()),
        ("shared/closed/secret.txt", secret.clone()),
    ]
    .map(|(file, content)| (own(file), content))
    .into();
    for dir in [
        "web/rules",
        "web/rules/base",
        "web/front",
        "web/fallback",
        "web/index",
        "shared",
    ] {
        files.extend(both(dir));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(file, content)| (file.as_str(), content.as_str()))
        .collect();
    site.create(release, &files);
}

/// What of a response has to be the same again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: Vec<String>,
    body: String,
}

impl Answer {
    /// Without the headers that depend on the moment or on the connection.
    fn from(response: &Response) -> Self {
        const VOLATILE: [&str; 6] = [
            "connection",
            // There or not, for what is made on the fly.
            "content-length",
            "date",
            "keep-alive",
            "transfer-encoding",
            "upgrade",
        ];
        let mut headers: Vec<String> = response
            .headers
            .iter()
            .filter(|(name, _)| !VOLATILE.contains(&name.as_str()))
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                // An ETag is weak as long as its file is new.
                format!("{name}: {}", value.trim_start_matches("W/"))
            })
            .collect();
        headers.sort();
        Self {
            status: response.status,
            headers,
            body: response.text(),
        }
    }
}

/// Each release's answers to [`ASKS`].
type References = [Vec<Answer>; 2];

/// What clients got.
#[derive(Debug, Default)]
struct Findings {
    /// How many answers there are of each release.
    of: [usize; 2],
    /// Served although both releases deny it.
    wider: BTreeMap<String, usize>,
    /// Otherwise an answer of neither release.
    mixed: BTreeMap<String, usize>,
    errors: Vec<ClientError>,
}

impl Findings {
    fn note(&mut self, ask: &Ask, answer: Result<Answer, ClientError>, expected: [&Answer; 2]) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.errors.push(error),
        };
        if let Some(release) = expected.iter().position(|expected| answer == **expected) {
            // What both answer alike is no sign of either.
            if expected[0] != expected[1] {
                self.of[release] += 1;
            }
            return;
        }
        let Ask { host, path, login } = ask;
        let login = if *login { ", with login" } else { "" };
        let mut expected_text = format!("{:?}", expected[0]);
        if expected[0] != expected[1] {
            expected_text += &format!("\n    or {:?}", expected[1]);
        }
        let text = format!("{host}{path}{login}\n   got {answer:?}\n    of {expected_text}");
        let denied = expected.iter().all(|expected| expected.status >= 400);
        let kind = if denied && answer.status < 400 || leaks(&answer, expected) {
            &mut self.wider
        } else {
            &mut self.mixed
        };
        *kind.entry(text).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        for (total, more) in self.of.iter_mut().zip(other.of) {
            *total += more;
        }
        for (total, more) in [
            (&mut self.wider, other.wider),
            (&mut self.mixed, other.mixed),
        ] {
            for (text, count) in more {
                *total.entry(text).or_default() += count;
            }
        }
        self.errors.extend(other.errors);
    }

    fn responses(&self) -> usize {
        self.of.iter().sum::<usize>() + self.wrong()
    }

    fn wrong(&self) -> usize {
        let counts = |map: &BTreeMap<String, usize>| map.values().sum::<usize>();
        counts(&self.wider) + counts(&self.mixed)
    }

    #[track_caller]
    fn are_clean(&self) {
        let show = |map: &BTreeMap<String, usize>| {
            map.iter()
                .take(5)
                .map(|(text, count)| format!("{count} times {text}\n"))
                .collect::<String>()
        };
        assert!(
            self.wider.is_empty(),
            "{} kinds are wider:\n{}",
            self.wider.len(),
            show(&self.wider)
        );
        assert!(
            self.mixed.is_empty(),
            "{} kinds are mixed:\n{}",
            self.mixed.len(),
            show(&self.mixed)
        );
        assert!(self.errors.is_empty(), "{:?}", self.errors);
    }
}

/// Shows what is secret in both releases.
fn leaks(answer: &Answer, expected: [&Answer; 2]) -> bool {
    answer.body.contains(SECRET) && !expected.iter().any(|answer| answer.body.contains(SECRET))
}

each_mpm!(each_response_is_of_one_release);
/// Each response under load is of one release as a whole, its .htaccess files and the sections included; what both
/// releases deny is not served.
fn each_response_is_of_one_release(mpm: Mpm) {
    let bench = Bench::new(mpm);
    bench.references_are_telling();

    let server = bench.server(Module::On, "");
    bench.at_rest(&server).are_clean();
    let found = bench.under_load(&server, 120);
    server.stop();
    found.are_clean();
    assert!(found.of.iter().all(|&count| count > 10), "{:?}", found.of);

    // The controls: stock httpd mixes, and without the sections by the link's name all is served.
    let mixed = bench.under_load(&bench.stock, 25).mixed;
    assert!(!mixed.is_empty(), "the control");
    let target = bench.server(Module::On, RELEASES_GRANTED);
    target.allow("RD06: <Directory");
    let wider = bench.at_rest(&target).wider;
    assert!(!wider.is_empty(), "the control");
}

/// A site of two releases, and stock httpd's word on it.
struct Bench {
    site: Releases,
    stock: Server,
    references: Arc<References>,
}

impl Bench {
    fn new(mpm: Mpm) -> Self {
        let setup = Server::builder(mpm);
        let site = Releases::at(setup.root().join("app"));
        for release in RELEASES {
            create(&site, release);
        }
        site.deploy(RELEASES[0]);
        let stock = start(mpm, setup, &site, "");
        let references = RELEASES.map(|release| {
            site.deploy(release);
            let mut client = Asker::Http1(stock.client());
            let answer = |ask| client.ask(ask).expect("stock httpd answers");
            ASKS.iter().map(answer).collect()
        });
        Self {
            site,
            stock,
            references: Arc::new(references),
        }
    }

    /// Another server of the same site.
    fn server(&self, module: Module, config: &str) -> Server {
        let mpm = self.stock.mpm();
        let setup = Server::builder(mpm).module(module);
        start(mpm, setup, &self.site, config)
    }

    /// The list is worth something: all kinds of answers, most of them telling of their release, nothing secret in it.
    fn references_are_telling(&self) {
        let [first, second] = self.references.as_ref();
        for status in [200, 301, 401, 403, 404] {
            assert!(first.iter().any(|answer| answer.status == status));
        }
        let pairs = || ASKS.iter().zip(first.iter().zip(second));
        let alike = pairs().filter(|(_, (first, second))| first == second);
        let alike: Vec<&str> = alike.map(|(ask, _)| ask.path).collect();
        assert!(alike.len() <= 1, "{alike:?}");
        for (ask, (first, second)) in pairs().filter(|(ask, _)| !ask.login) {
            for answer in [first, second] {
                assert!(!answer.body.contains(SECRET), "{}: {answer:?}", ask.path);
            }
        }
    }

    /// All is asked for in each release while nothing moves.
    fn at_rest(&self, server: &Server) -> Findings {
        let mut findings = Findings::default();
        let mut client = Asker::Http1(server.client());
        for (release, expected) in RELEASES.iter().zip(self.references.as_ref()) {
            self.site.deploy(release);
            for (ask, expected) in ASKS.iter().zip(expected) {
                findings.note(ask, client.ask(ask), [expected; 2]);
            }
        }
        findings
    }

    /// Clients ask without a pause while the link flips.
    fn under_load(&self, server: &Server, flips: usize) -> Findings {
        const PAUSE: Duration = Duration::from_millis(20);

        let children = server.children();
        let endpoint = server.on(1);
        let mut askers: Vec<Asker> = (0..6).map(|_| Asker::Http1(endpoint.client())).collect();
        if server.mpm() == Mpm::Event {
            let connection = endpoint.connect_h2();
            let streams = (0..4).map(|_| Asker::Http2(connection.clone()));
            askers.extend(streams);
        }
        let clients: Vec<Background<Findings>> = (0..)
            .zip(askers)
            .map(|(n, asker)| {
                let references = Arc::clone(&self.references);
                Background::run(move |stop| asker.ask_all(n, &references, stop))
            })
            .collect();
        for release in RELEASES.iter().cycle().take(flips) {
            self.site.deploy(release);
            sleep(PAUSE);
        }
        let mut findings = Findings::default();
        for client in clients {
            findings.add(client.finish());
        }
        assert_eq!(server.children(), children, "no child has ended");
        println!(
            "{}: {flips} flips, {} telling responses, {} wrong",
            server.mpm(),
            findings.responses(),
            findings.wrong()
        );
        findings
    }
}

fn start(mpm: Mpm, setup: Builder, site: &Releases, config: &str) -> Server {
    let mut setup = setup.cgi();
    for module in MODULES {
        setup = setup.load(module);
    }
    if mpm == Mpm::Event {
        setup = setup.load("http2").config("Protocols h2c http/1.1");
    }
    fs::write(setup.root().join("users"), PASSWORD).expect("its directory is there");
    let site = site
        .dir()
        .to_str()
        .expect("a temporary directory's name is text");
    // What is denied is logged as an error.
    setup
        .log_level("warn authz_core:crit auth_basic:crit include:crit autoindex:crit")
        .root_section("Options FollowSymLinks\nAllowOverride None\nRequire all denied")
        .config(&[CONFIG, config].concat().replace("{site}", site))
        .start()
}

/// A client.
enum Asker {
    Http1(Client),
    /// Streams of one connection.
    Http2(H2Connection),
}

impl Asker {
    fn ask(&mut self, ask: &Ask) -> Result<Answer, ClientError> {
        let headers = ask.headers();
        let response = match self {
            Asker::Http1(client) => client.request("GET", ask.path, &headers),
            Asker::Http2(connection) => connection.request("GET", ask.path, &headers),
        };
        response.map(|response| Answer::from(&response))
    }

    /// Asks for all again and again, beginning with the `first`.
    fn ask_all(mut self, first: usize, references: &References, stop: &Stop) -> Findings {
        let mut findings = Findings::default();
        let [one, other] = references;
        let all = ASKS
            .iter()
            .zip(one.iter().zip(other))
            .cycle()
            .skip(first * 5);
        for (ask, (one, other)) in all {
            if stop.requested() {
                break;
            }
            if matches!(self, Asker::Http1(_)) || ask.suits_http2() {
                findings.note(ask, self.ask(ask), [one, other]);
            }
        }
        findings
    }
}

each_mpm!(ten_thousand_flips_take_no_memory on prefork, event);
/// What is made for a release goes with it: children that have seen thousands of releases are as big as before.
fn ten_thousand_flips_take_no_memory(mpm: Mpm) {
    const WARM_UP: usize = 500;
    const FLIPS: usize = 10_000;
    // Not much more than the releases' names alone.
    const TOLERANCE: u64 = FLIPS as u64 * 32;

    let setup = Server::builder(mpm).module(Module::On).children(2);
    let site = Releases::at(setup.root().join("app"));
    let mut deploys = EndlessDeploys::of(&site);
    // A request whose release is taken away below it.
    let server = start(mpm, setup.allow("(2)No such file or directory"), &site, "");
    let children = server.children();

    // One is busy with a release while the other goes on to the next.
    let mut client = server.client();
    let neighbour = Background::run(move |stop| {
        let mut served = 0;
        while !stop.requested() {
            let answer = client.get("/section/item/a");
            served += usize::from(answer.is_ok_and(|answer| answer.status == 200));
            sleep(Duration::from_millis(5));
        }
        served
    });
    let mut connection = server.connect();
    let mut flip = |times| {
        for host in [FIRST, SECOND].into_iter().cycle().take(times) {
            deploys.next();
            let answer = connection.request("GET", "/section/item/a", &[("Host", host)]);
            let answer = answer.expect("the server answers");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let size = |&pid: &u32| server.rss(pid);
        children.iter().map(size).collect::<Vec<_>>()
    };
    let before = flip(WARM_UP);
    let after = flip(FLIPS);
    assert!(neighbour.finish() > FLIPS / 50, "both are at work");
    println!("{mpm}: {before:?} bytes before {FLIPS} flips, {after:?} after");
    assert_eq!(server.children(), children, "no child has ended");
    for (before, after) in before.iter().zip(&after) {
        let most = before + TOLERANCE;
        assert!(*after <= most, "{before} bytes before, {after} after");
    }
    server.stop();
}

/// Deploys of releases that no child has ever seen: two that take a new name each time.
struct EndlessDeploys {
    site: Releases,
    current: String,
    other: String,
    count: usize,
}

impl EndlessDeploys {
    fn of(site: &Releases) -> Self {
        let [current, other] = RELEASES.map(|release| {
            create(site, release);
            release.to_owned()
        });
        site.deploy(&current);
        Self {
            site: site.clone(),
            current,
            other,
            count: 0,
        }
    }

    fn next(&mut self) {
        self.count += 1;
        let new = format!("release-{}", self.count);
        let path = |name: &str| self.site.release(name);
        fs::rename(path(&self.other), path(&new)).expect("both are in one directory");
        self.site.deploy(&new);
        self.other = mem::replace(&mut self.current, new);
    }
}
