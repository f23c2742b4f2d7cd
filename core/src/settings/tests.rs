use super::*;
use proptest::prelude::*;

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

#[test]
fn times() {
    for (text, micros) in [
        ("0", 0),
        ("2", 2 * SECOND),
        ("2s", 2 * SECOND),
        ("500ms", SECOND / 2),
        ("500MS", SECOND / 2),
        ("5mi", 300 * SECOND),
        ("5min", 300 * SECOND),
        ("1h", 3600 * SECOND),
        ("8760h", LONGEST),
    ] {
        assert_eq!(time("RealpathEvery", &c(text)), Ok(micros), "{text}");
    }
}

#[test]
fn bad_times_name_directive_value_and_what_is_allowed() {
    for text in [
        "",
        "s",
        "-1",
        "+1",
        "1.5",
        "2 s",
        "2x",
        "5m",
        "0x10",
        "ms",
        "8761h",
        "99999999999999999999",
        "9223372036854775807h",
        "٣",
    ] {
        let message = time("RealpathEvery", &c(text)).expect_err(text);
        assert!(message.starts_with(&format!("RealpathEvery: '{text}' is not allowed")));
        assert!(message.contains("0 to one year"));
    }
}

#[test]
fn words_in_any_case() {
    assert_eq!(flag("Realdoc", &c("oN")), Ok(true));
    assert_eq!(flag("Realdoc", &c("OFF")), Ok(false));
    for bad in ["", "yes", "1", "on ", "/srv"] {
        let message = flag("Realdoc", &c(bad)).expect_err(bad);
        assert_eq!(
            message,
            format!("Realdoc: '{bad}' is not allowed; allowed is On or Off")
        );
    }
}

#[test]
fn use_readlink_takes_a_word_or_an_absolute_path() {
    let parse = |text| use_readlink("UseReadlink", &c(text));
    assert_eq!(parse("on"), Ok(UseReadlink::On));
    assert_eq!(parse("Off"), Ok(UseReadlink::Off));
    assert_eq!(parse("/srv/app"), Ok(UseReadlink::From(c("/srv/app"))));
    for bad in ["", "srv/app", "./x", "maybe"] {
        let message = parse(bad).expect_err(bad);
        assert_eq!(
            message,
            format!("UseReadlink: '{bad}' is not allowed; allowed is On, Off or an absolute path")
        );
    }
}

#[test]
fn sections_takes_three_words() {
    let parse = |text| sections("RealdocSections", &c(text));
    assert_eq!(parse("AUTO"), Ok(Sections::Auto));
    assert_eq!(parse("link"), Ok(Sections::Link));
    assert_eq!(parse("Target"), Ok(Sections::Target));
    for bad in ["", "both", "On", "/srv"] {
        assert!(
            parse(bad)
                .expect_err(bad)
                .ends_with("allowed is Auto, Link or Target")
        );
    }
}

#[test]
fn link_takes_absolute_paths() {
    let parse = |text| link("RealdocLink", &c(text));
    assert_eq!(parse("/srv/app"), Ok(Some(c("/srv/app"))));
    assert_eq!(parse("/srv/app/"), Ok(Some(c("/srv/app"))));
    assert_eq!(parse("none"), Ok(None));
    for bad in ["", "srv/app", "/", "Off"] {
        assert!(
            parse(bad)
                .expect_err(bad)
                .ends_with("allowed is absolute paths, or None")
        );
    }
}

proptest! {
    /// Every number and unit within bounds is taken for what it says; no text panics.
    #[test]
    fn a_time_is_what_it_says(number in 0i64..200_000, unit in 0usize..6, junk in "[^\0]{0,12}") {
        let (unit, micros) =
            [("ms", 1000), ("s", SECOND), ("", SECOND), ("mi", 60 * SECOND), ("min", 60 * SECOND), ("h", 3600 * SECOND)][unit];
        let expected = number.checked_mul(micros).filter(|t| *t <= LONGEST);
        prop_assert_eq!(time("X", &c(&format!("{number}{unit}"))).ok(), expected);
        let _ = time("X", &c(&junk));
        let _ = use_readlink("X", &c(&junk));
    }
}

#[test]
fn previous_takes_a_word_or_a_time_and_a_count() {
    let parse = |text: &str| {
        let (value, count) = match text.split_once(' ') {
            Some((value, count)) => (value, Some(c(count))),
            None => (text, None),
        };
        previous("RealdocPrevious", &c(value), count.as_deref())
    };
    let window = |seconds: i64, count| {
        Some(Window {
            span: seconds * SECOND,
            count,
        })
    };
    assert_eq!(parse("Off"), Ok(None));
    assert_eq!(parse("on"), Ok(window(24 * 3600, 5)));
    assert_eq!(parse("24h"), Ok(window(24 * 3600, 5)));
    assert_eq!(parse("90"), Ok(window(90, 5)));
    assert_eq!(parse("5mi 1"), Ok(window(300, 1)));
    assert_eq!(parse("720h 16"), Ok(window(720 * 3600, 16)));
    for bad in [
        "0",
        "-1",
        "721h",
        "1x",
        "yes",
        "24h 0",
        "24h 17",
        "24h -1",
        "24h +1",
        "24h x",
        "24h ",
        "On 5",
        "Off 5",
        "24h 99999999999999999999",
    ] {
        let message = parse(bad).expect_err(bad);
        let start =
            format!("RealdocPrevious: '{bad}' is not allowed; allowed is On, Off, or a time");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn previous_missing_takes_two_words() {
    let parse = |text| previous_missing("RealdocPreviousMissing", &c(text));
    assert_eq!(parse("pass"), Ok(false));
    assert_eq!(parse("NotFound"), Ok(true));
    assert!(parse("404").is_err());
}
