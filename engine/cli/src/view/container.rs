//! The inspection of a container, with Podman's fields.

use std::collections::BTreeMap;
use std::time::SystemTime;

use pontoon_image::HealthConfig;
use pontoon_lifecycle::health::{DEFAULT_LOG, HealthRequest};
use pontoon_lifecycle::labels::Contexts;
use pontoon_lifecycle::labels::apparmor::UNCONFINED;
use pontoon_lifecycle::request::CreateRequest;
use pontoon_monitor::health::{HealthRecord, Outcome};
use pontoon_rootless::idmap::IdMaps;
use serde::Serialize;

use super::host_config::HostConfig;
use super::network_settings;
pub use super::network_settings::NetworkFacts;
use super::port::bindings;
use super::{inspection, ps};
use crate::format::{NullIfEmpty, OmitEmpty, TemplateError, WireTime};
use crate::run_options::signal_name;
use crate::time::{rfc3339, rfc3339_or_never};

/// What is known of a container.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Id, whole.
    pub id: &'a str,
    /// Name.
    pub name: &'a str,
    /// When it was created.
    pub created: SystemTime,
    /// Image's id, whole, without `sha256:`.
    pub image_id: &'a str,
    /// Digest of the image's manifest.
    pub image_digest: String,
    /// Image's name.
    pub image_name: &'a str,
    /// SELinux contexts of its processes and files, where there are any.
    pub contexts: Option<&'a Contexts>,
    /// What was asked for.
    pub request: &'a CreateRequest,
    /// The command that runs: entry point and words.
    pub command: Vec<String>,
    /// The entry point alone.
    pub entrypoint: Option<Vec<String>>,
    /// The words behind the entry point.
    pub words: Option<Vec<String>>,
    /// Environment of the payload, `NAME=value`.
    pub env: Vec<String>,
    /// Secrets that it sees in files.
    pub secrets: Vec<Secret>,
    /// Working directory of the payload.
    pub workdir: String,
    /// User of the payload, as it was asked for or as the image has it.
    pub user: String,
    /// Host name inside.
    pub hostname: String,
    /// Labels of the image and the container together.
    pub labels: BTreeMap<String, String>,
    /// Ports that the image and `--expose` name.
    pub exposed: Vec<String>,
    /// The signal that stops it.
    pub stop_signal: i32,
    /// Seconds until it is killed.
    pub stop_timeout: u32,
    /// Its health check, with every default filled in.
    pub healthcheck: Option<HealthConfig>,
    /// What it is doing.
    pub state: StateFacts,
    /// Its id maps, told by the user's default map, if it has others.
    pub id_maps: Option<IdMaps>,
    /// Containers that it needs: each as it was named, and its id.
    pub needed: Vec<(String, String)>,
    /// Whether it is made ready for systemd.
    pub systemd: bool,
    /// Its mounts.
    pub mounts: Vec<Mount>,
    /// Capabilities in effect and at most, by the kernel's names.
    pub effective_caps: Vec<String>,
    /// Capabilities it could ever get.
    pub bounding_caps: Vec<String>,
    /// `pasta`, `host`, …
    pub network_mode: &'a str,
    /// The networks with names that it is on.
    pub networks: Vec<NetworkFacts>,
    /// Directory of the container on disk.
    pub directory: String,
    /// Files that are made for it at its start.
    pub files: MadeFiles,
    /// Where the log goes: `journald`, …
    pub log_driver: &'a str,
    /// The log's file; empty if there is none.
    pub log_path: String,
    /// Directories of its root file system.
    pub graph: GraphDriver,
    /// `systemd` or `cgroupfs`.
    pub cgroup_manager: &'a str,
    /// Sizes, where they were asked for.
    pub size: Option<ps::Size>,
}

/// Paths of the files of `/etc` that are made for a container; empty where there is none.
#[derive(Debug, Clone, Default)]
pub struct MadeFiles {
    /// `/etc/resolv.conf`
    pub resolv_conf: String,
    /// `/etc/hostname`
    pub hostname: String,
    /// `/etc/hosts`
    pub hosts: String,
}

