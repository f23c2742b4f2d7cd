//! The table: how many pages broke, in plain ASCII and 80 columns.

use testbed::Module;

use super::{DEPLOYS_SEEN, MPM, Run};

const LEGEND: &str = "\
broken    the current release lacks that script, so the page does not get it
          (\"Failed to fetch dynamically imported module\", a blank page)";

/// The table with its legend.
pub(crate) fn render(runs: &[Run]) -> String {
    let mut lines = Vec::new();
    if let Some(run) = runs.first() {
        lines.push(format!(
            "Pages of a single-page application, open while it is deployed {} times ({MPM}).\n\
             Each asks for one more script of its own release, 1 to {DEPLOYS_SEEN} deploys later.",
            run.deploys
        ));
    }
    lines.push(String::new());
    lines.push(format!("{:35}{:>6}{:>8}", "", "pages", "broken"));
    lines.extend(runs.iter().map(|run| {
        let what = match run.module {
            Module::Off => "without mod_realdoc",
            Module::On | Module::TestHooks => "with mod_realdoc, RealdocPrevious On",
        };
        format!("{what:37}{:>4}{:>8}", run.pages, run.broken.len())
    }));
    lines.push(String::new());
    lines.push(LEGEND.into());
    let first = runs.iter().find_map(|run| run.broken.first());
    lines.extend(first.map(|broken| format!("          {}: {}", broken.path, broken.answer)));
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use testbed::Module;

    use super::render;
    use crate::pages::{Run, visitor::Broken};

    #[test]
    fn fits_a_terminal() {
        let broken = Broken {
            path: "/assets/Checkout-B1xZk9fQ.js".into(),
            answer: "200 text/html".into(),
        };
        let text = render(&[Run {
            module: Module::On,
            pages: 200,
            deploys: 11,
            broken: vec![broken],
        }]);
        assert!(
            text.lines().all(|line| line.is_ascii() && line.len() <= 80),
            "{text}"
        );
        assert!(text.contains("RealdocPrevious On  200       1\n"), "{text}");
        assert!(text.contains("Q.js: 200 text/html\n"), "{text}");
    }
}
