//! Probes are health checks.
//!
//! A container has one check, and one for its start: a liveness probe is the first, a readiness probe if there is no other; the
//! startup probe is the second. Those that ask by network are asked from inside, as Podman does it, with the container's own
//! `curl` or `nc`.

use super::{Deciding, Spot};
use crate::objects::{Container, IntOrText, PodSpec, Probe};

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    spec: &PodSpec,
    container: &Container,
    words: &mut Vec<String>,
) {
    let liveness = container.liveness_probe.as_ref();
    let readiness = container.readiness_probe.as_ref();
    if let Some(probe) = liveness {
        let Some(check) = test(deciding, &spot.field("livenessProbe"), container, probe) else { return };
        check_words(words, &check, probe);
        let action = if spec.restart_policy == "Never" { "kill" } else { "restart" };
        words.push(format!("--health-on-failure={action}"));
        if readiness.is_some_and(|it| {
            (&it.exec, &it.http_get, &it.tcp_socket) != (&probe.exec, &probe.http_get, &probe.tcp_socket)
        }) {
            let text = "a container has one health check, and the liveness probe is it";
            deciding.note(&spot.field("readinessProbe"), text);
        }
    } else if let Some(probe) = readiness {
        let Some(check) = test(deciding, &spot.field("readinessProbe"), container, probe) else { return };
        check_words(words, &check, probe);
    }
    let Some(probe) = &container.startup_probe else { return };
    let Some(check) = test(deciding, &spot.field("startupProbe"), container, probe) else { return };
    if liveness.is_none() && readiness.is_none() {
        // There is no check of the start without another one; this is asked for only.
        words.push(format!("--health-cmd={check}"));
        words.push("--health-interval=disable".to_owned());
    }
    words.push(format!("--health-startup-cmd={check}"));
    words.push(format!("--health-startup-interval={}s", at_least(probe.period_seconds, 10)));
    words.push(format!("--health-startup-timeout={}s", at_least(probe.timeout_seconds, 1)));
    words.push(format!("--health-startup-retries={}", at_least(probe.failure_threshold, 3)));
    words.push(format!("--health-startup-success={}", at_least(probe.success_threshold, 1)));
    if probe.initial_delay_seconds.is_some_and(|it| it > 0) {
        deciding.note(&spot.field("startupProbe.initialDelaySeconds"), "the first check is made at once");
    }
}

/// A number that is at least 1, or what Kubernetes takes if nothing is said.
fn at_least(value: Option<i64>, usual: i64) -> i64 {
    value.filter(|it| *it > 0).unwrap_or(usual)
}

fn check_words(words: &mut Vec<String>, check: &str, probe: &Probe) {
    words.push(format!("--health-cmd={check}"));
    words.push(format!("--health-interval={}s", at_least(probe.period_seconds, 10)));
    words.push(format!("--health-timeout={}s", at_least(probe.timeout_seconds, 1)));
    words.push(format!("--health-retries={}", at_least(probe.failure_threshold, 3)));
    words.push(format!("--health-start-period={}s", probe.initial_delay_seconds.unwrap_or(0).max(0)));
}

/// The command, as a JSON list.
fn test(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    container: &Container,
    probe: &Probe,
) -> Option<String> {
    let list = if let Some(exec) = &probe.exec {
        if exec.command.is_empty() {
            deciding.fault(&spot.field("exec.command"), "there is no command", None);
            return None;
        }
        [vec!["CMD".to_owned()], exec.command.clone()].concat()
    } else if let Some(get) = &probe.http_get {
        let port = port(deciding, &spot.field("httpGet.port"), container, get.port.as_ref())?;
        let scheme = if get.scheme.is_empty() { "http".to_owned() } else { get.scheme.to_ascii_lowercase() };
        if !matches!(scheme.as_str(), "http" | "https") {
            deciding.fault(&spot.field("httpGet.scheme"), "it is HTTP or HTTPS", None);
            return None;
        }
        let host = if get.host.is_empty() { "localhost" } else { &get.host };
        let path = get.path.trim_start_matches('/');
        let mut words = ["CMD", "curl", "-f", "-s", "-o", "/dev/null"].map(str::to_owned).to_vec();
        if scheme == "https" {
            // As Kubernetes, which does not look at the certificate.
            words.push("-k".to_owned());
        }
        for header in &get.http_headers {
            words.extend(["-H".to_owned(), format!("{}: {}", header.name, header.value)]);
        }
        words.push(format!("{scheme}://{host}:{port}/{path}"));
        words
    } else if let Some(socket) = &probe.tcp_socket {
        let port = port(deciding, &spot.field("tcpSocket.port"), container, socket.port.as_ref())?;
        let host = if socket.host.is_empty() { "localhost" } else { &socket.host };
        ["CMD", "nc", "-z", host, &port.to_string()].map(str::to_owned).to_vec()
    } else {
        deciding.note(spot, "none of the probes that are known here is named; nothing is checked");
        return None;
    };
    serde_json::to_string(&list).ok()
}

fn port(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    container: &Container,
    port: Option<&IntOrText>,
) -> Option<u16> {
    let found = match port {
        Some(IntOrText::Int(number)) => u16::try_from(*number).ok(),
        Some(IntOrText::Text(name)) => {
            let named = container.ports.iter().find(|it| it.name == *name).map(|it| it.container_port);
            named.or_else(|| name.parse().ok())
        }
        None => None,
    };
    let found = found.filter(|it| *it > 0);
    if found.is_none() {
        deciding.fault(spot, "there must be a port, by number or by the name that one of `ports` has", None);
    }
    found
}
