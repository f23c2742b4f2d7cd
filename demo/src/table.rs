//! The table: what the runs showed, in plain ASCII and 80 columns.

use std::time::Duration;

use testbed::Module;

use crate::outcome::{DEPLOYS, PERIOD, Run};
use crate::traffic::clients;

/// What the columns mean.
const LEGEND: &str = "\
mixed     parts of one response come from different releases
42/43/42  a request that began after some client had got 43 is answered with 42
          (stock httpd does not do it; caches in each process do, as PHP's)
new release after a flip: from rename(2) until the first response that is wholly
          of the new release, or a newer one, has come; over all deploys";

/// The table with its legend and what went wrong.
pub(crate) fn render(runs: &[Run]) -> String {
    let mut lines = Vec::new();
    if let Some(run) = runs.first() {
        lines.push(format!(
            "{}, {} keep-alive clients, {DEPLOYS} deploys a run, {} ms apart",
            run.server,
            clients(),
            PERIOD.as_millis(),
        ));
    }
    lines.push(String::new());
    lines.push(format!("{:56}new release after a flip", ""));
    lines.push(row(
        ["MPM", "mod_realdoc"],
        ["requests", "mixed", "42/43/42", "errors", "median", "worst"].map(str::to_owned),
    ));
    lines.extend(runs.iter().map(run_row));
    lines.push(String::new());
    lines.push(LEGEND.to_owned());
    for run in runs {
        let what = format!("{}, {} mod_realdoc", run.mpm, with_or_without(run.module));
        for (error, count) in &run.tally.errors {
            lines.push(format!("errors    {what}: {} x {error}", thousands(*count)));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The module's state in words.
pub(crate) fn with_or_without(module: Module) -> &'static str {
    match module {
        Module::Off => "without",
        Module::On | Module::TestHooks => "with",
    }
}

/// A number with commas.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

fn run_row(run: &Run) -> String {
    let tally = &run.tally;
    row(
        [run.mpm.name(), with_or_without(run.module)],
        [
            thousands(tally.requests),
            thousands(tally.mixed),
            thousands(tally.returns),
            thousands(tally.error_count()),
            milliseconds(tally.median_delay()),
            milliseconds(tally.worst_delay()),
        ],
    )
}

fn row([mpm, module]: [&str; 2], figures: [String; 6]) -> String {
    let [requests, mixed, returns, errors, median, worst] = figures;
    format!(
        "{mpm:9}{module:12}{requests:>9}{mixed:>8}{returns:>10}{errors:>8} {median:>11} {worst:>11}"
    )
}

fn milliseconds(time: Option<Duration>) -> String {
    time.map_or("-".into(), |time| {
        format!("{:.1} ms", time.as_secs_f64() * 1000.0)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use testbed::{Module, Mpm};

    use super::{milliseconds, render, thousands};
    use crate::outcome::Run;
    use crate::tally::Tally;

    #[test]
    fn numbers() {
        let texts = [0, 12, 123, 1234, 1_002_003].map(thousands);
        assert_eq!(texts, ["0", "12", "123", "1,234", "1,002,003"]);
        assert_eq!(milliseconds(Some(Duration::from_micros(1250))), "1.2 ms");
        assert_eq!(milliseconds(None), "-");
    }

    #[test]
    fn fits_a_terminal_and_names_errors() {
        let text = render(&[Run {
            mpm: Mpm::Prefork,
            module: Module::Off,
            server: "Apache/2.4.71 (Debian)".into(),
            tally: Tally {
                requests: 123_456,
                mixed: 12_345,
                returns: 12_345,
                errors: BTreeMap::from([("/a: status 404".into(), 1_234)]),
                unseen: 0,
                delays: vec![Duration::from_millis(12_345)],
            },
        }]);
        assert!(
            text.lines().all(|line| line.is_ascii() && line.len() <= 80),
            "{text}"
        );
        assert!(
            text.contains("\nprefork  without       123,456  12,345    12,345   1,234  12345.0 ms  12345.0 ms\n"),
            "{text}"
        );
        assert!(
            text.contains("prefork, without mod_realdoc: 1,234 x /a: status 404"),
            "{text}"
        );
    }
}
