//! `--health-*`, `--no-healthcheck`.

use std::path::Path;

use pontoon_lifecycle::health::HealthRequest;
use pontoon_lifecycle::request::OnFailure;

use super::error::{Fault, optional};
use super::{Host, OptionError};
use crate::args::HealthOptions;
use crate::time::parse_duration;

/// The destination of outcomes that is no place for files.
const EVENTS: &str = "events_logger";

/// The destination of outcomes that is the container's own.
const LOCAL: &str = "local";

/// Reads the options of `run`, `create` and `update`.
pub fn read(options: &HealthOptions, host: &Host) -> Result<HealthRequest, OptionError> {
    if options.no_healthcheck {
        if options.health_cmd.is_some() {
            return Err(OptionError::Conflict {
                one: "--no-healthcheck".to_owned(),
                other: "--health-cmd".to_owned(),
            });
        }
        return Ok(HealthRequest { test: Some(vec!["NONE".to_owned()]), ..HealthRequest::default() });
    }
    Ok(HealthRequest {
        test: optional("--health-cmd", options.health_cmd.as_ref(), test)?,
        interval: optional("--health-interval", options.health_interval.as_ref(), interval)?,
        timeout: optional("--health-timeout", options.health_timeout.as_ref(), timeout)?,
        start_period: optional("--health-start-period", options.health_start_period.as_ref(), duration)?,
        retries: optional("--health-retries", options.health_retries.as_ref(), retries)?,
        startup_test: optional("--health-startup-cmd", options.health_startup_cmd.as_ref(), test)?,
        startup_interval: optional(
            "--health-startup-interval",
            options.health_startup_interval.as_ref(),
            interval,
        )?,
        startup_timeout: optional(
            "--health-startup-timeout",
            options.health_startup_timeout.as_ref(),
            timeout,
        )?,
        startup_retries: optional(
            "--health-startup-retries",
            options.health_startup_retries.as_ref(),
            count,
        )?,
        startup_successes: optional(
            "--health-startup-success",
            options.health_startup_success.as_ref(),
            count,
        )?,
        on_failure: optional("--health-on-failure", options.health_on_failure.as_ref(), on_failure)?,
        log_directory: optional("--health-log-destination", options.health_log_destination.as_ref(), |it| {
            destination(it, host)
        })?
        .flatten(),
        log_to_events: options.health_log_destination.as_deref() == Some(EVENTS),
        log_is_local: options.health_log_destination.as_deref() == Some(LOCAL),
        max_log_count: optional("--health-max-log-count", options.health_max_log_count.as_ref(), count)?,
        max_log_size: optional("--health-max-log-size", options.health_max_log_size.as_ref(), count)?,
    })
}

/// Of a container without a check, empty times are not said, as in Podman: scripts write `--health-interval "$TIME"`.
pub(super) fn said(options: &HealthOptions) -> HealthOptions {
    let mut said = options.clone();
    if said.health_cmd.is_none() {
        for time in [
            &mut said.health_interval,
            &mut said.health_start_period,
            &mut said.health_startup_interval,
            &mut said.health_startup_timeout,
            &mut said.health_timeout,
        ] {
            time.take_if(|it| it.is_empty());
        }
    }
    said
}

/// A command in Docker's form. A JSON list of words is run as it is, a line by a shell; `CMD` and `CMD-SHELL` may stand in
/// front, as in an image.
fn test(text: &str) -> Result<Vec<String>, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::invalid("the command is empty"));
    }
    let list: Option<Vec<String>> = serde_json::from_str(text).ok();
    let words = list.clone().unwrap_or_else(|| text.splitn(2, ' ').map(str::to_owned).collect());
    let first = words.first().map(|it| it.to_ascii_uppercase()).unwrap_or_default();
    Ok(match (first.as_str(), list) {
        ("", _) => return Err(Fault::invalid("the command is empty")),
        ("NONE", _) => vec![first],
        ("CMD" | "CMD-SHELL", Some(list)) => list,
        // Probes of our own, which need no program of the image.
        ("HTTP" | "TCP", Some(list)) if list.first() == Some(&first) => list,
        ("CMD", None) => text.split_whitespace().map(str::to_owned).collect(),
        ("CMD-SHELL", None) => words,
        (_, Some(list)) if list.len() > 1 => [vec!["CMD".to_owned()], list].concat(),
        (_, Some(list)) => vec!["CMD-SHELL".to_owned(), list.concat()],
        (_, None) => vec!["CMD-SHELL".to_owned(), text.to_owned()],
    })
}

/// Go's duration, in nanoseconds.
fn duration(text: &str) -> Result<u64, Fault> {
    let duration =
        parse_duration(text).map_err(|_| Fault::invalid("it must be a duration, as 30s, 1m30s or 500ms"))?;
    u64::try_from(duration.as_nanos()).map_err(|_| Fault::invalid("it is too long"))
}

fn interval(text: &str) -> Result<u64, Fault> {
    if text == "disable" { Ok(0) } else { duration(text) }
}

fn timeout(text: &str) -> Result<u64, Fault> {
    match duration(text)? {
        short if short < 1_000_000_000 => Err(Fault::invalid("it must be at least 1s")),
        nanos => Ok(nanos),
    }
}

fn count<T: std::str::FromStr>(text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::invalid("it must be a number"))
}

fn retries(text: &str) -> Result<u32, Fault> {
    match count(text)? {
        0 => Err(Fault::invalid("it must be at least 1")),
        number => Ok(number),
    }
}

fn on_failure(text: &str) -> Result<OnFailure, Fault> {
    match text {
        "none" => Ok(OnFailure::None),
        "kill" => Ok(OnFailure::Kill),
        "restart" => Ok(OnFailure::Restart),
        "stop" => Ok(OnFailure::Stop),
        _ => Err(Fault::invalid("it must be one of: none, kill, restart, stop")),
    }
}

/// `local`, the events, or a directory that is there.
fn destination(text: &str, host: &Host) -> Result<Option<std::path::PathBuf>, Fault> {
    if matches!(text, LOCAL | EVENTS) {
        return Ok(None);
    }
    let wrong = || Fault::invalid("it must be `local`, `events_logger` or a directory that is there");
    if text.is_empty() {
        return Err(wrong());
    }
    let path = host.directory.as_deref().unwrap_or(Path::new("/")).join(text);
    if path.is_dir() { Ok(Some(path)) } else { Err(wrong()) }
}
