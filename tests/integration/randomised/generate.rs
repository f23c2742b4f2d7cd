//! From a seed to a case.
//!
//! What is drawn is weighted: most cases should serve something and refuse something, and most of what they are made of
//! should have a say in it.

use super::case::{Ask, Case, Part, Reference, Sections, User, content};
use super::random::Random;

/// Directories that a docroot may have, one of them with a name that has to be quoted and encoded.
const DIRS: [&str; 5] = ["pub", "priv", "priv/sub", "d.x", "a b"];

/// The file that includes others by URL and by name.
const PAGE: &str = "page.shtml";
const PAGE_TEXT: &str = "\
<!--#include virtual=\"/priv/f.txt\" -->
<!--#include virtual=\"f.txt\" -->
<!--#include file=\"pub/f.txt\" -->
<!--#echo var=\"SCRIPT_FILENAME\" -->
";

/// The case of a seed.
pub(super) fn generate(seed: u64, sections: Sections) -> Case {
    let mut random = Random::from_seed(seed);
    let site = Site::draw(&mut random);
    let mut draw = Draw {
        random,
        site,
        marks: 0,
        parts: Vec::new(),
    };
    draw.tree();
    draw.owners();
    draw.sections();
    draw.htaccess_files();
    let prefixes = draw.mappings(sections);
    draw.directives();
    let requests = draw.requests(&prefixes);
    // By the real path files have other names then.
    let use_readlink = sections == Sections::Link && seed % 4 == 3;
    if use_readlink && seed % 8 == 7 {
        let (link, _) = draw.random.pick(&draw.site.links);
        draw.parts.push(Part::Link(link));
    }
    Case {
        seed: Some(seed),
        sections,
        reference: match sections {
            Sections::Link => Reference::ByLink,
            Sections::Target => Reference::ByTarget,
        },
        links: draw.site.links,
        docroot: draw.site.docroot,
        use_readlink,
        parts: draw.parts,
        requests,
    }
}

/// Where things are, below the top.
struct Site {
    links: Vec<(String, String)>,
    /// The directory of the link that a deploy flips, by name, and where that is.
    base: String,
    real_base: String,
    link: String,
    docroot: String,
    /// The directory of the releases, the link's target and the docroot, by their real paths.
    releases: String,
    target: String,
    real_docroot: String,
}

impl Site {
    fn draw(random: &mut Random) -> Self {
        let mut links = Vec::new();
        // Another disk, say.
        let (base, real_base) = if random.chance(15) {
            links.push(("srv".into(), random.pick(&["disk", "{top}/disk"]).into()));
            ("srv/app", "disk/app")
        } else {
            ("app", "app")
        };
        let link = format!(
            "{base}/{}",
            random.weighted(&[(9, "current"), (1, "cur[1]")])
        );
        let (releases, to) = match random.within(0..10) {
            0..=2 => (format!("{real_base}/releases"), "releases/42".into()),
            3 => (
                format!("{real_base}/releases"),
                format!("{{top}}/{base}/releases/42"),
            ),
            4 => (
                format!("{real_base}/releases"),
                "./releases/41/../42/".into(),
            ),
            5 => {
                links.push((format!("{real_base}/next"), "releases/42".into()));
                (format!("{real_base}/releases"), "next".into())
            }
            6 => {
                links.push((format!("{real_base}/releases"), "{top}/store".into()));
                ("store".into(), "releases/42".into())
            }
            7 => ("store".into(), "{top}/store/42".into()),
            // In the link's own directory, and next to it.
            8 => (real_base.into(), "42".into()),
            _ => (format!("{real_base}/../store"), "../store/42".into()),
        };
        let releases = releases.replace("app/../", "");
        let target = format!("{releases}/42");
        links.push((link.clone(), to));
        // Below it, if the docroot is not the link itself.
        let (docroot, real_docroot) = match random.within(0..10) {
            0..=3 => (link.clone(), target.clone()),
            4..=7 => (format!("{link}/web"), format!("{target}/web")),
            8 => {
                links.push((format!("{link}/web"), "public".into()));
                (format!("{link}/web"), format!("{target}/public"))
            }
            _ => {
                links.push((format!("{link}/web"), "{top}/common/web".into()));
                (format!("{link}/web"), "common/web".into())
            }
        };
        Self {
            links,
            base: base.into(),
            real_base: real_base.into(),
            link,
            docroot,
            releases,
            target,
            real_docroot,
        }
    }
}

