//! What applies on the way: `<Directory>` sections by the link's name, .htaccess files of the
//! release.

use std::ffi::CStr;

use super::walker::Walker;
use crate::httpd::{Answer, DirConfig, PoolPath, Section, SectionKind, log};

impl<'r> Walker<'r> {
    /// The sections for the directory here. Those for fewer components have been passed.
    pub(super) fn apply_sections(&mut self) {
        let depth = self.cursor.depth();
        while let Some((&section, rest)) = self.sections.split_first() {
            let components = section.components();
            if components > depth || section.kind() == SectionKind::Regex {
                break;
            }
            self.sections = rest;
            if components == 0 {
                self.apply(section.config(), None, section.config(), true);
            } else if components == depth && self.is_for_here(section) {
                let (path, config) = self.rebase(section);
                let has_path = section.kind() == SectionKind::Path;
                self.apply(section.config(), path, config, has_path);
            }
        }
    }

    fn is_for_here(&self, section: Section<'r>) -> bool {
        let here = self.cursor.here();
        if section.kind() == SectionKind::Path {
            return section.name().to_bytes().strip_suffix(b"/") == Some(here);
        }
        let mut dir = PoolPath::with_room(self.r.pool(), here.len() + 1);
        dir.push(here);
        dir.push(b"/");
        section.applies_to(dir.as_c_str())
    }

    /// Where only sections may apply: goes on to the directory that the next one is for. False:
    /// there is none, and the walk is at the end.
    pub(super) fn skip_to_section(&mut self) -> bool {
        while let Some((section, rest)) = self.sections.split_first() {
            let depth = section.components();
            let is_there = match section.kind() {
                SectionKind::Path => self.cursor.skip_to(section.name().to_bytes(), depth),
                SectionKind::Pattern => self.cursor.skip_down(depth),
                SectionKind::Regex => false,
            };
            if is_there {
                self.cursor.follow_all(self.pin.links());
                return true;
            }
            // The patterns and paths behind a pattern that is too deep are no less deep.
            if section.kind() != SectionKind::Path {
                break;
            }
            self.sections = rest;
        }
        self.cursor.skip_to_end();
        false
    }

    /// The .htaccess file here, if it may say anything.
    pub(super) fn apply_htaccess(&mut self) -> Result<(), Answer> {
        if !self.options.allow_htaccess() {
            return Ok(());
        }
        let (r, options) = (self.r, self.options);
        let dir = self.real_path();
        dir.push(b"/");
        let found = r.htaccess(&options, dir.as_c_str())?;
        if let Some(config) = found {
            self.apply(config, None, config, true);
        }
        Ok(())
    }

    /// The sections by a regex, which are matched against the whole path.
    pub(super) fn apply_regexes(&mut self) {
        let r = self.r;
        if self.sections.is_empty() {
            return;
        }
        let path = if self.cursor.is_at_end() {
            self.path
        } else {
            let here = self.cursor.here();
            let mut path = PoolPath::with_room(r.pool(), here.len());
            path.push(here);
            path.finish()
        };
        for &section in self.sections {
            let capture = |variable, value: &[u8]| {
                let mut copy = PoolPath::with_room(r.pool(), value.len());
                copy.push(value);
                r.set_env(variable, copy.finish());
            };
            if section.matches(path, capture) {
                self.apply(section.config(), None, section.config(), false);
            }
        }
    }

    /// What `section`, which applies here, says for the release, and the path that this is for.
    fn rebase(&self, section: Section<'r>) -> (Option<&'r CStr>, DirConfig<'r>) {
        let own = (None, section.config());
        let site = self.pin.site;
        if self.cursor.last_link().is_none() || !site.rebased.contains(section) {
            return own;
        }
        let Some(path) = self.path_for(section) else {
            return own;
        };
        // Above the link mod_rewrite is shown the link's name.
        let kept = site.rewrite.filter(|_| self.cursor.link().is_none());
        match site.rebased.rebase(section, path, kept, self.r.pool()) {
            None => own,
            Some(Ok(config)) => (Some(path), config),
            Some(Err(error)) => {
                log!(
                    self.r,
                    Error,
                    "RD23: <Directory \"{}\"> cannot be made for {}: {error}",
                    section.name().to_string_lossy(),
                    path.to_string_lossy()
                );
                own
            }
        }
    }

    /// The path that `section` is to be rebased to: the directory in the release. For a section
    /// above the link that is the target, unless the section's path is above that too.
    fn path_for(&self, section: Section<'r>) -> Option<&'r CStr> {
        let [target, tail] = if self.cursor.link().is_some() {
            self.cursor.real_path()
        } else {
            let link = self.cursor.last_link()?;
            if section.applies_on_the_way_to(link.target) {
                return None;
            }
            let target = link.target.to_bytes();
            [target.strip_suffix(b"/").unwrap_or(target), b""]
        };
        let mut path = PoolPath::with_room(self.r.pool(), target.len() + tail.len() + 1);
        path.push(target);
        path.push(tail);
        path.push(b"/");
        Some(path.finish())
    }
}
