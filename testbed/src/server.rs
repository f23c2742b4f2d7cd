//! A running server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::config::Config;
use crate::group::Group;
use crate::home::Home;
use crate::log::{ErrorLog, SERVES};
use crate::wait::{LIMIT, wait_until};
use crate::{Client, ConfigError, Connection, Endpoint, H2Connection, Mpm, Response, processes};

/// A private httpd that runs until it is stopped or dropped, which also checks its error log.
///
/// It may be shared between threads.
#[derive(Debug)]
pub struct Server {
    // The order matters: httpd ends before its directory is deleted.
    group: Group,
    home: Home,
    config: Mutex<Config>,
    mpm: Mpm,
    ports: Vec<u16>,
    log: ErrorLog,
    allowed: Mutex<Vec<String>>,
    /// How many lines the log had each time that the children were told to end at once.
    ends: Mutex<Vec<usize>>,
    told_to_end: AtomicBool,
    checked: bool,
}

impl Server {
    pub(crate) fn new(
        group: Group,
        home: Home,
        config: Config,
        ports: Vec<u16>,
        log: ErrorLog,
        allowed: Vec<String>,
    ) -> Self {
        Self {
            group,
            home,
            mpm: config.mpm,
            config: Mutex::new(config),
            ports,
            log,
            allowed: Mutex::new(allowed),
            ends: Mutex::default(),
            told_to_end: AtomicBool::new(false),
            checked: false,
        }
    }
}

/// Where it is.
impl Server {
    /// Its temporary directory; `{root}` in the configuration.
    pub fn root(&self) -> &Path {
        self.home.root()
    }

    /// The MPM that it runs.
    pub fn mpm(&self) -> Mpm {
        self.mpm
    }

    /// Port number `n`, counted as in the configuration: 1 for `{port}`, 2 for `{port2}`.
    ///
    /// # Panics
    ///
    /// When the configuration has no such port.
    #[track_caller]
    pub fn port(&self, n: usize) -> u16 {
        let port = n.checked_sub(1).and_then(|index| self.ports.get(index));
        *port.unwrap_or_else(|| panic!("the configuration names no {{port{n}}}"))
    }

    /// Where to ask on port number `n`, counted as for [`port`](Self::port).
    ///
    /// # Panics
    ///
    /// When the configuration has no such port.
    #[track_caller]
    pub fn on(&self, n: usize) -> Endpoint {
        Endpoint::new(self.port(n))
    }
}

/// Asking on the first port; see [`Endpoint`].
impl Server {
    /// Gets `path` on a new connection.
    ///
    /// # Panics
    ///
    /// When there is no response; any status is one.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.on(1).get(path)
    }

    /// Sends a request on a new connection.
    ///
    /// # Panics
    ///
    /// When there is no response; any status is one.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        self.on(1).request(method, path, headers)
    }

    /// Opens an HTTP/1.1 connection.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        self.on(1).connect()
    }

    /// Opens an HTTP/2 connection (h2c).
    ///
    /// # Panics
    ///
    /// When that fails.
    #[track_caller]
    pub fn connect_h2(&self) -> H2Connection {
        self.on(1).connect_h2()
    }

    /// A client that keeps a connection and opens another when the server closed it.
    pub fn client(&self) -> Client {
        self.on(1).client()
    }
}

/// Restarts and the end. Each of these panics when it waits in vain.
impl Server {
    /// Replaces what [`Builder::config`](crate::Builder::config) gave, for the next restart. The
    /// ports stay: no new one can be named.
    ///
    /// # Panics
    ///
    /// When the new text names a port that the server does not have.
    #[track_caller]
    pub fn reconfigure(&self, text: &str) {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        config.text = format!("{text}\n");
        assert!(config.ports() <= self.ports.len(), "no new port: {text}");
        self.home.configure(&config, &self.ports);
    }