struct Draw {
    random: Random,
    site: Site,
    /// How many sections and .htaccess files there are, each with a number that answers show.
    marks: usize,
    parts: Vec<Part>,
}

/// The tree.
impl Draw {
    fn tree(&mut self) {
        let docroot = self.site.real_docroot.clone();
        let other = self.site.target.replace("/42", "/41");
        for dir in [docroot.as_str(), &other, "outside"] {
            self.directory(dir, "");
            for name in DIRS {
                if self.random.chance(80) {
                    self.directory(dir, name);
                }
            }
        }
        self.parts.push(Part::File {
            path: format!("{docroot}/{PAGE}"),
            text: PAGE_TEXT.into(),
        });
        self.file(&format!(
            "{}/beside.txt",
            self.site.base.replace("srv", "disk")
        ));
        if self.site.docroot != self.site.link {
            self.file(&format!("{}/beside.txt", self.site.target));
        }
        let (link, target) = (self.site.link.clone(), self.site.target.clone());
        let links = [
            ("in", "pub".into()),
            ("out", "{top}/outside".into()),
            ("lf.txt", "pub/f.txt".into()),
            ("of.txt", "{top}/outside/f.txt".into()),
            ("back", format!("{{top}}/{link}")),
            ("real", format!("{{top}}/{target}")),
            ("pub/up", "../priv".into()),
            ("old", format!("{{top}}/{other}")),
            ("gone", "nowhere".into()),
        ];
        for (name, to) in links {
            if self.random.chance(25) {
                let path = format!("{docroot}/{name}");
                self.parts.push(Part::Symlink { path, to });
            }
        }
    }

    fn directory(&mut self, parent: &str, name: &str) {
        let dir = if name.is_empty() {
            parent.into()
        } else {
            format!("{parent}/{name}")
        };
        self.file(&format!("{dir}/f.txt"));
        for (file, chance) in [("index.html", 50), ("secret.txt", 50), ("f.txt.css", 10)] {
            if self.random.chance(chance) {
                self.file(&format!("{dir}/{file}"));
            }
        }
    }

    fn file(&mut self, path: &str) {
        self.parts.push(Part::File {
            path: path.into(),
            text: content(path),
        });
    }

    /// Of links, and of what they may lead to.
    fn owners(&mut self) {
        const OWNERS: [u32; 3] = [1, 2, 3];
        if self.random.chance(50) {
            return;
        }
        let one = self.random.pick(&OWNERS);
        let mut paths: Vec<String> = self
            .site
            .links
            .iter()
            .map(|(link, _)| link.clone())
            .collect();
        paths.extend([
            self.site.target.clone(),
            self.site.real_docroot.clone(),
            "outside".into(),
        ]);
        for part in &self.parts {
            match part {
                Part::Symlink { path, .. } => paths.push(path.clone()),
                Part::File { path, .. } if path.ends_with("/f.txt") => {
                    paths.push(path.clone());
                    paths.push(parent(path).into());
                }
                _ => {}
            }
        }
        paths.sort();
        paths.dedup();
        for path in paths {
            let uid = if self.random.chance(85) {
                one
            } else {
                self.random.pick(&OWNERS)
            };
            self.parts.push(Part::Owner { path, uid });
        }
    }
}

/// What applies to a directory.
impl Draw {
    fn sections(&mut self) {
        for _ in 0..self.random.within(2..8) {
            let main = self.random.chance(25);
            let path = self.section_path();
            let (open, close) = self.section_name(&path, main);
            let mut lines = vec![self.mark()];
            for _ in 0..self.random.within(1..4) {
                lines.push(self.section_line(&path));
            }
            if self.random.chance(5) {
                lines.insert(0, "<IfModule alias_module>".into());
                lines.push("</IfModule>".into());
                lines = vec![lines.join("\n")];
            }
            self.parts.push(Part::Section {
                main,
                open,
                close,
                lines,
            });
        }
    }

