//! Durations and sizes in words, as Podman's lists have them.

use std::time::{Duration, SystemTime};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// A duration in words: `Less than a second`, `About a minute`, `5 hours`, `3 weeks`.
pub fn duration_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / MINUTE;
    // Hours are rounded, all other units cut off; that is how the original counts.
    let hours = (seconds + HOUR / 2) / HOUR;
    let days = hours / 24;
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if days < 14 => format!("{days} days"),
        () if days < 60 => format!("{} weeks", days / 7),
        () if days < 730 => format!("{} months", days / 30),
        () => format!("{} years", seconds / HOUR / 24 / 365),
    }
}

/// How long ago something was, in words: `2 seconds ago`. What lies in the future counts as just now.
pub fn ago(moment: SystemTime, now: SystemTime) -> String {
    format!("{} ago", duration_words(now.duration_since(moment).unwrap_or_default()))
}

/// A size in decimal units with three digits: `2.18MB`, `11.8kB`, `0B`.
pub fn size_words(bytes: u64) -> String {
    let (number, unit) = scaled(bytes, 3);
    format!("{number}{unit}")
}

/// The same with a space, as in the list of images: `2.18 MB`.
pub fn spaced_size_words(bytes: u64) -> String {
    let (number, unit) = scaled(bytes, 3);
    format!("{number} {unit}")
}

/// A size in decimal units with four digits, as `stats` has it: `2.183MB`.
pub fn precise_size_words(bytes: u64) -> String {
    let (number, unit) = scaled(bytes, 4);
    format!("{number}{unit}")
}

/// A size in binary units with four digits: `2.082MiB`.
pub fn binary_size_words(bytes: u64) -> String {
    let (number, unit) = scaled_by(1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], bytes, 4);
    format!("{number}{unit}")
}

/// A duration as Go writes it: `1h2m3.5s`, `3.911ms`, `0s`.
pub fn go_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fraction = |of: u128, unit: &str| {
        let digits = of.ilog10() as usize;
        let text = format!("{}.{:0digits$}", nanos / of, nanos % of);
        format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    match nanos {
        0 => return "0s".to_owned(),
        1..1_000 => return format!("{nanos}ns"),
        1_000..1_000_000 => return fraction(1_000, "µs"),
        1_000_000..1_000_000_000 => return fraction(1_000_000, "ms"),
        _ => {}
    }
    let seconds = duration.as_secs();
    let precise = format!("{}.{:09}", seconds % 60, duration.subsec_nanos());
    let precise = precise.trim_end_matches('0').trim_end_matches('.');
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{precise}s"),
        (0, minutes) => format!("{minutes}m{precise}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{precise}s"),
    }
}

fn scaled(bytes: u64, digits: usize) -> (String, &'static str) {
    scaled_by(1000.0, ["B", "kB", "MB", "GB", "TB", "PB", "EB"], bytes, digits)
}

fn scaled_by(step: f64, units: [&'static str; 7], bytes: u64, digits: usize) -> (String, &'static str) {
    // All 64-bit sizes fit: the precision of f64 is far beyond a few digits.
    #[expect(clippy::cast_precision_loss, reason = "few digits are shown")]
    let mut rest = bytes as f64;
    let mut unit = 0;
    while rest >= step && unit + 1 < units.len() {
        rest /= step;
        unit += 1;
    }
    (significant(rest, digits), units.get(unit).copied().unwrap_or("B"))
}

/// So many significant digits without trailing zeros, as C's `%g` below a thousand.
fn significant(number: f64, digits: usize) -> String {
    // A number that is rounded up to the next power of ten has one place less.
    let whole = [10.0, 100.0, 1000.0].iter().filter(|limit| number >= **limit).count() + 1;
    let fits =
        |places: usize| format!("{number:.places$}").trim_matches('-').split('.').next().map_or(0, str::len);
    let places = digits.saturating_sub(whole);
    let places = if fits(places) > whole { places.saturating_sub(1) } else { places };
    let text = format!("{number:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: u64, expected: &str) {
        assert_eq!(duration_words(Duration::from_secs(seconds)), expected);
    }

    #[test]
    fn durations_are_told_in_the_largest_fitting_unit() {
        check(0, "Less than a second");
        check(1, "1 second");
        check(59, "59 seconds");
        check(60, "About a minute");
        check(119, "About a minute");
        check(120, "2 minutes");
        check(3599, "59 minutes");
        check(3600, "About an hour");
        check(3 * 3600 + 1800, "4 hours");
        check(47 * 3600, "47 hours");
        check(48 * 3600, "2 days");
        check(13 * 86400, "13 days");
        check(14 * 86400, "2 weeks");
        check(60 * 86400, "2 months");
        check(730 * 86400, "2 years");
    }

    #[test]
    fn durations_and_sizes_are_go_s() {
        for (nanos, expected) in [
            (0, "0s"),
            (12, "12ns"),
            (1_500, "1.5µs"),
            (3_911_000, "3.911ms"),
            (1_000_000_000, "1s"),
            (61_500_000_000, "1m1.5s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), expected);
        }
        for (bytes, expected) in [(0, "0B"), (1023, "1023B"), (1024, "1KiB"), (25_276_510_208, "23.54GiB")] {
            assert_eq!(binary_size_words(bytes), expected);
        }
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, expected) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (11_800, "11.8kB"),
            (2_182_215, "2.18MB"),
            (2_190_000, "2.19MB"),
            (142_000_000, "142MB"),
            (1_000_000_000_000, "1TB"),
            (u64::MAX, "18.4EB"),
        ] {
            assert_eq!(size_words(bytes), expected, "{bytes}");
        }
        assert_eq!(spaced_size_words(2_182_215), "2.18 MB");
    }

    #[test]
    fn the_future_is_just_now() {
        let now = SystemTime::now();
        assert_eq!(ago(now + Duration::from_secs(50), now), "Less than a second ago");
        assert_eq!(ago(now, now + Duration::from_secs(2)), "2 seconds ago");
    }
}