/// What a container is doing.
#[derive(Debug, Clone)]
pub struct StateFacts {
    /// In one word.
    pub state: ps::State,
    /// Its first process; 0 if there is none.
    pub pid: i32,
    /// Its monitor; 0 if there is none.
    pub monitor_pid: i32,
    /// How it ended last.
    pub exit_code: i32,
    /// Whether it was killed for want of memory.
    pub oom_killed: bool,
    /// Why it could not be started last; empty if it could.
    pub error: String,
    /// When it was started last.
    pub started_at: Option<SystemTime>,
    /// When it ended last.
    pub finished_at: Option<SystemTime>,
    /// What health checks have said in its last run.
    pub health: Option<HealthRecord>,
    /// How often its supervisor has started it anew.
    pub restarts: u32,
    /// Whether somebody stopped it.
    pub stopped: bool,
    /// Its cgroup, from the root of cgroups on; empty if it does not run.
    pub cgroup_path: String,
}

/// A mount, as Podman tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    /// `bind`, `volume` or `image`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Name of the volume; empty for others.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// `local` for volumes; empty for others.
    pub driver: String,
    /// `z` or `Z`, if that was asked for.
    pub mode: String,
    /// Options; images have none.
    pub options: Option<Vec<String>>,
    /// Whether it can be written to.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// `rprivate`, …
    pub propagation: String,
    /// What of it is mounted, if not all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub_path: String,
    /// How `HostConfig.Binds` tells of it, if it does.
    #[serde(skip)]
    pub bind: Option<String>,
}

/// A secret that a container sees in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Owner of the file.
    #[serde(rename = "UID")]
    pub uid: u32,
    /// Group of the file.
    #[serde(rename = "GID")]
    pub gid: u32,
    /// Mode of the file.
    pub mode: u32,
}

/// How a root file system is put together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GraphDriver {
    /// `overlay` or `vfs`.
    pub name: String,
    /// `LowerDir`, `UpperDir`, …
    pub data: BTreeMap<String, String>,
}

