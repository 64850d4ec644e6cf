//! What a template may ask of a time or a duration: the methods of Go's `time.Time` and `time.Duration` that make sense in one
//! line of output.
//!
//! Layouts and names are those of Go's package `time` (`Layout`, `Time.Format`): `{{.Created.Format "2006-01-02 15:04"}}`.

use std::time::Duration;

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::value::Value;
use crate::time::{go_duration, host_zone, rfc3339_in, zoned_of_rfc3339};

/// The methods without arguments, for hints.
pub(super) const METHODS: &[&str] = &[
    "Unix",
    "UnixMilli",
    "UnixMicro",
    "UnixNano",
    "Year",
    "Month",
    "Day",
    "Weekday",
    "YearDay",
    "Hour",
    "Minute",
    "Second",
    "Nanosecond",
    "IsZero",
    "UTC",
    "Local",
    "String",
];

/// The answer of a method without arguments; nothing if there is no such method.
pub(super) fn ask(stamp: &str, method: &str) -> Option<Value> {
    let time = zoned_of_rfc3339(stamp)?;
    let words = |directive: &str| Value::text(time.strftime(directive).to_string());
    let nanos = time.timestamp().as_nanosecond();
    Some(match method {
        "Unix" => Value::Int(nanos.div_euclid(1_000_000_000)),
        "UnixMilli" => Value::Int(nanos.div_euclid(1_000_000)),
        "UnixMicro" => Value::Int(nanos.div_euclid(1_000)),
        "UnixNano" => Value::Int(nanos),
        "Year" => Value::Int(time.year().into()),
        "Month" => words("%B"),
        "Day" => Value::Int(time.day().into()),
        "Weekday" => words("%A"),
        "YearDay" => Value::Int(time.day_of_year().into()),
        "Hour" => Value::Int(time.hour().into()),
        "Minute" => Value::Int(time.minute().into()),
        "Second" => Value::Int(time.second().into()),
        "Nanosecond" => Value::Int(time.subsec_nanosecond().into()),
        "IsZero" => Value::Bool(stamp == crate::time::NEVER_RFC3339),
        "UTC" => Value::Time(rfc3339_in(time.timestamp(), TimeZone::UTC).into()),
        "Local" => Value::Time(rfc3339_in(time.timestamp(), host_zone()).into()),
        "String" => Value::text(crate::time::go_words_of_rfc3339(stamp)),
        _ => return None,
    })
}

/// What a duration is in other units, and in words.
pub(super) const DURATION_METHODS: &[&str] =
    &["Hours", "Minutes", "Seconds", "Milliseconds", "Microseconds", "Nanoseconds", "String"];

/// The answer of a duration's method without arguments; nothing if there is no such method.
pub(super) fn ask_duration(nanos: i64, method: &str) -> Option<Value> {
    let whole = |unit: i64| Value::Int((nanos / unit).into());
    // Whole seconds are exact in any case.
    #[expect(clippy::cast_precision_loss, reason = "as Go has it")]
    let part = |unit: i64| Value::Float(nanos as f64 / unit as f64);
    Some(match method {
        "Hours" => part(3_600_000_000_000),
        "Minutes" => part(60_000_000_000),
        "Seconds" => part(1_000_000_000),
        "Milliseconds" => whole(1_000_000),
        "Microseconds" => whole(1_000),
        "Nanoseconds" => whole(1),
        "String" => Value::text(duration(nanos)),
        _ => return None,
    })
}

/// A duration as Go prints it.
pub(super) fn duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    format!("{sign}{}", go_duration(Duration::from_nanos(nanos.unsigned_abs())))
}

/// `Time.Format`: the time as the layout writes the second of January 2006, 15:04:05.
pub(super) fn format(stamp: &str, layout: &str) -> Option<String> {
    let time = zoned_of_rfc3339(stamp)?;
    let mut text = String::new();
    let mut rest = layout;
    while let Some(letter) = rest.chars().next() {
        if let Some((digits, trims)) = fraction(rest) {
            text.push_str(&part_of_second(&time, letter, digits, trims));
            rest = rest.get(1 + digits..).unwrap_or_default();
            continue;
        }
        match PIECES.iter().find(|(piece, _)| is_piece(rest, piece)) {
            Some((piece, Piece::Directive(directive))) => {
                text.push_str(&time.strftime(directive).to_string());
                rest = rest.get(piece.len()..).unwrap_or_default();
            }
            Some((piece, Piece::Zone(directive))) => {
                let is_utc = piece.starts_with('Z') && time.offset().is_zero();
                text.push_str(&if is_utc { "Z".to_owned() } else { time.strftime(directive).to_string() });
                rest = rest.get(piece.len()..).unwrap_or_default();
            }
            None => {
                text.push(letter);
                rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            }
        }
    }
    Some(text)
}

