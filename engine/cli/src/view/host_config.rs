//! The `HostConfig` of a container's inspection: what was asked for, in Docker's and Podman's words.

use std::collections::BTreeMap;

use pontoon_lifecycle::decide::default_capabilities;
use pontoon_lifecycle::request::{
    CreateRequest, HostsFile, NamespaceMode, NetworkMode, RestartPolicy as Policy, SeccompRequest, UserNsMode,
};
use pontoon_lifecycle::resources::{DeviceRate, Resources};
use pontoon_rootless::idmap::IdRange;
use pontoon_runtime::capabilities::{self, CapError, CapSet};
use serde::Serialize;

use crate::time::precise_size_words;

use super::container::Facts;
use super::mounts;
use super::port::{HostPort, bindings};
use crate::format::{NullIfEmpty, OmitEmpty};

/// Docker's name for a namespace of one's own, and ours.
const PRIVATE: &str = "private";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HostConfig {
    binds: Vec<String>,
    cgroup_manager: String,
    cgroup_mode: String,
    #[serde(rename = "ContainerIDFile")]
    container_id_file: String,
    log_config: LogConfig,
    network_mode: String,
    port_bindings: BTreeMap<String, Vec<HostPort>>,
    restart_policy: RestartPolicy,
    auto_remove: bool,
    auto_remove_image: bool,
    annotations: NullIfEmpty<BTreeMap<String, String>>,
    volume_driver: &'static str,
    volumes_from: NullIfEmpty<Option<Vec<String>>>,
    cap_add: Vec<String>,
    cap_drop: Vec<String>,
    dns: Vec<String>,
    dns_options: Vec<String>,
    dns_search: Vec<String>,
    extra_hosts: Vec<String>,
    hosts_file: String,
    group_add: Vec<String>,
    ipc_mode: String,
    cgroup: &'static str,
    cgroups: String,
    links: NullIfEmpty<Vec<String>>,
    oom_score_adj: i32,
    pid_mode: String,
    privileged: bool,
    publish_all_ports: bool,
    readonly_rootfs: bool,
    security_opt: Vec<String>,
    tmpfs: BTreeMap<String, String>,
    #[serde(rename = "UTSMode")]
    uts_mode: String,
    userns_mode: String,
    #[serde(rename = "IDMappings", skip_serializing_if = "Option::is_none")]
    id_mappings: Option<IdMappings>,
    shm_size: u64,
    runtime: &'static str,
    console_size: [u32; 2],
    isolation: &'static str,
    cpu_shares: u64,
    memory: u64,
    nano_cpus: i64,
    cgroup_parent: String,
    blkio_weight: u64,
    blkio_weight_device: NullIfEmpty<Option<Vec<WeightDevice>>>,
    blkio_device_read_bps: NullIfEmpty<Option<Vec<ThrottleDevice>>>,
    blkio_device_write_bps: NullIfEmpty<Option<Vec<ThrottleDevice>>>,
    #[serde(rename = "BlkioDeviceReadIOps")]
    blkio_device_read_iops: NullIfEmpty<Option<Vec<ThrottleDevice>>>,
    #[serde(rename = "BlkioDeviceWriteIOps")]
    blkio_device_write_iops: NullIfEmpty<Option<Vec<ThrottleDevice>>>,
    cpu_period: u64,
    cpu_quota: i64,
    cpu_realtime_period: u64,
    cpu_realtime_runtime: i64,
    cpuset_cpus: String,
    cpuset_mems: String,
    devices: Vec<Device>,
    disk_quota: u64,
    kernel_memory: u64,
    memory_reservation: u64,
    memory_swap: i64,
    memory_swappiness: i64,
    oom_kill_disable: bool,
    init: OmitEmpty<bool>,
    pids_limit: i64,
    ulimits: Vec<Ulimit>,
    cpu_count: u64,
    cpu_percent: u64,
    #[serde(rename = "IOMaximumIOps")]
    io_maximum_iops: u64,
    #[serde(rename = "IOMaximumBandwidth")]
    io_maximum_bandwidth: u64,
    cgroup_conf: NullIfEmpty<BTreeMap<String, String>>,
    #[serde(rename = "IntelRdtClosID")]
    intel_rdt_clos_id: OmitEmpty<&'static str>,
}

/// A device, and how much of it may be used in a second.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ThrottleDevice {
    path: String,
    rate: u64,
}

