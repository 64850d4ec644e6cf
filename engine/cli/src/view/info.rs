//! `info`: host, store, registries and version, with Podman's fields.
//!
//! Podman's JSON has small first letters here; its templates have capitals. Both are made from one struct.

use std::collections::BTreeMap;

use serde::Serialize;

use super::version::Version;
use crate::format::{NullIfEmpty, OmitEmpty, TemplateError, Value, json, render_values, to_value};

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    /// The host.
    pub host: Host,
    /// The store.
    pub store: Store,
    /// Registries: `search`, and what is set for each.
    pub registries: BTreeMap<String, Registry>,
    /// Which drivers there are.
    pub plugins: Plugins,
    /// This program.
    pub version: Version,
}

/// The host.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// Architecture, in the words of images.
    pub arch: String,
    /// Podman's; empty, for nothing is built here.
    pub buildah_version: String,
    /// `systemd` or `cgroupfs`.
    pub cgroup_manager: String,
    /// Always `v2`.
    pub cgroup_version: String,
    /// Controllers we may use.
    pub cgroup_controllers: Vec<String>,
    /// The monitor.
    pub conmon: Program,
    /// How many processors.
    pub cpus: u32,
    /// How busy they have been since the host was started.
    pub cpu_utilization: CpuUtilization,
    /// Podman's; empty, for there is no database.
    pub database_backend: String,
    /// Distribution.
    pub distribution: Distribution,
    /// `journald`, `file` or `none`.
    pub event_logger: String,
    /// How many locks are left. Ours are files, of which there are always more.
    pub free_locks: u32,
    /// Host name.
    pub hostname: String,
    /// Ids of the default map.
    pub id_mappings: IdMappings,
    /// Kernel's release.
    pub kernel: String,
    /// Log driver.
    pub log_driver: String,
    /// Bytes of free memory.
    pub mem_free: u64,
    /// Bytes of memory.
    pub mem_total: u64,
    /// The runtime, which is ourselves.
    pub oci_runtime: Runtime,
    /// Always `linux`.
    pub os: String,
    /// What makes the networks, which is ourselves.
    pub network_backend: String,
    /// The program that does it.
    pub network_backend_info: NetworkBackend,
    /// Where a service would listen; there is none.
    pub remote_socket: RemoteSocket,
    /// `pasta` or `slirp4netns`.
    pub rootless_network_cmd: String,
    /// Always false: there is no service.
    pub service_is_remote: bool,
    /// How containers are confined.
    pub security: Security,
    /// slirp4netns, where there is one.
    pub slirp4netns: Helper,
    /// pasta, where there is one.
    pub pasta: Helper,
    /// Bytes of free swap.
    pub swap_free: u64,
    /// Bytes of swap.
    pub swap_total: u64,
    /// How long the host runs, in words.
    pub uptime: String,
    /// Variant of the architecture.
    pub variant: String,
    /// Always `static` or `dynamic`.
    pub linkmode: String,
}

/// Shares of processor time, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CpuUtilization {
    /// In programs.
    pub user_percent: f64,
    /// In the kernel.
    pub system_percent: f64,
    /// In nothing.
    pub idle_percent: f64,
}

impl CpuUtilization {
    /// Reads the first line of `/proc/stat` (proc_stat(5)).
    pub fn read(stat: &str) -> Self {
        let line = stat.lines().next().and_then(|it| it.strip_prefix("cpu "));
        let ticks: Vec<f64> =
            line.unwrap_or_default().split_whitespace().filter_map(|it| it.parse().ok()).collect();
        let total: f64 = ticks.iter().sum();
        let percent = |index: usize| match ticks.get(index) {
            Some(ticks) if total > 0.0 => (10_000.0 * ticks / total).round() / 100.0,
            _ => 0.0,
        };
        Self { user_percent: percent(0), system_percent: percent(2), idle_percent: percent(3) }
    }
}