    /// Has httpd check the configuration file as it is now, as `apachectl graceful` does first.
    /// Returns httpd's output.
    ///
    /// # Errors
    ///
    /// When httpd would refuse it.
    pub fn configtest(&self) -> Result<String, ConfigError> {
        self.home.configtest()
    }

    /// Does what `apachectl <command>` does (`httpd -k <command>`). For "graceful" and "restart"
    /// httpd first reads the configuration file as it is now, and sends the signal only if the file
    /// is good. Does not wait for the restart.
    ///
    /// # Errors
    ///
    /// When httpd refuses, with its output.
    pub fn apachectl(&self, command: &str) -> Result<String, ConfigError> {
        self.home.run(&["-k", command])
    }

    /// Restarts gracefully (USR1): the old processes finish their requests. Returns when the new
    /// generation serves and no old process takes new connections. An old process that still has a
    /// client may hold a new one's place. httpd may take seconds for that.
    #[track_caller]
    pub fn graceful(&self) {
        self.renew(Signal::USR1);
    }

    /// Asks for a graceful restart (USR1), as [`graceful`](Self::graceful), but does not wait for
    /// it.
    #[track_caller]
    pub fn begin_graceful(&self) {
        self.signal(Signal::USR1);
    }

    /// Restarts (HUP): httpd breaks off its requests. Returns when the new generation serves.
    #[track_caller]
    pub fn restart(&self) {
        self.renew(Signal::HUP);
    }

    /// Stops gracefully (WINCH): httpd finishes its requests. Returns when it has ended. On prefork
    /// and worker a child also waits for its idle keep-alive connections.
    #[track_caller]
    pub fn graceful_stop(&self) -> ExitStatus {
        self.shut_down(Signal::WINCH)
    }

    /// Ends the server at once (TERM). Returns when httpd has ended.
    #[track_caller]
    pub fn terminate(&self) -> ExitStatus {
        self.shut_down(Signal::TERM)
    }

    /// Ends the server and checks its error log, as dropping it does.
    ///
    /// # Panics
    ///
    /// When the log has an unexpected warning or worse, or the server did not live until told to
    /// end.
    #[track_caller]
    pub fn stop(mut self) {
        self.finish();
    }

    #[track_caller]
    fn renew(&self, signal: Signal) {
        let old = self.children();
        let starts = self.log_count(SERVES);
        let (pool, main) = {
            let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
            (config.children, self.main_pid())
        };
        if signal == Signal::HUP {
            self.mark_end();
        }
        self.signal(signal);
        wait_until("the new generation serves", LIMIT, || {
            assert!(
                self.exit_status().is_none(),
                "httpd ended instead of restarting:\n{}",
                self.log.tail()
            );
            if self.log_count(SERVES) == starts {
                return false;
            }
            let accepting = processes::accepting(self.mpm, main, &self.ports);
            if accepting.is_empty() || accepting.iter().any(|pid| old.contains(pid)) {
                return false;
            }
            // An old process that still has a client may hold a new one's place.
            let busy = processes::connected(&old, &self.ports);
            accepting.len() + busy.len() >= pool
        });
    }

    #[track_caller]
    fn shut_down(&self, signal: Signal) -> ExitStatus {
        self.told_to_end.store(true, Relaxed);
        self.mark_end();
        self.group
            .stop(signal)
            .expect("a child process can be waited for")
            .unwrap_or_else(|| panic!("httpd has not ended after {LIMIT:?}:\n{}", self.log.tail()))
    }

    /// Notes that the children are about to be told to end at once.
    fn mark_end(&self) {
        let lines = self.log.text().lines().count();
        self.ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(lines);
    }

    #[track_caller]
    fn signal(&self, signal: Signal) {
        self.group
            .signal(signal)
            .unwrap_or_else(|error| panic!("cannot send {signal:?} to httpd: {error}"));
    }
}

/// Its processes.
impl Server {
    /// The process id of the parent, which does not serve itself.
    pub fn main_pid(&self) -> u32 {
        self.group.pid().as_raw_nonzero().get().unsigned_abs()
    }

