//! httpd's error log, in which every line of warning or worse has to be expected.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::Mpm;

/// What httpd writes to its log when it serves, at the start and after each restart.
pub(crate) const SERVES: &str = "resuming normal operations";

/// What is wrong at any level, in the words of httpd, the C library and Rust.
const FAULTS: [&str; 6] = [
    "exit signal",
    "AH00051",
    "AH00052",
    "panicked",
    "egmentation fault",
    "Aborted",
];

/// What httpd itself logs at warning or worse, depending on how busy the machine is. None of it
/// costs a request.
const TIMING: [&str; 15] = [
    // The pool cannot grow: its size is fixed on purpose. (Prefork, worker, event.)
    "AH00161:", "AH00286:", "AH00287:", "AH00288:", "AH00484:", "AH00485:", "AH03490:", "AH10159:",
    // A child has not ended 3, 5 or 7 seconds after it was told to. One of event in a thousand
    // takes that long, even if the machine is idle.
    "AH00045:",
    // The listener thread of a child that ends does not get the processor for 5 seconds. (Worker,
    // event.)
    "AH00276:", "AH00475:",
    // The parent knows some old generations only, and not every child of those. (All, prefork,
    // worker, event.)
    "AH00546:", "AH00167:", "AH00291:", "AH00488:",
];

/// What httpd logs while its children end at once (TERM, HUP).
const ENDING: [&str; 4] = [
    // The main thread of a child takes away what the child's other threads are using: sockets,
    // pollsets, queues.
    "[mpm_",
    // A child has not ended after 9 seconds and is killed, or has not even then after 10.
    "AH00046:",
    "AH00047:",
    "exit signal Killed (9)",
];

/// A bug of stock httpd: a child of event that ends while it closes a connection, keeps it for its
/// next request, or has more to write. The log has them before the parent says that it was told to
/// end.
const CLOSING: [&str; 4] = [
    "(9)Bad file descriptor: AH03092:",
    "(9)Bad file descriptor: AH03093:",
    "(9)Bad file descriptor: AH03465:",
    "(9)Bad file descriptor: AH10503:",
];

/// An error log file.
#[derive(Debug)]
pub(crate) struct ErrorLog {
    file: PathBuf,
}

impl ErrorLog {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// All of it, or nothing before there is one.
    pub(crate) fn text(&self) -> String {
        match fs::read(&self.file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => panic!("cannot read {}: {error}", self.file.display()),
        }
    }

    /// The lines that contain `part`.
    pub(crate) fn lines(&self, part: &str) -> Vec<String> {
        self.text()
            .lines()
            .filter(|line| line.contains(part))
            .map(str::to_owned)
            .collect()
    }

    /// The lines of warning or worse that contain none of the `allowed` parts and that httpd does
    /// not write by itself. `ends`: how many lines there were each time that `mpm`'s children were
    /// told to end at once.
    pub(crate) fn unexpected(&self, allowed: &[String], mpm: Mpm, ends: &[usize]) -> Vec<String> {
        let mut ending = false;
        let mut unexpected = Vec::new();
        for (number, line) in self.text().lines().enumerate() {
            ending = (ending || ends.contains(&number)) && !line.contains(SERVES);
            let has = |parts: &[&str]| parts.iter().any(|part| line.contains(part));
            let known = has(&TIMING)
                || has(&CLOSING)
                || ending && (has(&ENDING) || mpm == Mpm::Event && is_crash(line));
            let is_allowed = allowed.iter().any(|part| line.contains(part));
            if is_fault(line) && !known && !is_allowed {
                unexpected.push(line.to_owned());
            }
        }
        unexpected
    }