/// The text of `inspect` for containers.
pub fn text(containers: &[Facts<'_>], format: Option<&str>) -> Result<String, TemplateError> {
    let shown: Vec<Shown<'_>> = containers.iter().map(shown).collect();
    inspection(&shown, format)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    id: &'a str,
    created: WireTime,
    path: String,
    args: Vec<String>,
    state: State,
    image: &'a str,
    image_digest: &'a str,
    image_name: &'a str,
    rootfs: String,
    pod: String,
    resolv_conf_path: &'a str,
    hostname_path: &'a str,
    hosts_path: &'a str,
    static_dir: &'a str,
    #[serde(rename = "OCIConfigPath")]
    oci_config_path: OmitEmpty<&'static str>,
    #[serde(rename = "OCIRuntime")]
    oci_runtime: &'static str,
    conmon_pid_file: String,
    pid_file: String,
    name: &'a str,
    restart_count: u32,
    driver: &'a str,
    mount_label: String,
    process_label: String,
    app_armor_profile: String,
    effective_caps: NullIfEmpty<Vec<String>>,
    bounding_caps: NullIfEmpty<Vec<String>>,
    #[serde(rename = "ExecIDs")]
    exec_ids: [String; 0],
    graph_driver: &'a GraphDriver,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_root_fs: Option<u64>,
    mounts: &'a [Mount],
    dependencies: Vec<&'a str>,
    network_settings: network_settings::NetworkSettings,
    namespace: &'static str,
    is_infra: bool,
    is_service: bool,
    kube_exit_code_propagation: &'static str,
    #[serde(rename = "lockNumber")]
    lock_number: u32,
    config: Config<'a>,
    host_config: HostConfig,
    use_image_hosts: bool,
    use_image_hostname: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    oci_version: &'static str,
    status: &'static str,
    running: bool,
    paused: bool,
    restarting: bool,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    dead: bool,
    pid: i32,
    conmon_pid: OmitEmpty<i32>,
    exit_code: i32,
    error: String,
    started_at: WireTime,
    finished_at: WireTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health>,
    cgroup_path: OmitEmpty<String>,
    checkpointed_at: WireTime,
    restored_at: WireTime,
    stopped_by_user: OmitEmpty<bool>,
}

/// What health checks have said.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
    failing_streak: u32,
    log: NullIfEmpty<Vec<Outcome>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Config<'a> {
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
    cmd: Option<&'a Vec<String>>,
    image: &'a str,
    volumes: Option<()>,
    working_dir: &'a str,
    entrypoint: Option<&'a Vec<String>>,
    on_build: Option<()>,
    labels: NullIfEmpty<BTreeMap<String, String>>,
    annotations: NullIfEmpty<BTreeMap<String, String>>,
    stop_signal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<&'a HealthConfig>,
    healthcheck_on_failure_action: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chroot_dirs: Vec<String>,
    health_log_destination: String,
    healthcheck_max_log_count: usize,
    healthcheck_max_log_size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    startup_health_check: Option<StartupCheck>,
    create_command: &'a [String],
    #[serde(skip_serializing_if = "String::is_empty")]
    timezone: String,
    umask: String,
    #[serde(skip_serializing_if = "<[Secret]>::is_empty")]
    secrets: &'a [Secret],
    timeout: u32,
    stop_timeout: u32,
    passwd: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    systemd_mode: Option<bool>,
    #[serde(rename = "sdNotifyMode")]
    sd_notify_mode: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<String, BTreeMap<String, String>>,
}

/// The check that comes first, as Podman shows it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StartupCheck {
    test: Vec<String>,
    interval: u64,
    timeout: u64,
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
    let default = 30_000_000_000;
    Some(StartupCheck {
        test: health.startup_test.clone()?,
        interval: health.startup_interval.unwrap_or(default),
        timeout: health.startup_timeout.unwrap_or(default),
        retries: health.startup_retries.unwrap_or(0),
        successes: health.startup_successes.unwrap_or(0),
    })
}

fn shown<'a>(facts: &'a Facts<'a>) -> Shown<'a> {
    let request = facts.request;
    let (path, args) = match facts.command.split_first() {
        // A single word is told twice, as Podman does it.
        Some((path, [])) => (path.clone(), vec![path.clone()]),
        Some((path, args)) => (path.clone(), args.to_vec()),
        None => (String::new(), Vec::new()),
    };
    let written =
        |file: Option<&std::path::PathBuf>| file.map(|path| path.display().to_string()).unwrap_or_default();
    Shown {
        id: facts.id,
        created: WireTime(rfc3339(facts.created)),
        path,
        args,
        state: state(&facts.state),
        image: facts.image_id,
        image_digest: &facts.image_digest,
        image_name: facts.image_name,
        rootfs: request.rootfs.as_ref().map(|it| it.path.display().to_string()).unwrap_or_default(),
        pod: request.pod.as_ref().map(|it| it.id.clone()).unwrap_or_default(),
        resolv_conf_path: &facts.files.resolv_conf,
        hostname_path: &facts.files.hostname,
        hosts_path: &facts.files.hosts,
        static_dir: &facts.directory,
        oci_config_path: OmitEmpty(""),
        oci_runtime: "pontoon",
        conmon_pid_file: written(request.conmon_pidfile.as_ref()),
        pid_file: written(request.pidfile.as_ref()),
        name: facts.name,
        restart_count: facts.state.restarts,
        driver: &facts.graph.name,
        mount_label: facts.contexts.map(|it| it.mount.clone()).unwrap_or_default(),
        process_label: facts.contexts.map(|it| it.process.clone()).unwrap_or_default(),
        app_armor_profile: request.apparmor.clone().filter(|it| it != UNCONFINED).unwrap_or_default(),
        effective_caps: NullIfEmpty(facts.effective_caps.clone()),
        bounding_caps: NullIfEmpty(facts.bounding_caps.clone()),
        exec_ids: [],
        graph_driver: &facts.graph,
        size_rw: facts.size.map(|size| size.rw_size),
        size_root_fs: facts.size.map(|size| size.root_fs_size),
        mounts: &facts.mounts,
        dependencies: dependencies(facts),
        network_settings: network_settings::of(facts),
        namespace: "",
        is_infra: request.infra.is_some(),
        is_service: false,
        kube_exit_code_propagation: "invalid",
        lock_number: 0,
        config: config(facts),
        host_config: HostConfig::new(facts),
        use_image_hosts: request.no_hosts,
        use_image_hostname: request.no_hostname,
    }
}

