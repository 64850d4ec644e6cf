//! Health checks: what was asked for and what the image has, put together.

use std::path::PathBuf;

use pontoon_image::{HealthConfig, ImageConfig};
use pontoon_monitor::health::{Check, HealthPlan, OnFailure, Startup};
use serde::{Deserialize, Serialize};

use crate::annotated;

/// Podman's time between two checks and for one check, in nanoseconds.
const DEFAULT_TIME: u64 = 30_000_000_000;
/// Podman's number of failures that make a container unhealthy.
const DEFAULT_RETRIES: u32 = 3;
/// Podman's number of outcomes that are kept, and the length of each, in bytes.
pub const DEFAULT_LOG: (usize, usize) = (5, 500);

/// `--health-*`; times are nanoseconds, and what is not said is the image's, or the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthRequest {
    /// `--health-cmd` in Docker's form: `NONE`, or `CMD` and words, or `CMD-SHELL` and one line.
    pub test: Option<Vec<String>>,
    /// `--health-interval`; 0 runs the check on demand only.
    pub interval: Option<u64>,
    /// `--health-timeout`.
    pub timeout: Option<u64>,
    /// `--health-start-period`.
    pub start_period: Option<u64>,
    /// `--health-retries`.
    pub retries: Option<u32>,
    /// `--health-startup-cmd`, as `test`.
    pub startup_test: Option<Vec<String>>,
    /// `--health-startup-interval`.
    pub startup_interval: Option<u64>,
    /// `--health-startup-timeout`.
    pub startup_timeout: Option<u64>,
    /// `--health-startup-retries`; 0 waits for ever.
    pub startup_retries: Option<u32>,
    /// `--health-startup-success`.
    pub startup_successes: Option<u32>,
    /// `--health-on-failure`; `None` is that nothing is done.
    pub on_failure: Option<OnFailure>,
    /// `--health-log-destination`: a directory in place of the container's own.
    pub log_directory: Option<PathBuf>,
    /// `--health-log-destination events_logger`: to the events, too.
    pub log_to_events: bool,
    /// `--health-log-destination local`, said.
    pub log_is_local: bool,
    /// `--health-max-log-count`; 0 is all.
    pub max_log_count: Option<usize>,
    /// `--health-max-log-size`, in bytes; 0 is all.
    pub max_log_size: Option<usize>,
}

impl HealthRequest {
    /// What is said here in place of what was said before; the rest stays. For `update`.
    pub fn change(&mut self, by: Self) {
        macro_rules! set {
            ($($field:ident),*) => { $(if by.$field.is_some() { self.$field = by.$field; })* };
        }
        // Whoever asks for something of a check that was switched off wants one.
        if by.test.is_none() && self.is_off() && by != Self::default() {
            self.test = None;
        }
        // Nothing comes before a check that is not made: it would be shown, and come back with the next one.
        if by.is_off() {
            self.startup_test = None;
            (self.startup_interval, self.startup_timeout) = (None, None);
            (self.startup_retries, self.startup_successes) = (None, None);
        }
        set!(test, interval, timeout, start_period, retries, startup_test, startup_interval);
        set!(startup_timeout, startup_retries, startup_successes, max_log_count, max_log_size, on_failure);
        if by.log_to_events || by.log_directory.is_some() || by.log_is_local {
            (self.log_to_events, self.log_directory) = (by.log_to_events, by.log_directory);
        }
    }

    /// The option that says something, to be named where there is nothing to say it of.
    #[must_use]
    pub fn first_option(&self) -> &'static str {
        let said = [
            ("--health-interval", self.interval.is_some()),
            ("--health-timeout", self.timeout.is_some()),
            ("--health-start-period", self.start_period.is_some()),
            ("--health-retries", self.retries.is_some()),
            ("--health-startup-cmd", self.startup_test.is_some()),
            ("--health-startup-interval", self.startup_interval.is_some()),
            ("--health-startup-timeout", self.startup_timeout.is_some()),
            ("--health-startup-retries", self.startup_retries.is_some()),
            ("--health-startup-success", self.startup_successes.is_some()),
            ("--health-on-failure", self.on_failure.is_some()),
            ("--health-max-log-count", self.max_log_count.is_some()),
            ("--health-max-log-size", self.max_log_size.is_some()),
            ("--health-log-destination", true),
        ];
        said.iter().find(|it| it.1).map_or("", |it| it.0)
    }

    /// Whether checks are switched off, whatever the image says.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.test.as_ref().is_some_and(|it| it.first().is_none_or(|it| it.eq_ignore_ascii_case("none")))
    }
}

