//! `realdoc-deploy`, the script that flips a site's link and removes old releases.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use testbed::{Builder, Module, Mpm, Releases, Server};

use crate::traffic::{Answer, Traffic};

/// Removes all that may be removed.
const AT_ONCE: [&str; 4] = ["--keep", "2", "--grace", "0"];

/// A path with what shells take to be special.
const ODD: &str = "it's $(a) \"site\" \\ * ";

/// A site that the script deploys.
struct Site(Releases);

/// How the script ended, and what it said.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    said: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let said = [output.stdout, output.stderr].concat();
        Self {
            code: output.status.code(),
            said: String::from_utf8_lossy(&said).into_owned(),
        }
    }
}

fn script() -> Command {
    let mut script =
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("apache-conf/realdoc-deploy"));
    script.env("LC_ALL", "C").stdin(Stdio::null());
    script
}

impl Site {
    /// In a directory of this name below a server's, with these releases.
    fn new(setup: &Builder, name: &str, releases: &[&str]) -> Self {
        let site = Self(Releases::at(setup.root().join(name)));
        for release in releases {
            site.create(release);
        }
        site
    }

    /// A release whose page is its name, twice.
    fn create(&self, release: &str) {
        const PAGE: &str =
            "<!--#include virtual=\"/a.txt\" --> <!--#include virtual=\"/b.txt\" -->";
        let files = [("page.shtml", PAGE), ("a.txt", release), ("b.txt", release)];
        self.0.create(release, &files);
    }

    /// The script with these options, and a release to deploy, unless it is "".
    fn command(&self, options: &[&str], release: &str) -> Command {
        let mut command = script();
        command.args(options).arg(self.0.current());
        if !release.is_empty() {
            command.arg(self.0.release(release));
        }
        command
    }

    #[track_caller]
    fn run(&self, options: &[&str], release: &str) -> Run {
        let mut command = self.command(options, release);
        command.output().expect("the script runs").into()
    }

    /// Deploys these releases one after the other.
    #[track_caller]
    fn deploy(&self, options: &[&str], releases: &[&str]) {
        for release in releases {
            self.succeed(options, release);
        }
    }

    /// Runs the script, which must succeed, and returns what it said.
    #[track_caller]
    fn succeed(&self, options: &[&str], release: &str) -> String {
        let run = self.run(options, release);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.said
    }

    /// What the link contains.
    fn link(&self) -> String {
        let target = fs::read_link(self.0.current()).expect("a symlink");
        target.to_str().expect("UTF-8").to_owned()
    }

    /// The names in the releases' directory, hidden ones too.
    fn left(&self) -> Vec<String> {
        names(&self.0.path("releases"))
    }

    /// The script's files are those that it always keeps; its notes are on one release.
    #[track_caller]
    fn expect_clean(&self, when: &str) {
        let files = names(&self.0.path(".current.deploy"));
        assert_eq!(files, ["former", "lock"], "{when}");
        assert_eq!(self.notes().lines().count(), 1, "{when}: {}", self.notes());
    }

    fn notes(&self) -> String {
        fs::read_to_string(self.0.path(".current.deploy/former")).expect("the notes")
    }

    /// The notes say that everything happened a minute earlier.
    fn grow_older(&self) {
        let older = |line: &str| {
            let (time, rest) = line.split_once(' ').expect("a time and more");
            let time: u64 = time.parse().expect("seconds");
            format!("{} {rest}\n", time - 60)
        };
        let notes: String = self.notes().lines().map(older).collect();
        self.0.put(".current.deploy/former", &notes);
    }
}

/// Serves the site.
fn serve(setup: Builder) -> Server {
    setup
        .module(Module::On)
        .load("include")
        .log_level("warn")
        .root_section("Options FollowSymLinks Includes\nRequire all granted")
        .config("DocumentRoot {root}/app/current\nAddOutputFilter INCLUDES .shtml")
        .start()
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = fs::read_dir(dir).expect("a directory").map(name).collect();
    names.sort();
    names
}

