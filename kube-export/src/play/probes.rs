//! Probes are health checks, and handlers of the same kind.
//!
//! A container has one check, and one for its start: a liveness probe is the first, a readiness probe if there is no other; the
//! startup probe is the second. A readiness probe beside a liveness probe is told in an annotation, as are handlers, and what
//! options have no words for. What is
//! asked by network is asked by our own program, from inside: no program of the image is needed, except for HTTPS.

use super::{Deciding, PROBES, READINESS, Spot};
use crate::objects::{
    Container, ExecAction, Handler, HttpGetAction, IntOrText, PodSpec, Probe, TcpSocketAction,
};

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    spec: &PodSpec,
    container: &Container,
    words: &mut Vec<String>,
) {
    let liveness = container.liveness_probe.as_ref();
    let readiness = container.readiness_probe.as_ref();
    let mut more = serde_json::Map::new();
    if let Some(probe) = liveness {
        let Some(check) = test(deciding, &spot.field("livenessProbe"), container, probe) else { return };
        check_words(words, &list(&check), probe);
        let action = if spec.restart_policy == "Never" { "stop" } else { "restart" };
        words.push(format!("--health-on-failure={action}"));
        let spot = spot.field("livenessProbe");
        say(&mut more, "grace", grace(deciding, &spot, probe));
        tell_of_successes(deciding, &spot, probe, ", and one success is enough");
        if let Some(probe) = readiness.filter(|it| *it != probe)
            && let Some(check) = test(deciding, &spot.field("readinessProbe"), container, probe)
        {
            let value = serde_json::json!({
                "test": check,
                "interval": at_least(probe.period_seconds, 10),
                "timeout": at_least(probe.timeout_seconds, 1),
                "retries": at_least(probe.failure_threshold, 3),
                "successes": at_least(probe.success_threshold, 1),
                "delay": probe.initial_delay_seconds.unwrap_or(0).max(0),
            });
            words.push(format!("--annotation={READINESS}={value}"));
        }
    } else if let Some(probe) = readiness {
        let spot = spot.field("readinessProbe");
        let Some(check) = test(deciding, &spot, container, probe) else { return };
        check_words(words, &list(&check), probe);
        say(&mut more, "successes", probe.success_threshold.filter(|it| *it > 1));
    }
    if let Some(probe) = readiness
        && probe.termination_grace_period_seconds.is_some()
    {
        let spot = spot.field("readinessProbe.terminationGracePeriodSeconds");
        deciding.fault(&spot, "a readiness probe ends nothing", None);
    }
    if let Some(probe) = &container.startup_probe {
        let spot = spot.field("startupProbe");
        let Some(check) = test(deciding, &spot, container, probe) else { return };
        startup_words(words, &list(&check), probe, liveness.is_some() || readiness.is_some());
        say(&mut more, "startup-delay", probe.initial_delay_seconds.filter(|it| *it > 0));
        say(&mut more, "startup-grace", grace(deciding, &spot, probe));
        tell_of_successes(deciding, &spot, probe, "");
    }
    if !more.is_empty() {
        words.push(format!("--annotation={PROBES}={}", serde_json::Value::Object(more)));
    }
}

fn say(more: &mut serde_json::Map<String, serde_json::Value>, name: &str, value: Option<i64>) {
    more.extend(value.map(|it| (name.to_owned(), it.into())));
}

/// What a container has to end in that a probe ends.
fn grace(deciding: &mut Deciding<'_>, spot: &Spot<'_>, probe: &Probe) -> Option<i64> {
    let seconds = probe.termination_grace_period_seconds?;
    if (1..=i64::from(u32::MAX)).contains(&seconds) {
        return Some(seconds);
    }
    let text = format!("`{seconds}` is no number of seconds from 1 on");
    deciding.fault(&spot.field("terminationGracePeriodSeconds"), text, None);
    None
}

/// Successes of a probe that in a cluster has to pass once.
fn tell_of_successes(deciding: &mut Deciding<'_>, spot: &Spot<'_>, probe: &Probe, then: &str) {
    if probe.success_threshold.is_some_and(|it| it > 1) {
        deciding.note(&spot.field("successThreshold"), format_args!("a cluster takes `1` only{then}"));
    }
}

fn startup_words(words: &mut Vec<String>, check: &str, probe: &Probe, has_other: bool) {
    if !has_other {
        // There is no check of the start without another one; this is asked for only.
        words.push(format!("--health-cmd={check}"));
        words.push("--health-interval=disable".to_owned());
    }
    words.push(format!("--health-startup-cmd={check}"));
    words.push(format!("--health-startup-interval={}s", at_least(probe.period_seconds, 10)));
    words.push(format!("--health-startup-timeout={}s", at_least(probe.timeout_seconds, 1)));
    words.push(format!("--health-startup-retries={}", at_least(probe.failure_threshold, 3)));
    words.push(format!("--health-startup-success={}", at_least(probe.success_threshold, 1)));
}

/// What runs to its end and is not waited for before that is not probed, as in Kubernetes.
pub(super) fn refuse(deciding: &mut Deciding<'_>, spot: &Spot<'_>, container: &Container) {
    for (field, probe) in [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ] {
        if probe.is_some() {
            let hint = Some("one that goes on beside the others has `restartPolicy: Always`".to_owned());
            deciding.fault(&spot.field(field), "an init container has no probes", hint);
        }
    }
}

