//! What others remember of a link: the deploy command, and httpd from before its last start.

use std::ffi::{CStr, CString};

use super::entry::{Facts, MAX_PATH, PathBuffer, Release, can_be_remembered};
use super::shared::{SharedHistory, Writing};
use crate::record::{Entry, How};
use crate::{Micros, SECOND};

/// What was left longer ago is not remembered over a start.
const LONGEST: Micros = 30 * 24 * 3600 * SECOND;

impl SharedHistory {
    /// All that is remembered, the newest first. What is current is left `now`.
    pub(crate) fn entries(&self, now: Micros) -> Vec<Entry> {
        let mut buffer: PathBuffer = [0; MAX_PATH];
        let mut entries = Vec::new();
        for entry in &self.entries {
            let Some(found) = entry.read(&mut buffer) else {
                continue;
            };
            let Release { path, facts } = found.release;
            entries.push(Entry {
                how: How::Replaced,
                since: found.since,
                until: if found.left == 0 { now } else { found.left },
                identity: facts.identity,
                release_owner: facts.release_owner,
                link_owner: facts.link_owner,
                path: path.to_bytes().to_vec(),
            });
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.until));
        entries
    }

    /// Adds what was remembered before httpd's start.
    pub(crate) fn restore(&self, entries: &[Entry], now: Micros) {
        if let Some(writing) = self.begin_to_write(now) {
            writing.merge(entries, now);
        }
    }
}

impl Writing<'_> {
    /// Adds `entries`: releases that the link has left.
    pub(super) fn merge(&self, entries: &[Entry], now: Micros) {
        let is_in_time =
            |until: Micros| (now - LONGEST..=now.saturating_add(SECOND)).contains(&until);
        for entry in entries.iter().filter(|entry| is_in_time(entry.until)) {
            match CString::new(&*entry.path) {
                Ok(path) if can_be_remembered(&path) => self.merge_entry(entry, &path),
                _ => {}
            }
        }
    }

    fn merge_entry(&self, entry: &Entry, path: &CStr) {
        let release = Release {
            path,
            facts: Facts {
                identity: entry.identity,
                release_owner: entry.release_owner,
                link_owner: entry.link_owner,
            },
        };
        let is_withdrawn = entry.how == How::Withdrawn;
        let mut buffer: PathBuffer = [0; MAX_PATH];
        let Some((place, known)) = self.find(path, &mut buffer) else {
            let (place, left) = self.oldest();
            if !is_withdrawn && left < entry.until {
                place.write(release, entry.since, entry.until);
            }
            return;
        };
        if place.is_current() || entry.until < known.since {
            // The link leads there, or has led there again since.
        } else if is_withdrawn {
            place.clear();
        } else if known.release.facts.identity == entry.identity {
            place.set_times(known.since, entry.until);
        } else {
            place.write(release, entry.since, entry.until);
        }
    }
}