/// Why a container cannot be checked as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HealthError {
    /// Something about a check, and there is none.
    #[error("{option} says something about a health check, and neither the options nor the image have one")]
    NoCheck {
        /// The option.
        option: &'static str,
    },
    /// Without a command.
    #[error("the health check of the image has no command")]
    NoCommand,
    /// An annotation of ours that says nothing that can be done.
    #[error("the annotation `{name}={value}` cannot be read")]
    Annotation {
        /// Its name.
        name: &'static str,
        /// As written.
        value: String,
    },
}

impl HealthError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCheck { .. } | Self::NoCommand => {
                "give a check with --health-cmd (HealthCmd= in a unit)".to_owned()
            }
            Self::Annotation { .. } => {
                "a handler is a JSON list, as [\"CMD\", \"/bin/program\", \"word\"]; `kube play` writes all of these"
                    .to_owned()
            }
        })
    }
}

/// The check that a container has, in Docker's form, with every default filled in; `None` if it has none.
#[must_use]
pub fn effective(request: &HealthRequest, image: &ImageConfig) -> Option<HealthConfig> {
    let own = image.config.healthcheck.as_ref();
    let test = request.test.clone().or_else(|| own.map(|it| it.test.clone()))?;
    if test.first().is_none_or(|it| it.eq_ignore_ascii_case("none")) {
        return None;
    }
    let time = |asked: Option<u64>, image: Option<i64>, default: u64| {
        let nanos = asked.or_else(|| image.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0));
        i64::try_from(nanos.unwrap_or(default)).unwrap_or(i64::MAX)
    };
    Some(HealthConfig {
        test,
        interval: time(request.interval, own.map(|it| it.interval), DEFAULT_TIME),
        timeout: time(request.timeout, own.map(|it| it.timeout), DEFAULT_TIME),
        start_period: time(request.start_period, own.map(|it| it.start_period), 0),
        start_interval: 0,
        retries: request
            .retries
            .map(i64::from)
            .or_else(|| own.map(|it| it.retries).filter(|it| *it > 0))
            .unwrap_or(DEFAULT_RETRIES.into()),
    })
}

/// What the supervisor does.
///
/// # Errors
/// See [`HealthError`].
pub fn plan(
    request: &HealthRequest,
    annotations: &[(String, String)],
    image: &ImageConfig,
) -> Result<Option<HealthPlan>, HealthError> {
    let readiness = annotated::readiness(annotations)?;
    let probes = annotated::probes(annotations)?;
    let Some(config) = effective(request, image) else {
        let is_off = request.test.is_some();
        let idle = idle_option(request)
            .or(readiness.map(|_| annotated::READINESS))
            .or(probes.map(|_| annotated::PROBES));
        return match idle.filter(|_| !is_off) {
            Some(option) => Err(HealthError::NoCheck { option }),
            None => Ok(None),
        };
    };
    let nanos = |time: i64| u64::try_from(time).unwrap_or(0);
    let check = |test: &[String], interval: u64, timeout: u64| {
        let (args, is_probe) = arguments(test).ok_or(HealthError::NoCommand)?;
        Ok(Check { args, is_probe, interval, timeout })
    };
    let probes = probes.unwrap_or_default();
    let startup = match &request.startup_test {
        Some(test) => Some(Startup {
            check: check(
                test,
                request.startup_interval.unwrap_or(DEFAULT_TIME),
                request.startup_timeout.unwrap_or(DEFAULT_TIME),
            )?,
            retries: request.startup_retries.unwrap_or(0),
            successes: request.startup_successes.unwrap_or(0),
            delay: u64::from(probes.startup_delay.unwrap_or(0)) * 1_000_000_000,
            grace: probes.startup_grace,
        }),
        None => None,
    };
    let (count, size) = DEFAULT_LOG;
    Ok(Some(HealthPlan {
        check: check(&config.test, nanos(config.interval), nanos(config.timeout))?,
        retries: u32::try_from(config.retries).unwrap_or(DEFAULT_RETRIES),
        start_period: nanos(config.start_period),
        startup,
        on_failure: request.on_failure.unwrap_or_default(),
        log_directory: request.log_directory.clone(),
        log_to_events: request.log_to_events,
        max_log_count: request.max_log_count.unwrap_or(count),
        max_log_size: request.max_log_size.unwrap_or(size),
        readiness,
        successes: probes.successes.unwrap_or(0),
        grace: probes.grace,
    }))
}

