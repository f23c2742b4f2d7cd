//! Looking for the file of a lost request in the releases that its link led to before.

use std::ffi::CStr;

use once_cell::unsync::OnceCell;
use realdoc_core::fs::{Fs, OsFs};
use realdoc_core::history::{Former, Owners};
use realdoc_core::mapping::release_path;
use realdoc_core::paths::strip_dir;
use realdoc_core::previous::Window;

use super::code::is_sent_as_it_is;
use super::state::{Lost, PreviousState, Trial};
use crate::httpd::{Answer, FileType, Request, Subrequest, log};
use crate::link::Link;
use crate::mapping::map_again;
use crate::module::Realdoc;
use crate::pin::Pin;
use crate::state::RequestState;

/// A lost request, and what is asked once for it.
pub(super) struct Search<'r> {
    pub(super) r: Request<'r>,
    pub(super) state: &'r RequestState<'r>,
    pub(super) pin: &'r Pin<'r>,
    pub(super) lost: Lost<'r>,
    pub(super) window: Window,
}

/// A former release, from which the request is answered.
pub(super) struct Served<'r> {
    pub(super) target: &'r CStr,
    pub(super) left: realdoc_core::Micros,
}

/// A link that leads to the file, and who owns it and what it leads to.
struct Owned<'r> {
    link: &'r Link<'r>,
    owners: OnceCell<Option<(u32, u32)>>,
}

impl<'r> Search<'r> {
    /// Answers the request from a former release of the outermost link that has one.
    pub(super) fn serve(&self) -> Option<Served<'r>> {
        let mut is_checked = !self.lost.is_rewritten;
        for (link, mode) in self.pin.links_over(self.lost.name.to_bytes()) {
            let now = realdoc_core::now();
            let table = self.pin.site.table;
            let asker = table.asker(link.name, mode);
            let mut formers = table.former(link.name, mode, link.target, now);
            let owned = Owned {
                link,
                owners: OnceCell::new(),
            };
            let mut seen = 0;
            while let Some(former) = formers.next() {
                if seen == self.window.count || !former.was_left_within(self.window.span, now) {
                    break;
                }
                seen += 1;
                let probed = asker.and_then(|asker| asker.run(|| self.probe(&owned, &former)));
                if let Err(why) = probed.unwrap_or(Err("a former release does not answer")) {
                    self.log_refusal(former.target, why);
                    continue;
                }
                if !is_checked && !self.is_allowed_now() {
                    self.log_refusal(former.target, "the current release does not allow it");
                    return None;
                }
                is_checked = true;
                let target = self.r.pool().put_text(former.target);
                match self.try_release(link, target, former.link_owner) {
                    Ok(()) => {
                        return Some(Served {
                            target,
                            left: former.left,
                        });
                    }
                    Err(why) => self.log_refusal(target, why),
                }
            }
            if seen > 0 {
                break;
            }
        }
        None
    }

    fn log_refusal(&self, target: &CStr, why: &str) {
        let (path, target) = (self.lost.name.to_string_lossy(), target.to_string_lossy());
        log!(
            self.r,
            Debug,
            "RD19: {path} is not served from {target}: {why}"
        );
    }

    /// Whether the file is there, in the very directory that was current. Most candidates end here.
    fn probe(&self, owned: &Owned<'r>, former: &Former<'_>) -> Result<(), &'static str> {
        let link = owned.link;
        let tail = strip_dir(self.lost.name.to_bytes(), link.name.to_bytes()).unwrap_or_default();
        let path = self.r.pool().concat(&[former.target.to_bytes(), tail]);
        let file = self.r.stat(path, false);
        let file = file.filter(|file| file.file_type() == FileType::Regular);
        let file = file.ok_or("it has no such file")?;
        if file.modified_at() > former.left {
            return Err("it was written after the link had left that release");
        }
        let release = OsFs.inode(former.target).map_err(|_| "it is gone")?;
        if release.identity != former.identity {
            return Err("another directory has taken its place");
        }
        // Its time of modification may be that of a copy.
        let born = OsFs.inode(path).map_err(|_| "it is gone")?.identity.born;
        if born / 1_000 > former.left {
            return Err("it was put there after the link had left that release");
        }
        let ask = || {
            let link_owner = OsFs.inode(link.name).ok()?.owner;
            Some((link_owner, OsFs.inode(link.target).ok()?.owner))
        };
        let (link, current) = owned.owners.get_or_init(ask).ok_or("the link is gone")?;
        let owners = Owners {
            link,
            current,
            former: release.owner,
        };
        if former.is_allowed(owners) {
            Ok(())
        } else {
            Err("its owner is another one")
        }
    }

    /// Answers the request from `target` if httpd lets it, by that release's rules.
    fn try_release(
        &self,
        link: &'r Link<'r>,
        target: &'r CStr,
        link_owner: u32,
    ) -> Result<(), &'r str> {
        let former = self
            .pin
            .with_former(self.r, self.lost.name, link, target, link_owner);
        self.state.assign_pin(former);
        let found = self.look_up(Trial::Former);
        match self.accepts(&found, former) {
            Ok(()) => {
                self.previous().cut.set(None);
                self.previous().current_pin.set(Some(self.pin));
                if let Some(state) = found.redirect::<Realdoc>() {
                    self.state.walk.set(state.walk.get());
                }
                self.r.set_default_handler();
                map_again(self.r, self.state, former, self.lost.name);
                Ok(())
            }
            Err(why) => {
                self.state.assign_pin(self.pin);
                Err(why)
            }
        }
    }

    fn previous(&self) -> &'r PreviousState<'r> {
        self.state.previous_or_new(self.r)
    }

    fn look_up(&self, trial: Trial<'r>) -> Subrequest<'r> {
        let previous = self.previous();
        previous.tries.set(Some(trial));
        let found = self.r.look_up(self.lost.env);
        previous.tries.set(None);
        found
    }

    /// Whether what httpd has found is the very file, to be sent as it is.
    fn accepts(&self, found: &Subrequest<'_>, pin: &Pin<'_>) -> Result<(), &'r str> {
        let r = found.request();
        let previous = RequestState::of(r).and_then(|state| state.previous());
        if let Some(module) = previous.and_then(|previous| previous.runs.get()) {
            let words: [&[u8]; 3] = [b"a directive of ", module.to_bytes(), b" may run code"];
            return Err(self.r.pool().concat(&words).to_str().unwrap_or_default());
        }
        if r.status() != Answer::SUCCESS || r.is_proxied() {
            return Err("its rules refuse it");
        }
        let expected = release_path(self.lost.name.to_bytes(), pin.links());
        let is_it = |name: &CStr| expected.is_some_and(|(_, path)| path.is(name.to_bytes()));
        if r.file_type() != FileType::Regular
            || !r.filename().is_some_and(is_it)
            || r.path_info().is_some_and(|info| !info.is_empty())
        {
            return Err("its rules lead elsewhere");
        }
        if !is_sent_as_it_is(r, pin.site) {
            return Err("it would be run");
        }
        Ok(())
    }

    /// Whether the current release's rules let the client ask for the file. Rules of the virtual
    /// host have led to another one, so they are not evaluated again for it: they have been, and
    /// are again for the former release.
    fn is_allowed_now(&self) -> bool {
        let found = self.look_up(Trial::Current(self.lost.name));
        let state = found.request().state::<Realdoc>();
        let previous = state.and_then(|state| state.previous());
        previous.is_some_and(|previous| previous.has_passed.get())
    }
}
