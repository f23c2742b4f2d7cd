//! Generated configurations: a file of the old release is served if and only if httpd without the
//! module serves it by the old release's rules, and would serve it by the new one's if it were
//! there.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;

use testbed::{Module, Mpm, Releases, Response, Server};

use crate::randomised::Random;

/// So many virtual hosts the server with the module has.
const AT_ONCE: usize = 100;

each_mpm!(what_both_releases_allow_is_served);
fn what_both_releases_allow_is_served(mpm: Mpm) {
    let number = |variable| {
        env::var(variable)
            .ok()
            .map(|text| text.parse().expect(variable))
    };
    let first: u64 = number("REALDOC_SEED").unwrap_or(0);
    let count = number("REALDOC_CONFIGS").unwrap_or(if mpm == Mpm::Event { 300 } else { 60 });
    let cases: Vec<Case> = (first..first + count).map(generate).collect();
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for cases in cases.chunks(AT_ONCE) {
        for (outcome, report) in compare(mpm, cases) {
            *outcomes.entry(outcome).or_default() += 1;
            wrong.extend(report);
        }
    }
    println!("{mpm}: seeds from {first}, {count} configurations: {outcomes:?}");
    let wider = outcomes.get(&Outcome::Wider).copied().unwrap_or(0);
    let text = wrong.join("\n");
    assert!(
        wrong.is_empty(),
        "{} wrong, {wider} wider:\n{text}",
        wrong.len()
    );
    if count >= 60 {
        // A run in which everything is refused would prove nothing.
        let of = |outcome| outcomes.get(&outcome).copied().unwrap_or(0);
        let all: usize = outcomes.values().sum();
        for outcome in [
            Outcome::Served,
            Outcome::OldRefuses,
            Outcome::NewRefuses,
            Outcome::BothRefuse,
        ] {
            assert!(
                of(outcome) * 100 >= all * 3,
                "{outcome:?} is rare: {outcomes:?}"
            );
        }
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Served,
    OldRefuses,
    NewRefuses,
    BothRefuse,
    /// A name without a hash.
    NotHashed,
    /// Not served, although both releases allow it.
    Narrower,
    /// Served, although not both allow it.
    Wider,
    /// The answer of a request that is refused is neither release's.
    OtherAnswer,
}

/// A file of the old release that the new one lacks, below the document root.
struct File {
    url: &'static str,
    is_hashed: bool,
}

const fn hashed(url: &'static str) -> File {
    File {
        url,
        is_hashed: true,
    }
}

const FILES: [File; 8] = [
    hashed("/assets/app-3f2aB91c.js"),
    hashed("/assets/app-3f2aB91c.js.map"),
    hashed("/assets/vendor-9KdX01ab.css"),
    hashed("/assets/deep/vendor-77aaBB12.js"),
    hashed("/img/logo.4f5e6d7c.png"),
    hashed("/top-4f5e6d7c.js"),
    File {
        url: "/style.css",
        is_hashed: false,
    },
    File {
        url: "/assets/vendor.js",
        is_hashed: false,
    },
];

const ANN: (&str, &str) = ("Authorization", "Basic YW5uOnNlY3JldA==");
const PASSWORDS: &str = "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";

/// A configuration and the .htaccess files of two releases. `{web}` stands for the document root.
struct Case {
    seed: u64,
    sections: &'static str,
    /// Whether the new release has the directories of the old one's files.
    has_dirs: bool,
    config: Vec<String>,
    /// Of the old and the new release: directory and text.
    htaccess: [Vec<(&'static str, String)>; 2],
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case {
            seed,
            sections,
            has_dirs,
            ..
        } = self;
        writeln!(
            f,
            "REALDOC_SEED={seed} REALDOC_CONFIGS=1: RealdocSections {sections}, has_dirs: {has_dirs}\n{}",
            self.config.join("\n")
        )?;
        for (release, files) in ["42", "43"].iter().zip(&self.htaccess) {
            for (dir, text) in files {
                writeln!(f, "{release}{dir}/.htaccess:\n{text}")?;
            }
        }
        Ok(())
    }
}

/// The forms of a single-page application, in a section or an .htaccess file.
const PAGE_RULES: [&str; 2] = [
    "FallbackResource /index.html",
    "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ /index.html [L]",
];

/// The same for all of the virtual host.
const PAGE_RULE_OF_SERVER: &str = "RewriteEngine On\n\
    RewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI} !-f\n\
    RewriteRule ^ /index.html [L]";

/// What an .htaccess file or a section may say of some files.
const RULES: [&str; 26] = [
    "RewriteEngine On\nRewriteRule vendor - [F]",
    "RewriteEngine On\nRewriteRule \\.map$ - [G]",
    "RewriteEngine On\nRewriteRule vendor http://localhost/elsewhere [R=302,L]",
    "Redirect 410 /assets/vendor",
    "RedirectMatch 403 \\.map$",
    "RedirectMatch 302 vendor /elsewhere",
    "<Files \"*.map\">\nRequire all denied\n</Files>",
    "<FilesMatch \"^vendor\">\nRequire all denied\n</FilesMatch>",
    "<If \"%{REQUEST_URI} =~ /vendor/\">\nRequire all denied\n</If>",
    "<If \"%{REQUEST_FILENAME} =~ /vendor/\">\nRequire all denied\n</If>",
    "<Files \"*.css\">\nSetHandler server-status\n</Files>",
    "SetEnvIf Request_URI vendor bad\n\
     <RequireAll>\nRequire all granted\nRequire not env bad\n</RequireAll>",
    "SetEnvIf Request_URI . good",
    "SetEnv good 1",
    "RewriteEngine On\nRewriteRule ^ - [E=good:1]",
    "Require env good",
    "Require user ann",
    "<If \"%{REQUEST_URI} =~ /vendor/ && %{IS_SUBREQ} == 'false'\">\nRequire all denied\n</If>",
    "Require expr \"%{IS_SUBREQ} == 'false'\"",
    "SetEnvIf Request_Protocol HTTP bad",
    "RewriteEngine On\nRewriteRule vendor - [H=server-status]",
    "RewriteEngine On\nRewriteRule \\.map$ - [T=server-status]",
    "Require all denied",
    "<Limit GET>\nRequire user ann\n</Limit>",
    "Order allow,deny\nAllow from all\nDeny from env=bad",
    "Header set X-Neutral 1",
];

/// Unconditional, to a page: only in the old release. In the new one such a rule does not hold
/// (docs/limitations.md).
const REWRITTEN_AWAY: &str = "RewriteEngine On\nRewriteRule vendor /index.html [L]";

const DIRS: [&str; 3] = ["", "/assets", "/img"];

fn generate(seed: u64) -> Case {
    let mut random = Random::from_seed(seed);
    let mut config = Vec::new();
    match random.within(0..6) {
        0 => config.push(PAGE_RULE_OF_SERVER.into()),
        1 => config.push(section("Directory", "{web}", random.pick(&PAGE_RULES))),
        _ => {}
    }
    if random.chance(40) {
        let rule = random.pick(&RULES);
        let dir = random.pick(&DIRS);
        // These cannot stand in <Location>.
        let needs_directory = rule.contains("<Files");
        config.push(match random.within(0..3) {
            0 if !needs_directory => {
                section("Location", if dir.is_empty() { "/" } else { dir }, rule)
            }
            _ => section("Directory", &format!("{{web}}{dir}"), rule),
        });
    }
    if random.chance(10) {
        config.push("Alias /img/ \"{web}/img/\"".into());
    }
    let htaccess = [true, false].map(|is_old| {
        let mut files = Vec::new();
        for dir in DIRS {
            let mut lines = Vec::new();
            if random.chance(if dir.is_empty() { 40 } else { 20 }) {
                lines.push(random.pick(&RULES).to_owned());
            }
            // The last: rules behind it do not apply to what is not there.
            if dir.is_empty() && random.chance(40) {
                lines.push(random.pick(&PAGE_RULES).to_owned());
            }
            if is_old && random.chance(5) {
                lines.push(REWRITTEN_AWAY.into());
            }
            if !lines.is_empty() {
                files.push((dir, lines.join("\n")));
            }
        }
        files
    });
    Case {
        seed,
        sections: random.weighted(&[(3, "Link"), (1, "Target")]),
        has_dirs: random.chance(60),
        config,
        htaccess,
    }
}

fn section(kind: &str, name: &str, text: &str) -> String {
    format!("<{kind} \"{name}\">\n{text}\n</{kind}>")
}

/// What a virtual host is to show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    /// The old release.
    Old,
    /// The new one, as if it had the old one's files.
    NewWithFiles,
    /// The new one.
    New,
    /// The new one after the old one, with the module.
    Both,
}

const STOCK: [Host; 3] = [Host::Old, Host::NewWithFiles, Host::New];

impl Host {
    fn name(self, case: usize) -> String {
        let kind = match self {
            Host::Old => "old",
            Host::NewWithFiles => "with",
            Host::New => "new",
            Host::Both => "both",
        };
        format!("{kind}{case}.test")
    }

    /// Makes its releases, and deploys the first that it is to show.
    fn plant(self, case: &Case, top: &Path) -> Releases {
        let site = Releases::at(top);
        for (release, htaccess) in ["42", "43"].iter().zip(&case.htaccess) {
            let is_old = *release == "42";
            site.create(release, &[("web/index.html", release)]);
            for (dir, text) in htaccess {
                if is_old || case.has_dirs || dir.is_empty() {
                    let file = format!("web{dir}/.htaccess");
                    site.create(release, &[(&file, &format!("{text}\n"))]);
                }
            }
            for file in &FILES {
                let path = format!("web{}", file.url);
                if is_old || self == Host::NewWithFiles {
                    site.create(release, &[(&path, &content(file))]);
                } else if case.has_dirs {
                    let dir = path.rsplit_once('/').expect("it has a directory").0;
                    site.create(release, &[(&format!("{dir}/other.txt"), "other")]);
                }
            }
        }
        let first = if matches!(self, Host::Old | Host::Both) {
            "42"
        } else {
            "43"
        };
        site.deploy(first);
        site
    }

    fn config(self, n: usize, case: &Case, top: &Path) -> String {
        let top = top.display().to_string();
        let link = format!("{top}/current/web");
        let release = if self == Host::Old { "42" } else { "43" };
        // In Target mode the sections of the releases' names apply.
        let (root, web) = match (case.sections, self) {
            ("Link", _) => (link.clone(), link),
            (_, Host::Both) => (link, format!("{top}/releases/*/web")),
            _ => (
                format!("{top}/releases/{release}/web"),
                format!("{top}/releases/*/web"),
            ),
        };
        let own = if self == Host::Both {
            format!("RealdocSections {}\nRealdocPrevious On\n", case.sections)
        } else {
            String::new()
        };
        let alias = format!("\"{root}/img/\"");
        let config = case.config.join("\n").replace("\"{web}/img/\"", &alias);
        format!(
            "<VirtualHost *:{{port}}>\nServerName {}\nDocumentRoot \"{root}\"\n{own}{}\n</VirtualHost>\n",
            self.name(n),
            config.replace("{web}", &web)
        )
    }
}

fn content(file: &File) -> String {
    format!("[[{}]]", file.url)
}

/// A stock answer, or the module's.
struct Answer {
    status: u16,
    /// The file itself and nothing else.
    is_file: bool,
    /// The file's content shows.
    shows_file: bool,
}

impl Answer {
    fn new(response: &Response, file: &File) -> Self {
        let (text, content) = (response.text(), content(file));
        Answer {
            status: response.status,
            is_file: response.status == 200 && text == content,
            shows_file: text.contains(&content),
        }
    }
}

/// What lines of refused requests have in common.
const EXPECTED_IN_LOG: [&str; 6] = [
    "AH00112: ",
    "[access_compat:error]",
    "[auth_basic:error]",
    "[authz_core:error]",
    "[core:error]",
    "[rewrite:error]",
];

const MODULES: [&str; 9] = [
    "access_compat",
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_user",
    "headers",
    "rewrite",
    "status",
];

/// Asks for all files of all cases. Of what is wrong there is a report.
fn compare(mpm: Mpm, cases: &[Case]) -> Vec<(Outcome, Option<String>)> {
    let stock = Server::builder(mpm);
    let module = Server::builder(mpm).module(Module::On);
    let users = stock.root().join("users");
    std::fs::write(&users, PASSWORDS).expect("the directory is there");
    let section = format!(
        "Options FollowSymLinks\nAllowOverride All\nRequire all granted\n\
         AuthType Basic\nAuthName site\nAuthBasicProvider file\nAuthUserFile {}",
        users.display()
    );
    let start = |mut setup: testbed::Builder, hosts: &[Host]| {
        let dir = setup.root().join("cases");
        setup = setup
            .load_all(&MODULES)
            .log_level("warn")
            .root_section(&section);
        setup = setup
            .children(if mpm.is_threaded() { 1 } else { 2 })
            .threads(4);
        for part in EXPECTED_IN_LOG {
            setup = setup.allow(part);
        }
        let mut sites = Vec::new();
        for (n, case) in cases.iter().enumerate() {
            for host in hosts {
                let top: PathBuf = dir.join(host.name(n));
                sites.push(host.plant(case, &top));
                setup = setup.config(&host.config(n, case, &top));
            }
        }
        (setup.start(), sites)
    };
    let ((stock, _), (module, sites)) = thread::scope(|scope| {
        let module = scope.spawn(|| start(module, &[Host::Both]));
        (start(stock, &STOCK), module.join().expect("it starts"))
    });

    // Each link is seen to lead to the old release, and then to the new one.
    let mut client = module.client();
    for n in 0..cases.len() {
        client
            .request("GET", "/index.html", &[("host", &Host::Both.name(n))])
            .expect("it answers");
    }
    for site in &sites {
        site.deploy("43");
    }
    let ask = |client: &mut testbed::Client, host: Host, n: usize, file: &File, is_ann: bool| {
        let name = host.name(n);
        let mut headers = vec![("host", name.as_str())];
        headers.extend(is_ann.then_some(ANN));
        let response = client.request("GET", file.url, &headers);
        Answer::new(&response.expect("it answers"), file)
    };
    let mut outcomes = Vec::new();
    let mut stock_client = stock.client();
    for (n, case) in cases.iter().enumerate() {
        for file in &FILES {
            for is_ann in [false, true] {
                let [old, with, new] =
                    STOCK.map(|host| ask(&mut stock_client, host, n, file, is_ann));
                let both = ask(&mut client, Host::Both, n, file, is_ann);
                let outcome = judge(file, [&old, &with, &new], &both);
                let is_wrong = outcome >= Outcome::Narrower;
                let report = is_wrong.then(|| {
                    let [old, with, new] = [old.status, with.status, new.status];
                    format!(
                        "{outcome:?}: {}{} is {}; stock: {old} by the old release, by the new one {with} with the \
                         file and {new} without it\n{case}",
                        file.url,
                        if is_ann { " as ann" } else { "" },
                        both.status
                    )
                });
                outcomes.push((outcome, report));
            }
        }
    }
    drop((client, stock_client));
    module.stop();
    stock.stop();
    outcomes
}

fn judge(file: &File, [old, with, new]: [&Answer; 3], both: &Answer) -> Outcome {
    let allowed = file.is_hashed && old.is_file && with.is_file;
    match (allowed, both.is_file) {
        (true, true) => Outcome::Served,
        (true, false) => Outcome::Narrower,
        (false, _) if both.shows_file => Outcome::Wider,
        _ if ![404, new.status, with.status].contains(&both.status) => Outcome::OtherAnswer,
        _ if !file.is_hashed => Outcome::NotHashed,
        _ => match (old.is_file, with.is_file) {
            (false, false) => Outcome::BothRefuse,
            (false, true) => Outcome::OldRefuses,
            _ => Outcome::NewRefuses,
        },
    }
}