/// An option that only makes sense with a check.
fn idle_option(request: &HealthRequest) -> Option<&'static str> {
    [
        ("--health-startup-cmd", request.startup_test.is_some()),
        ("--health-on-failure", request.on_failure.is_some_and(|it| it != OnFailure::None)),
    ]
    .into_iter()
    .find(|(_, is_set)| *is_set)
    .map(|(option, _)| option)
}

/// Docker's form as program and arguments, or, of `HTTP` and `TCP`, as the words of our own program for probes. Words without a
/// keyword in front are a command, too.
pub(crate) fn arguments(test: &[String]) -> Option<(Vec<String>, bool)> {
    let (keyword, rest) = test.split_first()?;
    let probe = |kind: &str| [vec![kind.to_owned()], rest.to_vec()].concat();
    let upper = keyword.to_ascii_uppercase();
    // Docker takes its own words in any case; programs of images are not called as ours are.
    let keyword = if upper.starts_with("CMD") { &upper } else { keyword };
    let words = match (keyword.as_str(), rest) {
        ("CMD", _) => rest.to_vec(),
        ("CMD-SHELL", _) => {
            let line = rest.join(" ");
            if line.is_empty() { Vec::new() } else { vec!["/bin/sh".to_owned(), "-c".to_owned(), line] }
        }
        ("HTTP", []) => return None,
        ("HTTP", _) => return Some((probe("http"), true)),
        ("TCP", [_]) => return Some((probe("tcp"), true)),
        ("TCP", _) => return None,
        _ => test.to_vec(),
    };
    Some((words, false)).filter(|it| !it.0.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn image(test: &str) -> ImageConfig {
        let mut image = ImageConfig::default();
        image.config.healthcheck =
            Some(HealthConfig { test: words(test), interval: 5, retries: 7, ..HealthConfig::default() });
        image
    }

    #[test]
    fn the_image_has_a_check_that_options_change() {
        let request = HealthRequest { timeout: Some(9), ..HealthRequest::default() };
        let plan = plan(&request, &[], &image("CMD true")).unwrap().unwrap();
        assert_eq!(plan.check, Check { args: words("true"), is_probe: false, interval: 5, timeout: 9 });
        assert_eq!(plan.retries, 7);
    }

    #[test]
    fn a_check_can_be_switched_off() {
        let request = HealthRequest { test: Some(words("NONE")), ..HealthRequest::default() };
        assert_eq!(plan(&request, &[], &image("CMD true")), Ok(None));
        assert_eq!(plan(&HealthRequest::default(), &[], &image("NONE")), Ok(None));
        assert_eq!(plan(&HealthRequest::default(), &[], &ImageConfig::default()), Ok(None));
    }

    #[test]
    fn what_is_switched_off_has_no_check_that_comes_first() {
        let mut request = HealthRequest {
            test: Some(words("true")),
            startup_test: Some(words("true")),
            startup_retries: Some(3),
            on_failure: Some(OnFailure::Kill),
            ..HealthRequest::default()
        };
        request.change(HealthRequest { test: Some(words("NONE")), ..HealthRequest::default() });
        let off = HealthRequest {
            test: Some(words("NONE")),
            on_failure: Some(OnFailure::Kill),
            ..HealthRequest::default()
        };
        assert_eq!(request, off);
    }

    #[test]
    fn a_line_is_given_to_a_shell() {
        let request = HealthRequest { test: Some(words("CMD-SHELL a b")), ..HealthRequest::default() };
        let plan = plan(&request, &[], &ImageConfig::default()).unwrap().unwrap();
        assert_eq!(plan.check.args, ["/bin/sh", "-c", "a b"]);
        assert_eq!((plan.check.interval, plan.retries), (DEFAULT_TIME, 3));
    }

    #[test]
    fn what_needs_a_check_says_so() {
        let request = HealthRequest { on_failure: Some(OnFailure::Kill), ..HealthRequest::default() };
        let err = plan(&request, &[], &ImageConfig::default()).unwrap_err();
        assert_eq!(err, HealthError::NoCheck { option: "--health-on-failure" });
    }
}
