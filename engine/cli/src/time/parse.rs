//! Reading `--since`, `--until` and Go's durations.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Why a time or a duration cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Neither a time nor a duration.
    #[error("`{text}` is no time")]
    NoTime {
        /// As it was written.
        text: String,
    },
    /// Not a duration.
    #[error("`{text}` is no duration")]
    NoDuration {
        /// As it was written.
        text: String,
    },
}

impl TimeError {
    /// What to write instead.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::NoTime { .. } => {
                    "write a time as 2026-11-21T08:30:00Z, as seconds since 1970, or as a duration before now (10m, 1h30m)"
                }
                Self::NoDuration { .. } => "write a duration as 250ms, 10s, 5m or 1h30m",
            }
            .to_owned(),
        )
    }
}

/// Reads `--since` or `--until`: RFC 3339, a date with or without time in the host's zone, seconds since 1970
/// (with a fraction), or a duration before now.
pub fn parse_since(text: &str, now: SystemTime) -> Result<SystemTime, TimeError> {
    parse_since_in(text, now, TimeZone::system)
}

fn parse_since_in(text: &str, now: SystemTime, zone: fn() -> TimeZone) -> Result<SystemTime, TimeError> {
    let no_time = || TimeError::NoTime { text: text.to_owned() };
    if let Some(since_epoch) = unix_seconds(text) {
        return UNIX_EPOCH.checked_add(since_epoch).ok_or_else(no_time);
    }
    if let Ok((negative, duration)) = signed_duration(text) {
        // `-10m` has always meant ten minutes ahead; hardly anybody writes it, but it is a duration before now.
        let moment = if negative { now.checked_add(duration) } else { now.checked_sub(duration) };
        return moment.ok_or_else(no_time);
    }
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Ok(SystemTime::from(stamp));
    }
    let local = text.parse::<DateTime>().map_err(|_| no_time())?;
    let zoned = local.to_zoned(zone()).map_err(|_| no_time())?;
    Ok(SystemTime::from(zoned.timestamp()))
}

/// Reads the `--until` of `events`: as [`parse_since`], but a duration is one from now on, as in Podman.
pub fn parse_until(text: &str, now: SystemTime) -> Result<SystemTime, TimeError> {
    let Ok((negative, duration)) = signed_duration(text) else { return parse_since(text, now) };
    if unix_seconds(text).is_some() {
        return parse_since(text, now);
    }
    let moment = if negative { now.checked_sub(duration) } else { now.checked_add(duration) };
    moment.ok_or_else(|| TimeError::NoTime { text: text.to_owned() })
}

/// `1795228420` or `1795228420.25`.
fn unix_seconds(text: &str) -> Option<Duration> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(Duration::new(seconds.parse().ok()?, nanos))
}

/// Reads a duration as Go writes it: `250ms`, `1h30m`, `1.5s`, `0`.
pub fn parse_duration(text: &str) -> Result<Duration, TimeError> {
    match signed_duration(text) {
        Ok((false, duration)) => Ok(duration),
        _ => Err(TimeError::NoDuration { text: text.to_owned() }),
    }
}

/// Whether the duration is negative, and how long it is.
fn signed_duration(text: &str) -> Result<(bool, Duration), TimeError> {
    let no_duration = || TimeError::NoDuration { text: text.to_owned() };
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok((negative, Duration::ZERO));
    }
    if rest.is_empty() {
        return Err(no_duration());
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let number_end =
            rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').ok_or_else(no_duration)?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end =
            tail.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let part = nanos_of(number, unit).ok_or_else(no_duration)?;
        nanos = nanos.checked_add(part).ok_or_else(no_duration)?;
        rest = tail;
    }
    let nanos = u64::try_from(nanos).map_err(|_| no_duration())?;
    Ok((negative, Duration::from_nanos(nanos)))
}

fn nanos_of(number: &str, unit: &str) -> Option<u128> {
    let per_unit: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits beyond the fifteenth are far below a nanosecond.
    let fraction = fraction.get(..fraction.len().min(15))?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.checked_mul(per_unit)?.checked_add(fraction * per_unit / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_duration(text: &str, expected: Option<u64>) {
        assert_eq!(parse_duration(text).ok(), expected.map(Duration::from_millis), "{text}");
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        check_duration("0", Some(0));
        check_duration("250ms", Some(250));
        check_duration("10s", Some(10_000));
        check_duration("1h30m", Some(5_400_000));
        check_duration("1.5s", Some(1_500));
        check_duration(".5s", Some(500));
        check_duration("1h2m3s4ms", Some(3_723_004));
        for wrong in
            ["", "10", "s", "10x", "1h30", "-5s", ".s", "1..5s", "99999999999999999999h", "１s", "1 s"]
        {
            check_duration(wrong, None);
        }
    }

    #[track_caller]
    fn check_since(text: &str, expected: Option<&str>) {
        let now = SystemTime::from("2026-11-21T12:00:00Z".parse::<Timestamp>().unwrap());
        let read = parse_since_in(text, now, || TimeZone::fixed(jiff::tz::offset(1)));
        assert_eq!(read.ok().map(super::super::rfc3339).as_deref(), expected, "{text}");
    }

    #[test]
    fn since_takes_times_dates_seconds_and_durations() {
        check_since("2026-11-21T02:33:40Z", Some("2026-11-21T02:33:40Z"));
        check_since("2026-11-21T02:33:40.5+02:00", Some("2026-11-21T00:33:40.5Z"));
        check_since("2026-11-21T02:33:40", Some("2026-11-21T01:33:40Z"));
        check_since("2026-11-21T02:33", Some("2026-11-21T01:33:00Z"));
        check_since("2026-11-21", Some("2026-11-20T23:00:00Z"));
        check_since("1795228420", Some("2026-11-21T02:33:40Z"));
        check_since("1795228420.25", Some("2026-11-21T02:33:40.25Z"));
        check_since("10m", Some("2026-11-21T11:50:00Z"));
        check_since("1h30m", Some("2026-11-21T10:30:00Z"));
        check_since("yesterday", None);
        check_since("", None);
        check_since("99999999999999999999999", None);
    }

    #[test]
    fn a_duration_of_until_lies_ahead() {
        let now = SystemTime::from("2026-11-21T12:00:00Z".parse::<Timestamp>().unwrap());
        let read = |text: &str| parse_until(text, now).ok().map(super::super::rfc3339);
        assert_eq!(read("10m").as_deref(), Some("2026-11-21T12:10:00Z"));
        assert_eq!(read("-10m").as_deref(), Some("2026-11-21T11:50:00Z"));
        assert_eq!(read("2026-11-21T02:33:40Z").as_deref(), Some("2026-11-21T02:33:40Z"));
        assert_eq!(read("1795228420").as_deref(), Some("2026-11-21T02:33:40Z"));
        assert_eq!(read("0").as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(read("tomorrow"), None);
    }
}
