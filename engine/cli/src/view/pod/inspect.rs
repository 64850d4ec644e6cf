//! `pod inspect`, with Podman's fields.

use std::collections::BTreeMap;

use pontoon_network::PortMapping;
use serde::Serialize;

use super::{Container, Row};
use crate::format::{NullIfEmpty, OmitEmpty, TemplateError, WireTime, render_values, to_value};
use crate::time::rfc3339_local;
use crate::view::{inspection, port};

/// All that `pod inspect` tells of a pod.
#[derive(Debug, Clone)]
pub struct Facts {
    /// As in lists.
    pub row: Row,
    /// The command line that made it.
    pub create_command: Vec<String>,
    /// `continue` or `stop`.
    pub exit_policy: &'static str,
    /// As it was asked for; empty if it was not.
    pub hostname: String,
    /// Whether its containers are in a slice of its own.
    pub share_parent: bool,
    /// That slice's control group.
    pub cgroup_path: String,
    /// What its infra container is.
    pub infra: Option<InfraFacts>,
    /// `--security-opt`
    pub security_options: Vec<String>,
    /// What is mounted in all containers.
    pub mounts: Vec<crate::view::container::Mount>,
    /// Devices of the host, and their paths inside, and what may be done with them.
    pub devices: Vec<(String, String, String)>,
    /// `--memory`, in bytes.
    pub memory: u64,
    /// `--memory-swap`, in bytes.
    pub memory_swap: i64,
    /// `--cpu-shares`
    pub cpu_shares: u64,
    /// Period and quota of processor time, in microseconds.
    pub cpu: (u64, i64),
    /// `--cpuset-cpus`
    pub cpuset_cpus: String,
    /// `--cpuset-mems`
    pub cpuset_mems: String,
    /// `--blkio-weight`
    pub blkio_weight: u64,
    /// `--blkio-weight-device`, `--device-read-bps`, `--device-write-bps`
    pub device_rates: [Vec<(String, u64)>; 3],
    /// The restart policy, if there is one.
    pub restart: Option<&'static str>,
}

/// What `pod inspect` tells of an infra container.
#[derive(Debug, Clone, Default)]
pub struct InfraFacts {
    /// Published ports.
    pub ports: Vec<PortMapping>,
    /// The network is the host's.
    pub host_network: bool,
    /// `--dns`, `--dns-search`, `--dns-option`, `--add-host`
    pub names: [Vec<String>; 4],
    /// `--no-hosts`
    pub no_hosts: bool,
    /// `--no-hostname`
    pub no_hostname: bool,
    /// `--dns none`
    pub no_resolv_conf: bool,
    /// `--hosts-file`
    pub hosts_file: String,
    /// Namespaces: pid, user, uts.
    pub modes: [String; 3],
    /// Names of networks.
    pub networks: Vec<String>,
    /// The address that was asked for; empty if none.
    pub static_ip: String,
    /// The hardware address that was asked for; empty if none.
    pub static_mac: String,
}

