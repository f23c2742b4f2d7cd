//! Setting up a server: its configuration, its directory, its start.

use std::fs::{self, OpenOptions};
use std::path::Path;

use crate::config::Config;
use crate::group::Group;
use crate::home::{ConfigError, Home};
use crate::log::{ErrorLog, SERVES};
use crate::ports::free_ports;
use crate::wait::{LIMIT, holds_within};
use crate::{Module, Mpm, Server, processes};

/// A server that has not been started yet; made by [`Server::builder`].
///
/// Its temporary directory exists already, so that releases can be put there.
#[derive(Debug)]
pub struct Builder {
    home: Home,
    config: Config,
    allowed: Vec<String>,
}

impl Server {
    /// Prepares a server.
    pub fn builder(mpm: Mpm) -> Builder {
        Builder::new(mpm)
    }
}

impl Builder {
    pub(crate) fn new(mpm: Mpm) -> Self {
        Self {
            home: Home::new(),
            config: Config::new(mpm),
            allowed: Vec::new(),
        }
    }

    /// The server's own temporary directory; `{root}` in the configuration. It goes with the
    /// server.
    pub fn root(&self) -> &Path {
        self.home.root()
    }

    /// Whether mod_realdoc is loaded; [`Module::Off`] by default.
    pub fn module(mut self, module: Module) -> Self {
        self.config.module = module;
        self
    }

    /// Loads a module of httpd: "rewrite" for `mod_rewrite.so`, "php" for mod_php. Loaded always
    /// are authz_core, dir, env, log_config, mime and setenvif.
    pub fn load(mut self, module: &str) -> Self {
        self.config.modules.push(module.into());
        self
    }

    /// Loads several modules, each as [`load`](Self::load) does.
    pub fn load_all(self, modules: &[&str]) -> Self {
        modules
            .iter()
            .fold(self, |setup, module| setup.load(module))
    }

    /// Loads mod_cgi on prefork, mod_cgid on the others, for files whose name ends in `.cgi`. They
    /// run where `Options ExecCGI` allows it.
    pub fn cgi(mut self) -> Self {
        self.config.cgi = true;
        self
    }

    /// The number of child processes, which stays the same; 8 by default on prefork, else 2.
    pub fn children(mut self, children: usize) -> Self {
        self.config.children = children;
        self
    }

    /// The number of worker threads in a child process; 16 by default. Prefork ignores it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.config.threads = threads;
        self
    }

    /// The arguments of `LogLevel`; by default `warn`, and `realdoc:debug` if the module is loaded.
    pub fn log_level(mut self, levels: &str) -> Self {
        self.config.log_level = Some(levels.into());
        self
    }

    /// What `<Directory "/">` contains, by default `Options FollowSymLinks`, `AllowOverride None`
    /// and `Require all granted`.
    pub fn root_section(mut self, text: &str) -> Self {
        self.config.root_section = text.into();
        self
    }

    /// Sets a variable in httpd's environment, which is else nearly empty.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.home.env.push((name.into(), value.into()));
        self
    }

    /// How many files a process of httpd may have open (`ulimit -n`).
    pub fn descriptors(mut self, limit: usize) -> Self {
        self.home.descriptors = Some(limit);
        self
    }

    /// Adds to the configuration. `{root}` is replaced by [`root`](Self::root), `{port}` by the
    /// port; `{port2}`, `{port3}` and so on are further ports, on which the server then listens,
    /// too.
    pub fn config(mut self, text: &str) -> Self {
        self.config.text += text;
        self.config.text += "\n";
        self
    }

    /// Allows lines with this text in the error log that are warnings or worse. Other such lines
    /// fail the test when the server is stopped or dropped.
    pub fn allow(mut self, part: &str) -> Self {
        self.allowed.push(part.into());
        self
    }

    /// Has httpd check the configuration without starting it (`httpd -t`). Returns httpd's output.
    ///
    /// # Errors
    ///
    /// When httpd refuses the configuration.
    pub fn configtest(&self) -> Result<String, ConfigError> {
        let ports = free_ports(self.config.ports());
        self.home.configure(&self.config, &ports);
        self.home.configtest()
    }

    /// Has httpd check the configuration and print a dump (`httpd -t -D <name>`). Returns httpd's
    /// output.
    ///
    /// # Errors
    ///
    /// When httpd refuses the configuration.
    pub fn dump(&self, name: &str) -> Result<String, ConfigError> {
        let ports = free_ports(self.config.ports());
        self.home.configure(&self.config, &ports);
        self.home.run(&["-t", "-D", name])
    }

    /// Starts the server and waits until it serves.
    ///
    /// # Panics
    ///
    /// When it does not start, with httpd's output.
    #[track_caller]
    pub fn start(self) -> Server {
        self.try_start().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the server and waits until it serves.
    ///
    /// # Errors
    ///
    /// When httpd ends instead, with its output.
    ///
    /// # Panics
    ///
    /// When httpd neither serves nor ends.
    pub fn try_start(self) -> Result<Server, ConfigError> {
        // Another process may take a port between our look and httpd's bind.
        const ATTEMPTS: usize = 5;

        let log = ErrorLog::new(self.home.error_log());
        for _ in 1..ATTEMPTS {
            let (group, ports) = self.launch();
            match self.await_service(&group, &ports, &log) {
                Err(error) if error.output.contains("Address already in use") => {
                    fs::remove_file(log.file()).expect("the failed start's log can be removed");
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(self.serving(group, ports, log)),
            }
        }
        let (group, ports) = self.launch();
        self.await_service(&group, &ports, &log)?;
        Ok(self.serving(group, ports, log))
    }

    fn launch(&self) -> (Group, Vec<u16>) {
        let ports = free_ports(self.config.ports());
        self.home.configure(&self.config, &ports);
        // httpd's output from before it opens its log goes to the same file.
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.home.error_log())
            .expect("the error log can be made");
        let mut httpd = self.home.httpd();
        httpd
            .arg("-DFOREGROUND")
            .stdout(output.try_clone().expect("a file can be shared"))
            .stderr(output);
        let group = Group::start(&mut httpd, self.root())
            .unwrap_or_else(|error| panic!("cannot start {httpd:?}: {error}"));
        (group, ports)
    }

    fn await_service(
        &self,
        group: &Group,
        ports: &[u16],
        log: &ErrorLog,
    ) -> Result<(), ConfigError> {
        let pid = group.pid().as_raw_nonzero().get().unsigned_abs();
        let mut ended = false;
        let serves = holds_within(LIMIT, || {
            ended = group
                .exit_status()
                .expect("a child process can be waited for")
                .is_some();
            let serves = || {
                !log.lines(SERVES).is_empty()
                    && processes::accepting(self.config.mpm, pid, ports).len()
                        >= self.config.children
            };
            ended || serves()
        });
        if ended {
            return Err(ConfigError { output: log.text() });
        }
        assert!(
            serves,
            "httpd does not serve after {LIMIT:?}:\n{}",
            log.tail()
        );
        Ok(())
    }

    fn serving(self, group: Group, ports: Vec<u16>, log: ErrorLog) -> Server {
        Server::new(group, self.home, self.config, ports, log, self.allowed)
    }
}