/// A device, and its share.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WeightDevice {
    path: String,
    weight: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LogConfig {
    #[serde(rename = "Type")]
    kind: String,
    config: NullIfEmpty<BTreeMap<String, String>>,
    path: String,
    tag: String,
    size: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RestartPolicy {
    name: &'static str,
    maximum_retry_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Device {
    path_on_host: String,
    path_in_container: String,
    cgroup_permissions: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ulimit {
    name: String,
    soft: i64,
    hard: i64,
}

/// Which ids stand for which of the user's own default map.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct IdMappings {
    uid_map: Vec<String>,
    gid_map: Vec<String>,
}

/// The word an enum is written with, as in records and on the command line.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match crate::format::to_value(value) {
        crate::format::Value::Text(text) => text.to_string(),
        _ => String::new(),
    }
}

/// Ranges in as few pieces as they can be told in: what was asked for in one piece is, though it may stand for the user's own
/// id and others.
fn joined(ranges: &[IdRange]) -> Vec<IdRange> {
    let mut joined: Vec<IdRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last)
                if last.container.checked_add(last.size) == Some(range.container)
                    && last.host.checked_add(last.size) == Some(range.host) =>
            {
                last.size = last.size.saturating_add(range.size);
            }
            _ => joined.push(*range),
        }
    }
    joined
}

/// Podman's default size of `/dev/shm`.
const SHM_SIZE: u64 = 65_536_000;

