//! Root on a tree whose owner is an enemy: nothing outside of it is made, changed or removed.

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use realdoc_core::record::{self, Entry, How, Identity};

use crate::common::{
    AT_ONCE, NOBODY, Run, Site, amount, is_root, names, needs_root, run, tree, uid,
};

/// A site of nobody's, beside a directory of root's that must stay as it is.
fn site() -> (Site, impl Fn(&str)) {
    let site = Site::new(&["41", "42", "43", "44"]);
    let outside = site
        .outside()
        .canonicalize()
        .expect("it is there")
        .join("etc");
    fs::create_dir_all(outside.join("ssh")).expect("a new directory");
    fs::write(outside.join("ssh/sshd_config"), "root's").expect("a new file");
    fs::write(outside.join("passwd"), "root's").expect("a new file");
    site.give_to(NOBODY);
    let before = tree(&outside);
    let expect = move |when: &str| assert_eq!(tree(&outside), before, "{when}");
    (site, expect)
}

/// A symlink that belongs to the site's owner.
fn plant(text: impl AsRef<Path>, link: impl AsRef<Path>) {
    symlink(text, &link).expect("a new symlink");
    lchown(link, Some(uid(NOBODY)), None).expect("root may do so");
}

fn deploy(site: &Site, release: &str) -> Run {
    run(&mut site.deploying(release, &AT_ONCE))
}

/// Everything that realdoc itself makes is there already, as something else.
#[test]
fn planted_names() {
    needs_root!();
    for planted in ["", "lock", "former", "record", "record.new", "link.new"] {
        let (site, expect_untouched) = site();
        let state = site.path(".current.deploy");
        let etc = site.outside().join("etc");
        if planted.is_empty() {
            plant(&etc, &state);
        } else {
            fs::create_dir(&state).expect("a new directory");
            plant(etc.join("passwd"), state.join(planted));
            site.give_to(NOBODY);
        }
        let run = deploy(&site, "43");
        expect_untouched(planted);
        if planted.is_empty() {
            assert_eq!(run.code, Some(1), "{run:?}");
            assert!(
                run.err.contains(".current.deploy is not a directory"),
                "{run:?}"
            );
        } else {
            assert_eq!(run.code, Some(0), "{planted}: {run:?}");
            assert_eq!(site.link(), "releases/43");
        }
    }
}

/// A FIFO is not waited for; a directory, a device, a huge file and garbage are not a record.
#[test]
fn planted_records() {
    needs_root!();
    for planted in [
        "mkfifo",
        "mkdir",
        "truncate -s 9G",
        "printf garbage >",
        "mknod -m 444 null",
    ] {
        let (site, expect_untouched) = site();
        let state = site.path(".current.deploy");
        fs::create_dir(&state).expect("a new directory");
        let device = if planted.starts_with("mknod") {
            " c 1 5"
        } else {
            ""
        };
        let planted = planted.replace(" null", "");
        let script = format!("{planted} record{device}");
        let made = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&state)
            .status();
        if !made.expect("a shell").success() {
            eprintln!("left out: {script}");
            continue;
        }
        site.give_to(NOBODY);
        let run = deploy(&site, "43");
        expect_untouched(&script);
        assert!(run.err.contains("is ignored"), "{script}: {run:?}");
        // A directory cannot be replaced by a file.
        let code = if planted == "mkdir" { 1 } else { 0 };
        assert_eq!(run.code, Some(code), "{script}: {run:?}");
    }
}

