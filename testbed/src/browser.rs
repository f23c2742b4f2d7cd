//! A private headless Chromium.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::group::Group;
use crate::releases::make_dir;

/// The names of its program, Debian's small package first.
const PROGRAMS: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];

/// A Chromium that shows a page until it is dropped. Drop it before the server in whose directory
/// it lives.
#[derive(Debug)]
pub struct Browser {
    group: Group,
    log: PathBuf,
}

impl Browser {
    /// Whether a Chromium is installed.
    pub fn is_installed() -> bool {
        program().is_some()
    }

    /// Opens the page at `url`, with a profile of its own in `root`, a server's directory.
    ///
    /// # Panics
    ///
    /// When no Chromium is installed.
    #[track_caller]
    pub fn open(root: &Path, url: &str) -> Self {
        let dir = root.join("browser");
        make_dir(&dir);
        let log = dir.join("log");
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the browser's log can be made");
        let mut browser = Command::new(program().expect("Chromium is installed"));
        browser
            // It meets pages of our own only, and many a container has no sandbox for it.
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            // Nor much shared memory.
            .arg("--disable-dev-shm-usage")
            .args(["--disable-background-networking", "--no-proxy-server"])
            // Without it the program would end once the page is loaded.
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", dir.display()))
            .arg(url)
            .env("HOME", &dir)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file can be shared"))
            .stderr(output);
        let group = Group::start(&mut browser, &dir)
            .unwrap_or_else(|error| panic!("cannot start {browser:?}: {error}"));
        Self { group, log }
    }

    /// Checks that the browser is running.
    ///
    /// # Panics
    ///
    /// When it has ended, with its output.
    #[track_caller]
    pub fn assert_running(&self) {
        let ended = self.group.exit_status().expect("it is our child process");
        assert!(
            ended.is_none(),
            "Chromium ended:\n{}",
            fs::read_to_string(&self.log).unwrap_or_default()
        );
    }
}

fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    PROGRAMS
        .iter()
        .flat_map(|name| env::split_paths(&path).map(move |dir| dir.join(name)))
        .find(|file| file.is_file())
}
