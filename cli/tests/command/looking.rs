//! `realdoc list`.

use crate::common::Site;

#[test]
fn what_was_current_when_and_what_can_go() {
    let site = Site::new(&["1", "2", "3", "4", "new"]);
    for release in ["2", "3", "4"] {
        site.deploy(release, &[]);
    }
    site.succeed("rollback", &[]);
    let list = site.succeed("list", &["--keep", "2", "--grace", "0"]);
    let mut lines = list.lines();
    let first = lines.next().expect("a line");
    assert!(first.ends_with("current -> releases/3"), "{list}");
    assert_eq!(
        lines.next().map(|line| line.starts_with("RELEASE  STATE")),
        Some(true)
    );
    let expected = [
        ("3", "current", "ago"),
        ("4", "rolled back", "kept"),
        ("2", "former", "kept for a rollback"),
        ("1", "former", "can go"),
        ("new", "not known", "-"),
    ];
    for (name, state, rest) in expected {
        let line = lines.next().expect("a line");
        let start = format!("{name:7}  {state:11}  ");
        assert!(
            line.starts_with(&start) && line.ends_with(rest),
            "{line}\n{list}"
        );
    }
    assert_eq!(lines.next(), None, "{list}");
}

#[test]
fn for_programs() {
    let site = Site::bare("a \"site\"", &["1", "2"]);
    site.deploy("1", &["--create"]);
    site.deploy("2", &[]);
    let json = site.succeed("list", &["--json"]);
    let lines: Vec<&str> = json.lines().collect();
    assert!(lines[1].ends_with("a \\\"site\\\"/current\","), "{json}");
    assert_eq!(lines[2], "  \"target\": \"releases/2\",");
    assert!(
        lines[4].contains("\"state\": \"current\", \"since\": \"20"),
        "{json}"
    );
    assert!(
        lines[4].contains("\"until\": null, \"can_go\": false}"),
        "{json}"
    );
    assert!(
        lines[5].contains("\"state\": \"former\", \"since\": \"20"),
        "{json}"
    );
    // Python reads it.
    let python = std::process::Command::new("python3")
        .args(["-c", "import json, sys; json.loads(sys.argv[1])", &json])
        .output();
    if let Ok(output) = python {
        assert!(output.status.success(), "{json}");
    }
}