    /// A path that a section may name, below the top; empty for the top itself.
    fn section_path(&mut self) -> String {
        let dir = self.random.pick(&DIRS);
        let Site {
            base,
            real_base,
            link,
            docroot,
            releases,
            target,
            real_docroot,
            ..
        } = &self.site;
        let paths = [
            (6, docroot.clone()),
            (6, format!("{docroot}/{dir}")),
            (4, link.clone()),
            (3, base.clone()),
            (2, String::new()),
            (2, target.clone()),
            (3, real_docroot.clone()),
            (3, format!("{real_docroot}/{dir}")),
            (3, releases.clone()),
            (1, real_base.clone()),
            (1, format!("{docroot}/in")),
            (1, format!("{docroot}/out")),
            (1, format!("{docroot}/real")),
            (1, format!("{base}/next")),
            (1, "outside".into()),
            (1, "store".into()),
            (1, target.replace("/42", "/41")),
        ];
        self.random.weighted(&paths)
    }

    /// How a section names a path: literally, by a pattern, by a regex.
    fn section_name(&mut self, path: &str, main: bool) -> (String, &'static str) {
        let whole = format!("{{top}}/{path}").trim_end_matches('/').to_owned();
        let (name, close) = match self.random.within(0..20) {
            0..=8 => (format!("<Directory \"{whole}\">"), "</Directory>"),
            9 => (format!("<Directory \"{whole}/\">"), "</Directory>"),
            // It would be the other cases' root, too.
            10 if !main => ("<Directory \"/\">".into(), "</Directory>"),
            10..=13 => (
                format!("<Directory \"{}\">", self.pattern(path)),
                "</Directory>",
            ),
            14 | 15 => (
                format!("<Directory ~ \"{}\">", self.regex(path, main)),
                "</Directory>",
            ),
            _ => (
                format!("<DirectoryMatch \"{}\">", self.regex(path, main)),
                "</DirectoryMatch>",
            ),
        };
        (name, close)
    }

    fn pattern(&mut self, path: &str) -> String {
        let mut components: Vec<String> = path.split('/').map(str::to_owned).collect();
        let one = self.random.within(0..components.len());
        let component = &mut components[one];
        let first: String = component.chars().take(2).collect();
        *component = match self.random.within(0..4) {
            0 | 1 => "*".into(),
            2 => format!("{first}*"),
            _ => format!("[!x]{}*", first.chars().skip(1).collect::<String>()),
        };
        let more = self.random.weighted(&[(6, ""), (2, "/*"), (1, "/")]);
        format!("{{top}}/{}{more}", components.join("/"))
    }

    fn regex(&mut self, path: &str, main: bool) -> String {
        let top = "^{top}";
        let path = escape(&format!("/{path}"));
        let path = path.trim_end_matches('/');
        let last = path.rsplit('/').next().unwrap_or_default();
        let forms = [
            (4, format!("{top}{path}")),
            (3, format!("{top}{path}(/|$)")),
            (2, format!("{top}{path}/")),
            (1, format!("{top}{path}$")),
            (1, format!("{top}{path}/[^/]+$")),
            (2, format!("{top}{path}/(?<seen>[^/]+)")),
            (2, format!("{top}/(?<seen>[^/]+/[^/]+)/")),
            (3, format!("{top}(?!{path})")),
            (3, format!("{top}{path}/(?!priv)")),
            (2, format!("{top}/[^/]+/[^/]+/(?!priv|web/priv)")),
            (1, format!("{top}/.*/priv(/|$)")),
            (if main { 0 } else { 3 }, format!("/{last}(/|$)")),
            (if main { 0 } else { 1 }, r"\.txt$".into()),
        ];
        self.random.weighted(&forms)
    }

    fn mark(&mut self) -> String {
        self.marks += 1;
        format!("Header always append X-Sections {}", self.marks)
    }

    fn section_line(&mut self, path: &str) -> String {
        match self.random.within(0..10) {
            0 | 1 => self.overrides(),
            2 if is_at_or_below(path, &self.site.link) => self.rewriting(),
            _ => self.line(),
        }
    }

