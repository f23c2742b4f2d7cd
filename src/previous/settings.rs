//! What `RealdocPrevious`, `RealdocPreviousNames` and `RealdocPreviousMissing` say in a directory.

use std::ffi::CStr;

use realdoc_core::previous::{Window, is_hashed};
use realdoc_core::settings;

use crate::httpd::{DirConfig, Pool, Regex, Values};
use crate::module::Realdoc;

/// The three of them, each `None` where nothing is said.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings<'c> {
    window: Option<Option<Window>>,
    names: Option<Names<'c>>,
    missing_is_not_found: Option<bool>,
}

/// The URLs that are meant.
#[derive(Clone, Copy)]
enum Names<'c> {
    Hashed,
    Regex(Regex<'c>),
}

impl<'c> Settings<'c> {
    /// Those of a directory.
    pub(crate) fn of(config: DirConfig<'c>) -> Settings<'c> {
        let directory = config.state::<Realdoc>();
        directory.previous.copied().unwrap_or_default()
    }

    /// `own` over `base`.
    pub(crate) fn merge(base: &Settings<'c>, own: &Settings<'c>) -> Settings<'c> {
        Settings {
            window: own.window.or(base.window),
            names: own.names.or(base.names),
            missing_is_not_found: own.missing_is_not_found.or(base.missing_is_not_found),
        }
    }

    /// The former releases that count. `None`: none.
    pub(crate) fn window(self) -> Option<Window> {
        self.window.flatten()
    }

    /// Whether it says that none counts.
    pub(super) fn is_off(self) -> bool {
        self.window == Some(None)
    }

    pub(super) fn missing_is_not_found(self) -> bool {
        self.missing_is_not_found.unwrap_or(false)
    }

    /// Whether the URL with this path is one of those that are meant.
    pub(super) fn is_for(self, url_path: &CStr) -> bool {
        match self.names {
            None | Some(Names::Hashed) => is_hashed(url_path.to_bytes()),
            Some(Names::Regex(regex)) => regex.is_match(url_path),
        }
    }

    /// Whether the file of such a URL is one of those that are meant. Rules may have taken the
    /// hash, or whatever the client puts in its place, off the URL.
    pub(super) fn is_for_file(self, name: &CStr) -> bool {
        match self.names {
            None | Some(Names::Hashed) => is_hashed(name.to_bytes()),
            Some(Names::Regex(_)) => true,
        }
    }

    /// Sets `RealdocPrevious`.
    ///
    /// # Errors
    /// The sentence for the administrator, here and below.
    pub(crate) fn set_window(
        &mut self,
        name: &str,
        (value, count): Values<'_>,
    ) -> Result<(), String> {
        self.window = Some(settings::previous(name, value, count)?);
        Ok(())
    }

    /// Sets `RealdocPreviousNames`.
    pub(crate) fn set_names(
        &mut self,
        pool: Pool<'c>,
        name: &str,
        (value, _): Values<'_>,
    ) -> Result<(), String> {
        self.names = Some(if value.to_bytes().eq_ignore_ascii_case(b"hashed") {
            Names::Hashed
        } else {
            let regex = Regex::compile(pool, value);
            Names::Regex(regex.ok_or_else(|| settings::refuse_names(name, value))?)
        });
        Ok(())
    }

    /// Sets `RealdocPreviousMissing`.
    pub(crate) fn set_missing(&mut self, name: &str, (value, _): Values<'_>) -> Result<(), String> {
        self.missing_is_not_found = Some(settings::previous_missing(name, value)?);
        Ok(())
    }
}
