//! mod_rewrite's rules for directories, and conditions that ask for files: composed of parts, by
//! where they are.

use super::super::case::{Part, Sections};
use super::Draw;

/// Where rules are: which of the names of a path they see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Above the links, or in what matches by a pattern: the links' names, as by httpd without the
    /// module.
    Above,
    /// At a link or below it: the release's.
    Inside,
}

/// First in what looks ahead: a subrequest that did so, too, would keep httpd itself busy for ever.
const MAIN_ONLY: &str = "RewriteCond %{IS_SUBREQ} =false";

impl Draw {
    /// Rules for a directory.
    pub(super) fn directory_rules(&mut self, place: Place) -> String {
        let mut lines = vec!["RewriteEngine On".to_owned()];
        if self.inherits && self.random.chance(50) {
            let options = [
                "Inherit",
                "InheritBefore",
                "InheritDown",
                "InheritDownBefore",
                "IgnoreInherit",
            ];
            lines.push(format!("RewriteOptions {}", self.random.pick(&options)));
        }
        if self.random.chance(5) {
            lines.push("RewriteOptions IgnoreContextInfo".into());
        }
        let bases = ["/", "/pub", "/pub/", "/wrong/", "/alias/", "/out/"];
        let may_have_both = place == Place::Above && !self.inherits;
        let base_chance = match (may_have_both, self.has_bases) {
            (true, _) => 15,
            (false, true) => 45,
            (false, false) => 0,
        };
        if self.random.chance(base_chance) {
            lines.push(format!("RewriteBase {}", self.random.pick(&bases)));
        }
        for _ in 0..self.random.weighted(&[(3, 1), (2, 2)]) {
            let (looks_ahead, conditions) = self.conditions(place);
            if looks_ahead {
                lines.push(MAIN_ONLY.into());
            }
            lines.extend(conditions);
            let has_capture = lines.last().is_some_and(|line| line.ends_with("^(.+)$"));
            let rule = self.rule(place, has_capture, may_have_both || !self.has_bases);
            lines.push(rule);
        }
        lines.join("\n")
    }

    /// Whether one of them looks ahead, and the conditions of a rule.
    fn conditions(&mut self, place: Place) -> (bool, Vec<String>) {
        let mut looks_ahead = false;
        let mut conditions = Vec::new();
        for _ in 0..self.random.weighted(&[(5, 0), (4, 1), (1, 2)]) {
            let variables = [
                "REQUEST_FILENAME",
                "SCRIPT_FILENAME",
                "DOCUMENT_ROOT",
                "CONTEXT_DOCUMENT_ROOT",
                "REQUEST_URI",
            ];
            let variable = self.random.pick(&variables);
            let condition = match self.random.within(0..12) {
                0..=2 => {
                    looks_ahead = true;
                    let kind = self.random.pick(&["LA-U", "LA-F"]);
                    let test = self.test_of_path(place);
                    format!("%{{{kind}:{variable}}} {test}")
                }
                3 | 4 => {
                    looks_ahead = true;
                    let url = self.random.pick(&[
                        "/priv/f.txt",
                        "/pub/f.txt",
                        "%{REQUEST_URI}",
                        "/alias/f.txt",
                    ]);
                    format!("{url} {}", self.random.pick(&["-U", "!-U"]))
                }
                5 | 6 => {
                    looks_ahead = true;
                    let path = self.path_in_rule(place);
                    format!("{path} {}", self.random.pick(&["-F", "!-F"]))
                }
                7 | 8 => {
                    let path = self.path_in_rule(place);
                    format!("{path} {}", self.random.pick(&["-f", "!-f", "-d", "-s"]))
                }
                9 => format!("%{{ENV:SEEN}} {}", self.random.pick(&["=1", "!=1"])),
                10 => format!(
                    "%{{CONTEXT_PREFIX}} {}",
                    self.random.pick(&["^$", "^/alias"])
                ),
                _ => format!("%{{{variable}}} {}", self.test_of_path(place)),
            };
            conditions.push(format!("RewriteCond {condition}"));
        }
        (looks_ahead, conditions)
    }

