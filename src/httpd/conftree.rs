//! The configuration's text, which httpd keeps as a tree, and the way back to it from the
//! sections that were made of it. For the hooks that run when it has been read.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::hash::Hash;
use std::iter::successors;
use std::ptr::{null, null_mut};

use super::dir_config::{Section, SectionKind};
use super::pool::{OwnPool, Pool};
use super::raw;
use super::server::Server;
use super::startup::Startup;

/// A directive or a container, in a configuration that lives for `'c`.
#[derive(Clone, Copy)]
pub(crate) struct Node<'c>(&'c raw::ap_directive_t);

impl<'c> Node<'c> {
    /// # Safety
    /// `node` is null or of a tree that stays as it is for `'c`, and this is post_config.
    unsafe fn from_raw(node: *const raw::ap_directive_t) -> Option<Self> {
        // SAFETY: as the caller promises.
        unsafe { node.as_ref() }.map(Node)
    }

    pub(super) fn raw(self) -> &'c raw::ap_directive_t {
        self.0
    }

    /// The name as its module spells it, a container's with the `<`.
    pub(crate) fn name(self) -> &'c CStr {
        // SAFETY: each node has a name.
        unsafe { CStr::from_ptr(self.0.directive) }
    }

    /// Its arguments, as they are written. Those of a container end with `>`.
    pub(crate) fn args(self) -> &'c CStr {
        // SAFETY: each node has arguments, if only "".
        unsafe { CStr::from_ptr(self.0.args) }
    }

    /// Its first argument. Of a container the `>` is cut off.
    pub(crate) fn first_word(self) -> CString {
        let args = self.args().to_bytes().trim_ascii();
        let args = args.strip_suffix(b">").unwrap_or(args);
        let word = args
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        let word = word
            .strip_prefix(b"\"")
            .and_then(|word| word.strip_suffix(b"\""))
            .unwrap_or(word);
        CString::new(word).unwrap_or_default()
    }

    /// The file and line that it stands in.
    pub(crate) fn place<'s>(self, _: &'s Startup) -> (&'s CStr, u32)
    where
        'c: 's,
    {
        (self.file(), self.0.line_num as u32)
    }

    /// The file that it stands in. (httpd forgets it at the end of post_config where a macro
    /// made the node; mod_macro.c, use_macro.)
    pub(super) fn file(self) -> &'c CStr {
        // SAFETY: each node has a file.
        unsafe { CStr::from_ptr(self.0.filename) }
    }

    /// What a container holds, one level deep.
    pub(crate) fn children(self) -> impl Iterator<Item = Self> {
        // SAFETY: nodes lead to nodes of the same tree.
        unsafe { Self::level(self.0.first_child) }
    }

    /// Hands it, and all that it holds, to `see`.
    pub(crate) fn visit(self, see: &mut impl FnMut(Self)) {
        see(self);
        for child in self.children() {
            child.visit(see);
        }
    }

    /// `first` and its followers.
    ///
    /// # Safety
    /// As for `from_raw`.
    unsafe fn level(first: *const raw::ap_directive_t) -> impl Iterator<Item = Self> {
        // SAFETY: as the caller promises.
        let first = unsafe { Self::from_raw(first) };
        // SAFETY: nodes lead to nodes of the same tree.
        successors(first, |node| unsafe { Self::from_raw(node.0.next) })
    }

    /// A `<Directory>` or `<DirectoryMatch>` section's path without a slash at its end, or its
    /// regex.
    pub(crate) fn section_name(self, pool: Pool<'_>) -> CString {
        let scratch = OwnPool::new(pool);
        if let Some(path) = self
            .directory(scratch.pool())
            .filter(|_| self.name() == c"<Directory")
        {
            return key(path);
        }
        let at = usize::from(self.name() == c"<Directory");
        let text = self.args().to_bytes();
        let end = text.iter().rposition(|&byte| byte == b'>');
        let text = CString::new(&text[..end.unwrap_or(text.len())]).unwrap_or_default();
        let mut args = text.as_ptr();
        let mut word = c"";
        for _ in 0..=at {
            // SAFETY: `args` is a string, which outlives the loop. The words are copied into the
            // pool.
            word =
                unsafe { CStr::from_ptr(raw::ap_getword_conf(scratch.pool().as_ptr(), &mut args)) };
        }
        word.to_owned()
    }

    /// The path of a `<Directory>` section, as core makes it; `None`: a regex (core.c, dirsection).
    fn directory(self, scratch: Pool<'_>) -> Option<&CStr> {
        let pool = scratch.as_ptr();
        let mut args = self.0.args;
        // SAFETY: each node has arguments, if only "". `ap_getword_conf` moves `args` on in
        // them, and copies into the pool.
        let path = unsafe {
            let text = CStr::from_ptr(args).to_bytes();
            let end = text.iter().rposition(|&byte| byte == b'>')?;
            args = raw::apr_pstrmemdup(pool, args, end as raw::apr_size_t);
            CStr::from_ptr(raw::ap_getword_conf(pool, &mut args))
        };
        if path == c"~" || path == c"/" {
            return (path == c"/").then_some(path);
        }
        // The status is of no use: what cannot be merged has stopped httpd's start.
        let mut merged = null_mut();
        // SAFETY: the path is a string, and so is what comes back, if anything.
        unsafe {
            let flags = raw::APR_FILEPATH_TRUENAME as raw::apr_int32_t;
            raw::apr_filepath_merge(&mut merged, null(), path.as_ptr(), flags, pool);
            (!merged.is_null()).then(|| CStr::from_ptr(merged))
        }
    }
}

