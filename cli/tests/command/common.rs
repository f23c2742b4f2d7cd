//! A site, and runs of the command on it.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Removes all that may be removed.
pub(crate) const AT_ONCE: [&str; 4] = ["--keep", "2", "--grace", "0"];

/// Two users that every system has, and that are not root.
pub(crate) const NOBODY: &str = "nobody";
pub(crate) const DAEMON: &str = "daemon";

/// `app/current` and `app/releases/*`, in a temporary directory.
pub(crate) struct Site {
    temporary: TempDir,
    dir: PathBuf,
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

pub(crate) fn realdoc() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_realdoc"));
    command.stdin(Stdio::null());
    command
}

impl Site {
    /// With these releases, and a link to the first of them.
    pub(crate) fn new(releases: &[&str]) -> Self {
        let site = Self::bare("app", releases);
        if let Some(release) = releases.first() {
            site.flip("current", &format!("releases/{release}"));
        }
        site
    }

    /// In a directory of this name, without a link.
    pub(crate) fn bare(name: &str, releases: &[&str]) -> Self {
        // Whatever it is where the tests run: for this process and those that it starts.
        rustix::process::umask(0o022.into());
        let temporary = TempDir::new_in(steady_dir()).expect("a temporary directory");
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(temporary.path(), open).expect("it was made");
        let dir = temporary
            .path()
            .canonicalize()
            .expect("it was made")
            .join(name);
        let site = Self { temporary, dir };
        fs::create_dir_all(site.path("releases")).expect("a new directory");
        for release in releases {
            site.create(release);
        }
        site
    }

    /// A release with a page, and with a directory in it.
    pub(crate) fn create(&self, release: &str) {
        let release = self.release(release);
        fs::create_dir_all(release.join("web")).expect("a new directory");
        fs::write(release.join("web/index.html"), "a page").expect("a new file");
        for dir in [&release, &release.join("web")] {
            fs::set_permissions(dir, Permissions::from_mode(0o755)).expect("it was made");
        }
    }

    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.join(path)
    }

    /// What is beside the site, and nobody's business.
    pub(crate) fn outside(&self) -> &Path {
        self.temporary.path()
    }

    pub(crate) fn release(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path("releases").join(name.as_ref())
    }

    pub(crate) fn current(&self) -> PathBuf {
        self.path("current")
    }

    /// Makes or replaces a symlink as other tools do.
    pub(crate) fn flip(&self, link: &str, text: &str) {
        let link = self.path(link);
        let _ = fs::remove_file(&link);
        symlink(text, link).expect("a new symlink");
    }

    /// What the link contains.
    pub(crate) fn link(&self) -> String {
        let text = fs::read_link(self.current()).expect("a symlink");
        text.to_str().expect("UTF-8").to_owned()
    }

    /// The names in the releases' directory, hidden ones too.
    pub(crate) fn left(&self) -> Vec<String> {
        names(&self.path("releases"))
    }

    /// `realdoc COMMAND LINK OPTIONS...`
    pub(crate) fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut run = realdoc();
        run.arg(command).arg(self.current()).args(arguments);
        run
    }

    #[track_caller]
    pub(crate) fn run(&self, command: &str, arguments: &[&str]) -> Run {
        run(&mut self.command(command, arguments))
    }

    /// Runs the command, which must succeed, and returns what it said.
    #[track_caller]
    pub(crate) fn succeed(&self, command: &str, arguments: &[&str]) -> String {
        let run = self.run(command, arguments);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
        run.out
    }

    /// `realdoc deploy LINK releases/RELEASE OPTIONS...`
    pub(crate) fn deploying(&self, release: &str, options: &[&str]) -> Command {
        let mut command = self.command("deploy", options);
        command.arg("--").arg(self.release(release));
        command
    }

    /// Deploys a release, and returns what was said.
    #[track_caller]
    pub(crate) fn deploy(&self, release: &str, options: &[&str]) -> String {
        let run = run(&mut self.deploying(release, options));
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
        run.out
    }

    /// Gives all of the site to a user, links too.
    pub(crate) fn give_to(&self, user: &str) {
        give(&self.dir, user);
    }

    /// All that is kept beside the link is the record.
    #[track_caller]
    pub(crate) fn expect_clean(&self, when: &str) {
        assert_eq!(names(&self.path(".current.deploy")), ["record"], "{when}");
        let left = self.left();
        assert!(
            left.iter().all(|name| !name.starts_with('.')),
            "{when}: {left:?}"
        );
    }
}