    fn test_of_path(&mut self, place: Place) -> String {
        let (docroot, real) = (self.site.docroot.clone(), self.site.real_docroot.clone());
        let mut tests = vec![
            (2, "-f".into()),
            (1, "!-f".into()),
            (1, "-d".into()),
            (2, "/priv/".to_owned()),
            (2, "!/pub/".into()),
            (3, "^(.+)$".into()),
        ];
        if place == Place::Above && !self.inherits && self.sections == Sections::Link {
            tests.push((3, format!("^{{top}}/{docroot}")));
            tests.push((1, format!("!^{{top}}/{docroot}/priv")));
            tests.push((2, format!("^{{top}}/{real}")));
            tests.push((1, format!("!^{{top}}/{real}/priv")));
        }
        let test: String = self.random.weighted(&tests);
        test.replace("cur[1]", r"cur\[1\]")
    }

    /// A path that is tested, or that [a rule leads to](Self::path_led_to).
    fn path_in_rule(&mut self, place: Place) -> String {
        let file = self
            .random
            .pick(&["/f.txt", "/priv/f.txt", "/pub/f.txt", "/none"]);
        let (docroot, real) = (self.site.docroot.clone(), self.site.real_docroot.clone());
        let mut paths = vec![
            (3, format!("%{{DOCUMENT_ROOT}}{file}")),
            (2, format!("%{{CONTEXT_DOCUMENT_ROOT}}{file}")),
            (1, "%{DOCUMENT_ROOT}%{REQUEST_URI}".into()),
            (2, "%{REQUEST_FILENAME}".into()),
            (1, "%{SCRIPT_FILENAME}".into()),
            (1, format!("{{top}}/outside{file}")),
        ];
        // (The reference replaces what maps URLs to paths, and not what rules say.)
        if self.sections == Sections::Link {
            paths.push((2, format!("{{top}}/{docroot}{file}")));
        }
        if place == Place::Above && !self.inherits {
            paths.push((2, format!("{{top}}/{real}{file}")));
        }
        self.random.weighted(&paths)
    }

    /// A path that a rule leads to.
    fn path_led_to(&mut self, place: Place) -> String {
        let path = self.path_in_rule(place);
        // The request's own file, which may be behind a RealdocLink (docs/limitations.md).
        if place == Place::Inside && path == "%{DOCUMENT_ROOT}%{REQUEST_URI}" {
            return "%{REQUEST_FILENAME}".into();
        }
        path
    }

    fn rule(&mut self, place: Place, has_capture: bool, may_name_path: bool) -> String {
        let patterns = [
            (3, "(^|/)none$"),
            (2, "^none$"),
            (1, "(^|/)(pub|priv)/none$"),
            (3, r"^(.*)\.htm$"),
            (1, r"(^|/)f\.htm$"),
            (1, "priv/"),
            (2, "^"),
            (2, r"f\.txt$"),
        ];
        let pattern = self.random.weighted(&patterns);
        let substitution = match self.random.within(0..16) {
            0 => "f.txt".into(),
            1 => "pub/f.txt".into(),
            2 if pattern.contains("(.*)") => "$1.txt".into(),
            3 => "/priv/f.txt".into(),
            4 => "/f.txt".into(),
            5 => "%{CONTEXT_PREFIX}/f.txt".into(),
            6 => "/${lower:PRIV}/f.txt".into(),
            7 | 8 if has_capture => "%1".into(),
            9..=14 if may_name_path => self.path_led_to(place),
            _ => "-".into(),
        };
        let flags: &[(usize, &str)] = if substitution == "-" {
            &[
                (4, "F"),
                (2, "E=RULE:%{REQUEST_FILENAME}"),
                (2, "E=RULE:%{DOCUMENT_ROOT}"),
                (1, "E=RULE:%{CONTEXT_DOCUMENT_ROOT}/f.txt"),
                (1, "R=404"),
                (1, "T=text/css"),
                (1, "E=SEEN:1"),
            ]
        } else {
            &[
                (6, "L"),
                (1, "END"),
                (1, "R"),
                (1, "NS"),
                (1, "DPI"),
                (1, "PT"),
                (1, "L,E=RULE:%{REQUEST_FILENAME}"),
                (1, "L,E=RULE:%{DOCUMENT_ROOT}"),
            ]
        };
        let flags = self.random.weighted(flags);
        format!("RewriteRule {pattern} {substitution} [{flags}]")
    }

