//! What `apachectl -t -D DUMP_REALDOC` prints: for each virtual host what the module makes of it, and what that
//! changes.

use std::ffi::{CString, OsStr};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{ffi::CStr, fs};

use realdoc_core::docroot::Docroot;
use realdoc_core::fs::OsFs;
use realdoc_core::patterns::SectionKind;
use realdoc_core::resolve::{
    Link, Mode, ResolveError, Resolved, resolve, starts_at_component, strerror,
};
use realdoc_core::symlinks::Symlinks;

use crate::analysis::{Analyzer, HostAnalysis, OneName, directive, sections_by_one_name};
use crate::config::ServerConfig;
use crate::httpd::{Options, Pool, Server, Startup, is_defined, log};

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
        let mut analyzer = Analyzer::new(self.pool);
        for server in main.in_order() {
            let name = self.pool.printable(server.name());
            match server.definition(self.startup) {
                Some((file, line)) => {
                    writeln!(out, "{name} ({}:{line})", self.pool.printable(file))?;
                }
                None => writeln!(out, "{name} (main server)")?,
            }
            let settings = ServerConfig::of(server).map(|config| &config.settings);
            let host = settings.and_then(|settings| analyzer.analyze(server, settings));
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

    fn host(&self, out: &mut impl Write, host: &HostAnalysis<'c>) -> io::Result<()> {
        let mut has_links = false;
        for (name, docroot) in host.docroots() {
            let resolved = resolve(&OsFs, docroot.path(), docroot.mode());
            let links = resolved.as_ref().map_or(&[][..], |found| &found.links);
            has_links |= !links.is_empty();
            self.docroot(out, name, docroot, &resolved)?;
            for link in links {
                self.link(out, host, link)?;
            }
        }
        if has_links {
            self.sections(out, host)?;
        }
        Ok(())
    }

    /// A document root or further link: where it leads, or why it is left alone.
    fn docroot(
        &self,
        out: &mut impl Write,
        name: &str,
        docroot: &Docroot,
        resolved: &Result<Resolved, ResolveError>,
    ) -> io::Result<()> {
        let path = self.quoted(docroot.path());
        match resolved {
            Ok(resolved) if resolved.links.is_empty() => {
                writeln!(out, "  {name} {path}")?;
                writeln!(out, "    left alone: no symlink on its path")?;
            }
            Ok(resolved) => {
                writeln!(out, "  {name} {path} -> {}", self.quoted(&resolved.docroot))?;
            }
            Err(error) => {
                let (at, cause) = (self.quoted(&error.path), strerror(error.errno));
                writeln!(out, "  {name} {path}")?;
                writeln!(out, "    left alone until it resolves: {at}: {cause}")?;
            }
        }
        if let Mode::Readlink { from } = docroot.mode() {
            writeln!(out, "    UseReadlink: only the first symlink, by one step")?;
            let ignored = from
                .as_ref()
                .filter(|from| !starts_at_component(docroot.path(), from));
            if let Some(from) = ignored {
                let from = self.quoted(from);
                writeln!(
                    out,
                    "    UseReadlink {from} is ignored: the path does not lie under it"
                )?;
            }
        }
        Ok(())
    }

    fn link(&self, out: &mut impl Write, host: &HostAnalysis<'c>, link: &Link) -> io::Result<()> {
        let (name, target) = (self.quoted(&link.path), self.quoted(&link.target));
        writeln!(out, "    link {name} -> {target}")?;
        if !is_followed(host.server, link) {
            let is_refused = host.choice.by_link
                || host.owners_must_match() && owners_match(link) == Some(false);
            let refused = if is_refused {
                "refused as without mod_realdoc"
            } else {
                "followed, and refused without mod_realdoc"
            };
            writeln!(out, "      {refused}: Options does not allow to follow it")?;
        }
        Ok(())
    }

    /// Whose sections apply, and those for which that makes a difference.
    fn sections(&self, out: &mut impl Write, host: &HostAnalysis<'c>) -> io::Result<()> {
        let why = host.choice.reason(|name| self.pool.printable(name));
        let (by_name, of_link, of_release) = if host.choice.by_link {
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
        let docroot = &host.docroot;
        let Ok(resolved) = resolve(&OsFs, docroot.path(), docroot.mode()) else {
            return Ok(());
        };
        for (name, what) in [(OneName::Link, of_link), (OneName::Release, of_release)] {
            for section in sections_by_one_name(host.server, docroot.path(), &resolved, name) {
                let section = directive(section, |name| self.pool.printable(name));
                writeln!(out, "    {what}: {section}")?;
            }
        }
        Ok(())
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
        // What cannot be asked is told of elsewhere.
        Symlinks::IfOwnerMatch => owners_match(link).unwrap_or(true),
    }
}

/// Whether the link belongs to the owner of its target, if that can be asked.
fn owners_match(link: &Link) -> Option<bool> {
    let path = |path: &CStr| Path::new(OsStr::from_bytes(path.to_bytes())).to_owned();
    let itself = fs::symlink_metadata(path(&link.path)).ok()?;
    let target = fs::metadata(path(&link.target)).ok()?;
    Some(itself.uid() == target.uid())
}
