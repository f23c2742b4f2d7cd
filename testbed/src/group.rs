//! A child process and all that it forks, of which nothing may be left behind.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use crate::wait::{LIMIT, holds_within};

/// Ends process group `$1` and deletes directory `$2` once standard input ends. That is when this
/// process has died without doing so itself, as by Ctrl-C.
const GUARD: &str = r#"
read -r _
kill -TERM "-$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "-$1" || break
    sleep 0.2
done
kill -KILL "-$1"
rm -rf "$2"
"#;

/// A running process that leads a process group of its own.
#[derive(Debug)]
pub(crate) struct Group {
    pid: Pid,
    leader: Mutex<Leader>,
    guard: Child,
}

#[derive(Debug)]
struct Leader {
    child: Child,
    status: Option<ExitStatus>,
}

impl Group {
    /// Starts `command`. `scratch` is deleted if this process dies.
    pub(crate) fn start(command: &mut Command, scratch: &Path) -> io::Result<Self> {
        let mut child = command.process_group(0).spawn()?;
        let pid = Pid::from_child(&child);
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard", &pid.to_string()])
            .arg(scratch)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match guard {
            Ok(guard) => Ok(Self {
                pid,
                leader: Mutex::new(Leader {
                    child,
                    status: None,
                }),
                guard,
            }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The leader's process id.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends `signal` to the leader, unless it has ended.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        // As long as the lock is held nobody reaps the leader, so the number stays its own.
        let leader = self.leader();
        match leader.status {
            Some(_) => Ok(()),
            None => Ok(kill_process(self.pid, signal)?),
        }
    }

    /// The leader's exit status, once it has ended; then no other process of the group is left
    /// running.
    pub(crate) fn exit_status(&self) -> io::Result<Option<ExitStatus>> {
        let mut leader = self.leader();
        if leader.status.is_none() {
            // Not reaped yet, so the group's number cannot have been given to others when the rest
            // is killed.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if waitid(WaitId::Pid(self.pid), options)?.is_some() {
                kill_process_group(self.pid, Signal::KILL)?;
                leader.status = Some(leader.child.wait()?);
            }
        }
        Ok(leader.status)
    }

    /// Waits for the leader's end, `limit` at most.
    fn wait(&self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let mut result = Ok(None);
        holds_within(limit, || {
            result = self.exit_status();
            !matches!(result, Ok(None))
        });
        result
    }

    /// Tells the leader to end, by `signal`. Returns its exit status, or nothing if it does not end
    /// within [`LIMIT`].
    pub(crate) fn stop(&self, signal: Signal) -> io::Result<Option<ExitStatus>> {
        // httpd forgets a signal that comes when it is about to restart.
        const AGAIN_AFTER: Duration = Duration::from_secs(15);

        for _ in 0..LIMIT.as_secs() / AGAIN_AFTER.as_secs() {
            self.signal(signal)?;
            if let Some(status) = self.wait(AGAIN_AFTER)? {
                return Ok(Some(status));
            }
        }
        Ok(None)
    }

    /// Ends the group, by TERM if that helps within [`LIMIT`], else by KILL. Returns whether TERM
    /// was enough.
    pub(crate) fn end(&self) -> io::Result<bool> {
        if self.stop(Signal::TERM)?.is_some() {
            return Ok(true);
        }
        self.signal(Signal::KILL)?;
        self.wait(LIMIT)?;
        Ok(false)
    }

    fn leader(&self) -> MutexGuard<'_, Leader> {
        // A panic of another thread leaves nothing half done here.
        self.leader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let ended = self.end();
        // The guard must be gone before its pipe closes, or it would act.
        let guard = self.guard.kill().and_then(|()| self.guard.wait());
        for error in [ended.err(), guard.err()].into_iter().flatten() {
            eprintln!("testbed: cannot end process group {}: {error}", self.pid);
        }
    }
}
