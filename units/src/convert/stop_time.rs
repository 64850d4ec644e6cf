//! The time that a container has to end, and the time after which systemd ends its service the hard way.
//!
//! The first must be the shorter one: else systemd kills the supervisor together with a container that still has time, and
//! what the container would have written last is lost.

use super::work::Work;

/// What systemd takes where nobody says anything (`DefaultTimeoutStopSec=`).
const USUAL_LIMIT: u64 = 90;
/// What a stop takes beyond the container's own time: the kernel's killing, and undoing mounts and networks.
const REST: u64 = 15;

impl Work<'_> {
    /// Makes systemd wait for as long as the container may take to end; where the file says otherwise, that is a fault.
    pub(super) fn stops_in_time(&mut self) {
        let Some(given) = self.scalar("StopTimeout") else { return };
        let Ok(time) = given.text.parse::<u64>() else { return };
        let limit = self.setting("TimeoutStopSec").or_else(|| self.setting("TimeoutSec"));
        match limit {
            None if time.saturating_add(REST) > USUAL_LIMIT => {
                self.service("TimeoutStopSec", time.saturating_add(REST).to_string());
            }
            None => {}
            // What systemd expands, or calls otherwise, is its own business.
            Some(limit) if seconds(&limit.text).is_some_and(|limit| limit <= time) => {
                let text = format!(
                    "systemd kills the service after `{}`, while the container may take {time} s to end \
                     (`StopTimeout=`)",
                    crate::parse::brief(&limit.text)
                );
                let hint =
                    format!("give the service more, as `TimeoutStopSec={}`", time.saturating_add(REST));
                self.error(&limit, text, hint);
            }
            Some(_) => {}
        }
    }
}

/// A time span of systemd.time(7), in whole seconds; `None` for `infinity`, 0 (which means the same here) and what is none.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let mut micros: u64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?.trim_start();
        let letters = rest.bytes().take_while(|byte| !byte.is_ascii_digit() && *byte != b' ').count();
        let unit = match rest.get(..letters)? {
            "us" | "usec" | "µs" | "μs" => 1,
            "ms" | "msec" => 1_000,
            "" | "s" | "sec" | "second" | "seconds" => 1_000_000,
            "m" | "min" | "minute" | "minutes" => 60_000_000,
            "h" | "hr" | "hour" | "hours" => 3_600_000_000,
            "d" | "day" | "days" => 86_400_000_000,
            _ => return None,
        };
        micros = micros.checked_add(number.checked_mul(unit)?)?;
        rest = rest.get(letters..)?.trim_start();
    }
    (micros > 0).then_some(micros / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_reads_them() {
        for (text, expected) in [
            ("90", Some(90)),
            ("1min 30s", Some(90)),
            ("2m5", Some(125)),
            ("1500ms", Some(1)),
            ("1 h", Some(3600)),
            ("infinity", None),
            ("0", None),
            ("", None),
            ("%i", None),
            ("5x", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
