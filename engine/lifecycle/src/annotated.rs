//! What annotations of ours ask of a container: what Kubernetes has and Podman has no options for.
//!
//! `kube play` writes them; anybody may. Something that is done or asked is said in Docker's form of a health check: a JSON list of
//! `CMD` and words, or `CMD-SHELL` and a line, and beyond Docker's `HTTP` with an address and headers, `TCP` with `HOST:PORT`,
//! and (of handlers) `SLEEP` with seconds; these three need no program of the image.

use pontoon_monitor::health::{Check, Readiness};
use pontoon_monitor::plan::{Handler, Handlers};
use serde::{Deserialize, Serialize};

use crate::health::{HealthError, arguments};

/// The label of a pod, and of volumes, that were made for a pod of Kubernetes: that one's name.
pub const OF_POD: &str = "io.pontoon.kube.pod";
/// What is done as soon as the container runs.
pub const POST_START: &str = "io.pontoon.post-start";
/// What is done before it is asked to end.
pub const PRE_STOP: &str = "io.pontoon.pre-stop";
/// What tells whether it serves, beside the health check: a [`ReadinessRequest`].
pub const READINESS: &str = "io.pontoon.readiness";
/// `true`: it is there for the other containers of its pod. It is started before those that come after it, which wait until its
/// startup check has passed, and ends when the others have.
pub const SIDECAR: &str = "io.pontoon.sidecar";

/// What else is to be said of the health check and the startup check: a [`ProbesRequest`].
pub const PROBES: &str = "io.pontoon.probes";

/// What Kubernetes says of probes and `--health-*` cannot; times are seconds, and what is not said is as always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ProbesRequest {
    /// Successes of the check in a row that make the container healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successes: Option<u32>,
    /// What a container has to end in that is unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<u32>,
    /// Before the first startup check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_delay: Option<u32>,
    /// What a container has to end in that does not come up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_grace: Option<u32>,
}

/// A readiness check, as it is asked for; times are seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReadinessRequest {
    /// The check, in Docker's form.
    pub test: Vec<String>,
    /// Between two checks.
    pub interval: u32,
    /// For one.
    pub timeout: u32,
    /// Failures in a row after which it does not serve.
    pub retries: u32,
    /// Successes in a row after which it does.
    pub successes: u32,
    /// Before the first check.
    #[serde(default)]
    pub delay: u32,
}

fn value<'a>(annotations: &'a [(String, String)], name: &str) -> Option<&'a str> {
    annotations.iter().rev().find(|it| it.0 == name).map(|it| it.1.as_str())
}

/// Whether a container is there for the others of its pod.
#[must_use]
pub fn is_sidecar(annotations: &[(String, String)]) -> bool {
    value(annotations, SIDECAR) == Some("true")
}

/// What is done at its start and before its end.
///
/// # Errors
/// [`HealthError::Annotation`].
pub fn handlers(annotations: &[(String, String)]) -> Result<Handlers, HealthError> {
    let handler = |name: &'static str| {
        let Some(text) = value(annotations, name) else { return Ok(None) };
        let wrong = || HealthError::Annotation { name, value: text.to_owned() };
        let test: Vec<String> = serde_json::from_str(text).map_err(|_| wrong())?;
        let (args, is_probe) = match test.split_first() {
            Some((keyword, [seconds])) if keyword == "SLEEP" && seconds.parse::<u32>().is_ok() => {
                (vec!["sleep".to_owned(), seconds.clone()], true)
            }
            _ => arguments(&test).ok_or_else(wrong)?,
        };
        Ok(Some(Handler { args, is_probe }))
    };
    Ok(Handlers { post_start: handler(POST_START)?, pre_stop: handler(PRE_STOP)? })
}