/// How a piece of a layout is written.
enum Piece {
    /// As strftime(3) has it.
    Directive(&'static str),
    /// An offset; `Z` in front stands for UTC.
    Zone(&'static str),
}

/// Pieces of layouts; of those that begin alike the longer one comes first.
const PIECES: &[(&str, Piece)] = &[
    ("January", Piece::Directive("%B")),
    ("Jan", Piece::Directive("%b")),
    ("Monday", Piece::Directive("%A")),
    ("Mon", Piece::Directive("%a")),
    ("MST", Piece::Directive("%Z")),
    ("2006", Piece::Directive("%Y")),
    ("002", Piece::Directive("%j")),
    ("01", Piece::Directive("%m")),
    ("02", Piece::Directive("%d")),
    ("03", Piece::Directive("%I")),
    ("04", Piece::Directive("%M")),
    ("05", Piece::Directive("%S")),
    ("06", Piece::Directive("%y")),
    ("15", Piece::Directive("%H")),
    ("_2006", Piece::Directive("_%Y")),
    ("_2", Piece::Directive("%e")),
    ("1", Piece::Directive("%-m")),
    ("2", Piece::Directive("%-d")),
    ("3", Piece::Directive("%-I")),
    ("4", Piece::Directive("%-M")),
    ("5", Piece::Directive("%-S")),
    ("PM", Piece::Directive("%p")),
    ("pm", Piece::Directive("%P")),
    ("-07:00", Piece::Zone("%:z")),
    ("-0700", Piece::Zone("%z")),
    ("Z07:00", Piece::Zone("%:z")),
    ("Z0700", Piece::Zone("%z")),
];

/// Whether the layout goes on with the piece; short names of months and days must not be the beginning of another word.
fn is_piece(rest: &str, piece: &str) -> bool {
    let Some(after) = rest.strip_prefix(piece) else { return false };
    !matches!(piece, "Jan" | "Mon") || !after.starts_with(|letter: char| letter.is_ascii_lowercase())
}

/// The number of digits of `.000` or `.999` at the beginning, and whether zeros at the end are left out.
fn fraction(rest: &str) -> Option<(usize, bool)> {
    let digits = rest.strip_prefix(['.', ','])?;
    let first = digits.chars().next().filter(|it| matches!(it, '0' | '9'))?;
    let count = digits.chars().take_while(|it| *it == first).count();
    let ends = !digits.get(count..)?.starts_with(|it: char| it.is_ascii_digit());
    (ends && count <= 9).then_some((count, first == '9'))
}

fn part_of_second(time: &Zoned, point: char, digits: usize, trims: bool) -> String {
    let nanos = format!("{:09}", time.subsec_nanosecond());
    let shown = nanos.get(..digits).unwrap_or_default();
    let shown = if trims { shown.trim_end_matches('0') } else { shown };
    if shown.is_empty() { String::new() } else { format!("{point}{shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(layout: &str, expected: &str) {
        assert_eq!(format("2026-01-05T15:04:07.120400000Z", layout).as_deref(), Some(expected), "{layout}");
    }

    #[test]
    fn layouts_are_those_of_go() {
        check("2006-01-02T15:04:05Z07:00", "2026-01-05T15:04:07Z");
        check("2006-01-02 15:04:05.999999999 -0700 MST", "2026-01-05 15:04:07.1204 +0000 UTC");
        check("Mon Jan _2 15:04:05 2006", "Mon Jan  5 15:04:07 2026");
        check("Monday, 02-January-06 3:04PM", "Monday, 05-January-26 3:04PM");
        check("1/2/06 03.000 pm 002", "1/5/26 03.120 pm 005");
        check("20060102_150405", "20260105_150407");
        check("day 2 of Month", "day 5 of Month");
        check("", "");
    }

    #[test]
    fn a_time_tells_its_parts() {
        let of = |method| ask("2026-01-05T15:04:07.5Z", method).map(|it| it.go_text());
        assert_eq!(of("Unix").as_deref(), Some("1767625447"));
        assert_eq!(of("UnixNano").as_deref(), Some("1767625447500000000"));
        assert_eq!(of("Month").as_deref(), Some("January"));
        assert_eq!(of("Weekday").as_deref(), Some("Monday"));
        assert_eq!(of("IsZero").as_deref(), Some("false"));
        assert_eq!(of("UTC").as_deref(), Some("2026-01-05 15:04:07.5 +0000 UTC"));
        assert_eq!(of("Era"), None);
        for method in METHODS {
            assert!(of(method).is_some(), "{method}");
        }
        assert_eq!(ask(crate::time::NEVER_RFC3339, "IsZero"), Some(Value::Bool(true)));
        assert_eq!(ask(crate::time::NEVER_RFC3339, "Unix"), Some(Value::Int(-62_135_596_800)));
    }
}