/// A record that names what is not the site's, and one that another user has written.
#[test]
fn forged_records() {
    needs_root!();
    let (site, expect_untouched) = site();
    let outside = site
        .outside()
        .canonicalize()
        .expect("it is there")
        .join("etc");
    let state = site.path(".current.deploy");
    fs::create_dir(&state).expect("a new directory");
    let forge = |path: &Path| {
        use std::os::unix::fs::MetadataExt;
        let stat = fs::metadata(path).expect("it is there");
        let born = stat.created().ok().and_then(|born| {
            let born = born.duration_since(std::time::UNIX_EPOCH).ok()?;
            i64::try_from(born.as_nanos()).ok()
        });
        let entry = Entry {
            how: How::Replaced,
            since: 0,
            until: 1,
            identity: Identity {
                device: stat.dev(),
                inode: stat.ino(),
                born: born.unwrap_or(0),
            },
            release_owner: 0,
            link_owner: 0,
            path: path.as_os_str().as_encoded_bytes().to_vec(),
        };
        let record = state.join("record");
        fs::write(&record, record::format(&[entry.clone(), entry])).expect("a new file");
        site.give_to(NOBODY);
    };
    for target in [outside.clone(), outside.join("ssh")] {
        forge(&target);
        let run = site.run("prune", &AT_ONCE);
        assert_eq!(run.code, Some(0), "{run:?}");
        let run = site.run("withdraw", &[target.to_str().expect("UTF-8")]);
        assert_eq!(run.code, Some(1), "{run:?}");
        expect_untouched("a record of a directory elsewhere");
    }
    // The releases are a symlink to a directory of root's now.
    forge(&outside.join("ssh"));
    fs::rename(site.path("releases"), site.path("r.old")).expect("a directory");
    plant(&outside, site.path("releases"));
    let run = site.run("prune", &AT_ONCE);
    assert_ne!(run.code, Some(0), "{run:?}");
    fs::remove_file(site.current()).expect("it was made");
    plant("releases/ssh", site.current());
    for _ in 0..2 {
        site.run("prune", &AT_ONCE);
        run_ignored(&site, &["deploy", "r.old/43"]);
        run_ignored(&site, &["withdraw", "ssh"]);
        expect_untouched("releases that are a symlink");
    }
}

fn run_ignored(site: &Site, arguments: &[&str]) {
    let arguments: Vec<String> = arguments.iter().map(|a| a.to_string()).collect();
    let release = site.path(&arguments[1]);
    let release = if arguments[0] == "deploy" {
        release.display().to_string()
    } else {
        arguments[1].clone()
    };
    let mut options = vec![release.as_str()];
    if arguments[0] == "deploy" {
        options.extend(AT_ONCE);
    }
    site.run(&arguments[0], &options);
}

/// Very many symlinks beside the link, all over the place.
#[test]
fn a_directory_full_of_symlinks() {
    needs_root!();
    let (site, expect_untouched) = site();
    for number in 0..amount(2_000, 100_000) {
        let text = match number % 5 {
            0 => "nowhere".to_owned(),
            1 => format!("l{number}"),
            2 => "../etc/ssh".to_owned(),
            3 => "/dev/null/x".to_owned(),
            _ => format!("l{}", number - 1),
        };
        symlink(text, site.path(format!("l{number}"))).expect("a new symlink");
    }
    site.give_to(NOBODY);
    assert_eq!(deploy(&site, "43").code, Some(0));
    let run = deploy(&site, "44");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        site.left(),
        ["42", "43", "44"].map(str::to_owned).to_vec().as_slice()
    );
    expect_untouched("many symlinks");
}

/// The owner exchanges everything, all the time, while root deploys.
#[test]
fn everything_is_exchanged_all_the_time() {
    needs_root!();
    let (site, expect_untouched) = site();
    let attack = Attack::start(&site.path(""), ATTACK);
    let mut ended = [0_usize; 5];
    for turn in 0..amount(60, 5_000) {
        for (release, options) in [("43", &AT_ONCE[..]), ("44", &AT_ONCE[..])] {
            let mut command = site.deploying(release, options);
            let run = run(command.env("REALDOC_JITTER", "300"));
            let code = run.code.unwrap_or_else(|| panic!("{run:?}"));
            assert!(!run.err.contains("panicked"), "{run:?}");
            ended[usize::try_from(code).expect("an exit status")] += 1;
        }
        if turn % 8 == 0 {
            expect_untouched("exchanged");
        }
    }
    drop(attack);
    expect_untouched("exchanged");
    eprintln!("exit statuses 0 to 4: {ended:?}");
    assert_eq!(ended[2], 0);
}

