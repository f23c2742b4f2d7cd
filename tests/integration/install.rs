//! `make install` and `make uninstall`, and the file that they are about.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::{Builder, Module, Mpm, Releases, Server};

use crate::common::{ENV, command, variable};

const DEBIAN: &str = "/usr/lib/apache2/modules";
const LOAD: &str = "etc/apache2/mods-available/realdoc.load";
const CONF: &str = "etc/apache2/mods-available/realdoc.conf";
const MODULE: &str = "usr/lib/apache2/modules/mod_realdoc.so";
/// The command, its man page, and its completions.
const COMMAND: [&str; 5] = [
    "usr/local/bin/realdoc",
    "usr/local/share/bash-completion/completions/realdoc",
    "usr/local/share/fish/vendor_completions.d/realdoc.fish",
    "usr/local/share/man/man8/realdoc.8",
    "usr/local/share/zsh/site-functions/_realdoc",
];

/// These files and the command's, sorted.
fn with_command(files: &[&'static str]) -> Vec<&'static str> {
    let mut files = [files, &COMMAND].concat();
    files.sort_unstable();
    files
}

fn built() -> PathBuf {
    Module::On.file().expect("Module::On has a file")
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn example() -> String {
    fs::read_to_string(project().join("apache-conf/realdoc.conf")).expect("the example is there")
}

/// A staging directory, as those who build packages have one.
struct Stage {
    dir: PathBuf,
    libexecdir: &'static str,
    /// It goes with the server that is never started, or with the one that is.
    setup: Builder,
}

impl Stage {
    fn new(libexecdir: &'static str) -> Self {
        let setup = Server::builder(Mpm::Event);
        let dir = setup.root().join("stage");
        fs::create_dir(&dir).expect("a new directory");
        Self {
            dir,
            libexecdir,
            setup,
        }
    }

    /// `make target`, by a user with a strict umask. `Err`: it failed. What it said is in both.
    fn make(&self, target: &str) -> Result<String, String> {
        let mut make = Command::new("sh");
        make.args([
            "-c",
            "umask 077; exec make \"$@\"",
            "sh",
            "--no-print-directory",
            target,
        ])
        .arg(format!("MODULE={}", built().display()))
        .arg(format!("COMMAND={}", command().display()))
        .arg(format!("DESTDIR={}", self.dir.display()))
        .arg(format!("LIBEXECDIR={}", self.libexecdir))
        .current_dir(project());
        // These tests may run under `make test` themselves.
        for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
            make.env_remove(variable);
        }
        let output = make.output().expect("make is there");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if output.status.success() {
            Ok(said)
        } else {
            Err(said)
        }
    }

    #[track_caller]
    fn install(&self) -> String {
        self.make("install").expect("it installs")
    }

    #[track_caller]
    fn uninstall(&self) -> String {
        self.make("uninstall").expect("it uninstalls")
    }

    /// All files, sorted, without the directory.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut dirs = vec![self.dir.clone()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    let name = path.strip_prefix(&self.dir).expect("found in it");
                    files.push(name.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        files
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.dir.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn write(&self, file: &str, content: &str) {
        fs::write(self.dir.join(file), content).expect("a writable file");
    }
}

/// The files are where Debian's httpd looks for them, readable by all, with the right content; a
/// second time changes nothing; uninstalling leaves nothing.
#[test]
fn what_is_installed_and_removed() {
    let stage = Stage::new(DEBIAN);
    for _ in 0..2 {
        stage.install();
        assert_eq!(stage.files(), with_command(&[CONF, LOAD, MODULE]));
        for file in with_command(&[CONF, LOAD, MODULE]) {
            let mode = fs::metadata(stage.dir.join(file))
                .expect(file)
                .permissions()
                .mode();
            let expected = if file == COMMAND[0] { 0o755 } else { 0o644 };
            assert_eq!(mode & 0o777, expected, "{file}");
        }
        let installed = fs::read(stage.dir.join(MODULE)).expect("the module");
        assert!(installed == fs::read(built()).expect("the built module"));
        assert_eq!(stage.read(CONF), example());
        let load_line = format!("LoadModule realdoc_module {DEBIAN}/mod_realdoc.so\n");
        assert!(
            stage.read(LOAD).ends_with(&load_line),
            "{}",
            stage.read(LOAD)
        );
    }
    for _ in 0..2 {
        stage.uninstall();
        assert_eq!(stage.files(), [""; 0]);
    }
}

/// An administrator's settings are kept by both; the new version's are put beside them for as long
/// as they differ.
#[test]
fn settings_are_kept() {
    const NEW: &str = "etc/apache2/mods-available/realdoc.conf.new";
    let stage = Stage::new(DEBIAN);
    stage.install();
    stage.write(CONF, "Realdoc Off\n");
    for _ in 0..2 {
        assert!(stage.install().contains("kept"));
        assert_eq!(stage.read(CONF), "Realdoc Off\n");
        assert_eq!(stage.read(NEW), example());
    }
    assert!(stage.uninstall().contains("kept"));
    assert_eq!(stage.files(), [CONF]);
    stage.install();
    stage.write(CONF, &example());
    stage.install();
    assert_eq!(stage.files(), with_command(&[CONF, LOAD, MODULE]));
}

/// The other layouts: Fedora's, and a hand-built httpd's, of whose configuration nothing is known.
#[test]
fn other_layouts() {
    let fedora = Stage::new("/usr/lib64/httpd/modules");
    fs::create_dir_all(fedora.dir.join("etc/httpd/conf.modules.d")).expect("a new directory");
    fedora.install();
    let load = "etc/httpd/conf.modules.d/10-realdoc.conf";
    let module = "usr/lib64/httpd/modules/mod_realdoc.so";
    let files = ["etc/httpd/conf.d/realdoc.conf", load, module];
    assert_eq!(fedora.files(), with_command(&files));
    assert!(
        fedora
            .read(load)
            .contains(" /usr/lib64/httpd/modules/mod_realdoc.so\n")
    );
    fedora.uninstall();
    assert_eq!(fedora.files(), [""; 0]);

    let other = Stage::new("/opt/httpd/modules");
    other.install();
    let files = with_command(&["opt/httpd/modules/mod_realdoc.so"]);
    assert_eq!(other.files(), files);
    other.uninstall();
    assert_eq!(other.files(), [""; 0]);
}

/// A module that is still enabled is not removed: httpd could not start again. The lines that need
/// the module are named.
#[test]
fn an_enabled_module_is_not_removed() {
    let stage = Stage::new(DEBIAN);
    stage.install();
    let enabled = stage.dir.join("etc/apache2/mods-enabled");
    fs::create_dir(&enabled).expect("a new directory");
    let link = enabled.join("realdoc.load");
    symlink("../mods-available/realdoc.load", &link).expect("a new symlink");
    let refused = stage.make("uninstall").expect_err("it is enabled");
    assert!(refused.contains("a2dismod realdoc"), "{refused}");
    assert!(!refused.contains("Take them out"), "{refused}");
    let sites = stage.dir.join("etc/apache2/sites-enabled");
    fs::create_dir(&sites).expect("a new directory");
    fs::write(
        sites.join("app.conf"),
        "Listen 80\n  LogLevel warn realdoc:info\nRealpathEvery 2\n",
    )
    .expect("a new file");
    let refused = stage.make("uninstall").expect_err("it is enabled");
    for line in ["app.conf:2:  LogLevel", "app.conf:3:RealpathEvery 2"] {
        assert!(refused.contains(line), "{refused}");
    }
    assert!(!refused.contains("Listen"), "{refused}");
    fs::remove_dir_all(sites).expect("it was made");
    assert!(link.is_symlink(), "it is enabled still");
    fs::remove_file(link).expect("it was made");
    assert_eq!(stage.files(), with_command(&[CONF, LOAD, MODULE]));
}

/// Before there is a module, the way to it is said and nothing is installed.
#[test]
fn nothing_is_installed_before_it_is_built() {
    let stage = Stage::new(DEBIAN);
    let output = Command::new(project().join("scripts/install"))
        .arg(stage.dir.join("not-built.so"))
        .arg(command())
        .env("DESTDIR", &stage.dir)
        .env("LIBEXECDIR", DEBIAN)
        .output()
        .expect("a script");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Run 'make' first"), "{said}");
    assert_eq!(stage.files(), [""; 0]);
}

/// An httpd that includes the installed files has the module, and it works.
#[test]
fn what_is_installed_works() {
    let stage = Stage::new(DEBIAN);
    stage.install();
    // As if the staging directory were the system's root.
    let libexecdir = stage.dir.join(&DEBIAN[1..]).display().to_string();
    let load = stage.read(LOAD).replace(DEBIAN, &libexecdir);
    stage.write(LOAD, &load);

    let site = Releases::at(stage.setup.root().join("app"));
    site.create("42", &[("web/env.cgi", ENV)]);
    site.deploy("42");
    let server = stage
        .setup
        .cgi()
        .root_section("Options FollowSymLinks ExecCGI\nRequire all granted")
        .config(&format!(
            "Include {{root}}/stage/{LOAD}\nInclude {{root}}/stage/{CONF}"
        ))
        .config("DocumentRoot {root}/app/current/web")
        .start();
    let response = server.get("/env.cgi");
    let resolved = site.release("42").join("web");
    assert_eq!(Path::new(variable(&response, "DOCUMENT_ROOT")), resolved);
    server.stop();
}

/// The module gives httpd its record and nothing else that could clash with another module; and it
/// stays mapped when httpd unloads it for a restart, since its threads' local storage would point
/// to nowhere.
#[test]
fn the_file_exports_one_symbol_and_stays() {
    let said = |program: &str, option: &[&str]| {
        let output = Command::new(program)
            .args(option)
            .arg(built())
            .env("LC_ALL", "C")
            .output();
        let output = output.expect("binutils are there: they come with the compiler");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("ASCII")
    };
    let symbols = said("nm", &["-D", "--defined-only"]);
    let names: Vec<_> = symbols
        .lines()
        .filter_map(|line| line.split(' ').next_back())
        .collect();
    assert_eq!(names, ["realdoc_module"]);
    let flags = said("readelf", &["-d"]);
    assert!(
        flags.lines().any(|line| line.contains("NODELETE")),
        "{flags}"
    );
}
