//! httpd's error log, in which every line of warning or worse has to be expected.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// What is wrong at any level, in the words of httpd, the C library and Rust.
const FAULTS: [&str; 6] = [
    "exit signal",
    "AH00051",
    "AH00052",
    "panicked",
    "egmentation fault",
    "Aborted",
];

/// httpd's complaints that the pool cannot grow, on prefork, worker and event: its size is fixed on purpose.
const FULL_POOL: [&str; 7] = [
    "AH00161:", "AH00286:", "AH00287:", "AH00288:", "AH00484:", "AH03490:", "AH10159:",
];

/// A fault of stock httpd: a child of event that is told to end (TERM, HUP) while it closes a connection, keeps it for its
/// next request, or has more to write.
const CLOSING: [&str; 3] = [
    "(9)Bad file descriptor: AH03092:",
    "(9)Bad file descriptor: AH03093:",
    "(9)Bad file descriptor: AH03465:",
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

    /// The lines of warning or worse that contain none of the `allowed` parts. After the first `crash_allowed_after`
    /// lines, a child's segmentation fault is not one of them.
    pub(crate) fn unexpected(
        &self,
        allowed: &[String],
        crash_allowed_after: Option<usize>,
    ) -> Vec<String> {
        let crash_allowed = |number| crash_allowed_after.is_some_and(|count| number >= count);
        self.text()
            .lines()
            .enumerate()
            .filter(|(number, line)| is_fault(line) && !(crash_allowed(*number) && is_crash(line)))
            .map(|(_, line)| line)
            .filter(|line| !FULL_POOL.iter().any(|part| line.contains(part)))
            .filter(|line| !CLOSING.iter().any(|part| line.contains(part)))
            .filter(|line| !allowed.iter().any(|part| line.contains(part)))
            .map(str::to_owned)
            .collect()
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

/// httpd's report that a child crashed, with a core dump or without.
fn is_crash(line: &str) -> bool {
    (line.contains("AH00051:") || line.contains("AH00052:"))
        && line.contains("exit signal Segmentation fault")
}

/// The level in a line such as `[Sat Nov 21 01:49:03.457031 2026] [core:warn] [pid 11829:tid 11829] AH00111: ...`.
fn level(line: &str) -> Option<&str> {
    let (time, rest) = line.strip_prefix('[')?.split_once("] [")?;
    let (tag, _) = rest.split_once(']')?;
    let (_, level) = tag.split_once(':')?;
    time.contains(':').then_some(level)
}

#[cfg(test)]
mod tests {
    use super::{ErrorLog, is_fault, level};

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

    #[test]
    fn a_crash_is_allowed_at_the_end_only() {
        let crash = "AH00052: child pid 9 exit signal Segmentation fault (11)";
        let lines = [
            line("core:notice", crash),
            line("mpm_event:notice", "caught SIGTERM, shutting down"),
            line("core:notice", crash),
            line("core:error", "AH1: x"),
        ];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let log = ErrorLog::new(file.path().into());
        let unexpected = |allowed: &str, after| log.unexpected(&[allowed.to_owned()], after);

        assert_eq!(
            unexpected("another", None),
            [&lines[0][..], &lines[2], &lines[3]]
        );
        assert_eq!(unexpected("another", Some(1)), [&lines[0][..], &lines[3]]);
        assert_eq!(unexpected("AH1:", Some(0)), [""; 0]);
    }
}