/// All files below a directory with what they contain.
fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for name in names(dir) {
        let path = dir.join(name);
        if let Ok(target) = fs::read_link(&path) {
            all.push((path, target.into_os_string().into_encoded_bytes()));
        } else if path.is_dir() {
            all.extend(tree(&path));
            all.push((path, Vec::new()));
        } else {
            let content = fs::read(&path).expect("a file");
            all.push((path, content));
        }
    }
    all
}

/// The way of a site: its first deploy, more of them, and back; whatever is in its path.
#[test]
fn there_and_back() {
    let setup = Server::builder(Mpm::Event);
    let site = Site::new(&setup, ODD, &["41", "42 ", "43"]);
    let said = site.succeed(&[], "41");
    assert!(
        said.ends_with("current -> releases/41 (was: none)\n"),
        "{said}"
    );
    let said = site.succeed(&[], "42 ");
    assert!(
        said.ends_with(" -> releases/42  (was: releases/41)\n"),
        "{said}"
    );
    site.succeed(&[], "43");
    assert_eq!(site.link(), "releases/43");
    // Again is no mistake and changes nothing.
    let before = tree(site.0.dir());
    site.succeed(&[], "43");
    assert_eq!(tree(site.0.dir()), before);

    // Not to one that was rolled back, but further back.
    for release in ["42 ", "41"] {
        site.succeed(&["--rollback"], "");
        assert_eq!(site.link(), format!("releases/{release}"));
    }
    let nothing_left = site.run(&["--rollback"], "");
    assert_eq!(nothing_left.code, Some(1), "{nothing_left:?}");
    assert_eq!(site.link(), "releases/41");

    // Deployed once more, it counts again.
    site.deploy(&[], &["42 ", "43"]);
    site.succeed(&["--rollback"], "");
    assert_eq!(site.link(), "releases/42 ");

    site.create("44");
    let list = site.succeed(&["--list"], "");
    let listed: Vec<_> = list
        .lines()
        .map(|line| {
            let kind = line.split("  ").next().expect("a word");
            let (_, release) = line.rsplit_once('/').expect("a path");
            (kind, release)
        })
        .collect();
    let expected = [
        ("current", "42 "),
        ("rolled-back", "43"),
        ("replaced", "41"),
        ("not known", "44"),
    ];
    assert_eq!(listed, expected, "{list}");
}

/// The link's content stays relative or absolute, and spelled as it was.
#[test]
fn the_spelling_is_kept() {
    let setup = Server::builder(Mpm::Event);
    let site = Site::new(&setup, "app", &["42", "43"]);
    let dir = site.0.dir();
    symlink(dir, dir.join("alias")).expect("a new symlink");
    let spelled = |release: &str| {
        [
            format!("releases/{release}"),
            format!("../app//releases/{release}"),
            format!("alias/releases/{release}"),
            format!("{}/releases/{release}", dir.display()),
            format!("{}/alias/releases/{release}", dir.display()),
        ]
    };
    for (old, new) in spelled("42").into_iter().zip(spelled("43")) {
        for slash in ["", "/"] {
            site.0.flip("current", format!("{old}{slash}"));
            site.succeed(&[], "43");
            assert_eq!(site.link(), new);
        }
    }

    // Where that cannot be: relative only below the link's directory.
    let elsewhere = setup.root().join("elsewhere/1");
    fs::create_dir_all(&elsewhere).expect("a new directory");
    let deploy = |release: &Path| {
        let run = script().arg(site.0.current()).arg(release).output();
        let run = Run::from(run.expect("the script runs"));
        assert_eq!(run.code, Some(0), "{run:?}");
    };
    site.0.flip("current", "releases/42");
    deploy(&elsewhere);
    assert_eq!(Path::new(&site.link()), elsewhere);
    site.0.flip("current", "gone/42");
    deploy(&site.0.release("43"));
    assert_eq!(site.link(), "releases/43");
    site.0.flip("current", "/gone/42");
    deploy(&site.0.release("43"));
    assert_eq!(Path::new(&site.link()), site.0.release("43"));
}

