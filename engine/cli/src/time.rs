//! Times and durations, as people and programs write and read them.
//!
//! The clock itself is read by the face, once, and handed in.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

mod human;
mod parse;

pub use human::{
    ago, binary_size_words, duration_words, go_duration, precise_size_words, size_words, spaced_size_words,
};
pub use parse::{TimeError, parse_duration, parse_since, parse_until};

/// Nanoseconds since 1970, negative before it.
fn timestamp(moment: SystemTime) -> Timestamp {
    let bound = |after: Duration| i128::try_from(after.as_nanos()).unwrap_or(i128::MAX);
    let nanos = match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => bound(after),
        Err(before) => -bound(before.duration()),
    };
    Timestamp::from_nanosecond(nanos).unwrap_or(if nanos < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A time from nanoseconds since 1970, as our records have it.
pub fn from_nanos(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

/// The time as RFC 3339 in UTC, with the digits of a second that are needed: `2026-11-21T02:33:40.833988111Z`.
pub fn rfc3339(moment: SystemTime) -> String {
    timestamp(moment).to_string()
}

/// The time as RFC 3339 with the offset of the host's zone, as Podman's JSON has what it saw happen.
pub fn rfc3339_local(moment: SystemTime) -> String {
    rfc3339_in(timestamp(moment), host_zone())
}

/// The time as RFC 3339 with the offset of a zone; `Z` where that is none.
pub(crate) fn rfc3339_in(stamp: Timestamp, zone: TimeZone) -> String {
    let zoned = stamp.to_zoned(zone);
    if zoned.offset().is_zero() {
        return stamp.to_string();
    }
    zoned.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
}

/// The time as lines of a log begin with it: with the offset of the host's zone, and nine digits of a second, so that the lines
/// behind it stand in one column.
pub fn log_time(moment: SystemTime) -> String {
    log_time_in(timestamp(moment), host_zone())
}

fn log_time_in(stamp: Timestamp, zone: TimeZone) -> String {
    let zoned = stamp.to_zoned(zone);
    let form = if zoned.offset().is_zero() { "%Y-%m-%dT%H:%M:%S%.9fZ" } else { "%Y-%m-%dT%H:%M:%S%.9f%:z" };
    zoned.strftime(form).to_string()
}

/// What Go prints for a time that was never set, as JSON.
pub const NEVER_RFC3339: &str = "0001-01-01T00:00:00Z";

/// What Go prints for a time that was never set, in seconds since 1970.
pub const NEVER_UNIX: i64 = -62_135_596_800;

/// The time as RFC 3339; a time that never came is the year 1, as in Podman's JSON.
pub fn rfc3339_or_never(moment: Option<SystemTime>) -> String {
    moment.map_or_else(|| NEVER_RFC3339.to_owned(), rfc3339)
}

/// The same with the offset of the host's zone.
pub fn rfc3339_local_or_never(moment: Option<SystemTime>) -> String {
    moment.map_or_else(|| NEVER_RFC3339.to_owned(), rfc3339_local)
}

/// A time in RFC 3339 without the fraction of its second, as some of Podman's lists have it.
pub fn seconds_of(rfc3339: &str) -> String {
    match rfc3339.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => rfc3339.to_owned(),
    }
}

/// The moment that a text in RFC 3339 tells, if it is one.
pub fn moment_of(rfc3339: &str) -> Option<SystemTime> {
    rfc3339.parse::<Timestamp>().ok().map(SystemTime::from)
}

/// Seconds since 1970; a time that never came is the year 1, as in Podman's JSON.
pub fn unix_or_never(moment: Option<SystemTime>) -> i64 {
    moment.map_or(NEVER_UNIX, |moment| timestamp(moment).as_second())
}

/// The time as Go's `time.Time` prints itself, in the zone of the host: `2026-11-21 02:33:40.833988111 +0000 UTC`.
pub fn go_words(moment: SystemTime) -> String {
    in_go_words(timestamp(moment), host_zone())
}

/// The time as C's `asctime` prints it, in the zone of the host: `Sun Dec 21 16:42:01 2025`.
pub fn calendar_words(moment: SystemTime) -> String {
    timestamp(moment).to_zoned(host_zone()).strftime("%a %b %e %H:%M:%S %Y").to_string()
}

/// The same for a time written in RFC 3339, in the zone it is written in; the text itself where it is no time.
pub(crate) fn go_words_of_rfc3339(text: &str) -> String {
    if text == NEVER_RFC3339 {
        return "0001-01-01 00:00:00 +0000 UTC".to_owned();
    }
    zoned_of_rfc3339(text).map_or_else(|| text.to_owned(), |it| zoned_in_go_words(&it))
}

/// A time written in RFC 3339, in the zone of the host if it has that one's offset, else in UTC.
pub(crate) fn zoned_of_rfc3339(text: &str) -> Option<Zoned> {
    let stamp: Timestamp = text.parse().ok()?;
    if text.ends_with(['Z', 'z']) {
        return Some(stamp.to_zoned(TimeZone::UTC));
    }
    let here = stamp.to_zoned(host_zone());
    let is_ours = text.ends_with(&here.strftime("%:z").to_string());
    Some(if is_ours { here } else { stamp.to_zoned(TimeZone::UTC) })
}

/// The zone of the host, read once.
///
/// To tell it with its name, jiff lists all zones that there are, which takes longer than everything else that `ps` does; the
/// name is asked by nobody.
pub(crate) fn host_zone() -> TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let local = || TimeZone::tzif("local", &std::fs::read("/etc/localtime").ok()?).ok();
    let read = || match std::env::var_os("TZ") {
        None => local().unwrap_or_else(TimeZone::system),
        Some(_) => TimeZone::system(),
    };
    ZONE.get_or_init(read).clone()
}