    /// A section with a condition that asks for a file.
    pub(super) fn file_condition(&mut self) -> String {
        let conditions = [
            "-f '%{REQUEST_FILENAME}'",
            "! -f '%{REQUEST_FILENAME}'",
            "-d '%{REQUEST_FILENAME}'",
            "-f '%{DOCUMENT_ROOT}/priv/f.txt'",
            "%{REQUEST_URI} =~ m#/priv/#",
            "%{IS_SUBREQ} == 'false' && -U '/priv/f.txt'",
            "%{IS_SUBREQ} == 'false' && ! -U '/priv/f.txt'",
            "%{IS_SUBREQ} == 'false' && -F '%{DOCUMENT_ROOT}/priv/f.txt'",
        ];
        let lines = [
            "Require all denied",
            "Require valid-user",
            "Header always append X-Sections if",
            "RewriteEngine On\nRewriteRule (^|/)none$ /f.txt",
            "ErrorDocument 404 /pub/f.txt",
        ];
        let (condition, line) = (self.random.pick(&conditions), self.random.pick(&lines));
        format!("<If \"{condition}\">\n{line}\n</If>")
    }

    /// What shows in answers what rules have done, and what they need.
    pub(super) fn directory_rules_shown(&mut self) {
        for directive in [
            "RewriteMap lower int:tolower",
            "Header always set X-Rule \"%{RULE}e\"",
        ] {
            self.parts.push(Part::Directive(directive.into()));
        }
        const DIRECTIVES: [&str; 5] = [
            "SetEnvIf Request_URI none SEEN=1",
            "SetEnvIf Request_URI priv SEEN=1",
            "SetEnvIfExpr \"-f '%{DOCUMENT_ROOT}/pub/f.txt'\" SEEN=1",
            "RewriteEngine On\nRewriteRule ^/srv/(.*)$ /$1 [PT,E=RULE:%{DOCUMENT_ROOT}]",
            "<Location \"/pub\">\nRewriteEngine On\nRewriteRule none$ /priv/f.txt\n</Location>",
        ];
        for directive in DIRECTIVES {
            if self.random.chance(8) {
                self.parts.push(Part::Directive(directive.into()));
            }
        }
    }

    /// URLs that come to rules for directories, below one of the `prefixes` or none.
    pub(super) fn directory_rule_urls(&mut self, prefixes: &[&str]) -> Vec<String> {
        const URLS: [&str; 14] = [
            "/none",
            "/pub/none",
            "/priv/none",
            "/f.htm",
            "/pub/f.htm",
            "/priv/f.htm",
            "/priv/f.txt",
            "/out/none",
            "/out/deep/none",
            "/out/deep/f.txt",
            "/out/deep/priv/f.txt",
            "/in/none",
            "/f.txt",
            "/pub/f.txt",
        ];
        let count = if self.mostly_rules { 10..20 } else { 3..9 };
        (0..self.random.within(count))
            .map(|_| {
                let url = self.random.pick(&URLS);
                if prefixes.is_empty() || self.random.chance(60) {
                    return url.into();
                }
                let prefix = self.random.pick(prefixes);
                let prefix = prefix.trim_end_matches('/');
                let inner = self.random.weighted(&[
                    (6, ""),
                    (1, "/current/web"),
                    (1, "/current"),
                    (1, "/releases/42/web"),
                ]);
                format!("{prefix}{inner}{url}")
            })
            .collect()
    }
}
