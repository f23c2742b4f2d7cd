//! What applies to a directory: sections and .htaccess files.

use super::super::case::Part;
use super::directory_rules::Place;
use super::{DIRS, Draw, Site};

/// What applies to a directory.
impl Draw {
    pub(super) fn sections(&mut self) {
        for _ in 0..self.random.within(2..8) {
            let main = self.random.chance(25);
            let path = self.section_path();
            let (open, close) = self.section_name(&path, main);
            let is_literal = open.starts_with("<Directory \"{top}") && !open.contains('*');
            let place = if is_literal && self.site.is_behind_link(&path) {
                Place::Inside
            } else {
                Place::Above
            };
            let mut lines = vec![self.mark()];
            if self.mostly_rules && self.random.chance(85) {
                let access = self
                    .random
                    .weighted(&[(4, "all granted"), (1, "valid-user")]);
                lines.push(format!("AllowOverride All\nRequire {access}"));
            }
            for _ in 0..self.random.within(1..4) {
                lines.push(self.section_line(place));
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
        let often = if self.mostly_rules { 15 } else { 6 };
        let paths = [
            (often, docroot.clone()),
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
            (1, self.site.next()),
            (1, real_docroot.replace("/42", "/43")),
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

    fn section_line(&mut self, place: Place) -> String {
        match self.random.within(0..20) {
            0..=11 if self.mostly_rules => self.directory_rules(place),
            0..=3 => self.overrides(),
            4 | 5 => self.rewriting(),
            6..=9 => self.directory_rules(place),
            10 => self.file_condition(),
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
        const OTHERS: [(usize, &str); 20] = [
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
            (
                1,
                "AcceptPathInfo On\n<Files \"secret*\">\nForceType text/x-act\nAction text/x-act /f.txt\n</Files>",
            ),
            (
                1,
                "SetEnvIf Request_URI priv SEEN=1\n<RequireAll>\nRequire all granted\nRequire not env SEEN\n</RequireAll>",
            ),
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
            "RewriteRule (^|/)(in|out|up)/ - [F]",
            "RewriteRule ^(current|releases/42)/ - [F]",
            "RewriteRule /(current|shared)/ - [F]",
            "RewriteCond %{REQUEST_FILENAME} -f\nRewriteRule secret - [F]",
        ];
        format!("RewriteEngine On\n{}", self.random.pick(&rules))
    }

    pub(super) fn htaccess_files(&mut self) {
        let Site {
            real_base,
            releases,
            target,
            real_docroot,
            ..
        } = &self.site;
        let often = if self.mostly_rules { 12 } else { 4 };
        let mut dirs = vec![
            (1, String::new()),
            (2, real_base.clone()),
            (2, releases.clone()),
            (2, target.clone()),
            (often, real_docroot.clone()),
            (2, "outside".into()),
            (1, "far".into()),
            (1, "store".into()),
            (1, target.replace("/42", "/41")),
            (1, self.site.next()),
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
            for _ in 0..self.random.within(1..3) {
                let place = if self.site.is_above_links(&dir) {
                    Place::Above
                } else {
                    Place::Inside
                };
                lines.push(match self.random.within(0..20) {
                    0..=11 if self.mostly_rules => self.directory_rules(place),
                    0..=2 => self.rewriting(),
                    3..=6 => self.directory_rules(place),
                    7 => self.file_condition(),
                    _ => self.line(),
                });
            }
            done.push(dir.clone());
            self.parts.push(Part::Htaccess { dir, lines });
        }
    }
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
