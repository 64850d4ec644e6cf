//! One specification, as JSON or YAML: read whole, with the line of what is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Versions that we know. Later ones of the same number add fields, which would be refused by name.
const VERSIONS: [&str; 10] =
    ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"];

/// The most bytes a specification may have.
pub(super) const MAX_SIZE: u64 = 4 << 20;

/// Why a specification cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// It cannot be read.
    #[error("cannot be read")]
    Read(#[source] std::io::Error),
    /// It is larger than any of use.
    #[error("it has more than {MAX_SIZE} bytes")]
    TooLarge,
    /// It is no JSON, or no specification.
    #[error("{line}:{column}: {message}")]
    Syntax {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
        /// What is wrong.
        message: String,
    },
    /// A value that cannot be.
    #[error("{what} `{value}`: {why}")]
    Value {
        /// What it is.
        what: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A specification.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    pub cdi_version: String,
    pub kind: String,
    #[serde(default)]
    #[expect(dead_code, reason = "vendors' notes to themselves, taken and not looked at")]
    annotations: BTreeMap<String, IgnoredAny>,
    #[serde(default)]
    pub devices: Vec<Device>,
    #[serde(default)]
    pub container_edits: ContainerEdits,
}

/// One of its devices.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Device {
    pub name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "vendors' notes to themselves, taken and not looked at")]
    annotations: BTreeMap<String, IgnoredAny>,
    #[serde(default)]
    pub container_edits: ContainerEdits,
}

/// What is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ContainerEdits {
    #[serde(default)]
    pub env: Vec<String>,
    #[serde(default)]
    pub device_nodes: Vec<DeviceNode>,
    #[serde(default)]
    pub hooks: Vec<HookEdit>,
    #[serde(default)]
    pub mounts: Vec<MountEdit>,
    pub intel_rdt: Option<IgnoredAny>,
    #[serde(default)]
    pub additional_gids: Vec<u32>,
    #[serde(default)]
    pub net_devices: Vec<IgnoredAny>,
}

/// A device node. Its owner and mode are those of the host's node, which is mounted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeviceNode {
    pub path: String,
    pub host_path: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    #[expect(dead_code, reason = "the host's node has it")]
    major: Option<i64>,
    #[expect(dead_code, reason = "the host's node has it")]
    minor: Option<i64>,
    #[expect(dead_code, reason = "the host's node has it")]
    file_mode: Option<u32>,
    pub permissions: Option<String>,
    #[expect(dead_code, reason = "the host's node has it")]
    uid: Option<u32>,
    #[expect(dead_code, reason = "the host's node has it")]
    gid: Option<u32>,
}

/// A hook.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct HookEdit {
    pub hook_name: String,
    pub path: PathBuf,
    #[serde(default)]
    pub args: Vec<String>,
    pub env: Option<Vec<String>>,
    pub timeout: Option<u32>,
}

/// A mount.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MountEdit {
    pub host_path: String,
    pub container_path: String,
    #[serde(default)]
    pub options: Vec<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// Parts a name into vendor, class and device.
pub(super) fn split(name: &str) -> Option<(&str, &str, &str)> {
    let (kind, device) = name.split_once('=')?;
    let (vendor, class) = kind.split_once('/')?;
    (is_vendor(vendor) && is_class(class) && is_device(device)).then_some((vendor, class, device))
}

fn has_ends(text: &str, first: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|it| first(*it)) && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

fn is_vendor(text: &str) -> bool {
    has_ends(text, |it| it.is_ascii_alphabetic())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-.".contains(&it))
}

fn is_class(text: &str) -> bool {
    has_ends(text, |it| it.is_ascii_alphabetic())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-".contains(&it))
}

fn is_device(text: &str) -> bool {
    has_ends(text, |it| it.is_ascii_alphanumeric())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-.:".contains(&it))
}

