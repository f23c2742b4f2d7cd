//! A private PHP-FPM beside a server.

use std::fs::{self, OpenOptions};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, thread};

use crate::group::Group;
use crate::installation::user_and_group;
use crate::releases::{make_dir, write_file};
use crate::wait::{LIMIT, wait_until};

/// A PHP-FPM that listens on the socket `{root}/fpm/socket` until it is dropped. Dropping it checks
/// its log: a warning or worse, also one of PHP's, is a panic. Drop it before the server in whose
/// directory it lives.
#[derive(Debug)]
pub struct PhpFpm {
    group: Group,
    log: PathBuf,
}

impl PhpFpm {
    /// Starts PHP-FPM in `root`, a server's directory, and waits until it serves. `settings` are
    /// lines of its pool's configuration, such as `php_admin_value[opcache.enable] = 1`.
    ///
    /// # Panics
    ///
    /// When PHP-FPM is not installed or does not start.
    #[track_caller]
    pub fn start(root: &Path, settings: &str) -> Self {
        let dir = root.join("fpm");
        make_dir(&dir);
        let (log, socket, config) = (dir.join("log"), dir.join("socket"), dir.join("config"));
        write_file(
            &config,
            &format!(
                "[global]\n\
                 error_log = {log}\n\
                 [private]\n\
                 {user}\
                 listen = {socket}\n\
                 listen.mode = 0666\n\
                 pm = static\n\
                 pm.max_children = 4\n\
                 catch_workers_output = yes\n\
                 {settings}\n",
                log = log.display(),
                socket = socket.display(),
                user = user(),
            ),
        );
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .expect("PHP-FPM's log can be made");
        let mut fpm = Command::new(binary());
        fpm.args(["--nodaemonize", "--allow-to-run-as-root", "--fpm-config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file can be shared"))
            .stderr(output);
        let group = Group::start(&mut fpm, &dir)
            .unwrap_or_else(|error| panic!("cannot start {fpm:?}: {error}"));
        let fpm = Self { group, log };
        wait_until("PHP-FPM serves", LIMIT, || {
            let ended = fpm.group.exit_status().expect("it is our child process");
            assert!(ended.is_none(), "PHP-FPM does not start:\n{}", fpm.text());
            UnixStream::connect(&socket).is_ok()
        });
        fpm
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).expect("PHP-FPM's log is readable")
    }
}

impl Drop for PhpFpm {
    fn drop(&mut self) {
        if thread::panicking() {
            // The test has failed already. This may explain it, if it is still there.
            eprintln!(
                "PHP-FPM's log:\n{}",
                fs::read_to_string(&self.log).unwrap_or_default()
            );
            return;
        }
        let text = self.text();
        // Lines such as `[21-Nov-2026 02:11:00] NOTICE: ready to handle connections`.
        let unexpected: Vec<&str> = text
            .lines()
            .filter(|line| !line.contains("] NOTICE: "))
            .collect();
        assert!(unexpected.is_empty(), "in PHP-FPM's log: {unexpected:#?}");
    }
}

/// Debian's file name carries PHP's version: `php-fpm8.2`.
fn binary() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(system)
        .flat_map(fs::read_dir)
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("php-fpm"))
        .map(|entry| entry.path())
        .max()
        .expect("PHP-FPM is not installed: run `make setup`")
}

/// httpd's user and group, in PHP-FPM's words; empty unless we are root.
fn user() -> String {
    user_and_group()
        .replace("User ", "user = ")
        .replace("Group #", "group = ")
}
