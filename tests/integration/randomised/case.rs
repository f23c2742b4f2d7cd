//! One configuration: a tree, a virtual host with its sections, and what is asked of it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

/// A virtual host with a directory of its own, in which all of its paths lie. In texts `{top}`
/// stands for that directory.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// What it was generated from, if it was.
    pub(super) seed: Option<u64>,
    pub(super) sections: Sections,
    pub(super) reference: Reference,
    /// The symlinks that lead to the docroot, and what they point to. They stay when a case is made
    /// smaller.
    pub(super) links: Vec<(String, String)>,
    /// Below the top, as configured. It leads to a directory that is there whatever the parts say.
    pub(super) docroot: String,
    /// `UseReadlink On`, with which the release may lie under a link itself.
    pub(super) use_readlink: bool,
    pub(super) parts: Vec<Part>,
    pub(super) requests: Vec<Ask>,
}

/// The value of `RealdocSections` in the module's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sections {
    Link,
    Target,
}

/// What the module is compared with: httpd without it, by which name of the docroot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// The same configuration.
    ByLink,
    /// Paths under the docroot's links, in DocumentRoot, aliases and rewrites, replaced by where
    /// they lead.
    ByTarget,
}

/// One of the two servers that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Stock,
    Module,
}

/// What a case can do without. Paths are below the top.
#[derive(Clone, Debug)]
pub(super) enum Part {
    File {
        path: String,
        text: String,
    },
    Symlink {
        path: String,
        to: String,
    },
    /// Who owns a file, directory or symlink; of no effect unless the tests run as root.
    Owner {
        path: String,
        uid: u32,
    },
    Htaccess {
        dir: String,
        lines: Vec<String>,
    },
    /// A block of the configuration, in the main server (where other cases' requests see it, too)
    /// or in the virtual host.
    Section {
        main: bool,
        open: String,
        close: &'static str,
        lines: Vec<String>,
    },
    /// A directive that maps to a path: `before`, the path, `after`.
    Mapping {
        before: String,
        path: String,
        after: String,
    },
    /// Anything else in the virtual host.
    Directive(String),
    /// `RealdocLink`.
    Link(String),
    /// When the module's server has started, the links to the release `from` are led to `to`, a
    /// copy of it.
    Flip {
        from: String,
        to: String,
    },
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) user: Option<User>,
}

/// Whose name and password a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    Ann,
    Bob,
    /// Ann's name with a wrong password.
    Stranger,
}

/// Passwords of [`User`]s: "secret" for both.
pub(super) const PASSWORDS: &str =
    "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nbob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";

impl Ask {
    pub(super) fn get(url: &str) -> Self {
        Self {
            method: "GET",
            url: url.into(),
            user: None,
        }
    }

    /// The value of the Authorization header.
    pub(super) fn authorization(&self) -> Option<&'static str> {
        self.user.map(|user| match user {
            User::Ann => "Basic YW5uOnNlY3JldA==",
            User::Bob => "Basic Ym9iOnNlY3JldA==",
            User::Stranger => "Basic YW5uOndyb25n",
        })
    }
}

impl Ask {
    /// The URL where `{top}` is `top`.
    pub(super) fn url(&self, top: &Path) -> String {
        fill_in(&self.url, top)
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)?;
        match self.user {
            Some(user) => write!(f, " as {user:?}"),
            None => Ok(()),
        }
    }
}

/// The content of a file that has no other, by which answers show which file they are.
pub(super) fn content(path: &str) -> String {
    format!("[[{path}]]\n")
}

/// In the file system.
impl Case {
    /// Makes the tree in the directory `top`, which is not there yet.
    pub(super) fn plant(&self, top: &Path) {
        make_dir(top);
        for (link, to) in &self.links {
            make_link(top, link, to);
        }
        make_dir(&real(&top.join(&self.docroot)));
        for part in &self.parts {
            match part {
                Part::File { path, text } => write_file(&top.join(path), text),
                Part::Htaccess { dir, lines } => {
                    let text = fill_in(&lines.join("\n"), top) + "\n";
                    write_file(&top.join(dir).join(".htaccess"), &text);
                }
                Part::Symlink { path, to } => make_link(top, path, to),
                _ => {}
            }
        }
        if !is_root() {
            return;
        }
        for part in &self.parts {
            if let Part::Owner { path, uid } = part {
                let path = top.join(path);
                // The part that makes it may have been left out.
                if path.symlink_metadata().is_ok() {
                    lchown(&path, Some(*uid), None).unwrap_or_else(|e| fail("chown", &path, &e));
                }
            }
        }
    }

