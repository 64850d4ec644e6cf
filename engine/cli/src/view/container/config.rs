//! What was asked for when a container was made.

use std::collections::BTreeMap;

use pontoon_lifecycle::health::{DEFAULT_LOG, HealthRequest};
use serde::Serialize;

use super::{Facts, Secret};
use crate::format::{NullIfEmpty, OmitEmpty, WireDuration};
use crate::run_options::signal_name;
use crate::view::check::Check;
use crate::view::host_config;
use crate::view::port::bindings;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Config<'a> {
    hostname: &'a str,
    domainname: &'static str,
    user: &'a str,
    attach_stdin: bool,
    attach_stdout: bool,
    attach_stderr: bool,
    tty: bool,
    open_stdin: bool,
    stdin_once: bool,
    env: &'a [String],
    cmd: NullIfEmpty<Option<Vec<String>>>,
    image: &'a str,
    volumes: NullIfEmpty<BTreeMap<String, ()>>,
    working_dir: &'a str,
    entrypoint: NullIfEmpty<Option<Vec<String>>>,
    on_build: Option<()>,
    labels: NullIfEmpty<BTreeMap<String, String>>,
    annotations: NullIfEmpty<BTreeMap<String, String>>,
    stop_signal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<Check<'a>>,
    healthcheck_on_failure_action: String,
    chroot_dirs: OmitEmpty<NullIfEmpty<&'a [String]>>,
    health_log_destination: String,
    healthcheck_max_log_count: usize,
    healthcheck_max_log_size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    startup_health_check: Option<StartupCheck>,
    create_command: &'a [String],
    timezone: OmitEmpty<String>,
    umask: String,
    secrets: OmitEmpty<NullIfEmpty<&'a [Secret]>>,
    timeout: u32,
    stop_timeout: u32,
    passwd: bool,
    systemd_mode: OmitEmpty<bool>,
    #[serde(rename = "sdNotifyMode")]
    sd_notify_mode: String,
    sd_notify_socket: OmitEmpty<&'static str>,
    exposed_ports: OmitEmpty<NullIfEmpty<BTreeMap<String, BTreeMap<String, String>>>>,
}

/// The check that comes first, as Podman shows it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StartupCheck {
    test: Vec<String>,
    interval: WireDuration,
    timeout: WireDuration,
    #[serde(skip_serializing_if = "is_zero")]
    retries: u32,
    #[serde(skip_serializing_if = "is_zero")]
    successes: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn startup_check(health: &HealthRequest) -> Option<StartupCheck> {
    let duration = |nanos: Option<u64>| {
        WireDuration(nanos.map_or(30_000_000_000, |it| i64::try_from(it).unwrap_or(i64::MAX)))
    };
    Some(StartupCheck {
        test: health.startup_test.clone()?,
        interval: duration(health.startup_interval),
        timeout: duration(health.startup_timeout),
        retries: health.startup_retries.unwrap_or(0),
        successes: health.startup_successes.unwrap_or(0),
    })
}

/// What was asked for.
pub(super) fn config<'a>(facts: &'a Facts<'a>) -> Config<'a> {
    let request = facts.request;
    let health = &request.health;
    let published = bindings(&request.publish).into_keys();
    let exposed_ports =
        facts.exposed.iter().cloned().chain(published).map(|port| (port, BTreeMap::new())).collect();
    Config {
        hostname: &facts.hostname,
        domainname: "",
        user: &facts.user,
        attach_stdin: false,
        attach_stdout: false,
        attach_stderr: false,
        tty: request.tty,
        open_stdin: request.interactive,
        stdin_once: false,
        env: &facts.env,
        cmd: NullIfEmpty(facts.words.clone()),
        image: facts.image_name,
        volumes: NullIfEmpty::default(),
        working_dir: &facts.workdir,
        entrypoint: NullIfEmpty(facts.entrypoint.clone()),
        on_build: None,
        labels: NullIfEmpty(facts.labels.clone()),
        annotations: NullIfEmpty(request.annotations.iter().cloned().collect()),
        stop_signal: signal_name(facts.stop_signal),
        healthcheck: facts.healthcheck.as_ref().map(Check::from),
        chroot_dirs: OmitEmpty(NullIfEmpty(&request.chroot_dirs)),
        healthcheck_on_failure_action: host_config::word(&health.on_failure.unwrap_or_default()),
        health_log_destination: match &health.log_directory {
            Some(path) => path.display().to_string(),
            None if health.log_to_events => "events_logger".to_owned(),
            None => "local".to_owned(),
        },
        healthcheck_max_log_count: health.max_log_count.unwrap_or(DEFAULT_LOG.0),
        healthcheck_max_log_size: health.max_log_size.unwrap_or(DEFAULT_LOG.1),
        startup_health_check: startup_check(health),
        create_command: &request.create_command,
        timezone: OmitEmpty(request.timezone.clone().unwrap_or_default()),
        umask: format!("{:04o}", request.umask.unwrap_or(0o022)),
        secrets: OmitEmpty(NullIfEmpty(&facts.secrets)),
        timeout: request.timeout.unwrap_or(0),
        stop_timeout: facts.stop_timeout,
        passwd: request.passwd != Some(false),
        systemd_mode: OmitEmpty(facts.systemd),
        sd_notify_mode: host_config::word(&request.sdnotify),
        sd_notify_socket: OmitEmpty(""),
        exposed_ports: OmitEmpty(NullIfEmpty(exposed_ports)),
    }
}