/// What the owner of the whole site can exchange.
const ATTACK: &str = "
    while :; do
        mv -T releases r.old; ln -s ../etc releases
        mkdir -p r.old/41/web r.old/42/web r.old/43/web r.old/44/web
        rm -f releases; mv -T r.old releases
        mv -T .current.deploy s.old; ln -s ../etc .current.deploy
        rm -f .current.deploy; mv -T s.old .current.deploy
        mv -T releases/43 x; ln -s ../../etc/ssh releases/43
        rm -f releases/43; mv -T x releases/43
        ln -sfn ../etc/ssh current; ln -sfn releases/42 current
        ln -sf ../../etc/passwd .current.deploy/record.new
        ln -sf ../../etc/passwd .current.deploy/link.new
        mkdir releases/.realdoc-removed.1; ln -sf ../etc releases/.realdoc-removed.1/etc
        ln -sfn ../../etc releases/.realdoc-removed.2
        mv -T releases/.realdoc-removed.1 r1; ln -s ../../etc releases/.realdoc-removed.1
        rm -f releases/.realdoc-removed.1; rm -rf r1
    done";

/// What the owner of the releases can exchange, where the link is root's.
const ATTACK_ON_RELEASES: &str = "
    while :; do
        for n in 41 42 43 44; do
            mkdir -p $n/web; mv -T $n x; ln -s ../../etc/ssh $n; rm -f $n; mv -T x $n
        done
        mkdir -p .realdoc-removed.1/a/b; ln -sfn ../../../etc .realdoc-removed.1/etc
        mv -T .realdoc-removed.1/a y; ln -s ../../../etc/ssh .realdoc-removed.1/a
        rm -f .realdoc-removed.1/a; mv -T y .realdoc-removed.1/a
        mv -T .realdoc-removed.1 z; ln -s ../../etc .realdoc-removed.1
        rm -f .realdoc-removed.1; rm -rf y z
    done";

/// The same where the directory of the link is root's, who stays root for the flip.
#[test]
fn releases_are_exchanged_under_roots_link() {
    needs_root!();
    let (site, expect_untouched) = site();
    for path in [site.path(""), site.current()] {
        lchown(path, Some(0), Some(0)).expect("root may do so");
    }
    let attack = Attack::start(&site.path("releases"), ATTACK_ON_RELEASES);
    let mut deployed = 0;
    for turn in 0..amount(40, 3_000) {
        let release = ["42", "43", "44", "41"][turn % 4];
        let mut command = site.deploying(release, &AT_ONCE);
        let run = run(command.env("REALDOC_JITTER", "300"));
        assert!(
            run.code.is_some() && !run.err.contains("panicked"),
            "{run:?}"
        );
        deployed += usize::from(run.code == Some(0));
    }
    drop(attack);
    expect_untouched("exchanged");
    eprintln!("{deployed} deploys succeeded");
}

/// A shell of nobody's that renames what realdoc works with. It ends when it is dropped.
struct Attack(Child);

impl Attack {
    fn start(dir: &Path, script: &str) -> Self {
        assert!(is_root());
        let child = Command::new("setpriv")
            .args(["--reuid", NOBODY, "--clear-groups", "sh", "-c", script])
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("util-linux is there"))
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is said of hostile names does nothing to a terminal.
#[test]
fn names_do_not_reach_a_terminal_as_they_are() {
    let site = Site::new(&["1"]);
    site.create("\x1b]0;title\x07\x1b[31m");
    let list = site.succeed("list", &[]);
    assert!(!list.contains(['\x1b', '\x07']), "{list:?}");
    assert!(list.contains("\\u{1b}]0;title"), "{list}");
    let run = site.run("deploy", &["\x1b[2J"]);
    assert!(run.err.contains("\\u{1b}[2J: No such file"), "{run:?}");
    assert_eq!(names(&site.path("releases")).len(), 2);
}
