//! What `apachectl -t -D DUMP_REALDOC` prints: for each virtual host what the module makes of it, and what that
//! changes.

use std::ffi::{CString, OsStr};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{ffi::CStr, fs};

use realdoc_core::resolve::{Link, strerror};
use realdoc_core::symlinks::Symlinks;

use crate::config::ServerConfig;
use crate::httpd::{Options, Pool, Section, SectionKind, Server, Startup, is_defined, log};
use crate::survey::{Host, Root, Survey};

/// The test_config hook.
pub(crate) fn print<'c>(startup: &Startup, pool: Pool<'c>, main: Server<'c>) {
    if !is_defined(c"DUMP_REALDOC") {
        return;
    }
    let dump = Dump { startup, pool };
    let mut text = Vec::new();
    // httpd has no buffer of its own for what it prints, and does not empty ours at its end.
    let mut stdout = io::stdout().lock();
    let printed = dump
        .servers(&mut text, main)
        .and_then(|()| stdout.write_all(&text))
        .and_then(|()| stdout.flush());
    if let Err(error) = printed {
        log!(
            main,
            Error,
            "RD14: cannot print what DUMP_REALDOC asks for: {error}"
        );
    }
}

struct Dump<'s, 'c> {
    startup: &'s Startup,
    pool: Pool<'c>,
}

impl<'c> Dump<'_, 'c> {
    fn servers(&self, out: &mut impl Write, main: Server<'c>) -> io::Result<()> {
        writeln!(out, "mod_realdoc configuration:")?;
        let mut survey = Survey::new(self.pool);
        for server in main.in_order() {
            let name = self.pool.printable(server.name());
            match server.definition(self.startup) {
                Some((file, line)) => {
                    writeln!(out, "{name} ({}:{line})", self.pool.printable(file))?;
                }
                None => writeln!(out, "{name} (main server)")?,
            }
            let settings = ServerConfig::of(server).map(|config| &config.settings);
            let host = settings.and_then(|settings| survey.look_at(server, settings));
            match host {
                Some(host) => self.host(out, &host)?,
                None if settings.is_some_and(|settings| settings.is_on()) => {
                    writeln!(out, "  left alone: it has no DocumentRoot")?;
                }
                None => writeln!(out, "  left alone: Realdoc Off")?,
            }
        }
        Ok(())
    }

    fn host(&self, out: &mut impl Write, host: &Host<'c>) -> io::Result<()> {
        for (directive, root) in host.roots() {
            self.root(out, host, directive, root)?;
        }
        if host.roots().any(|(_, root)| !root.links().is_empty()) {
            self.sections(out, host)?;
        }
        Ok(())
    }

    /// A document root or further link: where it leads, or why it is left alone.
    fn root(
        &self,
        out: &mut impl Write,
        host: &Host<'c>,
        directive: &str,
        root: &Root,
    ) -> io::Result<()> {
        let path = self.quoted(root.docroot.path());
        match root.leads() {
            Ok(resolved) if resolved.links.is_empty() => {
                writeln!(out, "  {directive} {path}")?;
                writeln!(out, "    left alone: no symlink on its path")?;
            }
            Ok(resolved) => {
                writeln!(
                    out,
                    "  {directive} {path} -> {}",
                    self.quoted(&resolved.docroot)
                )?;
            }
            Err(error) => {
                let (at, cause) = (self.quoted(&error.path), strerror(error.errno));
                writeln!(out, "  {directive} {path}")?;
                writeln!(out, "    left alone until it resolves: {at}: {cause}")?;
            }
        }
        if root.is_by_readlink() {
            writeln!(out, "    UseReadlink: only the first symlink, by one step")?;
        }
        if let Some(from) = root.ignored_beginning() {
            let from = self.quoted(from);
            writeln!(
                out,
                "    UseReadlink {from} is ignored: the path does not lie under it"
            )?;
        }
        for link in root.links() {
            let (name, target) = (self.quoted(&link.path), self.quoted(&link.target));
            writeln!(out, "    link {name} -> {target}")?;
            if !is_followed(host.server, link) {
                let refused = if host.choice.by_link {
                    "refused as without mod_realdoc"
                } else {
                    "followed, and refused without mod_realdoc"
                };
                writeln!(out, "      {refused}: Options does not allow to follow it")?;
            }
        }
        Ok(())
    }

    /// Whose sections apply, and those for which that makes a difference.
    fn sections(&self, out: &mut impl Write, host: &Host<'c>) -> io::Result<()> {
        let why = host.choice.why;
        let (by_name, of_link, of_target) = if host.choice.by_link {
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
        writeln!(out, "  sections as to {by_name} ({why})")?;
        for section in host.sections_by(true) {
            writeln!(out, "    {of_link}: {}", self.section(section))?;
        }
        for section in host.sections_by(false) {
            writeln!(out, "    {of_target}: {}", self.section(section))?;
        }
        Ok(())
    }

    /// As it is written, but for the spelling of its path.
    fn section(&self, section: Section<'c>) -> String {
        let kind = match section.kind() {
            SectionKind::Regex => "DirectoryMatch",
            SectionKind::Path | SectionKind::Pattern => "Directory",
        };
        format!("<{kind} {}>", self.quoted(section.name()))
    }

    fn quoted(&self, text: &CStr) -> String {
        format!("\"{}\"", self.pool.printable(text))
    }
}

/// Whether the options that `<Directory>` sections give above the link allow to follow it. (What an .htaccess file
/// says is known when a request comes by.)
fn is_followed(server: Server<'_>, link: &Link) -> bool {
    let Some(mut options) = server.dir_config().map(Options::of) else {
        return true;
    };
    let sections = || {
        server
            .sections()
            .iter()
            .filter(|section| section.kind() != SectionKind::Regex)
    };
    for section in sections().filter(|section| section.components() == 0) {
        options.merge(section.config());
    }
    let path = link.path.to_bytes();
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    for (end, _) in ends {
        let dir = CString::new(&path[..=end]).unwrap_or_default();
        let own = sections().filter(|section| section.components() > 0);
        for section in own.filter(|section| section.applies_to(&dir)) {
            options.merge(section.config());
        }
    }
    match options.symlinks() {
        Symlinks::Followed => true,
        Symlinks::Refused => false,
        Symlinks::IfOwnerMatch => {
            let path = |path: &CStr| Path::new(OsStr::from_bytes(path.to_bytes())).to_owned();
            let link_itself = fs::symlink_metadata(path(&link.path));
            let target = fs::metadata(path(&link.target));
            // What cannot be asked is told of elsewhere.
            link_itself
                .ok()
                .zip(target.ok())
                .is_none_or(|(a, b)| a.uid() == b.uid())
        }
    }
}