/// A pod as `pod inspect` tells it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected<'a> {
    id: &'a str,
    name: &'a str,
    namespace: OmitEmpty<&'static str>,
    created: WireTime,
    create_command: &'a [String],
    exit_policy: &'static str,
    state: &'static str,
    hostname: &'a str,
    labels: OmitEmpty<BTreeMap<String, String>>,
    create_cgroup: bool,
    cgroup_parent: &'a str,
    cgroup_path: OmitEmpty<String>,
    create_infra: bool,
    #[serde(rename = "InfraContainerID")]
    infra_container_id: OmitEmpty<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    infra_config: Option<InfraConfig<'a>>,
    shared_namespaces: OmitEmpty<Vec<&'static str>>,
    num_containers: usize,
    containers: OmitEmpty<Vec<InspectedContainer<'a>>>,
    #[serde(rename = "cpu_period")]
    cpu_period: OmitEmpty<u64>,
    #[serde(rename = "cpu_quota")]
    cpu_quota: OmitEmpty<i64>,
    #[serde(rename = "cpuset_cpus")]
    cpuset_cpus: OmitEmpty<String>,
    #[serde(rename = "cpuset_mems")]
    cpuset_mems: OmitEmpty<String>,
    #[serde(rename = "cpu_shares")]
    cpu_shares: OmitEmpty<u64>,
    #[serde(rename = "memory_limit")]
    memory_limit: OmitEmpty<u64>,
    #[serde(rename = "memory_swap")]
    memory_swap: OmitEmpty<i64>,
    #[serde(rename = "blkio_weight")]
    blkio_weight: OmitEmpty<u64>,
    #[serde(rename = "blkio_weight_device")]
    blkio_weight_device: OmitEmpty<Vec<Rate<'a>>>,
    #[serde(rename = "device_read_bps")]
    device_read_bps: OmitEmpty<Vec<Rate<'a>>>,
    #[serde(rename = "device_write_bps")]
    device_write_bps: OmitEmpty<Vec<Rate<'a>>>,
    #[serde(rename = "security_opt")]
    security_options: OmitEmpty<NullIfEmpty<Option<Vec<String>>>>,
    #[serde(rename = "mounts")]
    mounts: OmitEmpty<NullIfEmpty<Option<Vec<&'a crate::view::container::Mount>>>>,
    #[serde(rename = "devices")]
    devices: OmitEmpty<NullIfEmpty<Vec<Device<'a>>>>,
    #[serde(rename = "volumes_from")]
    volumes_from: OmitEmpty<NullIfEmpty<Vec<String>>>,
    restart_policy: OmitEmpty<&'static str>,
    lock_number: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedContainer<'a> {
    id: &'a str,
    name: &'a str,
    state: &'static str,
}

