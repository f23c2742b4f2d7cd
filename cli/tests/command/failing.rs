//! Other file systems; and one that is full or read-only, where the link is as it was, and the next
//! run is clean.

use std::fs;
use std::process::Command;

use crate::common::{Run, Site, needs_root, run};

/// Runs a script in a mount namespace of its own, where it may mount; `None`: it may not. It gets
/// the program, and a directory for its mount.
fn in_namespace(site: &Site, script: &str) -> Option<Run> {
    let dir = site.outside().join("mounted");
    fs::create_dir_all(&dir).expect("a new directory");
    let mut command = Command::new("unshare");
    command.args([
        "-m",
        "sh",
        "-c",
        script,
        "sh",
        env!("CARGO_BIN_EXE_realdoc"),
    ]);
    let run = run(command.arg(&dir));
    let allowed = run.code != Some(77) && !run.err.starts_with("unshare");
    if !allowed {
        eprintln!("left out: mounting is not allowed: {}", run.err);
    }
    allowed.then_some(run)
}

const MAKE_SITE: &str = "
    realdoc=$1 dir=$2
    cd $dir
    mkdir -p app/releases/1/web app/releases/2/web
    ln -s releases/1 app/current
";

#[test]
fn a_full_disk() {
    needs_root!();
    let site = Site::bare("unused", &[]);
    // Full to the last byte, and to the last inode.
    for option in ["size=64k", "size=1m,nr_inodes=12"] {
        let script = format!(
            "mount -t tmpfs -o {option},mode=755 tmpfs $2 || exit 77
            {MAKE_SITE}
            touch app/.fill; mkdir app/.fill.d
            dd if=/dev/zero of=app/.fill bs=1k 2>/dev/null
            n=0; while [ $n -lt 20 ] && touch app/.fill.d/$n 2>/dev/null; do n=$((n + 1)); done
            $realdoc deploy app/current app/releases/2; echo code $? $(readlink app/current)
            rm -rf app/.fill app/.fill.d
            $realdoc deploy app/current app/releases/2; echo code $? $(readlink app/current)
            ls -A app/.current.deploy"
        );
        let Some(run) = in_namespace(&site, &script) else {
            return;
        };
        assert!(
            run.err.contains("No space left on device"),
            "{option}: {run:?}"
        );
        assert!(
            run.out.starts_with("code 1 releases/1\n"),
            "{option}: {run:?}"
        );
        assert!(
            run.out.contains("\ncode 0 releases/2\nrecord\n"),
            "{option}: {run:?}"
        );
    }
}

#[test]
fn a_read_only_disk() {
    needs_root!();
    let site = Site::bare("unused", &[]);
    let script = format!(
        "mount -t tmpfs -o mode=755 tmpfs $2 || exit 77
        {MAKE_SITE}
        mount -o remount,ro $dir || exit 77
        $realdoc deploy app/current app/releases/2; echo code $? $(readlink app/current)
        $realdoc list app/current; echo code $?"
    );
    let Some(run) = in_namespace(&site, &script) else {
        return;
    };
    assert!(run.err.contains("Read-only file system"), "{run:?}");
    assert!(run.out.starts_with("code 1 releases/1\n"), "{run:?}");
    assert!(run.out.ends_with("code 0\n"), "{run:?}");
}

/// Deploys, a rollback and removals, where inodes and renames are another matter.
#[test]
fn other_file_systems() {
    needs_root!();
    let site = Site::bare("unused", &[]);
    for mount in [
        "mount -t tmpfs -o mode=755 tmpfs $2",
        "mkdir $2/l $2/u $2/w && mount -t tmpfs tmpfs $2/w && mkdir $2/w/u $2/w/w &&
         mount -t overlay overlay -o lowerdir=$2/l,upperdir=$2/w/u,workdir=$2/w/w $2",
    ] {
        let script = format!(
            "{{ {mount}; }} || exit 77
            {MAKE_SITE}
            mkdir -p app/releases/3/web/a/b app/releases/4/web
            for n in 2 3 4; do
                $realdoc deploy --keep 2 --grace 0 app/current app/releases/$n || exit 1
            done
            $realdoc rollback app/current && $realdoc list app/current
            echo $(ls -A app/releases) $(readlink app/current)"
        );
        let Some(run) = in_namespace(&site, &script) else {
            return;
        };
        assert_eq!(
            (run.code, run.err.as_str()),
            (Some(0), ""),
            "{mount}: {run:?}"
        );
        assert!(run.out.ends_with("\n3 4 releases/3\n"), "{mount}: {run:?}");
    }
}

/// What cannot be removed is told; the link has been flipped, and the next run tries again.
#[test]
fn what_cannot_be_removed() {
    needs_root!();
    let site = Site::new(&["1", "2", "3", "4"]);
    site.give_to(crate::common::NOBODY);
    site.deploy("2", &[]);
    crate::common::give(&site.release("1/web"), "root");
    let failed = run(&mut site.deploying("3", &crate::common::AT_ONCE));
    assert_eq!(failed.code, Some(3), "{failed:?}");
    assert!(failed.err.contains("cannot remove all of "), "{failed:?}");
    assert_eq!(site.link(), "releases/3");
    assert!(!site.release("1").exists(), "half a release by its name");
    crate::common::give(&site.path("releases"), crate::common::NOBODY);
    site.deploy("4", &crate::common::AT_ONCE);
    assert_eq!(site.left(), ["3", "4"]);
}
