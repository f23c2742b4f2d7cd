//! A walk on its way, and what may become of it.

use std::ffi::CStr;

use realdoc_core::cursor::Cursor;
use realdoc_core::symlinks::Refusal;

use super::cache::{Merges, WalkCache};
use crate::httpd::{Answer, DirConfig, FileType, Options, PoolPath, Request, Section};
use crate::link::{Link, LinkedPath};
use crate::pin::{Pin, RulesPlace};

/// Why a request ends in the walk.
pub(crate) struct WalkError<'r> {
    pub(crate) answer: Answer,
    /// The pinned link that was not followed, which is not logged yet.
    pub(crate) refused: Option<(Refusal, &'r CStr)>,
}

impl From<Answer> for WalkError<'_> {
    fn from(answer: Answer) -> Self {
        WalkError {
            answer,
            refused: None,
        }
    }
}

/// The path that is walked.
pub(super) struct WholePath<'r> {
    path: &'r CStr,
    link: Option<&'r Link<'r>>,
    /// What the request had as its path info before, if that is no part of the path.
    path_info: Option<&'r CStr>,
    /// httpd knows the file by its final name already, if all of the path is walked.
    is_named: bool,
}

impl<'r> WholePath<'r> {
    /// That of the request. `None`: it is too long for httpd.
    pub(super) fn of(r: Request<'r>, pin: &'r Pin<'r>, path: LinkedPath<'r>) -> Option<Self> {
        let LinkedPath { path, link, .. } = path;
        let (is_directory, path_info) = (r.file_type() == FileType::Directory, r.path_info());
        let known = WholePath {
            path,
            link,
            path_info: path_info.filter(|_| !is_directory),
            is_named: true,
        };
        // A directory has no path info: what looks like it is yet to be walked.
        let more = path_info.filter(|info| is_directory && !info.is_empty());
        let Some(info) = more else {
            return Some(known);
        };
        let path = r.pool().canonicalize(r.join(path, info))?;
        Some(WholePath {
            path,
            link: pin.link_of(path.to_bytes()),
            is_named: false,
            ..known
        })
    }
}

/// A walk on its way.
pub(super) struct Walker<'r> {
    pub(super) r: Request<'r>,
    pub(super) pin: &'r Pin<'r>,
    /// The whole path, by the link's name.
    pub(super) path: &'r CStr,
    pub(super) cursor: Cursor<'r, &'r Link<'r>>,
    /// Room for the real path of where the cursor is.
    real_path: Option<PoolPath<'r>>,
    /// What the request had as its path info before.
    path_info: Option<&'r CStr>,
    /// httpd knows the file by its final name already, if all of the path is walked.
    is_named: bool,
    /// Those that are yet to be met.
    pub(super) sections: &'r [Section<'r>],
    pub(super) options: Options<'r>,
    /// Where the last rules of mod_rewrite are that apply.
    pub(super) rules: Option<RulesPlace<'r>>,
    merges: Merges<'r>,
}

impl<'r> Walker<'r> {
    pub(super) fn new(
        r: Request<'r>,
        pin: &'r Pin<'r>,
        whole: WholePath<'r>,
        before: Option<&'r WalkCache<'r>>,
    ) -> Self {
        Walker {
            r,
            pin,
            path: whole.path,
            cursor: Cursor::new(whole.path.to_bytes(), whole.link),
            real_path: None,
            path_info: whole.path_info,
            is_named: whole.is_named,
            sections: r.server().sections(),
            options: Options::of(r.dir_config()),
            rules: None,
            merges: Merges::new(r, before),
        }
    }

    /// What is left of the path is path info, before what the request had as such.
    pub(super) fn set_path_info(&self) {
        let r = self.r;
        let rest = &self.path.to_bytes_with_nul()[self.cursor.here().len()..];
        let rest = CStr::from_bytes_with_nul(rest).unwrap_or_default();
        r.set_path_info(match self.path_info {
            Some(info) if rest.is_empty() => Some(info),
            Some(info) => Some(r.join(rest, info)),
            None => Some(rest),
        });
    }

    /// The real path of where the cursor is.
    pub(super) fn real_path(&mut self) -> &mut PoolPath<'r> {
        let (r, pin, room) = (self.r, self.pin, self.path.count_bytes() + 2);
        let path = self.real_path.get_or_insert_with(|| {
            let targets = pin.links().map(|link| link.target.count_bytes());
            PoolPath::with_room(r.pool(), room + targets.max().unwrap_or(0))
        });
        path.truncate(0);
        for part in self.cursor.real_path() {
            path.push(part);
        }
        path
    }

    /// The same, for good.
    pub(super) fn take_real_path(&mut self) -> &'r CStr {
        let path = self.real_path();
        if path.as_bytes().is_empty() {
            // A link leads to the root of the file system.
            path.push(b"/");
        }
        self.real_path.take().map_or(c"/", PoolPath::finish)
    }

    /// `own`: the section or file that applies; `config`: what it says here, rebased to `path`.
    /// `has_path`: it is for this very directory, and not for what matches.
    pub(super) fn apply(
        &mut self,
        own: DirConfig<'r>,
        path: Option<&'r CStr>,
        config: DirConfig<'r>,
        has_path: bool,
    ) {
        let rewrite = self.pin.site.rewrite;
        if rewrite.is_some_and(|rewrite| own.of_module(rewrite).is_some()) {
            let link = self.cursor.link().filter(|_| has_path);
            self.rules = Some(link.map_or(RulesPlace::AboveLinks, RulesPlace::Under));
        }
        self.options.merge(config);
        self.merges.add(own, path, config);
    }

    /// Gives the file its final name.
    pub(super) fn finish(mut self) -> Merges<'r> {
        let is_final = self.is_named && self.cursor.is_at_end();
        let file = match self.r.filename().filter(|_| is_final) {
            Some(file) => file,
            None => {
                self.cursor.follow_all(self.pin.links());
                self.take_real_path()
            }
        };
        self.r.set_canonical_filename(file);
        self.merges
    }
}