impl HostConfig {
    pub(super) fn new(facts: &Facts<'_>) -> Self {
        let request = facts.request;
        let resources = &request.resources;
        let says_blkio = says_blkio(resources);
        let (cap_add, cap_drop) = capability_changes(request);
        let log_option = |key: &str| {
            request.log_opts.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.clone())
        };
        Self {
            binds: facts.mounts.iter().filter_map(|it| it.bind.clone()).collect(),
            cgroup_manager: facts.cgroup_manager.to_owned(),
            cgroup_mode: if request.host_cgroup_namespace {
                "host".to_owned()
            } else {
                mode_word(facts, &request.cgroup_namespace)
            },
            container_id_file: request
                .cidfile
                .as_ref()
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
            log_config: LogConfig {
                kind: facts.log_driver.to_owned(),
                config: NullIfEmpty(BTreeMap::new()),
                path: facts.log_path.clone(),
                tag: log_option("tag").unwrap_or_default(),
                size: log_option("max-size").map_or_else(|| "0B".to_owned(), |text| size_as_told(&text)),
            },
            network_mode: match &request.network {
                Some(NetworkMode::Container(name)) => of_container(facts, name),
                Some(NetworkMode::Path(path)) => by_path(path),
                _ => facts.network_mode.to_owned(),
            },
            port_bindings: bindings(&request.publish),
            restart_policy: RestartPolicy {
                name: super::policy_word(request.restart),
                maximum_retry_count: match request.restart {
                    Policy::OnFailure { retries } => retries.unwrap_or(0),
                    _ => 0,
                },
            },
            auto_remove: request.rm,
            auto_remove_image: request.rmi,
            annotations: NullIfEmpty(request.annotations.iter().cloned().collect()),
            volume_driver: "",
            volumes_from: NullIfEmpty(
                (!request.volumes_from.is_empty())
                    .then(|| request.volumes_from.iter().map(volumes_from).collect()),
            ),
            cap_add,
            cap_drop,
            dns: request.dns.clone(),
            dns_options: request.dns_option.clone(),
            dns_search: request.dns_search.clone(),
            extra_hosts: request.add_host.iter().map(|(name, address)| format!("{name}:{address}")).collect(),
            hosts_file: match &request.hosts_file {
                None => String::new(),
                Some(HostsFile::Path(path)) => path.display().to_string(),
                Some(HostsFile::Image) => "image".to_owned(),
                Some(HostsFile::None) => "none".to_owned(),
            },
            group_add: request.group_add.clone(),
            ipc_mode: match &request.ipc {
                NamespaceMode::Private if request.no_shm => "none".to_owned(),
                NamespaceMode::Private if request.private_ipc => PRIVATE.to_owned(),
                NamespaceMode::Private => "shareable".to_owned(),
                mode => mode_word(facts, mode),
            },
            cgroup: "",
            cgroups: match word(&request.cgroups).as_str() {
                // Podman tells the two that have groups alike, wherever these are.
                "disabled" => "disabled".to_owned(),
                _ => "default".to_owned(),
            },
            links: NullIfEmpty::default(),
            oom_score_adj: request.oom_score_adj.unwrap_or(0),
            pid_mode: mode_word(facts, &request.pid),
            privileged: request.privileged,
            publish_all_ports: request.publish_all,
            readonly_rootfs: request.read_only,
            security_opt: security_opt(facts),
            tmpfs: request.mounts.iter().filter_map(mounts::tmpfs_words).collect(),
            uts_mode: mode_word(facts, &request.uts),
            userns_mode: match &request.userns {
                UserNsMode::Host => String::new(),
                UserNsMode::Container(name) => of_container(facts, name),
                UserNsMode::Path(path) => by_path(path),
                _ => PRIVATE.to_owned(),
            },
            id_mappings: facts
                .id_maps
                .as_ref()
                .filter(|_| !matches!(request.userns, UserNsMode::Container(_) | UserNsMode::Path(_)))
                .map(|maps| {
                    let text = |ranges: &[IdRange]| -> Vec<String> {
                        joined(ranges)
                            .iter()
                            .map(|it| format!("{}:{}:{}", it.container, it.host, it.size))
                            .collect()
                    };
                    IdMappings { uid_map: text(&maps.uids), gid_map: text(&maps.gids) }
                }),
            shm_size: request.shm_size.unwrap_or(SHM_SIZE),
            runtime: "oci",
            console_size: [0, 0],
            isolation: "",
            cpu_shares: resources.cpu_shares.unwrap_or(0),
            memory: resources.memory.unwrap_or(0),
            nano_cpus: nano_cpus(resources),
            cgroup_parent: request.cgroup_parent.clone().unwrap_or_default(),
            blkio_weight: resources.blkio_weight.unwrap_or(0),
            blkio_weight_device: NullIfEmpty(
                says_blkio.then(|| resources.blkio_weight_device.iter().map(weight_device).collect()),
            ),
            blkio_device_read_bps: NullIfEmpty(says_blkio.then(|| rates(&resources.device_read_bps))),
            blkio_device_write_bps: NullIfEmpty(says_blkio.then(|| rates(&resources.device_write_bps))),
            blkio_device_read_iops: NullIfEmpty(says_blkio.then(|| rates(&resources.device_read_iops))),
            blkio_device_write_iops: NullIfEmpty(says_blkio.then(|| rates(&resources.device_write_iops))),
            cpu_period: resources.cpu_period.unwrap_or(0),
            cpu_quota: resources.cpu_quota.filter(|it| *it > 0).unwrap_or(0),
            cpu_realtime_period: 0,
            cpu_realtime_runtime: 0,
            cpuset_cpus: resources.cpuset_cpus.clone(),
            cpuset_mems: resources.cpuset_mems.clone(),
            devices: devices(facts),
            disk_quota: 0,
            kernel_memory: 0,
            memory_reservation: resources.memory_reservation.unwrap_or(0),
            memory_swap: memory_swap(resources),
            // Podman's word for "not said", once something is said about memory.
            memory_swappiness: if says_memory(resources) { -1 } else { 0 },
            oom_kill_disable: false,
            init: OmitEmpty(request.init),
            pids_limit: resources.pids_limit.or(resources.default_pids).unwrap_or(0),
            ulimits: request.ulimits.iter().map(ulimit).collect(),
            cpu_count: 0,
            cpu_percent: 0,
            io_maximum_iops: 0,
            io_maximum_bandwidth: 0,
            cgroup_conf: NullIfEmpty(resources.cgroup_conf.iter().cloned().collect()),
            intel_rdt_clos_id: OmitEmpty(""),
        }
    }
}

/// A size as somebody wrote it, in Podman's words: `1k` is `1.024kB`.
fn size_as_told(text: &str) -> String {
    crate::run_options::parse_size("max-size", text).map_or_else(|_| text.to_owned(), precise_size_words)
}

/// The container whose namespace it is, by its id where that is known.
fn of_container(facts: &Facts<'_>, name: &str) -> String {
    let id = facts.needed.iter().find(|(word, _)| word == name).map_or(name, |(_, id)| id);
    format!("container:{id}")
}

/// What differs from the usual capabilities: added and dropped, name by name.
fn capability_changes(request: &CreateRequest) -> (Vec<String>, Vec<String>) {
    let changed = || {
        let default = default_capabilities(request)?;
        let bounding = capabilities::merge(default, &request.cap_add, &request.cap_drop)?;
        let names = |set: CapSet| set.names().into_iter().map(str::to_owned).collect();
        Ok::<_, CapError>((names(bounding.difference(default)), names(default.difference(bounding))))
    };
    changed().unwrap_or_else(|_| (request.cap_add.clone(), request.cap_drop.clone()))
}