    fn overrides(&mut self) -> String {
        let overrides = [
            (8, "AllowOverride All"),
            (3, "AllowOverride None"),
            (1, "AllowOverride AuthConfig"),
            (1, "AllowOverride FileInfo AuthConfig"),
            (1, "AllowOverride FileInfo Options=Indexes,FollowSymLinks"),
            (1, "AllowOverride All Nonfatal=All"),
            (1, "AllowOverride None\nAllowOverrideList Header Require"),
        ];
        self.random.weighted(&overrides).into()
    }

    /// What a section may say as well as an .htaccess file.
    fn line(&mut self) -> String {
        const ACCESS: [(usize, &str); 12] = [
            (12, "Require all granted"),
            (6, "Require all denied"),
            (3, "Require valid-user"),
            (1, "Require user ann"),
            (1, "AuthName other\nRequire user bob"),
            (1, "AuthMerging And\nRequire user ann"),
            (1, "AuthMerging Or\nRequire user ann"),
            (1, "Require env MATCH_SEEN"),
            (
                1,
                "<RequireAny>\nRequire env MATCH_SEEN\nRequire user ann\n</RequireAny>",
            ),
            (
                1,
                "<RequireAll>\nRequire all granted\nRequire not env MATCH_SEEN\n</RequireAll>",
            ),
            (1, "Order deny,allow\nDeny from all"),
            (1, "Require ip 127.0.0.1"),
        ];
        const OPTIONS: [(usize, &str); 12] = [
            (2, "Options FollowSymLinks"),
            (2, "Options SymLinksIfOwnerMatch"),
            (2, "Options None"),
            (2, "Options +FollowSymLinks"),
            (2, "Options -FollowSymLinks"),
            (2, "Options -FollowSymLinks +SymLinksIfOwnerMatch"),
            (3, "Options +Indexes"),
            (1, "Options -Indexes"),
            (1, "Options All"),
            (1, "Options +MultiViews"),
            (1, "Options -Includes"),
            (2, "Options Indexes FollowSymLinks Includes"),
        ];
        const OTHERS: [(usize, &str); 18] = [
            (2, "ErrorDocument 401 /f.txt"),
            (2, "ErrorDocument 401 /priv/f.txt"),
            (2, "ErrorDocument 403 /f.txt"),
            (2, "ErrorDocument 403 /priv/f.txt"),
            (2, "ErrorDocument 404 /pub/f.txt"),
            (1, "ErrorDocument 403 \"not for you\""),
            (1, "DirectoryIndex f.txt"),
            (1, "DirectorySlash Off"),
            (1, "FallbackResource /f.txt"),
            (1, "IndexIgnore *.txt"),
            (
                1,
                "IndexOptions FancyIndexing\nAddDescription described f.txt",
            ),
            (1, "ForceType text/css"),
            (1, "AcceptPathInfo On"),
            (2, "<Files \"secret*\">\nRequire all denied\n</Files>"),
            (
                1,
                "<FilesMatch \"^f\">\nHeader always append X-Sections files\n</FilesMatch>",
            ),
            (
                1,
                "<If \"%{REQUEST_URI} =~ /priv/\">\nRequire all denied\n</If>",
            ),
            (
                1,
                "SetEnvIf Request_URI pub SEEN\nHeader always append X-Sections seen env=SEEN",
            ),
            (1, "Satisfy Any"),
        ];
        let kinds: [(usize, &[(usize, &str)]); 3] = [(5, &ACCESS), (3, &OPTIONS), (3, &OTHERS)];
        let kind = self.random.weighted(&kinds);
        self.random.weighted(kind).into()
    }

    /// Rewriting for a directory.
    fn rewriting(&mut self) -> String {
        let rules = [
            "RewriteRule ^gone(/.*)?$ f.txt",
            "RewriteRule gone /f.txt",
            "RewriteRule (^|/)none$ /priv/f.txt",
            "RewriteBase /\nRewriteRule ^none$ pub/f.txt",
            "RewriteRule priv - [F]",
            "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteCond %{REQUEST_FILENAME} !-d\nRewriteRule ^ f.txt [L]",
            "RewriteRule ^pub/f.txt$ - [R=404]",
            "RewriteRule ^none$ pub/ [R]",
        ];
        format!("RewriteEngine On\n{}", self.random.pick(&rules))
    }