/// What cannot be deployed is refused in words, and nothing has changed then.
#[test]
fn what_is_refused() {
    let setup = Server::builder(Mpm::Event);
    let site = Site::new(&setup, "app", &["42", "43"]);
    let dir = site.0.dir();
    site.deploy(&[], &["42"]);
    site.0.put("file", "");
    fs::create_dir(dir.join("directory")).expect("a new directory");
    symlink("releases/43", dir.join("latest")).expect("a new symlink");
    let before = tree(dir);

    let refused: [(&[&str], i32, &str); 16] = [
        (&[], 2, "a LINK and a RELEASE are needed"),
        (&["current"], 2, "a LINK and a RELEASE are needed"),
        (&["current", "releases/43", "x"], 2, "are needed"),
        (&["current", ""], 2, "is empty"),
        (
            &["--wrong", "current", "releases/43"],
            2,
            "no option --wrong",
        ),
        (
            &["--keep", "1", "current", "releases/43"],
            2,
            "--keep: 1 is less than 2",
        ),
        (
            &["--grace", "5m", "current", "releases/43"],
            2,
            "--grace: '5m' is no number",
        ),
        (&["--grace"], 2, "--grace: '' is no number"),
        (&["--rollback", "current", "releases/42"], 2, "nothing else"),
        (
            &["current", "releases/44"],
            1,
            "releases/44: no such directory",
        ),
        (&["current", "file"], 1, "file: no such directory"),
        (&["current", "latest/"], 1, "latest/ is a symlink"),
        (&["current", "."], 1, "/app contains "),
        (&["directory", "releases/43"], 1, "directory is no symlink"),
        (
            &["gone/current", "releases/43"],
            1,
            "gone/: no such directory",
        ),
        (&["--rollback", "other"], 1, "other: no such symlink"),
    ];
    for (arguments, code, message) in refused {
        let output = script().args(arguments).current_dir(dir).output();
        let run = Run::from(output.expect("the script runs"));
        assert_eq!(run.code, Some(code), "{arguments:?}: {run:?}");
        assert!(run.said.contains(message), "{arguments:?}: {run:?}");
        assert!(tree(dir) == before, "{arguments:?} changed something");
    }
}

/// The current and the former release stay, and as many as are to be kept; of the others those whose grace is over go.
#[test]
fn old_releases_go() {
    let setup = Server::builder(Mpm::Event);
    let site = Site::new(&setup, "app", &["1", "2", "3", "4", "5", "6", "prepared"]);
    site.deploy(&["--grace", "50"], &["1", "2", "3"]);
    site.grow_older();
    site.deploy(&["--grace", "50", "--keep", "4"], &["4"]);
    assert_eq!(site.left(), ["1", "2", "3", "4", "5", "6", "prepared"]);

    let before = tree(site.0.dir());
    let options = ["--grace", "50", "--keep", "4", "--dry-run"];
    let foretold = site.succeed(&options, "5");
    assert!(tree(site.0.dir()) == before, "{foretold}");

    // 3 was replaced just now; of the others only one is kept beside it.
    let said = site.succeed(&options[..4], "5");
    assert_eq!(foretold.replace("dry run: ", ""), said);
    assert_eq!(foretold.matches("dry run: ").count(), 2, "{foretold}");
    assert_eq!(site.left(), ["2", "3", "4", "5", "6", "prepared"]);
    site.deploy(&["--grace", "50", "--keep", "2"], &["6"]);
    assert_eq!(site.left(), ["3", "4", "5", "6", "prepared"]);
    site.succeed(&AT_ONCE, "6");
    assert_eq!(site.left(), ["5", "6", "prepared"]);

    // Rolled back to the one before, with a newer note on the one that was rolled back.
    site.create("7");
    site.deploy(&["--grace", "50"], &["7"]);
    site.succeed(&["--rollback", "--keep", "2", "--grace", "0"], "");
    assert_eq!(site.left(), ["5", "6", "7", "prepared"]);
}

