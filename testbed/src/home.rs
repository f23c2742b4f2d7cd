//! A server's directory, and httpd as it is run there.

use std::error::Error;
use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::config::{Config, MIME_TYPES};
use crate::installation::Installation;
use crate::releases::{make_dir, write_file};

/// httpd refused its configuration, or did not start for another reason.
#[derive(Clone, Debug)]
pub struct ConfigError {
    /// What httpd said.
    pub output: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "httpd refuses to start:\n{}", self.output)
    }
}

impl Error for ConfigError {}

/// A server's temporary directory.
#[derive(Debug)]
pub(crate) struct Home {
    /// Deleted when dropped.
    _dir: TempDir,
    root: PathBuf,
    /// httpd's environment, beyond what it always gets.
    pub(crate) env: Vec<(String, String)>,
    /// How many files a process may have open, if not as many as this process.
    pub(crate) descriptors: Option<usize>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("realdoc-")
            .tempdir()
            .expect("a temporary directory can be made");
        // Its symlinks, if any, are not what tests are about.
        let root = dir.path().canonicalize().expect("it was just made");
        set_mode(&root, 0o755);
        for name in ["conf", "htdocs", "logs", "run", "cores"] {
            make_dir(&root.join(name));
        }
        // The children write here, as another user.
        set_mode(&root.join("cores"), 0o777);
        write_file(&root.join("conf/mime.types"), MIME_TYPES);
        Self {
            _dir: dir,
            root,
            env: Vec::new(),
            descriptors: None,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn error_log(&self) -> PathBuf {
        self.root.join("logs/error_log")
    }

    fn config_file(&self) -> PathBuf {
        self.root.join("conf/httpd.conf")
    }

    /// Writes the configuration file.
    pub(crate) fn configure(&self, config: &Config, ports: &[u16]) {
        write_file(&self.config_file(), &config.render(&self.root, ports));
    }

    /// Lets httpd check the configuration file.
    pub(crate) fn configtest(&self) -> Result<String, ConfigError> {
        self.run(&["-t"])
    }

    /// Runs httpd with these arguments to its end, which is an error unless it is a success.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, ConfigError> {
        let mut httpd = self.httpd();
        let result = httpd
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("cannot run {httpd:?}: {error}"));
        let output = [result.stdout, result.stderr].concat();
        let output = String::from_utf8_lossy(&output).into_owned();
        if result.status.success() {
            Ok(output)
        } else {
            Err(ConfigError { output })
        }
    }

    /// The command that runs httpd here, in an environment of its own.
    pub(crate) fn httpd(&self) -> Command {
        let httpd = &Installation::get().httpd;
        let mut command = match self.descriptors {
            None => Command::new(httpd),
            Some(limit) => {
                let mut shell = Command::new("/bin/sh");
                shell
                    .args(["-c", r#"ulimit -n "$0" && exec "$@""#, &limit.to_string()])
                    .arg(httpd);
                shell
            }
        };
        command
            .arg("-d")
            .arg(&self.root)
            .arg("-f")
            .arg(self.config_file())
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("cannot change the mode of {}: {error}", path.display()));
}