    /// The last lines, to be shown when something failed.
    pub(crate) fn tail(&self) -> String {
        const LINES: usize = 60;
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

fn is_fault(line: &str) -> bool {
    let harmless = match level(line) {
        Some("notice" | "info" | "debug") => true,
        Some(level) => level.starts_with("trace"),
        // Not httpd's format: somebody wrote to standard error.
        None => line.trim().is_empty(),
    };
    !harmless || FAULTS.iter().any(|fault| line.contains(fault))
}

/// httpd's report that a child crashed, with a core dump or without. A bug of stock httpd: a child
/// of event may crash when it ends just after a request.
fn is_crash(line: &str) -> bool {
    (line.contains("AH00051:") || line.contains("AH00052:"))
        && line.contains("exit signal Segmentation fault")
}

/// The level in a line such as `[Sat Nov 21 01:49:03.457031 2026] [core:warn] [pid 11829:tid 11829]
/// AH00111: ...`.
fn level(line: &str) -> Option<&str> {
    let (time, rest) = line.strip_prefix('[')?.split_once("] [")?;
    let (tag, _) = rest.split_once(']')?;
    let (_, level) = tag.split_once(':')?;
    time.contains(':').then_some(level)
}

#[cfg(test)]
mod tests {
    use super::{ErrorLog, SERVES, is_fault, level};
    use crate::Mpm;

    fn line(tag: &str, message: &str) -> String {
        format!("[Sat Nov 21 01:49:03.457031 2026] [{tag}] [pid 7:tid 7] {message}")
    }

    #[test]
    fn levels() {
        assert_eq!(level(&line("core:warn", "x")), Some("warn"));
        assert_eq!(level(&line("mpm_event:notice", "[a:b] c")), Some("notice"));
        assert_eq!(level("AH00526: Syntax error on line 3 of x:"), None);
        assert_eq!(level("[1] [2:warn] x"), None);
    }

    #[test]
    fn faults() {
        for tag in ["a:warn", "a:error", "a:crit", "a:alert", "a:emerg"] {
            assert!(is_fault(&line(tag, "x")), "{tag}");
        }
        for tag in ["a:notice", "a:info", "a:debug", "a:trace8"] {
            assert!(!is_fault(&line(tag, "x")), "{tag}");
        }
        assert!(is_fault(&line(
            "core:notice",
            "AH00052: child pid 9 exit signal Segmentation fault (11)"
        )));
        assert!(is_fault("thread '<unnamed>' panicked at src/pin.rs:1:1:"));
        assert!(is_fault("free(): invalid pointer"));
        assert!(!is_fault(""));
    }

    /// What is unexpected of these lines if the children were told to end behind so many of them.
    fn unexpected(lines: &[String], mpm: Mpm, ends: &[usize]) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        ErrorLog::new(file.path().into()).unexpected(&["allowed".into()], mpm, ends)
    }

    #[test]
    fn a_crash_of_event_is_known_only_while_children_end() {
        let crash = line(
            "core:notice",
            "AH00052: child pid 9 exit signal Segmentation fault (11)",
        );
        let lines = [
            crash.clone(),
            line(
                "mpm_event:notice",
                "SIGHUP received.  Attempting to restart",
            ),
            crash.clone(),
            line("mpm_event:notice", SERVES),
            crash.clone(),
            line("mpm_event:notice", "caught SIGTERM, shutting down"),
            crash.clone(),
            line("core:error", "AH1: x"),
            line("core:error", "AH2: allowed"),
        ];
        let crashes = |count| {
            let mut lines = vec![crash.clone(); count];
            lines.push(line("core:error", "AH1: x"));
            lines
        };
        assert_eq!(unexpected(&lines, Mpm::Event, &[]), crashes(4));
        assert_eq!(unexpected(&lines, Mpm::Event, &[5]), crashes(3));
        assert_eq!(unexpected(&lines, Mpm::Event, &[1, 5]), crashes(2));
        assert_eq!(unexpected(&lines, Mpm::Worker, &[1, 5]), crashes(4));
    }

    #[test]
    fn a_slow_end_is_known() {
        let lines = [
            line(
                "core:warn",
                "AH00045: child process 9 still did not exit, sending a SIGTERM",
            ),
            line(
                "core:error",
                "AH00046: child process 9 still did not exit, sending a SIGKILL",
            ),
            line("core:notice", "AH00052: child pid 9 exit signal Killed (9)"),
        ];
        assert_eq!(unexpected(&lines, Mpm::Worker, &[]), lines[1..]);
        assert_eq!(unexpected(&lines, Mpm::Worker, &[0]), [""; 0]);
    }
}
