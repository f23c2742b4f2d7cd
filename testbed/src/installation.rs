//! The httpd that is installed on this machine: its binary, its modules, the user that it runs as.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the machine has, found once a process.
pub(crate) struct Installation {
    /// `/usr/sbin/apache2` on Debian, `/usr/sbin/httpd` on Fedora.
    pub(crate) httpd: PathBuf,
    modules: PathBuf,
    built_in: Vec<String>,
}

impl Installation {
    /// The installation on this machine; the environment's `HTTPD` names another binary.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub(crate) fn get() -> &'static Self {
        static FOUND: OnceLock<Installation> = OnceLock::new();
        FOUND.get_or_init(Self::find)
    }

    fn find() -> Self {
        let httpd = env::var_os("HTTPD")
            .map(PathBuf::from)
            .or_else(|| in_path(&apxs("PROGNAME"), &apxs("SBINDIR")))
            .expect("no httpd here: run `make setup`, or name its binary in HTTPD");
        Self {
            built_in: built_in(&httpd),
            modules: apxs("LIBEXECDIR").into(),
            httpd,
        }
    }

    /// The line that loads the module `name` ("rewrite"), or `None` for one that is built in.
    ///
    /// # Panics
    ///
    /// When the module is not installed.
    pub(crate) fn load_module(&self, name: &str) -> Option<String> {
        if self.built_in.iter().any(|module| module == name) {
            return None;
        }
        let (identifier, file) = match name {
            "php" => self.php(),
            "wsgi" => self.wsgi(),
            _ => (format!("{name}_module"), format!("mod_{name}.so")),
        };
        let file = self.modules.join(file);
        assert!(
            file.exists(),
            "httpd's module {} is not installed: run `make setup`",
            file.display()
        );
        Some(load_module(&identifier, &file))
    }

    /// mod_php's file carries PHP's version (`libphp8.2.so`), and so did its identifier before PHP
    /// 8.
    fn php(&self) -> (String, String) {
        let file = fs::read_dir(&self.modules)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|file| file.starts_with("libphp") && file.ends_with(".so"))
            .max()
            .expect("mod_php is not installed: run `make setup`");
        let identifier = if file.starts_with("libphp7") {
            "php7_module"
        } else {
            "php_module"
        };
        (identifier.into(), file)
    }

    /// mod_wsgi's file is `mod_wsgi.so` on Debian, `mod_wsgi_python3.so` on Fedora.
    fn wsgi(&self) -> (String, String) {
        let names = ["mod_wsgi_python3.so", "mod_wsgi.so"];
        let installed = |name: &&str| self.modules.join(name).exists();
        // The last one is what a message on a missing module names.
        let file = names.into_iter().find(installed).unwrap_or(names[1]);
        ("wsgi_module".into(), file.into())
    }
}

/// The directive that loads `file`.
pub(crate) fn load_module(identifier: &str, file: &Path) -> String {
    format!("LoadModule {identifier} \"{}\"\n", file.display())
}

/// The `User` and `Group` lines, which only root may have: the distribution's own user, so that
/// files are read as in real life. Empty for everybody else.
pub(crate) fn user_and_group() -> String {
    if !rustix::process::geteuid().is_root() {
        return String::new();
    }
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd is readable");
    ["www-data", "apache", "nobody"]
        .iter()
        .find_map(|user| {
            let entry = users
                .lines()
                .find(|line| line.split(':').next() == Some(user))?;
            let group = entry.split(':').nth(3)?;
            Some(format!("User {user}\nGroup #{group}\n"))
        })
        .expect("root needs a user www-data, apache or nobody for httpd's children")
}

fn apxs(variable: &str) -> String {
    run(Command::new("apxs").args(["-q", variable]))
        .trim()
        .to_owned()
}

fn in_path(program: &str, sbin: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    std::iter::once(PathBuf::from(sbin))
        .chain(env::split_paths(&path))
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// The modules' names from `httpd -l`: lines such as `  mod_log_config.c`.
fn built_in(httpd: &Path) -> Vec<String> {
    run(Command::new(httpd).arg("-l"))
        .lines()
        .filter_map(|line| line.trim().strip_prefix("mod_")?.strip_suffix(".c"))
        .map(str::to_owned)
        .collect()
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?} ({error}): run `make setup`"));
    assert!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
