//! Whether a run shows what it has to show.

use testbed::Module;

use crate::outcome::Run;

/// What is wrong with a run. Without the module: that no mixed answer appeared.
pub(crate) fn problems(run: &Run) -> Vec<String> {
    let Run { mpm, tally, .. } = run;
    if run.module == Module::Off {
        return if tally.mixed == 0 {
            vec![format!(
                "{mpm}, without mod_realdoc: no mixed response, so the run with it proves nothing"
            )]
        } else {
            Vec::new()
        };
    }
    [
        (tally.mixed, "mixed responses"),
        (tally.returns, "returns to an old release"),
        (tally.error_count(), "errors"),
        (tally.unseen, "deploys that no response showed"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{mpm}, with mod_realdoc: {count} {what}"))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use testbed::{Module, Mpm};

    use super::problems;
    use crate::outcome::Run;
    use crate::tally::Tally;

    fn run(module: Module, change: impl FnOnce(&mut Tally)) -> Run {
        let mut tally = Tally {
            requests: 9,
            mixed: 0,
            returns: 0,
            errors: BTreeMap::new(),
            unseen: 0,
            delays: Vec::new(),
        };
        change(&mut tally);
        Run {
            mpm: Mpm::Event,
            module,
            server: "Apache".into(),
            tally,
        }
    }

    #[test]
    fn the_control_must_mix() {
        let good = run(Module::Off, |tally| {
            tally.mixed = 1;
            tally.errors.insert("x".into(), 1);
        });
        assert_eq!(problems(&good), [""; 0]);
        assert_eq!(problems(&run(Module::Off, |_| ())).len(), 1);
    }

    #[test]
    fn the_module_must_do_nothing_wrong() {
        assert_eq!(problems(&run(Module::On, |_| ())), [""; 0]);
        let bad = run(Module::On, |tally| {
            tally.mixed = 1;
            tally.returns = 2;
            tally.errors.insert("x".into(), 3);
            tally.unseen = 4;
        });
        assert_eq!(
            problems(&bad),
            [
                "event, with mod_realdoc: 1 mixed responses",
                "event, with mod_realdoc: 2 returns to an old release",
                "event, with mod_realdoc: 3 errors",
                "event, with mod_realdoc: 4 deploys that no response showed",
            ]
        );
    }
}
