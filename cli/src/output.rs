//! What is said, and how: names escaped, colours only on a terminal.

use std::fmt::Display;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anstream::{stderr, stdout};
use clap::builder::styling::{AnsiColor, Style};

/// Whether only errors and warnings are printed.
static QUIET: AtomicBool = AtomicBool::new(false);

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// What went wrong, in words for the one who typed the command.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is wrong; it names the path.
    pub(crate) what: String,
    /// The next step, if there is one to tell.
    pub(crate) advice: Option<String>,
}

/// How a command ended that did what it was told.
pub(crate) enum Done {
    All,
    NotAllRemoved,
    ThenFailed,
    /// What `status` has found, for monitoring.
    Status(u8),
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: None,
        }
    }

    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// An error of the system, with what was tried.
pub(crate) fn failed(what: impl Display) -> impl FnOnce(rustix::io::Errno) -> Failure {
    move |errno| Failure::new(format!("{what}: {}", words(errno)))
}

/// What an error number means, without Rust's "(os error 13)".
pub(crate) fn words(errno: rustix::io::Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}

pub(crate) fn be_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

// A deploy does not fail because nobody can read what it says.

/// Prints a line, unless --quiet was given.
pub(crate) fn say(line: impl Display) {
    if !is_quiet() {
        print(line);
    }
}

/// Prints a line that was asked for.
pub(crate) fn print(line: impl Display) {
    let _ = writeln!(stdout(), "{line}");
}

/// Prints a warning. The same one again, as when a site is looked at once more, is left out.
pub(crate) fn warn(line: impl Display) {
    static LAST: Mutex<String> = Mutex::new(String::new());

    let line = line.to_string();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if *last == line {
        return;
    }
    let _ = writeln!(stderr(), "realdoc: {WARNING}warning:{WARNING:#} {line}");
    *last = line;
}

pub(crate) fn error(failure: &Failure) {
    let _ = writeln!(stderr(), "realdoc: {ERROR}error:{ERROR:#} {}", failure.what);
    if let Some(advice) = &failure.advice {
        let _ = writeln!(stderr(), "  {advice}");
    }
}

/// A path as it can be printed: no control characters, which a terminal would obey.
pub(crate) fn show(path: impl AsRef<Path>) -> String {
    let mut shown = String::new();
    for chunk in path.as_ref().as_os_str().as_bytes().utf8_chunks() {
        for char in chunk.valid().chars() {
            if char.is_control() || char == '\\' {
                shown.extend(char.escape_default());
            } else {
                shown.push(char);
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

/// A string in JSON. What is not UTF-8 becomes U+FFFD.
pub(crate) fn json(text: impl AsRef<[u8]>) -> String {
    let mut json = String::from("\"");
    for char in String::from_utf8_lossy(text.as_ref()).chars() {
        match char {
            '"' | '\\' => json.extend(['\\', char]),
            ' '.. => json.push(char),
            _ => json.push_str(&format!("\\u{:04x}", u32::from(char))),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn names_are_escaped() {
        let name = OsStr::from_bytes(b"a\n\x1b[31m\xff \xc3\xa9\\");
        assert_eq!(show(name), "a\\n\\u{1b}[31m\\xff é\\\\");
        assert_eq!(
            json(name.as_bytes()),
            "\"a\\u000a\\u001b[31m\u{fffd} é\\\\\""
        );
    }
}