/// Nothing goes that somebody else uses, or that is anywhere else.
#[test]
fn others_releases_stay() {
    let setup = Server::builder(Mpm::Event);
    let site = Site::new(&setup, "app", &["1", "2", "3", "4"]);
    let dir = site.0.dir();
    symlink("releases/1/.", dir.join("staging")).expect("a new symlink");
    let shared = dir.join("shared");
    fs::create_dir(&shared).expect("a new directory");
    File::create(shared.join("upload")).expect("a new file");
    symlink("../../shared", site.0.release("2").join("uploads")).expect("a new symlink");
    site.deploy(&AT_ONCE, &["1", "2", "3"]);
    let said = site.succeed(&AT_ONCE, "4");
    assert!(said.contains("staging leads there"), "{said}");
    assert_eq!(site.left(), ["1", "3", "4"]);
    assert!(shared.join("upload").exists());

    // Nor when that cannot be said.
    let full = File::options().write(true).open("/dev/full");
    let status = site
        .command(&AT_ONCE, "3")
        .stdout(full.expect("a full device"))
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("the script runs").success());
    assert_eq!(site.left(), ["1", "3", "4"]);
    site.succeed(&AT_ONCE, "4");

    // The next ones are in another directory.
    for release in ["5", "6", "7"] {
        let release = dir.join("new").join(release);
        fs::create_dir_all(&release).expect("a new directory");
        let run = script()
            .args(AT_ONCE)
            .arg(site.0.current())
            .arg(release)
            .output();
        let run = Run::from(run.expect("the script runs"));
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    assert_eq!(site.left(), ["1", "3", "4"]);
    assert_eq!(names(&dir.join("new")), ["6", "7"]);
}

