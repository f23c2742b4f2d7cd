//! Several runs at the same time.

use std::process::{Child, Stdio};

use crate::common::{AT_ONCE, Run, Site, amount};

fn start(site: &Site, release: &str, options: &[&str]) -> Child {
    let mut command = site.deploying(release, options);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the command starts")
}

fn end(child: Child) -> Run {
    Run::from(child.wait_with_output().expect("it ends"))
}

/// They come one after the other, and none removes what another one deploys.
#[test]
fn of_one_link() {
    let releases = ["1", "2", "3", "4", "5", "6"];
    let site = Site::new(&["0", "1", "2", "3", "4", "5", "6"]);
    let running: Vec<Child> = releases
        .map(|release| start(&site, release, &AT_ONCE))
        .into();
    for child in running {
        let run = end(child);
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    let current = site.link().replace("releases/", "");
    assert!(releases.contains(&current.as_str()), "{current}");
    let left = site.left();
    assert!(left.len() == 2 && left.contains(&current), "{left:?}");
    site.expect_clean("after all");
}

/// Two links that share the releases, whatever the order of the two runs' steps: either run
/// deploys what is there then, or says that it is not.
#[test]
fn of_two_links() {
    let site = Site::new(&["1", "2", "3"]);
    site.flip("staging", "releases/1");
    for turn in 0..amount(60, 1_000) {
        for release in ["1", "2", "3"] {
            site.create(release);
        }
        let release = |number: usize| (number % 3 + 1).to_string();
        let mut staging = site.deploying(&release(turn / 3), &AT_ONCE);
        let staging_link = site.path("staging");
        let program = staging.get_program().to_owned();
        let arguments: Vec<_> = staging
            .get_args()
            .map(|argument| match argument == site.current() {
                true => staging_link.as_os_str().to_owned(),
                false => argument.to_owned(),
            })
            .collect();
        staging = std::process::Command::new(program);
        staging.args(arguments);
        let mut current = site.deploying(&release(turn), &AT_ONCE);
        let children = [&mut staging, &mut current].map(|command| {
            command.env("REALDOC_JITTER", "2000").stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("the command starts")
        });
        for run in children.map(end) {
            // Another run removes it at this moment, or has done so.
            let gone = ["No such file", "is empty"]
                .iter()
                .any(|words| run.err.contains(words));
            let is_gone = run.code == Some(1) && gone;
            assert!(run.code == Some(0) || is_gone, "turn {turn}: {run:?}");
        }
        for link in [site.current(), site.path("staging")] {
            assert!(
                link.join("web/index.html").exists(),
                "turn {turn}: {}",
                link.display()
            );
        }
    }
}
