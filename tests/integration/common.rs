//! What several themes use.

use std::env;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use testbed::{
    Background, Builder, Connection, LIMIT, Module, Releases, Response, Server, wait_until,
};

/// The command `realdoc`: the file in `REALDOC_COMMAND`, else the debug build.
pub(crate) fn command() -> PathBuf {
    let file = env::var_os("REALDOC_COMMAND").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debug/realdoc"),
        PathBuf::from,
    );
    file.canonicalize().unwrap_or_else(|error| {
        panic!(
            "{}: {error}: run `make test`, which builds it",
            file.display()
        )
    })
}

/// Where scripts wait in the middle of a request until the test lets them go on: what is to happen
/// meanwhile, happens exactly then.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    dir: PathBuf,
}

impl Gate {
    /// A closed gate, kept in `root`, a server's temporary directory.
    pub(crate) fn at(root: &Path) -> Self {
        let gate = Self {
            dir: root.join("gate"),
        };
        gate.close();
        gate
    }

    /// Where the signs of those who wait are.
    pub(crate) fn dir(&self) -> &str {
        self.dir.to_str().expect("it is text")
    }

    /// The shell command that waits at the gate. It also ends when the server's directory is
    /// deleted.
    pub(crate) fn command(&self) -> String {
        let dir = self.dir.display();
        format!(
            ": >{dir}/waits.$$; while test -d {dir} && ! test -e {dir}/open; do sleep 0.02; done"
        )
    }

    /// Returns when so many scripts have come to the gate since it was closed.
    #[track_caller]
    pub(crate) fn wait_for(&self, scripts: usize) {
        wait_until("scripts wait at the gate", LIMIT, || {
            self.waiting() >= scripts
        });
    }

    fn waiting(&self) -> usize {
        fs::read_dir(&self.dir).expect("it was made").count()
    }

    /// Lets go on who waits, and who comes until it is closed.
    pub(crate) fn open(&self) {
        File::create(self.dir.join("open")).expect("it was made");
    }

    /// What `ask` gets if `meanwhile` happens while a script of its request waits at the gate.
    #[track_caller]
    pub(crate) fn hold<T: Send + 'static>(
        &self,
        ask: impl FnOnce() -> T + Send + 'static,
        meanwhile: impl FnOnce(),
    ) -> T {
        self.close();
        let answer = Background::run(move |_| ask());
        // An answer that does not come by the gate is not waited for in vain.
        self.is_waited_at(&answer);
        meanwhile();
        assert!(!answer.is_finished(), "no script waited at the gate");
        self.open();
        answer.finish()
    }

    /// Waits until somebody waits there, or the `answer` is there; gives whether somebody waits.
    #[track_caller]
    pub(crate) fn is_waited_at<T>(&self, answer: &Background<T>) -> bool {
        wait_until("somebody waits at the gate", LIMIT, || {
            self.waiting() > 0 || answer.is_finished()
        });
        self.waiting() > 0
    }

    /// Lets go on who waits, and nobody else.
    pub(crate) fn pass(&self) {
        for sign in fs::read_dir(&self.dir).expect("it was made") {
            fs::remove_file(sign.expect("it was made").path()).expect("nobody else takes it away");
        }
    }

    /// Closes it again; nobody waits.
    pub(crate) fn close(&self) {
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir).expect("nobody else writes there now");
        }
        // The scripts write here, as httpd's user.
        fs::create_dir(&self.dir)
            .and_then(|()| fs::set_permissions(&self.dir, Permissions::from_mode(0o777)))
            .unwrap_or_else(|error| panic!("cannot make {}: {error}", self.dir.display()));
    }
}

/// The options of a site with scripts and pages that include others.
pub(crate) const SSI_CGI: &str = "\
Options FollowSymLinks Includes ExecCGI
AllowOverride All
Require all granted
";

/// The modules whose directives sections and .htaccess files hold.
pub(crate) const SECTION_MODULES: [&str; 10] = [
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_user",
    "autoindex",
    "headers",
    "include",
    "negotiation",
    "rewrite",
];

/// Runs something without the module and with it, at the same time.
pub(crate) fn side_by_side<T: Send>(run: impl Fn(Module) -> T + Sync) -> [T; 2] {
    thread::scope(|scope| {
        [Module::Off, Module::On]
            .map(|module| {
                let run = &run;
                scope.spawn(move || run(module))
            })
            .map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// Starts a server with a site at `{root}/app`, of which release "42" is deployed and "43" is
/// there. `create` makes a release, whose scripts may wait at the gate.
pub(crate) fn start_site(
    setup: Builder,
    create: impl Fn(&Builder, &Releases, &str, &Gate),
) -> (Server, Releases, Gate) {
    let releases = Releases::at(setup.root().join("app"));
    let gate = Gate::at(setup.root());
    for release in ["42", "43"] {
        create(&setup, &releases, release, &gate);
    }
    releases.deploy("42");
    (setup.start(), releases, gate)
}

/// A CGI script that prints its environment.
pub(crate) const ENV: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; env\n";

/// A variable from what [`ENV`] printed.
#[track_caller]
pub(crate) fn variable<'a>(response: &'a Response, name: &str) -> &'a str {
    let text = std::str::from_utf8(&response.body).expect("the environment is text");
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("no variable {name} ({}):\n{text}", response.status))
}

/// Sends requests until every child has looked at the docroot, a while apart from each other; gives
/// a connection to each. (On prefork whoever holds a connection takes no other, so the next request
/// is another child's.)
pub(crate) fn warm_up(server: &Server, apart: Duration) -> Vec<Connection> {
    let mut connections = Vec::new();
    let mut cold = server.children();
    wait_until("every child has looked", LIMIT, || {
        let mut connection = server.connect();
        let response = connection.get("/").expect("the server answers");
        assert_eq!(response.status, 200);
        let looks = server.log_lines("RD10");
        let before = cold.len();
        cold.retain(|pid| {
            !looks
                .iter()
                .any(|line| line.contains(&format!("[pid {pid}:")))
        });
        if cold.len() < before {
            connections.push(connection);
            thread::sleep(apart);
        }
        cold.is_empty()
    });
    connections
}

/// Builds a module in C for httpd, and answers where its file is.
pub(crate) fn build_module(name: &str, source: &str) -> PathBuf {
    // apxs writes beside the source.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir).expect("cargo's own folder for this");
    let file = format!("{name}.c");
    fs::write(dir.join(&file), source).expect("a new file");
    let mut apxs = Command::new("apxs");
    // What later versions of gcc refuse, each one shall.
    let strict = "-Wc,-Werror=implicit-function-declaration";
    let built = apxs.args(["-c", strict, &file]).current_dir(&dir).output();
    let built = built.expect("apxs is there: run `make setup`");
    let said = [built.stdout, built.stderr].concat();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&said));
    dir.join(format!(".libs/{name}.so"))
}