fn mode_word(facts: &Facts<'_>, mode: &NamespaceMode) -> String {
    match mode {
        NamespaceMode::Private => PRIVATE.to_owned(),
        NamespaceMode::Host => "host".to_owned(),
        NamespaceMode::Container(name) => of_container(facts, name),
        NamespaceMode::Path(path) => by_path(path),
    }
}

fn by_path(path: &std::path::Path) -> String {
    format!("ns:{}", path.display())
}
/// Microseconds in a period of `--cpus`.
const PERIOD_OF_CPUS: u64 = 100_000;

/// Processors, in thousand-millionths.
fn nano_cpus(resources: &Resources) -> i64 {
    match (resources.cpu_quota, resources.cpu_period) {
        // Of other periods Podman does not think that --cpus was meant.
        (Some(quota), Some(PERIOD_OF_CPUS)) if quota > 0 => {
            let period = PERIOD_OF_CPUS;
            i64::try_from(i128::from(quota) * 1_000_000_000 / i128::from(period)).unwrap_or(i64::MAX)
        }
        _ => 0,
    }
}

fn says_blkio(resources: &Resources) -> bool {
    let devices = [
        &resources.blkio_weight_device,
        &resources.device_read_bps,
        &resources.device_write_bps,
        &resources.device_read_iops,
        &resources.device_write_iops,
    ];
    resources.blkio_weight.is_some() || devices.iter().any(|it| !it.is_empty())
}

fn says_memory(resources: &Resources) -> bool {
    resources.memory.is_some() || resources.memory_swap.is_some() || resources.memory_reservation.is_some()
}

/// Where only memory is limited, as much swap may be used again.
fn memory_swap(resources: &Resources) -> i64 {
    let twice = resources.memory.map(|it| i64::try_from(it.saturating_mul(2)).unwrap_or(i64::MAX));
    resources.memory_swap.or(twice).filter(|it| *it > 0).unwrap_or(0)
}

fn rates(devices: &[DeviceRate]) -> Vec<ThrottleDevice> {
    devices.iter().map(|it| ThrottleDevice { path: it.path.display().to_string(), rate: it.rate }).collect()
}

fn weight_device(device: &DeviceRate) -> WeightDevice {
    WeightDevice { path: device.path.display().to_string(), weight: device.rate }
}

fn volumes_from((name, options): &(String, Vec<String>)) -> String {
    if options.is_empty() { name.clone() } else { format!("{name}:{}", options.join(",")) }
}

fn devices(facts: &Facts<'_>) -> Vec<Device> {
    let devices = facts.request.devices.iter();
    devices
        .map(|device| Device {
            path_on_host: device.host.display().to_string(),
            path_in_container: device.container.clone(),
            cgroup_permissions: device.permissions.clone(),
        })
        .collect()
}

fn security_opt(facts: &Facts<'_>) -> Vec<String> {
    let request = facts.request;
    let mut options = Vec::new();
    if request.no_new_privileges {
        options.push("no-new-privileges".to_owned());
    }
    match &request.seccomp {
        SeccompRequest::Default => {}
        SeccompRequest::Unconfined => options.push("seccomp=unconfined".to_owned()),
        SeccompRequest::Profile(path) => options.push(format!("seccomp={}", path.display())),
    }
    if let Some(profile) = &request.apparmor {
        options.push(format!("apparmor={profile}"));
    }
    if !request.label_options.is_empty() {
        // Podman tells all of them in one.
        let words: Vec<_> = request.label_options.iter().map(|it| format!("label={it}")).collect();
        options.push(words.join(","));
    }
    options.extend(request.mask.iter().map(|path| format!("mask={path}")));
    let unmask = |path: &String| {
        if path.eq_ignore_ascii_case("all") { "unmask=all".to_owned() } else { format!("unmask={path}") }
    };
    options.extend(request.unmask.iter().map(unmask));
    if request.privileged && options.is_empty() {
        options.push("unmask=all".to_owned());
    }
    options
}

fn ulimit((name, soft, hard): &(String, Option<u64>, Option<u64>)) -> Ulimit {
    let number = |limit: &Option<u64>| limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    Ulimit { name: format!("RLIMIT_{}", name.to_ascii_uppercase()), soft: number(soft), hard: number(hard) }
}