/// What a handler does, in Docker's form, as a JSON list.
pub(super) fn handler(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    container: &Container,
    handler: &Handler,
) -> Option<String> {
    let words = if let Some(sleep) = &handler.sleep {
        match u32::try_from(sleep.seconds) {
            Ok(seconds) => vec!["SLEEP".to_owned(), seconds.to_string()],
            Err(_) => {
                deciding.fault(&spot.field("sleep.seconds"), "it is a number of seconds", None);
                return None;
            }
        }
    } else if handler.exec.is_none() && handler.http_get.is_none() && handler.tcp_socket.is_none() {
        deciding.fault(spot, "none of exec, httpGet, tcpSocket, sleep is named", None);
        return None;
    } else {
        action(deciding, spot, container, Action(&handler.exec, &handler.http_get, &handler.tcp_socket))?
    };
    Some(list(&words))
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

fn list(words: &[String]) -> String {
    serde_json::to_string(words).unwrap_or_default()
}

/// The check, in Docker's form.
fn test(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    container: &Container,
    probe: &Probe,
) -> Option<Vec<String>> {
    if probe.grpc.is_some() {
        let hint = Some("`tcpSocket` with the same port tells whether it listens".to_owned());
        deciding.fault(&spot.field("grpc"), "probes by gRPC are not made here", hint);
        return None;
    }
    if probe.exec.is_none() && probe.http_get.is_none() && probe.tcp_socket.is_none() {
        deciding.note(spot, "none of the probes that are known here is named; nothing is checked");
        return None;
    }
    action(deciding, spot, container, Action(&probe.exec, &probe.http_get, &probe.tcp_socket))
}

/// What is done: one of these.
struct Action<'a>(&'a Option<ExecAction>, &'a Option<HttpGetAction>, &'a Option<TcpSocketAction>);

fn action(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    container: &Container,
    Action(exec, http_get, tcp_socket): Action<'_>,
) -> Option<Vec<String>> {
    if let Some(exec) = exec {
        if exec.command.is_empty() {
            deciding.fault(&spot.field("exec.command"), "there is no command", None);
            return None;
        }
        return Some([vec!["CMD".to_owned()], exec.command.clone()].concat());
    }
    if let Some(get) = http_get {
        return http(deciding, &spot.field("httpGet"), container, get);
    }
    let socket = tcp_socket.as_ref()?;
    let port = port(deciding, &spot.field("tcpSocket.port"), container, socket.port.as_ref())?;
    let host = host(deciding, &spot.field("tcpSocket.host"), &socket.host)?;
    Some(vec!["TCP".to_owned(), format!("{host}:{port}")])
}

fn http(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    container: &Container,
    get: &HttpGetAction,
) -> Option<Vec<String>> {
    let port = port(deciding, &spot.field("port"), container, get.port.as_ref())?;
    let host = host(deciding, &spot.field("host"), &get.host)?;
    if get.path.contains(|it: char| it.is_control() || it == ' ') {
        deciding.fault(&spot.field("path"), format_args!("`{}` is no path", get.path.escape_debug()), None);
        return None;
    }
    let mut headers = Vec::new();
    for (number, header) in get.http_headers.iter().enumerate() {
        let is_name = |it: &str| {
            !it.is_empty()
                && it.chars().all(|it| it.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(it))
        };
        if !is_name(&header.name) || header.value.contains(char::is_control) {
            let text = format!("`{}` is no header", header.name.escape_debug());
            deciding.fault(&spot.field("httpHeaders").item(number), text, None);
            return None;
        }
        headers.push(format!("{}: {}", header.name, header.value));
    }
    let path = get.path.trim_start_matches('/');
    match get.scheme.to_ascii_lowercase().as_str() {
        "" | "http" => {
            Some([vec!["HTTP".to_owned(), format!("http://{host}:{port}/{path}")], headers].concat())
        }
        "https" => {
            deciding.note(
                &spot.field("scheme"),
                "HTTPS is asked with the image's own `curl`, which it must have",
            );
            // As Kubernetes, which does not look at the certificate.
            let mut words = ["CMD", "curl", "-f", "-s", "-k", "-o", "/dev/null"].map(str::to_owned).to_vec();
            words.extend(headers.into_iter().flat_map(|it| ["-H".to_owned(), it]));
            words.push(format!("https://{host}:{port}/{path}"));
            Some(words)
        }
        _ => {
            deciding.fault(&spot.field("scheme"), "it is HTTP or HTTPS", None);
            None
        }
    }
}

/// The host that is asked; an address of IPv6 in brackets.
fn host(deciding: &mut Deciding<'_>, spot: &Spot<'_>, host: &str) -> Option<String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<std::net::Ipv6Addr>().is_ok() {
        return Some(format!("[{bare}]"));
    }
    let is_name = host.chars().all(|it| it.is_ascii_alphanumeric() || "-._".contains(it));
    match (host, is_name) {
        ("", _) => Some("localhost".to_owned()),
        (_, true) => Some(host.to_owned()),
        (_, false) => {
            deciding.fault(spot, format_args!("`{}` is no host", host.escape_debug()), None);
            None
        }
    }
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
