//! What maps URLs to paths, and what else a virtual host says.

use super::super::case::{Part, Sections};
use super::{Draw, Site};

/// What maps URLs to paths, and what else a virtual host says.
impl Draw {
    /// Gives the prefixes of URLs that are mapped.
    pub(super) fn mappings(&mut self, sections: Sections) -> Vec<&'static str> {
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
                (2, format!("{base}/shared")),
                (1, format!("{base}/inner")),
                (1, base.clone()),
            ];
            let mut path = self.random.weighted(&paths);
            let is_above = |(link, _): &(String, String)| {
                *link != path && std::path::Path::new(link).starts_with(&path)
            };
            let is_above_link = links.iter().any(is_above);
            let kinds = [
                (3, ("/alias", "Alias /alias \"", "\"")),
                (1, ("/slash/", "Alias /slash/ \"", "/\"")),
                (
                    1,
                    (
                        "/location",
                        "<Location \"/location\">\nAlias \"",
                        "\"\n</Location>",
                    ),
                ),
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
            // The reference replaces what the directive says, not what a URL adds to it. (Only an
            // Alias lets the module see which is which.)
            if sections == Sections::Target
                && ["/match", "/rewritten"].contains(&prefix)
                && is_above_link
            {
                continue;
            }
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
        if sections == Sections::Link {
            self.further_links();
        }
        prefixes
    }

    /// `RealdocLink`s in the docroot, and one beside it that an Alias leads to.
    fn further_links(&mut self) {
        let inner = format!("{}/", self.site.real_docroot);
        let links: Vec<String> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Symlink { path, .. } => path.strip_prefix(&inner),
                _ => None,
            })
            .map(|link| format!("{}/{link}", self.site.docroot))
            .collect();
        // Where a link leads back to the release, what a look-ahead names by its real path lies
        // under two links (docs/limitations.md).
        let looks_ahead = |line: &String| line.contains("-F");
        let looks_ahead = self.parts.iter().any(|part| match part {
            Part::Section { lines, .. } | Part::Htaccess { lines, .. } => {
                lines.iter().any(looks_ahead)
            }
            _ => false,
        });
        for link in links {
            let leads_back = link.ends_with("/real") || link.ends_with("/back");
            if !(looks_ahead && leads_back) && self.random.chance(35) {
                if link.ends_with("/out") && self.random.chance(70) {
                    self.parts.push(Part::Link(format!("{link}/deep")));
                }
                self.parts.push(Part::Link(link));
            }
        }
        for name in ["shared", "inner"] {
            let beside = format!("{}/{name}", self.site.base);
            let is_mapped = |part: &Part| match part {
                Part::Mapping { path, .. } => *path == beside || *path == self.site.base,
                _ => false,
            };
            if self.parts.iter().any(is_mapped) && self.random.chance(70) {
                self.parts.push(Part::Link(beside));
            }
        }
    }

    /// A deploy between the start and the requests.
    pub(super) fn flip(&mut self) {
        if self.random.chance(25) {
            self.parts.push(Part::Flip {
                from: self.site.target.clone(),
                to: self.site.next(),
            });
        }
    }

    pub(super) fn directives(&mut self) {
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