/// The readiness check.
///
/// # Errors
/// [`HealthError::Annotation`].
pub fn readiness(annotations: &[(String, String)]) -> Result<Option<Readiness>, HealthError> {
    let Some(text) = value(annotations, READINESS) else { return Ok(None) };
    let wrong = || HealthError::Annotation { name: READINESS, value: text.to_owned() };
    let asked: ReadinessRequest = serde_json::from_str(text).map_err(|_| wrong())?;
    let (args, is_probe) = arguments(&asked.test).ok_or_else(wrong)?;
    let nanos = |seconds: u32| u64::from(seconds) * 1_000_000_000;
    let (interval, timeout) = (nanos(asked.interval.max(1)), nanos(asked.timeout.max(1)));
    Ok(Some(Readiness {
        check: Check { args, is_probe, interval, timeout },
        retries: asked.retries,
        successes: asked.successes,
        delay: nanos(asked.delay),
    }))
}

/// What else is said of its checks.
///
/// # Errors
/// [`HealthError::Annotation`].
pub fn probes(annotations: &[(String, String)]) -> Result<Option<ProbesRequest>, HealthError> {
    let Some(text) = value(annotations, PROBES) else { return Ok(None) };
    let wrong = |_| HealthError::Annotation { name: PROBES, value: text.to_owned() };
    serde_json::from_str(text).map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn handlers_are_commands_and_probes() {
        for (text, expected) in [
            (r#"["CMD","a","b c"]"#, (&["a", "b c"] as &[_], false)),
            (r#"["CMD-SHELL","a b"]"#, (&["/bin/sh", "-c", "a b"], false)),
            (r#"["HTTP","http://localhost:1/","A: b"]"#, (&["http", "http://localhost:1/", "A: b"], true)),
            (r#"["TCP","localhost:1"]"#, (&["tcp", "localhost:1"], true)),
            (r#"["SLEEP","5"]"#, (&["sleep", "5"], true)),
        ] {
            let read = handlers(&annotations(PRE_STOP, text)).unwrap();
            let handler = read.pre_stop.unwrap();
            assert_eq!(
                (handler.args.iter().map(String::as_str).collect::<Vec<_>>(), handler.is_probe),
                (expected.0.to_vec(), expected.1)
            );
            assert_eq!(read.post_start, None);
        }
        for wrong in ["", "x", "[]", r#"["CMD"]"#, r#"["HTTP"]"#, r#"["TCP","a","b"]"#] {
            let err = handlers(&annotations(POST_START, wrong)).unwrap_err();
            assert!(err.to_string().contains(POST_START), "{err}");
        }
        assert_eq!(handlers(&[]), Ok(Handlers::default()));
    }

    #[test]
    fn readiness_is_read_whole_or_not() {
        let asked = r#"{"test":["TCP","localhost:1"],"interval":2,"timeout":1,"retries":3,"successes":1}"#;
        let read = readiness(&annotations(READINESS, asked)).unwrap().unwrap();
        assert_eq!(
            (read.check.args, read.check.interval, read.delay),
            (vec!["tcp".to_owned(), "localhost:1".to_owned()], 2_000_000_000, 0)
        );
        assert!(readiness(&annotations(READINESS, "{}")).is_err());
        assert_eq!(readiness(&[]), Ok(None));
    }

    #[test]
    fn probes_are_read_whole_or_not() {
        let asked = r#"{"successes":2,"startup-grace":0}"#;
        let read = probes(&annotations(PROBES, asked)).unwrap().unwrap();
        assert_eq!((read.successes, read.grace, read.startup_grace), (Some(2), None, Some(0)));
        for wrong in ["", r#"{"successes":-1}"#, r#"{"other":1}"#] {
            assert!(probes(&annotations(PROBES, wrong)).is_err(), "{wrong}");
        }
        assert_eq!(probes(&[]), Ok(None));
    }

    #[test]
    fn a_sidecar_says_so() {
        assert!(is_sidecar(&annotations(SIDECAR, "true")));
        assert!(!is_sidecar(&annotations(SIDECAR, "false")) && !is_sidecar(&[]));
    }
}
