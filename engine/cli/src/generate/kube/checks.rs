//! Checks of a container, and what is done at its start and before its end: probes and handlers.

use pontoon_kube::objects::{
    Container, ExecAction, Handler, HttpGetAction, HttpHeader, IntOrText, Lifecycle, Probe, SleepAction,
    TcpSocketAction,
};
use pontoon_kube::play::SAID_OF_CONTAINER;
use pontoon_lifecycle::annotated::{
    POST_START, PRE_STOP, PROBES, ProbesRequest, READINESS, ReadinessRequest, SIDECAR,
};
use pontoon_lifecycle::health::HealthRequest;
use pontoon_lifecycle::request::{OnFailure, RestartPolicy};

use super::{Member, Writing};

/// Annotations that become fields.
pub(super) const OURS: [&str; 6] = [POST_START, PRE_STOP, READINESS, PROBES, SIDECAR, SAID_OF_CONTAINER];

pub(super) fn write(writing: &mut Writing<'_>, member: &Member<'_>, container: &mut Container) {
    checks(writing, member, container);
    let said = |name: &str| {
        let mut all = member.request.annotations.iter().rev();
        all.find(|it| it.0 == name).map(|it| it.1.as_str())
    };
    if let Some(asked) = said(READINESS).and_then(|it| serde_json::from_str::<ReadinessRequest>(it).ok()) {
        container.readiness_probe = action(&asked.test).map(|action| Probe {
            period_seconds: Some(asked.interval.into()),
            timeout_seconds: Some(asked.timeout.into()),
            failure_threshold: Some(asked.retries.into()),
            success_threshold: Some(asked.successes.into()),
            initial_delay_seconds: Some(i64::from(asked.delay)).filter(|it| *it > 0),
            ..of_action(action)
        });
    }
    if let Some(asked) = said(PROBES).and_then(|it| serde_json::from_str::<ProbesRequest>(it).ok()) {
        if let Some(probe) = &mut container.startup_probe {
            probe.initial_delay_seconds = asked.startup_delay.map(i64::from);
            probe.termination_grace_period_seconds = asked.startup_grace.map(i64::from);
        }
        match (&mut container.liveness_probe, &mut container.readiness_probe) {
            (Some(probe), _) => probe.termination_grace_period_seconds = asked.grace.map(i64::from),
            (None, Some(probe)) => probe.success_threshold = asked.successes.map(i64::from),
            (None, None) => {}
        }
    }
    let handler = |name: &str| action(&serde_json::from_str::<Vec<String>>(said(name)?).ok()?);
    let (post_start, pre_stop) = (handler(POST_START), handler(PRE_STOP));
    if post_start.is_some() || pre_stop.is_some() {
        container.lifecycle = Some(Lifecycle { post_start, pre_stop, ..Lifecycle::default() });
    }
}

/// A check that ends or restarts the container is a liveness probe; one that tells only is a readiness probe.
fn checks(writing: &mut Writing<'_>, member: &Member<'_>, container: &mut Container) {
    let health = &member.request.health;
    if health.is_off() {
        return;
    }
    let Some(action) = health.test.as_deref().and_then(action) else { return };
    container.startup_probe = startup(health);
    if health.interval == Some(0) {
        // That is what a startup probe alone is played as.
        if container.startup_probe.is_some() {
            return;
        }
        writing.lost(member.name, "--health-interval disable", "a probe is made every so often");
    }
    let probe = probe(action, health.interval, health.timeout, health.retries, health.start_period);
    match health.on_failure {
        Some(OnFailure::Restart) => container.liveness_probe = Some(probe),
        // In a pod that starts nothing anew it is that.
        Some(OnFailure::Stop) if member.request.restart == RestartPolicy::No => {
            container.liveness_probe = Some(probe);
        }
        Some(OnFailure::Kill | OnFailure::Stop) => {
            writing.approximated(
                member.name,
                "--health-on-failure",
                "what then happens is up to the restart policy",
            );
            container.liveness_probe = Some(probe);
        }
        Some(OnFailure::None) | None => container.readiness_probe = Some(probe),
    }
}

fn startup(health: &HealthRequest) -> Option<Probe> {
    let action = action(health.startup_test.as_deref()?)?;
    let (interval, timeout) = (health.startup_interval, health.startup_timeout);
    let mut probe = probe(action, interval, timeout, health.startup_retries, None);
    probe.success_threshold = None;
    Some(probe)
}

/// What is done or asked, of Docker's form and our words in it.
fn action(test: &[String]) -> Option<Handler> {
    let exec = |command: Vec<String>| Handler { exec: Some(ExecAction { command }), ..Handler::default() };
    match test.split_first()? {
        (first, words) if first == "CMD" => Some(exec(words.to_vec())),
        (first, words) if first == "CMD-SHELL" => {
            Some(exec([vec!["/bin/sh".to_owned(), "-c".to_owned()], words.to_vec()].concat()))
        }
        (first, [url, headers @ ..]) if first == "HTTP" => {
            let (address, path) = url.strip_prefix("http://")?.split_once('/')?;
            let (host, port) = host_and_port(address)?;
            let header = |text: &String| {
                let (name, value) = text.split_once(": ")?;
                Some(HttpHeader { name: name.to_owned(), value: value.to_owned() })
            };
            let http_headers = headers.iter().filter_map(header).collect();
            let (path, port) = (format!("/{path}"), Some(port));
            let get = HttpGetAction { host, http_headers, path, port, ..HttpGetAction::default() };
            Some(Handler { http_get: Some(get), ..Handler::default() })
        }
        (first, [address]) if first == "TCP" => {
            let (host, port) = host_and_port(address)?;
            Some(Handler {
                tcp_socket: Some(TcpSocketAction { host, port: Some(port) }),
                ..Handler::default()
            })
        }
        (first, [seconds]) if first == "SLEEP" => Some(Handler {
            sleep: Some(SleepAction { seconds: seconds.parse().ok()? }),
            ..Handler::default()
        }),
        _ => None,
    }
}

/// The container itself need not be named.
fn host_and_port(address: &str) -> Option<(String, IntOrText)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = match host {
        "localhost" => "",
        other => other.trim_start_matches('[').trim_end_matches(']'),
    };
    Some((host.to_owned(), IntOrText::Int(port.parse::<u16>().ok()?.into())))
}

fn of_action(action: Handler) -> Probe {
    let Handler { exec, http_get, tcp_socket, .. } = action;
    Probe { exec, http_get, tcp_socket, ..Probe::default() }
}

/// Times are whole seconds there, and what is not said has another default.
fn probe(
    action: Handler,
    interval: Option<u64>,
    timeout: Option<u64>,
    retries: Option<u32>,
    delay: Option<u64>,
) -> Probe {
    let seconds = |nanos: u64| i64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(i64::MAX);
    Probe {
        period_seconds: Some(interval.filter(|it| *it > 0).map_or(30, seconds)),
        timeout_seconds: Some(timeout.map_or(30, seconds)),
        failure_threshold: Some(retries.filter(|it| *it > 0).map_or(3, i64::from)),
        initial_delay_seconds: delay.filter(|it| *it > 0).map(seconds),
        ..of_action(action)
    }
}