    fn htaccess_files(&mut self) {
        let Site {
            real_base,
            releases,
            target,
            real_docroot,
            ..
        } = &self.site;
        let mut dirs = vec![
            (1, String::new()),
            (2, real_base.clone()),
            (2, releases.clone()),
            (2, target.clone()),
            (4, real_docroot.clone()),
            (1, "outside".into()),
            (1, "store".into()),
            (1, target.replace("/42", "/41")),
        ];
        dirs.extend(DIRS.map(|dir| (2, format!("{real_docroot}/{dir}"))));
        let mut done = Vec::new();
        for _ in 0..self.random.within(0..5) {
            let dir = self.random.weighted(&dirs);
            if done.contains(&dir) {
                continue;
            }
            let mut lines = Vec::new();
            if self.random.chance(70) {
                lines.push(self.mark());
            }
            let at_or_below = is_at_or_below(&dir, &self.site.target)
                || is_at_or_below(&dir, &self.site.real_docroot);
            for _ in 0..self.random.within(1..3) {
                lines.push(if at_or_below && self.random.chance(25) {
                    self.rewriting()
                } else {
                    self.line()
                });
            }
            done.push(dir.clone());
            self.parts.push(Part::Htaccess { dir, lines });
        }
    }
}

/// What maps URLs to paths, and what else a virtual host says.
impl Draw {
    /// Gives the prefixes of URLs that are mapped.
    fn mappings(&mut self, sections: Sections) -> Vec<&'static str> {
        let mut prefixes = Vec::new();
        for _ in 0..self.random.within(0..4) {
            let Site {
                links,
                base,
                link,
                docroot,
                target,
                real_docroot,
                ..
            } = &self.site;
            let paths = [
                (4, docroot.clone()),
                (2, link.clone()),
                (3, real_docroot.clone()),
                (2, target.clone()),
                (1, format!("{docroot}/pub")),
                (1, format!("{real_docroot}/priv")),
                (1, format!("{docroot}/in")),
                (1, target.replace("/42", "/41")),
                (1, "outside".into()),
                (1, base.clone()),
            ];
            let mut path = self.random.weighted(&paths);
            // The reference replaces what the directive says, not what a URL adds to it.
            let is_above = |link: &str| link != path && is_at_or_below(link, &path);
            if sections == Sections::Target && links.iter().any(|(link, _)| is_above(link)) {
                continue;
            }
            let kinds = [
                (3, ("/alias", "Alias /alias \"", "\"")),
                (1, ("/slash/", "Alias /slash/ \"", "/\"")),
                (2, ("/match", "AliasMatch ^/match(.*)$ \"", "$1\"")),
                (
                    1,
                    (
                        "/rewritten",
                        "RewriteEngine On\nRewriteRule ^/rewritten(.*)$ \"",
                        "$1\"",
                    ),
                ),
                (
                    1,
                    (
                        "/url",
                        "RewriteEngine On\nRewriteRule ^/url(.*)$ $1 [PT]",
                        "",
                    ),
                ),
                (
                    1,
                    (
                        "/passed",
                        "RewriteEngine On\nRewriteRule ^/passed(.*)$ /alias$1 [PT]",
                        "",
                    ),
                ),
            ];
            let (prefix, before, after) = self.random.weighted(&kinds);
            if prefixes.contains(&prefix) {
                continue;
            }
            prefixes.push(prefix);
            let before = before.to_owned();
            self.parts.push(if before.ends_with('"') {
                if self.random.chance(5) {
                    path += "/";
                }
                Part::Mapping {
                    before,
                    path,
                    after: after.into(),
                }
            } else {
                Part::Directive(before)
            });
        }
        // (By the real path there would be two names for what it leads to.)
        if sections == Sections::Link && self.random.chance(20) {
            let inner = format!("{}/", self.site.real_docroot);
            let link = self.parts.iter().find_map(|part| match part {
                Part::Symlink { path, .. } => path.strip_prefix(&inner),
                _ => None,
            });
            if let Some(link) = link {
                let link = format!("{}/{link}", self.site.docroot);
                self.parts.push(Part::Link(link));
            }
        }
        prefixes
    }

    fn directives(&mut self) {
        // The pages that are refused and the captures show in answers.
        self.parts.push(Part::Directive(
            "Header always set X-Seen %{MATCH_SEEN}e".into(),
        ));
        const DIRECTIVES: [&str; 10] = [
            "ErrorDocument 403 /f.txt",
            "ErrorDocument 404 /pub/f.txt",
            "ErrorDocument 401 /priv/f.txt",
            "<Location \"/priv\">\nRequire all denied\n</Location>",
            "<Location \"/pub\">\nOptions None\nHeader always append X-Sections location\n</Location>",
            "<Location \"/pub\">\nRequire valid-user\n</Location>",
            "<Files \"secret*\">\nRequire all denied\n</Files>",
            "Options SymLinksIfOwnerMatch",
            "Options FollowSymLinks Indexes Includes",
            "RewriteEngine On\nRewriteRule ^/none$ /pub/f.txt [R]",
        ];
        for directive in DIRECTIVES {
            if self.random.chance(5) {
                self.parts.push(Part::Directive(directive.into()));
            }
        }
    }
}