    /// The process ids of the children that take connections: those of the current generation.
    pub fn children(&self) -> Vec<u32> {
        processes::accepting(self.mpm, self.main_pid(), &self.ports)
    }

    /// Whether there is such a process still.
    pub fn is_alive(&self, pid: u32) -> bool {
        processes::is_alive(pid)
    }

    /// The resident memory of a process, in bytes.
    ///
    /// # Panics
    ///
    /// When there is no such process.
    #[track_caller]
    pub fn rss(&self, pid: u32) -> u64 {
        processes::rss(pid).unwrap_or_else(|| panic!("there is no process {pid}"))
    }

    /// How many file descriptors a process has open.
    ///
    /// # Panics
    ///
    /// When there is no such process.
    #[track_caller]
    pub fn descriptors(&self, pid: u32) -> usize {
        processes::descriptors(pid).unwrap_or_else(|| panic!("there is no process {pid}"))
    }

    /// Whether a process of the server has read all that was sent so far from `client`, a
    /// connection's other end.
    pub fn has_read(&self, client: SocketAddr) -> bool {
        processes::has_read(&self.ports, client)
    }

    /// The exit status of the parent, once it has ended.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.group
            .exit_status()
            .expect("a child process can be waited for")
    }
}

/// Its error log, with httpd's output from before it opened the log.
impl Server {
    /// All of it.
    pub fn error_log(&self) -> String {
        self.log.text()
    }

    /// The lines that contain `part`.
    pub fn log_lines(&self, part: &str) -> Vec<String> {
        self.log.lines(part)
    }

    /// How many lines contain `part`.
    pub fn log_count(&self, part: &str) -> usize {
        self.log_lines(part).len()
    }

    /// Waits until a line contains `part`.
    ///
    /// # Panics
    ///
    /// When there is none within `limit`.
    #[track_caller]
    pub fn wait_for_log(&self, part: &str, limit: Duration) {
        wait_until(&format!("the error log has {part:?}"), limit, || {
            self.log_count(part) > 0
        });
    }

    /// Expects lines with this text, as [`Builder::allow`](crate::Builder::allow).
    pub fn allow(&self, part: &str) {
        self.allowed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(part.into());
    }

    /// The lines so far that fail the test: warnings and worse, crashes, panics, and what is not in
    /// httpd's format, without those that are allowed or that httpd itself writes when it is slow.
    pub fn unexpected_lines(&self) -> Vec<String> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        self.log.unexpected(&allowed, self.mpm, &ends)
    }
}

impl Server {
    /// Ends the server if it has not ended, and panics if anything was wrong with its life.
    #[track_caller]
    fn finish(&mut self) {
        self.checked = true;
        let problems = self.end();
        assert!(problems.is_empty(), "{problems}");
    }

    /// Ends the server if it has not ended. Returns what was wrong with its life.
    fn end(&self) -> String {
        let mut problems = String::new();
        match self.exit_status() {
            Some(status) if !self.told_to_end.load(Relaxed) => {
                problems += &format!("httpd ended by itself, with {status}\n");
            }
            Some(_) => {}
            None => {
                self.mark_end();
                match self.group.end() {
                    Ok(true) => {}
                    Ok(false) => problems += "httpd did not end on TERM and was killed\n",
                    Err(error) => problems += &format!("httpd cannot be ended: {error}\n"),
                }
            }
        }
        let unexpected = self.unexpected_lines();
        if !unexpected.is_empty() {
            problems += "unexpected in the error log:\n";
            problems += &unexpected.join("\n");
        }
        problems
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.checked {
            return;
        }
        if thread::panicking() {
            // The test has failed already. This may explain it.
            let problems = self.end();
            eprintln!("{problems}\nthe error log's end:\n{}", self.log.tail());
        } else {
            self.finish();
        }
    }
}
