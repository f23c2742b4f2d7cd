//! The tree, and who owns what of it.

use super::super::case::{Part, content};
use super::{DIRS, Draw};

/// The file that includes others by URL and by name.
const PAGE: &str = "page.shtml";
const PAGE_TEXT: &str = "\
<!--#include virtual=\"/priv/f.txt\" -->
<!--#include virtual=\"f.txt\" -->
<!--#include file=\"pub/f.txt\" -->
<!--#echo var=\"SCRIPT_FILENAME\" -->
";

/// The tree.
impl Draw {
    pub(super) fn tree(&mut self) {
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
        self.parts.push(Part::Symlink {
            path: format!("{}/shared", self.site.real_base),
            to: "{top}/outside".into(),
        });
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
        // Behind a link another one.
        self.directory("far", "");
        self.directory("far", "priv");
        self.parts.push(Part::Symlink {
            path: "outside/deep".into(),
            to: "{top}/far".into(),
        });
        // Beside the link one that leads into the release, or through the link.
        let inner = self.random.pick(&[&self.site.docroot, &docroot]).clone();
        self.parts.push(Part::Symlink {
            path: format!("{}/inner", self.site.real_base),
            to: format!("{{top}}/{inner}/pub"),
        });
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
    pub(super) fn owners(&mut self) {
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

/// The directory that a path is in; empty for the top.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
