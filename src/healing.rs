//! The walk down to a request's file, and, where there is no such file, to that in a newer release.

use std::ffi::CStr;

use crate::httpd::{Answer, FileType, Request, log};
use crate::link::LinkedPath;
use crate::mapping::{map_again, take_name};
use crate::owner;
use crate::pin::{NoAnswer, Pin};
use crate::previous;
use crate::state::RequestState;
use crate::walk;

/// How often a request starts again when a deploy has overtaken it.
const STARTS: usize = 16;

/// map_to_storage, the last before core: the walk down to the file, for what
/// [`map_to_release`](crate::mapping::map_to_release) has named.
pub(crate) fn directory_walk(r: Request<'_>) -> Answer {
    let Some(state) = RequestState::of(r) else {
        return Answer::DECLINED;
    };
    let answer = match take_name(r, state) {
        Ok(Some((pin, name))) => walk_down(r, state, pin, name),
        Ok(None) => Answer::DECLINED,
        Err(NoAnswer) => Answer::UNAVAILABLE,
    };
    // The conditions of <If> come next.
    if let Some(previous) = state.previous() {
        previous.hide_main(r);
    }
    answer
}

#[inline(never)]
fn walk_down<'r>(
    r: Request<'r>,
    state: &'r RequestState<'r>,
    mut pin: &'r Pin<'r>,
    name: LinkedPath<'r>,
) -> Answer {
    let path_info = r.path_info();
    let Some(mut answer) = walk_once(r, state, pin, name) else {
        return Answer::DECLINED;
    };
    if name.link.is_none() {
        return answer;
    }
    let mut starts = 0;
    while r.is_initial() && !is_certain(r, pin, answer) {
        let is_lost = !is_found(r, answer);
        let renewed = match pin.renewed(r, is_lost) {
            Ok(Some(renewed)) => renewed,
            Err(NoAnswer) if may_miss_htaccess(r, pin) => return Answer::UNAVAILABLE,
            _ => break,
        };
        if starts == STARTS {
            let path = name.path.to_string_lossy();
            log!(
                r,
                Error,
                "RD16: overtaken by more than {STARTS} deploys: {path}"
            );
            return Answer::UNAVAILABLE;
        }
        starts += 1;
        pin = renewed;
        let Some(other) = start_again(r, state, pin, name.path, path_info) else {
            // There is no link any more: core's own walk, which comes next, finds the file.
            return Answer::DECLINED;
        };
        answer = other;
    }
    if pin.site.has_previous && answer == Answer::OK && r.is_initial() {
        previous::note(r, state, pin, name);
    }
    match state.refused.take() {
        Some((refusal, link)) if answer != Answer::OK => walk::refuse(r, refusal, link),
        _ => answer,
    }
}

fn is_found(r: Request<'_>, answer: Answer) -> bool {
    answer == Answer::OK && r.file_type() == FileType::Regular
}

/// Whether the answer is right even if the release was being removed meanwhile. An .htaccess file
/// may have been removed before what it denies. (With checks only from time to time a release has
/// to be kept for longer.)
fn is_certain(r: Request<'_>, pin: &Pin<'_>, answer: Answer) -> bool {
    is_found(r, answer) && !may_miss_htaccess(r, pin)
}

fn may_miss_htaccess(r: Request<'_>, pin: &Pin<'_>) -> bool {
    r.has_asked_htaccess() && pin.site.policy.check_every == 0
}

fn walk_once<'r>(
    r: Request<'r>,
    state: &'r RequestState<'r>,
    pin: &'r Pin<'r>,
    name: LinkedPath<'r>,
) -> Option<Answer> {
    #[cfg(feature = "test-hooks")]
    crate::faults::wait_at_gate();
    if !name.has_sections {
        name.link?;
        if pin.site.owners_must_match {
            if let Err(refusal) = owner::check(r, pin.links(), name.path) {
                state.refused.set(Some(refusal));
                return Some(r.refuse());
            }
        }
        let answer = r.directory_walk();
        return Some(if answer == Answer::OK {
            complete_name(r, state, pin, name);
            r.file_walk()
        } else {
            answer
        });
    }
    let before = RequestState::of_parent(r).and_then(|parent| parent.walk);
    Some(match walk::directory_walk(r, pin, name, before) {
        Ok(walk) => {
            state.walk.set(Some(walk));
            complete_name(r, state, pin, name);
            walk::file_walk(r, walk)
        }
        Err(error) => {
            state.refused.set(error.refused);
            error.answer
        }
    })
}

/// The request found no file, or no .htaccess file where there might have been one, and the link
/// has been flipped meanwhile. A release may be removed as soon as it serves no more, while
/// requests that have just begun are still on their way to it.
#[cold]
fn start_again<'r>(
    r: Request<'r>,
    state: &'r RequestState<'r>,
    pin: &'r Pin<'r>,
    path: &'r CStr,
    path_info: Option<&'r CStr>,
) -> Option<Answer> {
    state.refused.set(None);
    r.restart_walk();
    r.set_path_info(path_info);
    let name = map_again(r, state, pin, path);
    walk_once(r, state, pin, name)
}

/// See [`previous::complete_name`].
#[inline]
fn complete_name<'r>(
    r: Request<'r>,
    state: &RequestState<'r>,
    pin: &'r Pin<'r>,
    name: LinkedPath<'r>,
) {
    if pin.site.has_previous && r.file_type() == FileType::Nothing {
        previous::complete_name(r, state, pin, name);
    }
}