/// What makes networks.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NetworkBackend {
    /// Its name.
    pub backend: String,
    /// Its version.
    pub version: String,
    /// Package it came with.
    pub package: String,
    /// Where it is.
    pub path: String,
    /// What answers for names on networks.
    pub dns: NameServer,
}

/// What answers for names on networks.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NameServer {
    /// Its version.
    pub version: String,
    /// Package it came with.
    pub package: String,
    /// Where it is.
    pub path: String,
}

/// Where a service would listen.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RemoteSocket {
    /// Always empty.
    pub path: String,
    /// Always false.
    pub exists: bool,
}

/// What registries.conf says, by registry, and where short names are searched.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Registry {
    /// `search`
    Search(Vec<String>),
    /// A registry.
    Entry(RegistryEntry),
}

/// A registry.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegistryEntry {
    /// Beginning of the names it is for.
    pub prefix: String,
    /// What replaces it.
    pub location: String,
    /// Whether certificates are not verified.
    pub insecure: bool,
    /// Podman's; how a mirror may be used.
    pub pull_from_mirror: &'static str,
    /// Other places, asked first.
    pub mirrors: NullIfEmpty<Vec<Mirror>>,
    /// Whether nothing may be pulled.
    pub blocked: bool,
    /// Whether mirrors are asked for digests only.
    pub mirror_by_digest_only: bool,
}

/// A mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mirror {
    /// Where it is.
    pub location: String,
    /// Whether certificates are not verified.
    pub insecure: bool,
    /// `all`, `digest-only` or `tag-only`; empty for all.
    pub pull_from_mirror: &'static str,
}

/// A program of ours.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Program {
    /// Package it came with.
    pub package: String,
    /// Where it is.
    pub path: String,
    /// Its version.
    pub version: String,
}

/// The runtime.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Runtime {
    /// Its name.
    pub name: String,
    /// Package it came with.
    pub package: String,
    /// Where it is.
    pub path: String,
    /// Its version.
    pub version: String,
}

/// A helper program.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Helper {
    /// Where it is; empty if it is missing.
    pub executable: String,
    /// Package it came with.
    pub package: String,
    /// Its version.
    pub version: String,
}

/// The distribution, from os-release(5).
#[derive(Debug, Clone, Default, Serialize)]
pub struct Distribution {
    /// `ID=`
    pub distribution: String,
    /// `VERSION_ID=`
    pub version: String,
    /// `VERSION_CODENAME=`
    pub codename: OmitEmpty<String>,
    /// `VARIANT_ID=`
    pub variant: OmitEmpty<String>,
}

/// Ids of users and groups.
#[derive(Debug, Clone, Default, Serialize)]
pub struct IdMappings {
    /// Groups.
    pub gidmap: Vec<IdRange>,
    /// Users.
    pub uidmap: Vec<IdRange>,
}

/// Ids of the container and the ids of the host they stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct IdRange {
    /// First id in the container.
    pub container_id: u32,
    /// First id on the host.
    pub host_id: u32,
    /// How many.
    pub size: u32,
}

/// How containers are confined.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Security {
    /// Whether AppArmor is on.
    pub apparmor_enabled: bool,
    /// Capabilities of a container, separated by commas.
    pub capabilities: String,
    /// Ours: `cgroup` where the kernel asks rules about devices, else why only nodes that are mounted are devices.
    pub device_filter: String,
    /// Whether the caller is an ordinary user.
    pub rootless: bool,
    /// Whether there are seccomp filters.
    pub seccomp_enabled: bool,
    /// The profile's file; empty if it is our own.
    pub seccomp_profile_path: String,
    /// Whether SELinux is on.
    pub selinux_enabled: bool,
}