    /// Copies the release that the links are to be flipped to, where parts have not made it, and
    /// flips them.
    pub(super) fn flip(&self, top: &Path) {
        for part in &self.parts {
            let Part::Flip { from, to } = part else {
                continue;
            };
            copy(&top.join(from), &top.join(to), &|text| {
                text.replace(from, to)
            });
            let [from, to] = [from, to].map(|dir| dir.rsplit('/').next().unwrap_or_default());
            for (link, target) in &self.links {
                if target.trim_end_matches('/').ends_with(from) {
                    let at = place(top, link);
                    let owner = at.symlink_metadata().map(|link| link.uid());
                    fs::remove_file(&at).unwrap_or_else(|e| fail("remove", &at, &e));
                    make_link(top, link, &target.replace(from, to));
                    if is_root() {
                        owner
                            .and_then(|uid| lchown(&at, Some(uid), None))
                            .unwrap_or_else(|e| fail("chown", &at, &e));
                    }
                }
            }
        }
    }

    /// The symlinks that the module pins.
    fn pinned(&self) -> Vec<String> {
        let mut pinned: Vec<String> = self.links.iter().map(|(link, _)| link.clone()).collect();
        pinned.retain(|link| is_below(&self.docroot, link));
        for part in &self.parts {
            if let Part::Link(path) = part {
                pinned.push(path.clone());
            }
        }
        // The longest first.
        pinned.sort_by_key(|link| std::cmp::Reverse(link.len()));
        pinned
    }

    /// `path` with its pinned link, if it lies under one, replaced by what that leads to: absolute.
    fn behind_links(&self, path: &str, top: &Path) -> String {
        let pinned = self.pinned();
        let Some(link) = pinned.iter().find(|link| is_below(path, link)) else {
            return top.join(path).display().to_string();
        };
        format!("{}{}", real(&top.join(link)).display(), &path[link.len()..])
    }

    /// A text of an answer with all names of a pinned directory replaced by one.
    pub(super) fn by_one_name(&self, text: &str, top: &Path) -> String {
        let mut text = text.to_owned();
        let mut links = self.pinned();
        if self.use_readlink {
            // Resolved by one step, a path may lead through others.
            links.extend(self.links.iter().map(|(link, _)| link.clone()));
        }
        for link in links {
            let behind = real(&top.join(&link)).display().to_string();
            // Between two links the inner one has a name of its own.
            for name in [top.join(&link), place(top, &link)] {
                text = text.replace(&name.display().to_string(), &behind);
            }
        }
        text
    }
}

/// As configuration.
impl Case {
    /// What it adds to the main server.
    pub(super) fn main_config(&self, top: &Path) -> String {
        self.sections_of(true, top)
    }

    /// Its virtual host.
    pub(super) fn virtual_host(&self, side: Side, name: &str, top: &Path) -> String {
        let by_target = side == Side::Stock && self.reference == Reference::ByTarget;
        let path = |path: &str| {
            if by_target {
                self.behind_links(path, top)
            } else {
                top.join(path).display().to_string()
            }
        };
        let mut text = format!("<VirtualHost *:{{port}}>\nServerName {name}\n");
        text += &format!("DocumentRoot \"{}\"\n", path(&self.docroot));
        if side == Side::Module {
            text += &format!("RealdocSections {:?}\n", self.sections);
            if self.use_readlink {
                text += "UseReadlink On\n";
            }
        }
        for part in &self.parts {
            match part {
                Part::Mapping {
                    before,
                    path: to,
                    after,
                } => {
                    text += &format!("{before}{}{after}\n", path(to));
                }
                Part::Directive(line) => text += &(fill_in(line, top) + "\n"),
                Part::Link(link) if side == Side::Module => {
                    text += &format!("RealdocLink \"{}\"\n", top.join(link).display());
                }
                _ => {}
            }
        }
        text += &self.sections_of(false, top);
        text + "</VirtualHost>\n"
    }

    fn sections_of(&self, of_main: bool, top: &Path) -> String {
        let mut text = String::new();
        for part in &self.parts {
            if let Part::Section {
                main,
                open,
                close,
                lines,
            } = part
            {
                if *main == of_main {
                    text += &format!("{open}\n{}\n{close}\n", lines.join("\n"));
                }
            }
        }
        fill_in(&text, top)
    }
}

/// Something that a case can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Removal {
    Part(usize),
    /// Part and line.
    Line(usize, usize),
}

/// Made smaller.
impl Case {
    /// With one request only.
    pub(super) fn with_request(&self, request: usize) -> Self {
        let mut case = self.clone();
        case.requests = vec![self.requests[request].clone()];
        case
    }

    /// All that can be left out.
    pub(super) fn removals(&self) -> Vec<Removal> {
        let mut removals = Vec::new();
        for (n, part) in self.parts.iter().enumerate() {
            removals.push(Removal::Part(n));
            if let Part::Section { lines, .. } | Part::Htaccess { lines, .. } = part {
                removals.extend((0..lines.len()).map(|line| Removal::Line(n, line)));
            }
        }
        removals
    }