/// What is asked.
impl Draw {
    fn requests(&mut self, prefixes: &[&'static str]) -> Vec<Ask> {
        const URLS: [(usize, &str); 42] = [
            (4, "/"),
            (6, "/f.txt"),
            (2, "/index.html"),
            (2, "/secret.txt"),
            (2, "/pub"),
            (4, "/pub/"),
            (4, "/pub/f.txt"),
            (2, "/pub/secret.txt"),
            (2, "/priv"),
            (4, "/priv/"),
            (6, "/priv/f.txt"),
            (2, "/priv/sub/"),
            (3, "/priv/sub/f.txt"),
            (1, "/d.x/"),
            (1, "/d.x/f.txt"),
            (1, "/a%20b/"),
            (1, "/a%20b/f.txt"),
            (2, "/in/"),
            (3, "/in/f.txt"),
            (2, "/out/"),
            (3, "/out/f.txt"),
            (2, "/lf.txt"),
            (2, "/of.txt"),
            (1, "/back/"),
            (2, "/back/web/f.txt"),
            (1, "/back/f.txt"),
            (1, "/real/f.txt"),
            (1, "/real/web/priv/f.txt"),
            (1, "/pub/up/f.txt"),
            (1, "/old/f.txt"),
            (1, "/gone"),
            (2, "/none"),
            (1, "/none/at/all"),
            (2, "/f.txt/extra/info"),
            (1, "/pub/f.txt/"),
            (3, "/page.shtml"),
            (1, "//priv//f.txt"),
            (1, "/pub/../priv/f.txt"),
            (1, "/pub/%2e%2e/priv/f.txt"),
            (1, "/pub%2ff.txt"),
            (1, "/.htaccess"),
            (1, "/pub/f"),
        ];
        // Below an alias for a directory above the docroot.
        let inner = [
            "",
            "/web",
            "/current",
            "/current/web",
            "/releases/42",
            "/releases/42/web",
        ];
        let users = [
            (6, None),
            (3, Some(User::Ann)),
            (1, Some(User::Bob)),
            (1, Some(User::Stranger)),
        ];
        let methods = [(18, "GET"), (1, "HEAD"), (1, "OPTIONS")];
        (0..self.random.within(10..26))
            .map(|_| {
                let mut prefix = String::new();
                if !prefixes.is_empty() && self.random.chance(40) {
                    prefix = self.random.pick(prefixes).trim_end_matches('/').into();
                    if self.random.chance(15) {
                        prefix += self.random.pick(&inner);
                    }
                }
                Ask {
                    method: self.random.weighted(&methods),
                    url: prefix + self.random.weighted(&URLS),
                    user: self.random.weighted(&users),
                }
            })
            .collect()
    }
}

/// Whether `path` is `dir` or lies in it.
fn is_at_or_below(path: &str, dir: &str) -> bool {
    std::path::Path::new(path).starts_with(dir)
}

/// The directory that a path is in; empty for the top.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// So that a regex means this text.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if !(c.is_alphanumeric() || "/-_ ".contains(c)) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
