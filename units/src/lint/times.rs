//! Times of a container and of its service that do not go together.

use super::Lint;
use crate::UnitKind;
use crate::convert::stop_time::seconds;
use crate::tree::Entry;
use crate::values;

/// What a container has to end where nobody says anything.
const USUAL_STOP: u64 = 10;
/// How often health is checked where nobody says anything.
const USUAL_INTERVAL: u64 = 30;

pub(super) fn look(lint: &mut Lint<'_>) {
    if lint.file.name.kind == UnitKind::Container {
        stop(lint);
        watchdog(lint);
    }
}

/// The entry of a key of `[Service]`, and its time in seconds.
fn setting<'a>(lint: &Lint<'a>, key: &str) -> Option<(&'a Entry, u64)> {
    let entry = lint.file.unit.last("Service", key)?;
    Some((entry, seconds(&values::unquoted_scalar(entry).text)?))
}

/// Where the container's own time is said, the conversion looks at it.
fn stop(lint: &mut Lint<'_>) {
    let limit = setting(lint, "TimeoutStopSec").or_else(|| setting(lint, "TimeoutSec"));
    if let Some((entry, limit)) = limit.filter(|(_, limit)| *limit <= USUAL_STOP)
        && lint.values.scalar("StopTimeout").is_none()
    {
        let text = format!(
            "systemd kills the service after {limit} s, while a container has {USUAL_STOP} s to end where `StopTimeout=` \
             says nothing"
        );
        lint.warn_at(entry, text, format!("add `StopTimeout={}` to [Container]", limit / 2));
    }
}

/// The watchdog hears of checks that pass, or from the container itself.
fn watchdog(lint: &mut Lint<'_>) {
    let Some((entry, limit)) = setting(lint, "WatchdogSec") else { return };
    let said = |key: &str| lint.values.scalar(key);
    if said("Notify").is_some_and(|it| values::truth(&it.text) == Some(true)) {
        return;
    }
    if said("HealthCmd").is_none_or(|it| it.text == "none") {
        let text = "nobody tells the watchdog that all is well, unless the image has a health check";
        let hint = "give a check with `HealthCmd=`, or `Notify=yes` where the container tells it itself";
        lint.warn_at(entry, text, hint);
        return;
    }
    let interval = said("HealthInterval").map_or(Some(USUAL_INTERVAL), |it| seconds(&it.text));
    if let Some(interval) = interval.filter(|interval| *interval >= limit) {
        let text = format!(
            "the watchdog's {limit} s are over before the next health check, {interval} s after the last"
        );
        lint.warn_at(entry, text, "give it more than twice `HealthInterval=`");
    }
}