/// Runs at the same time come one after the other.
#[test]
fn several_at_once() {
    let releases: Vec<String> = (1..=6).map(|n| n.to_string()).collect();
    let releases: Vec<&str> = releases.iter().map(String::as_str).collect();
    let setup = Server::builder(Mpm::Event);
    let site = Site::new(&setup, "app", &releases);
    site.create("0");
    site.deploy(&[], &["0"]);
    let start = |release: &&str| -> Child {
        let mut command = site.command(&AT_ONCE, release);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the script starts")
    };
    let running: Vec<Child> = releases.iter().map(start).collect();
    for child in running {
        let run = Run::from(child.wait_with_output().expect("it ends"));
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    let current = site.link().replace("releases/", "");
    assert!(releases.contains(&current.as_str()), "{current}");
    let left = site.left();
    assert!(left.len() == 2 && left.contains(&current), "{left:?}");
    site.expect_clean("after all");
}

/// Stands for `ln`, `mv` and `rm`: kills the script at the call whose number is in `KILL_AT`, before it (a deletion has
/// begun then) or after it.
const KILLER: &str = r#"#!/bin/sh
PATH=${PATH#*:}
program=${0##*/}
read -r call <"$CALLS"
call=$((call + 1))
echo "$call" >"$CALLS"
if [ "$call" -eq "$KILL_AT" ]; then
    echo "killed at: $program"
    case $KILL_WHEN:$program in
    after:*) "$program" "$@" ;;
    before:rm) rm -f "$2/a.txt" ;;
    esac
    kill -KILL "$PPID"
    exit 1
fi
exec "$program" "$@"
"#;

/// Stands for an `rm` that may not delete directories.
const KEEPER: &str = r#"#!/bin/sh
PATH=${PATH#*:}
[ "$1" = -rf ] || exec rm "$@"
exit 1
"#;

/// A PATH on which these programs are a script.
fn path_with(setup: &Builder, programs: &[&str], script: &str) -> String {
    let bin = setup.root().join("bin");
    fs::create_dir(&bin).expect("a new directory");
    for program in programs {
        let file = bin.join(program);
        fs::write(&file, script).expect("a new file");
        fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("it was made");
    }
    format!("{}:/usr/bin:/bin", bin.display())
}

/// A run that is killed, wherever it is, leaves the site serving one release; and the next run leaves no trace of it.
#[test]
fn a_killed_run_does_no_harm() {
    let setup = Server::builder(Mpm::Event);
    let site = Site::new(&setup, "app", &["0", "1"]);
    let calls = setup.root().join("calls");
    let path = path_with(&setup, &["ln", "mv", "rm"], KILLER);
    site.deploy(&AT_ONCE, &["0", "1"]);
    let server = serve(setup);

    let mut killed_at = BTreeSet::new();
    let mut former = 1;
    for when in ["before", "after"] {
        // The run is longer than nothing, and ends.
        for call in 1..50 {
            let release = former + 1;
            site.create(&release.to_string());
            fs::write(&calls, "0\n").expect("a writable file");
            let output = site
                .command(&AT_ONCE, &release.to_string())
                .env("PATH", &path)
                .env("CALLS", &calls)
                .env("KILL_AT", call.to_string())
                .env("KILL_WHEN", when)
                .output()
                .expect("the script starts");
            let was_killed = output.status.signal() == Some(9);
            let run = Run::from(output);
            let told = format!("killed {when} call {call}: {run:?}");

            let answer = server.get("/page.shtml").text();
            let allowed = [former, release].map(|release| format!("{release} {release}"));
            assert!(allowed.contains(&answer), "{answer}, {told}");
            if was_killed {
                let program = run.said.lines().find(|line| line.contains("killed at"));
                killed_at.insert(program.expect("it was said").to_owned());
                site.succeed(&AT_ONCE, &release.to_string());
            } else {
                assert_eq!(run.code, Some(0), "{told}");
            }
            let answer = server.get("/page.shtml").text();
            assert_eq!(answer, allowed[1], "{told}");
            let mut left = [former, release].map(|release| release.to_string());
            left.sort();
            assert_eq!(site.left(), left, "{told}");
            site.expect_clean(&told);
            former = release;
            if !was_killed {
                break;
            }
        }
    }
    let all: Vec<_> = killed_at.iter().map(String::as_str).collect();
    assert_eq!(all, ["killed at: ln", "killed at: mv", "killed at: rm"]);
    server.stop();
}

/// What cannot be removed is told; the link has been flipped, and the next run tries again.
#[test]
fn what_cannot_be_removed() {
    let setup = Server::builder(Mpm::Event);
    let site = Site::new(&setup, "app", &["1", "2", "3", "4"]);
    let path = path_with(&setup, &["rm"], KEEPER);
    let release = |name: &str| site.0.release(name);
    site.deploy(&AT_ONCE, &["1", "2"]);

    let output = site.command(&AT_ONCE, "3").env("PATH", path).output();
    let run = Run::from(output.expect("the script starts"));
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.said.contains("cannot remove all of "), "{run:?}");
    assert_eq!(site.link(), "releases/3");
    assert!(!release("1").exists(), "half a release by its name");
    site.succeed(&AT_ONCE, "4");
    assert_eq!(site.left(), ["3", "4"]);
}

/// Deploys under load: every answer is of one release, of none before one that was seen already, and none fails, also when
/// old releases go.
#[test]
fn under_load() {
    const CLIENTS: usize = 8;
    const GRACE: &str = "2";

    let setup = Server::builder(Mpm::Event);
    let site = Site::new(&setup, "app", &["0"]);
    site.deploy(&[], &["0"]);
    let server = serve(setup);
    let traffic = Traffic::start(server.on(1), CLIENTS, "/page.shtml");
    let mut deployed = 0;
    let first = site.0.release("0");
    while deployed < 10 || first.exists() {
        deployed += 1;
        assert!(deployed < 1000, "nothing is removed: {:?}", site.left());
        let release = deployed.to_string();
        site.create(&release);
        site.succeed(&["--keep", "2", "--grace", GRACE], &release);
        // The second of a client's next answers was asked for after this deploy.
        traffic.wait_for(2);
    }
    let outcome = traffic.finish();
    server.stop();

    assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    let seen = outcome.releases();
    let mut answers: Vec<(Answer, usize)> = Vec::new();
    for answer in outcome.answers {
        let release = answer.release.parse();
        let release = release.unwrap_or_else(|_| panic!("no release: {answer:?}"));
        answers.push((answer, release));
    }
    println!("{deployed} deploys, {} answers", answers.len());
    assert_eq!(seen, deployed + 1, "every release was seen");
    let returned = |(answer, release): &&(Answer, usize)| {
        answers
            .iter()
            .any(|(earlier, newer)| earlier.finished < answer.started && newer > release)
    };
    let returned: Vec<_> = answers.iter().filter(returned).collect();
    assert!(returned.is_empty(), "{returned:#?}");
}