fn in_go_words(stamp: Timestamp, zone: TimeZone) -> String {
    zoned_in_go_words(&stamp.to_zoned(zone))
}

fn zoned_in_go_words(time: &Zoned) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S%.f %z %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn moment(text: &str) -> SystemTime {
        SystemTime::from(text.parse::<Timestamp>().unwrap())
    }

    #[test]
    fn times_are_written_as_go_writes_them() {
        let time = moment("2026-11-21T02:33:40.833988111Z");
        assert_eq!(rfc3339(time), "2026-11-21T02:33:40.833988111Z");
        assert_eq!(rfc3339(moment("2026-11-21T02:33:40Z")), "2026-11-21T02:33:40Z");
        assert_eq!(in_go_words(timestamp(time), TimeZone::UTC), "2026-11-21 02:33:40.833988111 +0000 UTC");
        assert_eq!(go_words_of_rfc3339("2026-11-21T02:33:34Z"), "2026-11-21 02:33:34 +0000 UTC");
    }

    #[test]
    fn a_time_is_told_in_its_zone() {
        let zone = || TimeZone::fixed(jiff::tz::offset(2));
        let stamp = timestamp(moment("2026-11-21T22:33:40.5Z"));
        assert_eq!(rfc3339_in(stamp, zone()), "2026-11-22T00:33:40.5+02:00");
        assert_eq!(rfc3339_in(stamp, TimeZone::UTC), "2026-11-21T22:33:40.5Z");
        assert_eq!(moment_of("2026-11-22T00:33:40.5+02:00"), Some(SystemTime::from(stamp)));
        let elsewhere = zoned_of_rfc3339("2026-11-22T00:33:40.5+02:07").map(|it| it.timestamp());
        assert_eq!(elsewhere, Some("2026-11-21T22:26:40.5Z".parse().unwrap()));
    }

    #[test]
    fn lines_of_a_log_have_nine_digits_in_every_zone() {
        let stamp = timestamp(moment("2026-11-21T22:33:40.5Z"));
        for (zone, expected) in [
            (TimeZone::UTC, "2026-11-21T22:33:40.500000000Z"),
            (TimeZone::fixed(jiff::tz::offset(2)), "2026-11-22T00:33:40.500000000+02:00"),
            (TimeZone::fixed(jiff::tz::offset(-3)), "2026-11-21T19:33:40.500000000-03:00"),
        ] {
            assert_eq!(log_time_in(stamp, zone), expected);
        }
        let whole = timestamp(moment("2026-11-21T22:33:40Z"));
        assert_eq!(log_time_in(whole, TimeZone::UTC), "2026-11-21T22:33:40.000000000Z");
    }

    #[test]
    fn a_time_that_never_came_is_the_year_one() {
        assert_eq!(rfc3339_or_never(None), "0001-01-01T00:00:00Z");
        assert_eq!(unix_or_never(None), -62_135_596_800);
        assert_eq!(go_words_of_rfc3339(NEVER_RFC3339), "0001-01-01 00:00:00 +0000 UTC");
    }

    #[test]
    fn times_before_1970_and_beyond_the_calendar_do_not_fail() {
        assert_eq!(unix_or_never(Some(UNIX_EPOCH - Duration::from_secs(10))), -10);
        assert!(!rfc3339(UNIX_EPOCH + Duration::from_secs(1 << 62)).is_empty());
    }
}