/// The containers that it needs, each once, for however many of its namespaces.
fn dependencies<'a>(facts: &'a Facts<'_>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = Vec::new();
    for (_, id) in &facts.needed {
        if !ids.contains(&id.as_str()) {
            ids.push(id);
        }
    }
    ids
}

fn state(facts: &StateFacts) -> State {
    let never = || WireTime(rfc3339_or_never(None));
    State {
        oci_version: "1.2.0",
        status: facts.state.word(),
        running: facts.state == ps::State::Running,
        paused: facts.state == ps::State::Paused,
        restarting: facts.state == ps::State::Restarting,
        oom_killed: facts.oom_killed,
        dead: false,
        pid: facts.pid,
        conmon_pid: OmitEmpty(facts.monitor_pid),
        exit_code: facts.exit_code,
        error: facts.error.clone(),
        started_at: WireTime(rfc3339_or_never(facts.started_at)),
        finished_at: WireTime(rfc3339_or_never(facts.finished_at)),
        health: facts.health.clone().map(|it| Health {
            status: it.status,
            failing_streak: it.failing_streak,
            log: NullIfEmpty(it.log.into()),
        }),
        cgroup_path: OmitEmpty(facts.cgroup_path.clone()),
        checkpointed_at: never(),
        restored_at: never(),
        stopped_by_user: OmitEmpty(facts.stopped),
    }
}

fn config<'a>(facts: &'a Facts<'a>) -> Config<'a> {
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
        cmd: facts.words.as_ref(),
        image: facts.image_name,
        volumes: None,
        working_dir: &facts.workdir,
        entrypoint: facts.entrypoint.as_ref(),
        on_build: None,
        labels: NullIfEmpty(facts.labels.clone()),
        annotations: NullIfEmpty(request.annotations.iter().cloned().collect()),
        stop_signal: signal_name(facts.stop_signal),
        healthcheck: facts.healthcheck.as_ref(),
        chroot_dirs: request.chroot_dirs.clone(),
        healthcheck_on_failure_action: super::host_config::word(&health.on_failure.unwrap_or_default()),
        health_log_destination: match &health.log_directory {
            Some(path) => path.display().to_string(),
            None if health.log_to_events => "events_logger".to_owned(),
            None => "local".to_owned(),
        },
        healthcheck_max_log_count: health.max_log_count.unwrap_or(DEFAULT_LOG.0),
        healthcheck_max_log_size: health.max_log_size.unwrap_or(DEFAULT_LOG.1),
        startup_health_check: startup_check(health),
        create_command: &request.create_command,
        timezone: request.timezone.clone().unwrap_or_default(),
        umask: format!("{:04o}", request.umask.unwrap_or(0o022)),
        secrets: &facts.secrets,
        timeout: request.timeout.unwrap_or(0),
        stop_timeout: facts.stop_timeout,
        passwd: request.passwd != Some(false),
        systemd_mode: facts.systemd.then_some(true),
        sd_notify_mode: super::host_config::word(&request.sdnotify),
        exposed_ports,
    }
}
