//! A process, and what it serves.

use std::cell::Cell;
use std::ffi::{CStr, CString};

use realdoc_core::docroot::{Check, Docroot, Event, Pinned, Policy, When};
use realdoc_core::fs::Fs;
use realdoc_core::resolve::{Mode, Resolved};
use realdoc_core::table::LinkTable;
use realdoc_core::{Micros, SECOND};

use crate::memory_fs::MemoryFs;

/// A process that serves one docroot.
pub(crate) struct Process<'a, F> {
    fs: &'a F,
    pub(crate) docroot: Docroot,
    table: LinkTable,
    pub(crate) policy: Policy,
    pub(crate) checks: usize,
    pub(crate) said: Vec<String>,
}

impl<'a, F: Fs> Process<'a, F> {
    /// With realpath, a check for each request and 10 s of grace.
    pub(crate) fn new(fs: &'a F, table: LinkTable, docroot: &str) -> Self {
        Process::in_mode(fs, table, docroot, Mode::Realpath)
    }

    pub(crate) fn in_mode(fs: &'a F, table: LinkTable, docroot: &str, mode: Mode) -> Self {
        Process {
            fs,
            docroot: Docroot::new(CString::new(docroot).unwrap(), mode),
            table,
            policy: Policy {
                check_every: 0,
                grace: 10 * SECOND,
            },
            checks: 0,
            said: Vec::new(),
        }
    }

    pub(crate) fn check_every(mut self, check_every: Micros) -> Self {
        self.policy.check_every = check_every;
        self
    }

    pub(crate) fn grace(mut self, grace: Micros) -> Self {
        self.policy.grace = grace;
        self
    }

    /// The resolved docroot that a request at `now` gets.
    pub(crate) fn request(&mut self, now: Micros) -> Option<String> {
        self.request_sent_since(now, now)
    }

    /// The same for a request that took long to be read.
    pub(crate) fn request_sent_since(&mut self, began: Micros, now: Micros) -> Option<String> {
        let docroot = |found: &Resolved| text(&found.docroot);
        self.ask(began, now, When::Due, None, docroot)
    }

    /// The same for a request that has missed something.
    pub(crate) fn request_again(&mut self, now: Micros, is_lost: bool) -> Option<String> {
        let docroot = |found: &Resolved| text(&found.docroot);
        self.ask(now, now, When::Now { is_lost }, None, docroot)
    }

    /// The links that a request gets which has pinned `link` to `target` already.
    pub(crate) fn links_behind(&mut self, link: &str, target: &CStr) -> Vec<(String, String)> {
        let pinned = |name: &[u8]| (name == link.as_bytes()).then_some(target);
        let links = |found: &Resolved| {
            let links = found.links.iter();
            links.map(|l| (text(&l.path), text(&l.target))).collect()
        };
        let found = self.ask(T, T, When::Due, Some(&pinned), links);
        found.unwrap_or_default()
    }

    pub(crate) fn request_for<T>(
        &mut self,
        now: Micros,
        pin: impl FnMut(&Resolved) -> T,
    ) -> Option<T> {
        self.ask(now, now, When::Due, None, pin)
    }

    fn ask<'p, T>(
        &mut self,
        began: Micros,
        now: Micros,
        when: When,
        pinned: Option<&'p Pinned<'p>>,
        pin: impl FnMut(&Resolved) -> T,
    ) -> Option<T>
    where
        'a: 'p,
    {
        CLOCK.set(now);
        let check = Check {
            began,
            clock: || CLOCK.get(),
            policy: self.policy,
            table: self.table,
            fs: self.fs,
            when,
            pinned,
        };
        let (checks, said) = (&mut self.checks, &mut self.said);
        let log = &mut |event: Event<'_>| match event {
            Event::First { .. } => {}
            Event::Checked { .. } => *checks += 1,
            Event::Flipped { from, to } => said.push(format!("{} -> {}", text(from), text(to))),
            Event::Failed {
                error,
                serving,
                linked,
            } => {
                let serving = serving.map_or("nothing".to_string(), text);
                let kind = if linked { "link" } else { "directory" };
                said.push(format!("{kind} failed: {error}, serving {serving}"));
            }
            Event::Hangs { .. } => said.push("hangs".into()),
            Event::Recovered { resolved } => said.push(format!("recovered: {}", text(resolved))),
        };
        let answer = self.docroot.pin(&check, log, pin);
        answer.expect("no thread hangs")
    }

    /// What was logged since the last time.
    pub(crate) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }
}

pub(crate) fn text(path: &CStr) -> String {
    path.to_str().unwrap().to_string()
}

/// `current -> releases/1`, and two more releases.
pub(crate) fn site() -> MemoryFs {
    let fs = MemoryFs::with_dirs(&[
        "/srv/releases/1/web",
        "/srv/releases/2/web",
        "/srv/releases/3/web",
    ]);
    fs.link("/srv/current", "releases/1");
    fs
}

pub(crate) const CURRENT: &str = "/srv/current";

pub(crate) fn release(number: u32) -> Option<String> {
    Some(format!("/srv/releases/{number}"))
}

pub(crate) fn web(number: u32) -> Option<String> {
    Some(format!("/srv/releases/{number}/web"))
}

/// Any moment; the clock does not begin at 0.
pub(crate) const T: Micros = 1_700_000_000 * SECOND;

thread_local! {
    static CLOCK: Cell<Micros> = const { Cell::new(0) };
}
