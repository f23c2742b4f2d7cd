//! What several tests use.

use proptest::test_runner::Config;

/// Runs a property `cases` times, unless `PROPTEST_CASES` says how often.
pub(crate) fn cases(cases: u32) -> Config {
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}