/// A directory for temporary ones that root can trust: nobody else can exchange what is in it,
/// and everybody can enter it. `/tmp` is one, unless a container has it without its sticky bit.
fn steady_dir() -> PathBuf {
    let is_steady = |dir: &PathBuf| {
        let Ok(dir) = dir.canonicalize() else {
            return false;
        };
        dir.ancestors().all(|dir| {
            let mode = fs::metadata(dir).map_or(0, |stat| stat.mode());
            mode & 0o001 != 0 && (mode & 0o022 == 0 || mode & 0o1000 != 0)
        })
    };
    let candidates = [std::env::temp_dir(), "/var/tmp".into(), "/dev/shm".into()];
    let steady = candidates.iter().find(|dir| is_steady(dir));
    steady.unwrap_or(&candidates[0]).clone()
}

#[track_caller]
pub(crate) fn run(command: &mut Command) -> Run {
    command.output().expect("the command runs").into()
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = fs::read_dir(dir).expect("a directory").map(name).collect();
    names.sort();
    names
}

/// Everything below a directory: its path, owner, mode and content.
pub(crate) fn tree(dir: &Path) -> Vec<(PathBuf, u32, u32, Vec<u8>)> {
    let mut all = Vec::new();
    for name in names(dir) {
        let path = dir.join(name);
        let kind = fs::symlink_metadata(&path).expect("it is there");
        let content = if kind.is_symlink() {
            fs::read_link(&path)
                .expect("a symlink")
                .into_os_string()
                .into_encoded_bytes()
        } else if kind.is_dir() {
            all.extend(tree(&path));
            Vec::new()
        } else if kind.is_file() {
            fs::read(&path).expect("a file")
        } else {
            Vec::new()
        };
        all.push((path, kind.uid(), kind.mode(), content));
    }
    all
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What only root can try is left out elsewhere, and said so.
macro_rules! needs_root {
    () => {
        if !crate::common::is_root() {
            eprintln!("left out: needs root");
            return;
        }
    };
}
pub(crate) use needs_root;

/// A user's id, by name.
pub(crate) fn uid(user: &str) -> u32 {
    let passwd = fs::read_to_string("/etc/passwd").expect("users");
    let line = passwd
        .lines()
        .find(|line| line.split(':').next() == Some(user));
    let line = line.unwrap_or_else(|| panic!("there is no user {user}"));
    line.split(':')
        .nth(2)
        .and_then(|uid| uid.parse().ok())
        .expect("a number")
}

/// Gives a tree to a user, links too.
pub(crate) fn give(path: &Path, user: &str) {
    lchown(path, Some(uid(user)), None).expect("root may do so");
    if fs::symlink_metadata(path).expect("it is there").is_dir() {
        for name in names(path) {
            give(&path.join(name), user);
        }
    }
}

pub(crate) fn owner(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").uid()
}

/// How much of something: `short`, or such a part of `long` as `REALDOC_STRESS` says, but not
/// less than `short`.
pub(crate) fn amount(short: usize, long: usize) -> usize {
    let part = std::env::var("REALDOC_STRESS").ok();
    let part = part.map(|part| part.parse::<f64>().expect("REALDOC_STRESS is a number"));
    part.map_or(short, |part| short.max((long as f64 * part) as usize))
}