/// The store.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// storage.conf, where there is one.
    pub config_file: String,
    /// How many containers.
    pub container_store: ContainerStore,
    /// `overlay` or `vfs`.
    pub graph_driver_name: String,
    /// Options of the driver.
    pub graph_options: BTreeMap<String, String>,
    /// Directory of the store.
    pub graph_root: String,
    /// Bytes of its file system.
    pub graph_root_allocated: u64,
    /// Bytes in use of its file system.
    pub graph_root_used: u64,
    /// What the file system can do, and which way of mounting was chosen and why.
    pub graph_status: BTreeMap<String, String>,
    /// Directory for files under way.
    pub image_copy_tmp_dir: String,
    /// How many images.
    pub image_store: ImageStore,
    /// Directory until the next boot.
    pub run_root: String,
    /// Directory of volumes.
    pub volume_path: String,
    /// Always false.
    pub transient_store: bool,
}

/// How many containers there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ContainerStore {
    /// In all.
    pub number: usize,
    /// Always 0.
    pub paused: usize,
    /// Running.
    pub running: usize,
    /// Not running.
    pub stopped: usize,
}

/// How many images there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImageStore {
    /// In all.
    pub number: usize,
}

/// Which drivers there are.
#[derive(Debug, Clone, Serialize)]
pub struct Plugins {
    /// Volumes.
    pub volume: Vec<String>,
    /// Networks.
    pub network: Vec<String>,
    /// Logs.
    pub log: Vec<String>,
    /// Podman's; there are none.
    pub authorization: NullIfEmpty<Vec<String>>,
}

impl Default for Plugins {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            volume: words(&["local"]),
            network: words(&["bridge", "macvlan", "ipvlan"]),
            log: words(&["k8s-file", "none", "passthrough", "journald"]),
            authorization: NullIfEmpty::default(),
        }
    }
}

/// The text to print: without a format it is a list of keys and values, one a line.
pub fn text(info: &Info, format: Option<&str>) -> Result<String, TemplateError> {
    match format {
        Some("json") => Ok(format!("{}\n", json::pretty(&to_value(info), 2))),
        format if super::is_json_lines(format) => Ok(format!("{}\n", json::compact(&to_value(info)))),
        Some(template) => render_values(template, vec![to_value(info)], &[], true),
        None => {
            let mut text = String::new();
            outline(&mut text, &to_value(info), 0);
            Ok(text)
        }
    }
}

/// Writes keys and values as the original's YAML does.
fn outline(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let (Value::Struct(entries) | Value::Map(entries)) = value else { return };
    for (key, value) in entries.iter() {
        match value {
            Value::Omitted(_) | Value::Absent => {}
            Value::Struct(inner) | Value::Map(inner) if inner.is_empty() => {
                text.push_str(&format!("{indent}{key}: {{}}\n"))
            }
            Value::Struct(_) | Value::Map(_) => {
                text.push_str(&format!("{indent}{key}:\n"));
                outline(text, value, depth + 1);
            }
            Value::Nil | Value::Null(_) => text.push_str(&format!("{indent}{key}: null\n")),
            Value::List(items) if items.is_empty() => text.push_str(&format!("{indent}{key}: []\n")),
            Value::List(items) => {
                text.push_str(&format!("{indent}{key}:\n"));
                for item in items.iter() {
                    list_item(text, item, &indent, depth);
                }
            }
            other => text.push_str(&format!("{indent}{key}: {}\n", scalar(other))),
        }
    }
}

fn list_item(text: &mut String, item: &Value, indent: &str, depth: usize) {
    if !matches!(item, Value::Struct(_) | Value::Map(_)) {
        text.push_str(&format!("{indent}- {}\n", scalar(item)));
        return;
    }
    let mut inner = String::new();
    outline(&mut inner, item, depth + 1);
    // The first key stands beside the dash.
    let marked = inner.replacen(&format!("{indent}  "), &format!("{indent}- "), 1);
    text.push_str(&marked);
}

/// A scalar, in quotes where YAML would take it for something else than text.
fn scalar(value: &Value) -> String {
    let Value::Text(words) = value else { return value.go_text() };
    let plain = words.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/')
        && !words.contains(": ")
        && !words.contains(" #")
        && !words.ends_with(':')
        && !words.chars().any(char::is_control)
        && !matches!(
            words.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off"
        );
    if plain { words.to_string() } else { json::compact(value) }
}
