//! What the program says of itself.

use crate::common::{realdoc, run};

#[test]
fn help_is_there_for_each_command() {
    let help = run(realdoc().arg("--help")).out;
    assert!(
        help.contains("realdoc deploy /srv/app/current /srv/app/releases/43"),
        "{help}"
    );
    for command in ["deploy", "rollback", "list", "prune", "withdraw", "status"] {
        assert!(help.contains(&format!("\n  {command}  ")), "{help}");
        let own = run(realdoc().args([command, "--help"]));
        assert_eq!(own.code, Some(0));
        assert!(
            own.out.contains(&format!("Usage: realdoc {command} ")),
            "{own:?}"
        );
        assert!(
            own.out.lines().all(|line| line.chars().count() <= 100),
            "{own:?}"
        );
    }
    for hidden in ["run-then", "completions"] {
        assert!(!help.contains(hidden), "{help}");
    }
}

#[test]
fn the_man_page_has_all() {
    let page = run(realdoc().arg("man")).out;
    assert!(
        page.starts_with(".ie") && page.contains("\n.TH realdoc 8 "),
        "{page}"
    );
    for text in [
        ".SH \"realdoc deploy\"",
        ".SH \"realdoc status\"",
        "\\-\\-grace",
        "critical",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("run\\-then"), "{page}");
}

#[test]
fn completions_are_there() {
    for (shell, sign) in [
        ("bash", "complete -F _realdoc"),
        ("zsh", "#compdef realdoc"),
        ("fish", "complete -c realdoc"),
    ] {
        let run = run(realdoc().args(["completions", shell]));
        assert!(
            run.out.contains(sign) && run.out.contains("rollback"),
            "{shell}"
        );
    }
}