impl<'a> InspectedContainer<'a> {
    fn new(container: &'a Container) -> Self {
        let Container { id, name, state, .. } = container;
        Self { id, name, state }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rate<'a> {
    path: &'a str,
    rate: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Device<'a> {
    path_on_host: &'a str,
    path_in_container: &'a str,
    cgroup_permissions: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InfraConfig<'a> {
    port_bindings: BTreeMap<String, Vec<port::HostPort>>,
    host_network: bool,
    #[serde(rename = "StaticIP")]
    static_ip: &'a str,
    #[serde(rename = "StaticMAC")]
    static_mac: &'a str,
    no_manage_resolv_conf: bool,
    #[serde(rename = "DNSServer")]
    dns_server: NullIfEmpty<Vec<String>>,
    #[serde(rename = "DNSSearch")]
    dns_search: NullIfEmpty<Vec<String>>,
    #[serde(rename = "DNSOption")]
    dns_option: NullIfEmpty<Vec<String>>,
    no_manage_hostname: bool,
    no_manage_hosts: bool,
    host_add: NullIfEmpty<Vec<String>>,
    hosts_file: &'a str,
    networks: NullIfEmpty<Vec<String>>,
    network_options: NullIfEmpty<BTreeMap<String, Vec<String>>>,
    #[serde(rename = "cpu_period")]
    cpu_period: OmitEmpty<u64>,
    #[serde(rename = "cpu_quota")]
    cpu_quota: OmitEmpty<i64>,
    #[serde(rename = "cpuset_cpus")]
    cpuset_cpus: OmitEmpty<String>,
    #[serde(rename = "pid_ns")]
    pid: &'a str,
    #[serde(rename = "userns")]
    user: &'a str,
    #[serde(rename = "uts_ns")]
    uts: &'a str,
}

impl<'a> InfraConfig<'a> {
    fn new(facts: &'a InfraFacts, pod: &Facts) -> Self {
        let [dns_server, dns_search, dns_option, host_add] = facts.names.clone().map(NullIfEmpty);
        let [pid, user, uts] = &facts.modes;
        Self {
            port_bindings: port::bindings(&facts.ports),
            host_network: facts.host_network,
            static_ip: &facts.static_ip,
            static_mac: &facts.static_mac,
            no_manage_resolv_conf: facts.no_resolv_conf,
            dns_server,
            dns_search,
            dns_option,
            no_manage_hostname: facts.no_hostname,
            no_manage_hosts: facts.no_hosts,
            host_add,
            hosts_file: &facts.hosts_file,
            networks: NullIfEmpty(facts.networks.clone()),
            network_options: NullIfEmpty::default(),
            cpu_period: OmitEmpty(pod.cpu.0),
            cpu_quota: OmitEmpty(pod.cpu.1),
            cpuset_cpus: OmitEmpty(pod.cpuset_cpus.clone()),
            pid,
            user,
            uts,
        }
    }
}

fn inspected(facts: &Facts) -> Inspected<'_> {
    let row = &facts.row;
    let rates = |index: usize| {
        let list = facts.device_rates.get(index).map_or(&[][..], Vec::as_slice);
        OmitEmpty(list.iter().map(|(path, rate)| Rate { path, rate: *rate }).collect::<Vec<_>>())
    };
    let devices = facts.devices.iter().map(|(host, inside, permissions)| Device {
        path_on_host: host,
        path_in_container: inside,
        cgroup_permissions: permissions,
    });
    Inspected {
        id: &row.id,
        name: &row.name,
        namespace: OmitEmpty(""),
        created: WireTime(rfc3339_local(row.created)),
        create_command: &facts.create_command,
        exit_policy: facts.exit_policy,
        state: row.status,
        hostname: &facts.hostname,
        labels: OmitEmpty(row.labels.clone()),
        create_cgroup: facts.share_parent,
        cgroup_parent: &row.parent,
        cgroup_path: OmitEmpty(if facts.share_parent { facts.cgroup_path.clone() } else { String::new() }),
        create_infra: facts.infra.is_some(),
        infra_container_id: OmitEmpty(row.infra.clone()),
        infra_config: facts.infra.as_ref().map(|it| InfraConfig::new(it, facts)),
        shared_namespaces: OmitEmpty(row.shared.clone()),
        num_containers: row.containers.len(),
        containers: OmitEmpty(row.containers.iter().map(InspectedContainer::new).collect()),
        cpu_period: OmitEmpty(facts.cpu.0),
        cpu_quota: OmitEmpty(facts.cpu.1),
        cpuset_cpus: OmitEmpty(facts.cpuset_cpus.clone()),
        cpuset_mems: OmitEmpty(facts.cpuset_mems.clone()),
        cpu_shares: OmitEmpty(facts.cpu_shares),
        memory_limit: OmitEmpty(facts.memory),
        memory_swap: OmitEmpty(facts.memory_swap),
        blkio_weight: OmitEmpty(facts.blkio_weight),
        blkio_weight_device: rates(0),
        device_read_bps: rates(1),
        device_write_bps: rates(2),
        // Without an infra container there is nothing that could have them.
        security_options: OmitEmpty(NullIfEmpty(
            facts.infra.as_ref().map(|_| facts.security_options.clone()),
        )),
        mounts: OmitEmpty(NullIfEmpty(facts.infra.as_ref().map(|_| facts.mounts.iter().collect()))),
        devices: OmitEmpty(NullIfEmpty(devices.collect())),
        volumes_from: OmitEmpty::default(),
        restart_policy: OmitEmpty(facts.restart.unwrap_or_default()),
        lock_number: 0,
    }
}

/// The text of `pod inspect`.
///
/// # Errors
/// If the template cannot be used.
pub fn inspect_text(pods: &[Facts], format: Option<&str>) -> Result<String, TemplateError> {
    let shown = pods.iter().map(inspected);
    match format {
        None | Some("" | "json") => inspection(&shown.collect::<Vec<_>>(), format),
        Some(template) => render_values(template, shown.map(|it| to_value(&it)).collect(), &[], true),
    }
}