/// Reads the text of a JSON file.
pub(super) fn parse_json(text: &str) -> Result<Spec, SpecError> {
    let spec: Spec = serde_json::from_str(text).map_err(|err| {
        let message = err.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
        SpecError::Syntax { line: err.line() as u64, column: err.column() as u64, message }
    })?;
    check(spec)
}

/// Reads the text of a YAML file.
pub(super) fn parse_yaml(text: &str) -> Result<Spec, SpecError> {
    let spec: Spec = serde_saphyr::from_str(text).map_err(|err| {
        let (line, column) = err.location().map_or((1, 1), |it| (it.line(), it.column()));
        // Of its picture of the place, the first line says what is wrong.
        let message = err.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        SpecError::Syntax { line, column, message }
    })?;
    check(spec)
}

fn wrong(what: &'static str, value: &str, why: &'static str) -> SpecError {
    SpecError::Value { what, value: value.to_owned(), why }
}

fn check(spec: Spec) -> Result<Spec, SpecError> {
    if !VERSIONS.contains(&spec.cdi_version.as_str()) {
        return Err(wrong("cdiVersion", &spec.cdi_version, "this version is not known"));
    }
    let is_kind =
        spec.kind.split_once('/').is_some_and(|(vendor, class)| is_vendor(vendor) && is_class(class));
    if !is_kind {
        return Err(wrong("kind", &spec.kind, "it must be VENDOR/CLASS"));
    }
    if spec.devices.is_empty() {
        return Err(wrong("kind", &spec.kind, "it has no devices"));
    }
    check_edits(&spec.container_edits)?;
    let mut names = std::collections::BTreeSet::new();
    for device in &spec.devices {
        if !is_device(&device.name) {
            return Err(wrong("device", &device.name, "a name has letters, digits, `_`, `-`, `.` and `:`"));
        }
        if !names.insert(&device.name) {
            return Err(wrong("device", &device.name, "it is there twice"));
        }
        check_edits(&device.container_edits)?;
    }
    Ok(spec)
}

fn check_edits(edits: &ContainerEdits) -> Result<(), SpecError> {
    for variable in &edits.env {
        if variable.split_once('=').is_none_or(|(name, _)| name.is_empty()) {
            return Err(wrong("env", variable, "it must be NAME=VALUE"));
        }
    }
    for node in &edits.device_nodes {
        if !node.path.starts_with('/') {
            return Err(wrong("path", &node.path, "the path of a device node must be absolute"));
        }
        if !matches!(node.kind.as_deref(), None | Some("" | "b" | "c" | "u")) {
            return Err(wrong("type", node.kind.as_deref().unwrap_or_default(), "it must be b, c or u"));
        }
        let permissions = node.permissions.as_deref().unwrap_or_default();
        if !permissions.is_empty() && pontoon_runtime::devices::Access::parse(permissions).is_none() {
            return Err(wrong("permissions", permissions, "they are made of r, w and m"));
        }
    }
    for mount in &edits.mounts {
        if mount.host_path.is_empty() || !mount.container_path.starts_with('/') {
            return Err(wrong(
                "mount",
                &mount.container_path,
                "it needs a hostPath and an absolute containerPath",
            ));
        }
        if !matches!(mount.kind.as_deref(), None | Some("" | "bind" | "tmpfs" | "none")) {
            return Err(wrong("type", mount.kind.as_deref().unwrap_or_default(), "it must be bind or tmpfs"));
        }
    }
    for hook in &edits.hooks {
        if pontoon_runtime::hooks::Stage::parse(&hook.hook_name).is_none() {
            return Err(wrong("hookName", &hook.hook_name, "there is no such stage"));
        }
        if !hook.path.is_absolute() {
            return Err(wrong("path", &hook.path.to_string_lossy(), "the path of a hook must be absolute"));
        }
        if hook.env.iter().flatten().any(|it| !it.contains('=')) {
            return Err(wrong("hookName", &hook.hook_name, "its env must be made of NAME=VALUE"));
        }
    }
    Ok(())
}
