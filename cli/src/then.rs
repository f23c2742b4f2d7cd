//! The command of --then, which runs as the caller whatever realdoc has become in the meantime: a
//! child process is started before privileges change, and waits for the word to go.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write, stdin};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::output::{Failure, Result, show};

/// The hidden command that the child process is.
pub(crate) const SUBCOMMAND: &str = "run-then";

/// The first field of what the child is told. Without it, as when this process is killed, the
/// child ends.
const GO: &[u8] = b"run";

const VARIABLES: [&str; 3] = ["REALDOC_LINK", "REALDOC_FROM", "REALDOC_TO"];

/// A child process that waits. Dropped, it ends without having run anything.
#[derive(Debug)]
pub(crate) struct Then {
    child: Child,
    command: OsString,
}

impl Then {
    /// Starts the child process.
    pub(crate) fn prepare(command: &OsStr) -> Result<Self> {
        let child = Command::new("/proc/self/exe")
            .arg(SUBCOMMAND)
            .arg("--")
            .arg(command)
            .stdin(Stdio::piped())
            .spawn();
        let cannot = |error| Failure::new(format!("cannot prepare the command of --then: {error}"));
        Ok(Self {
            child: child.map_err(cannot)?,
            command: command.to_owned(),
        })
    }

    /// Runs the command, with the values of [`VARIABLES`]. An error says how it failed.
    pub(crate) fn run(mut self, values: [&OsStr; 3]) -> Result<()> {
        let mut told = Vec::new();
        for field in [GO].into_iter().chain(values.map(OsStrExt::as_bytes)) {
            told.extend(field);
            told.push(0);
        }
        let command = show(&self.command);
        let cannot = |error| Failure::new(format!("{command}: {error}"));
        if let Some(mut pipe) = self.child.stdin.take() {
            pipe.write_all(&told).map_err(cannot)?;
        }
        let status: ExitStatus = self.child.wait().map_err(cannot)?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the command of --then failed: {command}: {status}"
        )))
    }
}

impl Drop for Then {
    fn drop(&mut self) {
        self.child.stdin.take();
        let _ = self.child.wait();
    }
}

/// The child process: waits, and becomes the command.
pub(crate) fn wait_and_run(command: &OsStr) -> Result<()> {
    let mut told = Vec::new();
    let read = stdin().read_to_end(&mut told);
    read.map_err(|error| Failure::new(error.to_string()))?;
    let fields: Vec<&[u8]> = told.split(|byte| *byte == 0).collect();
    let [GO, values @ .., b""] = fields.as_slice() else {
        return Ok(());
    };
    if values.len() != VARIABLES.len() {
        return Ok(());
    }
    let values = values
        .iter()
        .map(|value| OsString::from_vec(value.to_vec()));
    let error = Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .envs(VARIABLES.into_iter().zip(values))
        .stdin(Stdio::null())
        .exec();
    Err(Failure::new(format!("/bin/sh: {error}")))
}
