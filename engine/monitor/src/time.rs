//! Wall-clock time as text.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// RFC 3339 with nanoseconds, in UTC, as Kubernetes' log format has it.
#[must_use]
pub fn rfc3339(nanoseconds: u64) -> String {
    let (seconds, fraction) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}+00:00")
}

/// The same, with `Z` for UTC, as Go writes it.
#[must_use]
pub fn rfc3339_z(nanoseconds: u64) -> String {
    let text = rfc3339(nanoseconds);
    format!("{}Z", text.strip_suffix("+00:00").unwrap_or(&text))
}

/// As Go prints a time, in UTC: `2026-11-21 02:33:40.833988111 +0000 UTC`.
#[must_use]
pub fn go_words(nanoseconds: u64) -> String {
    let text = rfc3339(nanoseconds);
    let text = text.strip_suffix("+00:00").unwrap_or(&text);
    format!("{} +0000 UTC", text.replacen('T', " ", 1).trim_end_matches('0').trim_end_matches('.'))
}

/// Nanoseconds since 1970 of a time in RFC 3339, with any fraction and zone; `None` for what is none, or before 1970.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| {
        text.get(range).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()))?.parse::<i64>().ok()
    };
    let marks = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
    if !marks.into_iter().all(|(at, mark)| text.get(at..=at) == Some(mark)) {
        return None;
    }
    let days = day_of(number(0..4)?, number(5..7)?, number(8..10)?)?;
    let clock = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    let rest = text.get(19..)?;
    let digits = rest.strip_prefix('.').map_or(0, |it| 1 + it.bytes().take_while(u8::is_ascii_digit).count());
    let (fraction, zone) = rest.split_at_checked(digits)?;
    let nanos: u64 = format!("{:0<9.9}", fraction.trim_start_matches('.')).parse().ok()?;
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign @ ("+" | "-"), clock) => {
            let (hours, minutes) = clock.split_once(':')?;
            let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if sign == "+" { seconds } else { -seconds }
        }
        _ => return None,
    };
    let seconds = u64::try_from(days * 86_400 + clock - offset).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// The day of a Gregorian date, counted from 1970-01-01: the other way round of [`civil_date`].
fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// The Gregorian date of a day counted from 1970-01-01: whole 400-year cycles, then a year that begins in March, so that
/// the leap day comes last.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: u64, expected: &str) {
        assert_eq!(rfc3339(seconds * 1_000_000_000), format!("{expected}.000000000+00:00"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        check(0, "1970-01-01T00:00:00");
        check(951_782_400, "2000-02-29T00:00:00");
        check(951_868_800, "2000-03-01T00:00:00");
        check(1_795_226_689, "2026-11-21T02:04:49");
        check(4_107_542_399, "2100-02-28T23:59:59");
        check(4_107_542_400, "2100-03-01T00:00:00");
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for seconds in [0, 951_782_400, 951_868_800, 1_795_226_689, 4_107_542_399, 4_107_542_400] {
            let nanos = seconds * 1_000_000_000 + 120_000_300;
            assert_eq!(parse_rfc3339(&rfc3339(nanos)), Some(nanos));
            assert_eq!(parse_rfc3339(&rfc3339_z(nanos)), Some(nanos));
        }
        assert_eq!(parse_rfc3339("1970-01-01T01:00:00.5+01:00"), Some(500_000_000));
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01-00:30"), Some(1_801_000_000_000));
        for wrong in [
            "",
            "1970",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
            "1970-01-01T00:00:00ZZ",
            "1970-01-01T00:00:00.ä",
            "1970-01-01T01:00:00+02:00",
            "-970-01-01T00:00:00Z",
            "1970-01-01T00:00:00+1",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn go_leaves_out_zeros_at_the_end() {
        assert_eq!(go_words(1_795_226_689_120_000_000), "2026-11-21 02:04:49.12 +0000 UTC");
        assert_eq!(go_words(1_795_226_690_000_000_000), "2026-11-21 02:04:50 +0000 UTC");
    }
}
