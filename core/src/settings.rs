//! The values of the directives, and what is said of a bad one.

use std::ffi::{CStr, CString};

use crate::previous::Window;
use crate::{Micros, SECOND};

/// The longest time that a directive takes, in [`Micros`]: a year.
pub const LONGEST: Micros = 365 * 24 * 3600 * SECOND;

/// What `UseReadlink` was set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UseReadlink {
    /// realpath(3).
    Off,
    /// Only the first symlink, by one step.
    On,
    /// The same, looking from this component on.
    From(CString),
}

/// What `RealdocSections` was set to: the sections of which name apply to a request in a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sections {
    /// Those of the link's name, unless the configuration was written for the releases'.
    Auto,
    /// Those that apply to the name under the link.
    Link,
    /// Those that apply to the name in the release.
    Target,
}

/// The value of directive `name` as `On` or `Off`, in any case.
///
/// # Errors
/// The sentence for the administrator.
pub fn flag(name: &str, value: &CStr) -> Result<bool, String> {
    match value.to_bytes() {
        v if v.eq_ignore_ascii_case(b"on") => Ok(true),
        v if v.eq_ignore_ascii_case(b"off") => Ok(false),
        _ => Err(refuse(name, value, "On or Off")),
    }
}

/// The value of directive `name` as a time: a whole number, of seconds or with a
/// unit as httpd's own (`ap_timeout_parameter_parse`, server/util.c).
///
/// # Errors
/// The sentence for the administrator.
pub fn time(name: &str, value: &CStr) -> Result<Micros, String> {
    const ALLOWED: &str =
        "a whole number from 0 to one year, in seconds or with a unit: 500ms, 2s, 5mi, 1h";
    let refused = || refuse(name, value, ALLOWED);

    let text = value.to_bytes();
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.to_ascii_lowercase().as_slice() {
        b"ms" => SECOND / 1000,
        b"" | b"s" => SECOND,
        b"mi" | b"min" => 60 * SECOND,
        b"h" => 3600 * SECOND,
        _ => return Err(refused()),
    };
    std::str::from_utf8(number)
        .ok()
        .and_then(|number| number.parse::<Micros>().ok())
        .and_then(|number| number.checked_mul(unit))
        .filter(|time| *time <= LONGEST)
        .ok_or_else(refused)
}

/// The value of `UseReadlink`.
///
/// # Errors
/// The sentence for the administrator.
pub fn use_readlink(name: &str, value: &CStr) -> Result<UseReadlink, String> {
    if value.to_bytes().starts_with(b"/") {
        return Ok(UseReadlink::From(value.to_owned()));
    }
    match flag(name, value) {
        Ok(true) => Ok(UseReadlink::On),
        Ok(false) => Ok(UseReadlink::Off),
        Err(_) => Err(refuse(name, value, "On, Off or an absolute path")),
    }
}

/// The value of `RealdocSections`.
///
/// # Errors
/// The sentence for the administrator.
pub fn sections(name: &str, value: &CStr) -> Result<Sections, String> {
    match value.to_bytes().to_ascii_lowercase().as_slice() {
        b"auto" => Ok(Sections::Auto),
        b"link" => Ok(Sections::Link),
        b"target" => Ok(Sections::Target),
        _ => Err(refuse(name, value, "Auto, Link or Target")),
    }
}

/// One value of `RealdocLink`: a path; `None`: no links at all.
///
/// # Errors
/// The sentence for the administrator.
pub fn link(name: &str, value: &CStr) -> Result<Option<CString>, String> {
    let text = value.to_bytes();
    if text.eq_ignore_ascii_case(b"none") {
        return Ok(None);
    }
    if text.len() > 1 && text.starts_with(b"/") {
        let text = text.strip_suffix(b"/").unwrap_or(text);
        return Ok(CString::new(text).ok());
    }
    Err(refuse(name, value, "absolute paths, or None"))
}

/// The longest time of `RealdocPrevious`: 30 days.
const LONGEST_WINDOW: Micros = 30 * 24 * 3600 * SECOND;

/// The most releases of `RealdocPrevious`: as many as the history of a link has.
const MOST_RELEASES: usize = 16;

/// The values of `RealdocPrevious`. `None`: off.
///
/// # Errors
/// The sentence for the administrator.
pub fn previous(name: &str, value: &CStr, count: Option<&CStr>) -> Result<Option<Window>, String> {
    const ALLOWED: &str = "On, Off, or a time of at most 720h, in seconds or with a unit, and a number of \
         releases from 1 to 16: 24h, 24h 5";
    let on = Window {
        span: 24 * 3600 * SECOND,
        count: 5,
    };
    let refused = || {
        let mut text = value.to_bytes().to_vec();
        if let Some(count) = count {
            text.push(b' ');
            text.extend(count.to_bytes());
        }
        refuse(name, &CString::new(text).unwrap_or_default(), ALLOWED)
    };
    if let Ok(is_on) = flag(name, value) {
        return match count {
            None => Ok(is_on.then_some(on)),
            Some(_) => Err(refused()),
        };
    }
    let span = time(name, value).map_err(|_| refused())?;
    let count = match count.map(CStr::to_str) {
        None => Ok(on.count),
        Some(Ok(count)) if count.bytes().all(|byte| byte.is_ascii_digit()) => {
            count.parse().map_err(|_| refused())
        }
        Some(_) => Err(refused()),
    }?;
    if (1..=LONGEST_WINDOW).contains(&span) && (1..=MOST_RELEASES).contains(&count) {
        Ok(Some(Window { span, count }))
    } else {
        Err(refused())
    }
}

/// What is said of a bad value of `RealdocPreviousNames`.
#[must_use]
pub fn refuse_names(name: &str, value: &CStr) -> String {
    refuse(name, value, "Hashed or a regex")
}

/// The value of `RealdocPreviousMissing`: whether a file that no release has is not found.
///
/// # Errors
/// The sentence for the administrator.
pub fn previous_missing(name: &str, value: &CStr) -> Result<bool, String> {
    match value.to_bytes() {
        v if v.eq_ignore_ascii_case(b"pass") => Ok(false),
        v if v.eq_ignore_ascii_case(b"notfound") => Ok(true),
        _ => Err(refuse(name, value, "Pass or NotFound")),
    }
}

fn refuse(name: &str, value: &CStr, allowed: &str) -> String {
    let value = value.to_string_lossy();
    format!("{name}: '{value}' is not allowed; allowed is {allowed}")
}

#[cfg(test)]
mod tests;