    pub(super) fn without(&self, removals: &[Removal]) -> Self {
        let removals: BTreeSet<&Removal> = removals.iter().collect();
        let mut case = self.clone();
        case.parts.clear();
        for (n, part) in self.parts.iter().enumerate() {
            if removals.contains(&Removal::Part(n)) {
                continue;
            }
            let mut part = part.clone();
            if let Part::Section { lines, .. } | Part::Htaccess { lines, .. } = &mut part {
                let mut number = 0..;
                lines.retain(|_| {
                    let line = number.next().expect("it has no end");
                    !removals.contains(&Removal::Line(n, line))
                });
            }
            case.parts.push(part);
        }
        case
    }
}

/// The tree, the .htaccess files and the module's virtual host, to be read.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let top = Path::new("{top}");
        for (link, to) in &self.links {
            writeln!(f, "{link} -> {to}")?;
        }
        for part in &self.parts {
            match part {
                Part::File { path, .. } => writeln!(f, "{path}")?,
                Part::Symlink { path, to } => writeln!(f, "{path} -> {to}")?,
                Part::Owner { path, uid } => writeln!(f, "{path} belongs to {uid}")?,
                Part::Flip { from, to } => writeln!(f, "flipped from {from} to {to}")?,
                Part::Htaccess { dir, lines } => {
                    writeln!(f, "{dir}/.htaccess:\n    {}", lines.join("\n    "))?;
                }
                _ => {}
            }
        }
        write!(f, "{}", self.main_config(top))?;
        write!(f, "{}", self.virtual_host(Side::Module, "localhost", top))
    }
}

/// Whether `path` is `dir` or lies in it.
fn is_below(path: &str, dir: &str) -> bool {
    Path::new(path).starts_with(dir)
}

fn fill_in(text: &str, top: &Path) -> String {
    text.replace("{top}", &top.display().to_string())
}

/// As root one may give files away.
pub(super) fn is_root() -> bool {
    fs::metadata("/proc/self").expect("there is a /proc").uid() == 0
}

/// Where `path` leads, of which the last directories need not be there yet.
fn real(path: &Path) -> PathBuf {
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let mut resolved = PathBuf::new();
        let mut rest = path.components();
        let link = loop {
            let Some(component) = rest.next() else {
                return resolved;
            };
            if component == std::path::Component::ParentDir {
                resolved.pop();
            } else {
                resolved.push(component);
            }
            if let Ok(to) = fs::read_link(&resolved) {
                break to;
            }
        };
        resolved.pop();
        path = resolved.join(link).join(rest.as_path());
    }
    panic!("too many symlinks: {}", path.display())
}

fn make_link(top: &Path, link: &str, to: &str) {
    let link = place(top, link);
    make_dir(link.parent().expect("it is below the top"));
    symlink(fill_in(to, top), &link).unwrap_or_else(|e| fail("make", &link, &e));
}

/// Where the symlink `link` itself is.
fn place(top: &Path, link: &str) -> PathBuf {
    let link = top.join(link);
    let (Some(dir), Some(name)) = (link.parent(), link.file_name()) else {
        panic!("{} is no path of a link", link.display());
    };
    real(dir).join(name)
}

/// Copies what is not there yet, the text of files changed by `edit`.
fn copy(from: &Path, to: &Path, edit: &dyn Fn(String) -> String) {
    let kind = from
        .symlink_metadata()
        .unwrap_or_else(|e| fail("read", from, &e));
    let is_there = to.symlink_metadata().is_ok();
    if kind.is_dir() {
        make_dir(to);
        for entry in fs::read_dir(from).unwrap_or_else(|e| fail("read", from, &e)) {
            let name = entry.unwrap_or_else(|e| fail("read", from, &e)).file_name();
            copy(&from.join(&name), &to.join(&name), edit);
        }
    } else if is_there {
        return;
    } else if kind.is_symlink() {
        fs::read_link(from)
            .and_then(|target| symlink(target, to))
            .unwrap_or_else(|e| fail("copy", from, &e));
    } else {
        let text = fs::read_to_string(from).unwrap_or_else(|e| fail("read", from, &e));
        write_file(to, &edit(text));
    }
    if is_root() && !is_there {
        lchown(to, Some(kind.uid()), None).unwrap_or_else(|e| fail("chown", to, &e));
    }
}

fn make_dir(dir: &Path) {
    if dir.is_dir() {
        return;
    }
    make_dir(dir.parent().expect("the root is there"));
    fs::create_dir(dir)
        .and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o755)))
        .unwrap_or_else(|e| fail("make", dir, &e));
}

/// Writes a file that httpd's children may read, whatever the umask.
fn write_file(file: &Path, text: &str) {
    make_dir(file.parent().expect("a file is in a directory"));
    fs::write(file, text)
        .and_then(|()| fs::set_permissions(file, Permissions::from_mode(0o644)))
        .unwrap_or_else(|e| fail("write", file, &e));
}

fn fail(action: &str, path: &Path, error: &std::io::Error) -> ! {
    panic!("cannot {action} {}: {error}", path.display())
}
