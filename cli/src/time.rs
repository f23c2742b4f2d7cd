//! Spans of time as they are typed, and moments as they are printed.

use realdoc_core::{Micros, SECOND};

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Micros);

/// More makes no sense, and would overflow.
const LONGEST: i64 = 3650 * 24 * 3600;

/// Reads `90`, `90s`, `5m` (httpd's `5mi`), `24h` or `7d`.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "" | "s" => 1,
        "m" | "mi" | "min" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => 0,
    };
    let span = number.parse::<i64>().ok().filter(|_| seconds > 0);
    let span = span.and_then(|number| number.checked_mul(seconds));
    match span {
        Some(span) if span <= LONGEST => Ok(Span(span * SECOND)),
        Some(_) => Err("more than ten years".to_owned()),
        None => Err("a time is a number with s, m, h or d, as in 90s, 5m, 24h".to_owned()),
    }
}

/// A moment in UTC, as in `2026-12-01 04:33:14Z`; in JSON `2026-12-01T04:33:14Z`.
pub(crate) fn date(moment: Micros, between: char) -> String {
    let seconds = moment.div_euclid(SECOND);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}Z")
}

/// How long ago a moment is, in its largest unit.
pub(crate) fn ago(moment: Micros, now: Micros) -> String {
    let seconds = ((now - moment) / SECOND).max(0);
    let (number, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{number} {unit} ago")
}

/// Days since 1970 as year, month and day; Howard Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_827_696, "2000-02-29 12:34:56Z"),
            (1_798_761_599, "2026-12-31 23:59:59Z"),
            (-1, "1969-12-31 23:59:59Z"),
        ] {
            assert_eq!(date(seconds * SECOND, ' '), expected);
        }
    }

    #[test]
    fn spans() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            ("5m", 300),
            ("5mi", 300),
            ("2d", 172_800),
        ] {
            assert_eq!(span(text), Ok(Span(seconds * SECOND)), "{text}");
        }
        for text in [
            "",
            "m",
            "-1",
            "1.5h",
            "5 m",
            "5w",
            "99999999999999999999",
            "3651d",
        ] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