/// Whether the text sets `handler` anywhere. For pre_config, when the configuration has been read
/// as text.
pub(crate) fn sets_handler(handler: &CStr) -> bool {
    has_node(|node| {
        let mut args = node.args().to_bytes().windows(handler.count_bytes());
        (node.name() == c"SetHandler" || node.name() == c"AddHandler")
            && args.any(|text| text == handler.to_bytes())
    })
}

/// Whether the text has the directive `name` anywhere. From pre_config on.
pub(crate) fn has_directive(name: &CStr) -> bool {
    has_node(|node| node.name() == name)
}

/// Whether one of the text's directives in a section is such a one. From pre_config on.
pub(crate) fn has_node_in_section(is_it: impl Fn(&Node<'_>) -> bool) -> bool {
    has_node(|node| {
        let is_section = node.name().to_bytes().starts_with(b"<") && node.name() != c"<VirtualHost";
        is_section && node.children().any(|child| is_it(&child))
    })
}

fn has_node(is_it: impl Fn(&Node<'_>) -> bool) -> bool {
    // SAFETY: httpd keeps the tree as long as the configuration, and thus to the end of this call.
    let root = unsafe { Node::level(raw::ap_conftree) };
    let mut has = false;
    for node in root {
        node.visit(&mut |node| has |= is_it(&node));
    }
    has
}

/// Where in the text the `<Directory>` sections of all servers stand, except those by a regex.
pub(super) struct Sources<'c>(HashMap<Section<'c>, (Server<'c>, Node<'c>)>);

impl<'c> Sources<'c> {
    /// Finds the sections.
    ///
    /// httpd keeps no way from a section to its text, but it keeps sections of one path in
    /// the order of the text (ap_core_reorder_directories is stable). So the nth section of a
    /// path is the nth of this path in the tree.
    pub(super) fn find(startup: &Startup, main: Server<'c>, pool: Pool<'_>) -> Self {
        let scratch = OwnPool::new(pool);
        let shared: HashSet<_> = main.sections().iter().copied().collect();
        let mut sources = HashMap::new();
        for (server, nodes) in server_texts(startup, main) {
            let mut directories = Vec::new();
            for node in nodes {
                node.visit(&mut |node| {
                    if node.name() == c"<Directory" {
                        let path = node.directory(scratch.pool());
                        directories.extend(path.map(|path| (key(path), node)));
                    }
                });
            }
            let sections = server.sections().iter().copied();
            let sections = sections
                .filter(|section| section.kind() != SectionKind::Regex)
                // A virtual host's list has the main server's sections too, the very same.
                .filter(|section| server.id() == main.id() || !shared.contains(section))
                .map(|section| (key(section.name()), section));
            for (node, section) in pairs(directories, sections.collect()) {
                sources.insert(section, (server, node));
            }
        }
        Sources(sources)
    }

    /// The server that `section` was read for, and its node. `None`: a section by a regex,
    /// or one whose path the text has more often or less often than the server, as where another
    /// module has added a section.
    pub(super) fn of(&self, section: Section<'c>) -> Option<(Server<'c>, Node<'c>)> {
        self.0.get(&section).copied()
    }
}

/// Where a virtual host begins: file and line. (A file can be included twice.)
type Definition = (CString, u32);

/// The text of each server: the directives of a virtual host, or for the main server those outside
/// of them.
pub(crate) fn server_texts<'c>(
    startup: &Startup,
    main: Server<'c>,
) -> Vec<(Server<'c>, Vec<Node<'c>>)> {
    // SAFETY: httpd has read its configuration, and keeps the tree as long as that.
    let root = unsafe { Node::level(raw::ap_conftree) };
    let (hosts, own): (Vec<Node<'c>>, Vec<_>) =
        root.partition(|node| node.name() == c"<VirtualHost");
    let hosts = hosts.into_iter().map(|host| {
        let definition = (host.file().to_owned(), host.0.line_num as u32);
        (definition, host.children().collect())
    });
    let mut texts = vec![(main, own)];
    texts.extend(pairs(virtual_hosts(startup, main), hosts.collect()));
    texts
}

/// The virtual hosts, in the order of the text.
fn virtual_hosts<'c>(startup: &Startup, main: Server<'c>) -> Vec<(Definition, Server<'c>)> {
    let hosts = main.all().skip(1).filter_map(|server| {
        let (file, line) = server.definition(startup)?;
        Some(((file.to_owned(), line), server))
    });
    let mut hosts: Vec<_> = hosts.collect();
    // httpd puts each new one first (core.c, virtualhost_section).
    hosts.reverse();
    hosts
}

/// A directory's path without its trailing slash, which core adds where it is missing.
fn key(path: &CStr) -> CString {
    let path = path.to_bytes();
    let path = path.strip_suffix(b"/").unwrap_or(path);
    CString::new(path).unwrap_or_default()
}

/// Pairs the nth of each key on the left with the nth on the right, for keys that both have
/// equally often.
fn pairs<K: Eq + Hash, L, R>(left: Vec<(K, L)>, right: Vec<(K, R)>) -> Vec<(L, R)> {
    let mut groups: HashMap<K, (Vec<L>, Vec<R>)> = HashMap::new();
    for (key, value) in left {
        groups.entry(key).or_default().0.push(value);
    }
    for (key, value) in right {
        groups.entry(key).or_default().1.push(value);
    }
    let equal = groups.into_values().filter(|(l, r)| l.len() == r.len());
    equal.flat_map(|(l, r)| l.into_iter().zip(r)).collect()
}
