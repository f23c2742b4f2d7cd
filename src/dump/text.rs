//! The dump as text, for administrators.

use std::ffi::CStr;

use realdoc_core::resolve::strerror;

use super::hosts::{Host, LinkState, Permission, Pinned, Root, State};
use crate::analysis::directive;
use crate::httpd::Pool;

pub(super) fn hosts(hosts: &[Host<'_>], pool: Pool<'_>) -> String {
    let mut text = Text {
        text: "mod_realdoc configuration:\n".into(),
        pool,
    };
    hosts.iter().for_each(|host| text.host(host));
    text.text
}

struct Text<'p> {
    text: String,
    pool: Pool<'p>,
}

impl Text<'_> {
    /// Adds a line, indented to `depth`.
    fn line(&mut self, depth: usize, line: &str) {
        let indent = 2 * depth;
        self.text += &format!("{:indent$}{line}\n", "");
    }

    fn quoted(&self, text: &CStr) -> String {
        format!("\"{}\"", self.pool.printable(text))
    }

    fn host(&mut self, host: &Host<'_>) {
        let name = self.pool.printable(host.name);
        let place = match &host.definition {
            Some((file, line)) => format!("{}:{line}", self.pool.printable(file)),
            None => "main server".into(),
        };
        self.line(0, &format!("{name} ({place})"));
        match &host.state {
            State::Off => self.line(1, "left alone: Realdoc Off"),
            State::NoDocumentRoot => self.line(1, "left alone: it has no DocumentRoot"),
            State::On(pinned) => self.pinned(pinned),
        }
    }

    fn pinned(&mut self, host: &Pinned<'_>) {
        if let Some(root) = &host.virtual_root {
            let root = self.quoted(root);
            self.line(1, &format!("VirtualDocumentRoot {root}"));
            let pinned = "resolved with each request, and pinned if a symlink is on its path";
            self.line(2, pinned);
        }
        host.roots.iter().for_each(|root| self.root(root));
        if host.has_links() {
            self.sections(host);
        }
        for warning in &host.warnings {
            let (tag, file) = (warning.kind.tag(), self.pool.printable(&warning.file));
            let (line, directive) = (warning.line, &warning.directive);
            self.line(1, &format!("warning {tag}: {file}:{line}: {directive}"));
        }
    }

    /// A document root or further link: where it points, or why it is left alone.
    fn root(&mut self, root: &Root) {
        let mut head = format!("{} {}", root.directive, self.quoted(&root.path));
        if let Some(resolved) = root
            .resolved
            .as_ref()
            .ok()
            .filter(|_| !root.links.is_empty())
        {
            head += &format!(" -> {}", self.quoted(&resolved.docroot));
        }
        self.line(1, &head);
        match &root.resolved {
            Ok(_) if root.links.is_empty() => self.line(2, "left alone: no symlink on its path"),
            Ok(_) => {}
            Err(error) => {
                let (at, cause) = (self.quoted(&error.path), strerror(error.errno));
                let why = format!("left alone until it resolves: {at}: {cause}");
                self.line(2, &why);
            }
        }
        if root.is_readlink {
            self.line(2, "UseReadlink: only the first symlink, by one step");
        }
        if let Some(from) = &root.ignored_beginning {
            let from = self.quoted(from);
            let ignored = format!("UseReadlink {from} is ignored: the path does not lie under it");
            self.line(2, &ignored);
        }
        root.links.iter().for_each(|link| self.link(link));
    }

    fn link(&mut self, link: &LinkState) {
        let paths = std::iter::once(&link.path).chain(&link.chain);
        let paths: Vec<_> = paths.map(|path| self.quoted(path)).collect();
        self.line(2, &format!("link {}", paths.join(" -> ")));
        let refused = match link.permission {
            Permission::Followed => return,
            Permission::Refused => "refused as without mod_realdoc",
            Permission::FollowedOnlyHere => "followed, and refused without mod_realdoc",
        };
        self.line(3, &format!("{refused}: Options does not allow it"));
    }

    /// Whose sections apply, and those for which that makes a difference.
    fn sections(&mut self, host: &Pinned<'_>) {
        let pool = self.pool;
        let choice = &host.analysis.choice;
        let why = choice.reason(|name| pool.printable(name));
        let (by_name, of_link, of_release) = if choice.by_link {
            (
                "the link's name, as without mod_realdoc",
                "carried over to the release",
                "does not apply, as without mod_realdoc",
            )
        } else {
            (
                "the name in the release",
                "no longer applies",
                "applies now",
            )
        };
        self.line(1, &format!("sections as to {by_name} ({why})"));
        let of = [
            (&host.by_link_only, of_link),
            (&host.by_release_only, of_release),
        ];
        for (sections, what) in of {
            for section in sections {
                let section = directive(*section, |name| pool.printable(name));
                self.line(2, &format!("{what}: {section}"));
            }
        }
    }
}
