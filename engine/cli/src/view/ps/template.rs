//! What templates of `ps` see, and the table that is one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Columns, Namespaces, Row, State, Unit, status, words};
use crate::format::{Headings, WireTime};
use crate::time::{ago, go_words, rfc3339_local, size_words, unix_or_never};
use crate::view::{ListOptions, port, shown_id};

/// The columns of `--namespace`.
const NAMESPACE_COLUMNS: &str = "table {{.ID}}\\t{{.Names}}\\t{{.Pid}}\\t{{.CGROUPNS}}\\t{{.IPC}}\\t{{.MNT}}\\t{{.NET}}\\t{{.PIDNS}}\\t{{.USERNS}}\\t{{.UTS}}";

/// The template that is used where none is asked for.
pub(super) fn usual(columns: Columns) -> String {
    if columns.namespaces {
        return NAMESPACE_COLUMNS.to_owned();
    }
    let mut format = "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.CreatedHuman}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}"
        .to_owned();
    if columns.pod {
        format.push_str("\\t{{.Pod}}\\t{{.PodName}}");
    }
    if columns.units {
        format.push_str("\\t{{.Unit}}\\t{{.UnitState}}");
    }
    if columns.size {
        format.push_str("\\t{{.Size}}");
    }
    format
}

/// The heading of each field that a template can use.
pub(super) const HEADINGS: &Headings = &[
    ("AutoRemove", "AUTO REMOVE"),
    ("CGROUPNS", "CGROUPNS"),
    ("Cgroup", "CGROUPNS"),
    ("CIDFile", "CIDFILE"),
    ("Command", "COMMAND"),
    ("Created", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedHuman", "CREATED"),
    ("ExitCode", "EXIT CODE"),
    ("Exited", "EXITED"),
    ("ExitedAt", "EXITED AT"),
    ("ExposedPorts", "EXPOSED PORTS"),
    ("ID", "CONTAINER ID"),
    ("IPC", "IPC"),
    ("Image", "IMAGE"),
    ("ImageID", "IMAGE ID"),
    ("IsInfra", "IS INFRA"),
    ("Labels", "LABELS"),
    ("MNT", "MNT"),
    ("Mounts", "MOUNTS"),
    ("NET", "NET"),
    ("Names", "NAMES"),
    ("Namespaces", "NAMESPACES"),
    ("Networks", "NETWORKS"),
    ("PIDNS", "PIDNS"),
    ("Pid", "PID"),
    ("Pod", "POD ID"),
    ("PodName", "PODNAME"),
    ("Ports", "PORTS"),
    ("Restarts", "RESTARTS"),
    ("RunningFor", "RUNNING FOR"),
    ("Size", "SIZE"),
    ("StartedAt", "STARTED AT"),
    ("State", "STATE"),
    ("Status", "STATUS"),
    ("USERNS", "USERNS"),
    ("User", "USERNS"),
    ("Unit", "UNIT"),
    ("UnitState", "UNIT STATE"),
    ("UTS", "UTS"),
];

/// What a template sees.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TemplateRow<'a> {
    #[serde(rename = "ID")]
    id: String,
    image: &'a str,
    command: String,
    created_human: String,
    status: String,
    ports: String,
    names: String,
    size: String,
    auto_remove: bool,
    #[serde(rename = "CIDFile")]
    cid_file: &'a str,
    created: WireTime,
    created_at: String,
    exit_code: i32,
    exited: bool,
    exited_at: i64,
    exposed_ports: BTreeMap<u16, Vec<String>>,
    #[serde(rename = "ImageID")]
    image_id: String,
    is_infra: bool,
    labels: &'a BTreeMap<String, String>,
    mounts: &'a [String],
    namespaces: &'a Namespaces,
    networks: String,
    pid: i32,
    pod: String,
    pod_name: &'a str,
    restarts: u32,
    running_for: String,
    started_at: i64,
    state: &'static str,
    #[serde(rename = "CGROUPNS")]
    cgroupns: &'a str,
    #[serde(rename = "IPC")]
    ipc: &'a str,
    #[serde(rename = "MNT")]
    mnt: &'a str,
    #[serde(rename = "NET")]
    net: &'a str,
    #[serde(rename = "PIDNS")]
    pidns: &'a str,
    #[serde(rename = "USERNS")]
    userns: &'a str,
    #[serde(rename = "UTS")]
    uts: &'a str,
    // The same by the names of the fields in Podman.
    cgroup: &'a str,
    user: &'a str,
    unit: &'a str,
    unit_state: String,
}

impl<'a> TemplateRow<'a> {
    pub(super) fn new(row: &'a Row, options: &ListOptions<'_>) -> Self {
        let created = ago(row.created, options.now);
        Self {
            id: shown_id(&row.id, options.no_trunc),
            image: &row.image,
            command: command(row, options.no_trunc),
            created_human: created.clone(),
            status: status(row, options.now),
            ports: port::summary(&row.ports, &row.exposed),
            names: row.names.join(","),
            size: size(row),
            auto_remove: row.auto_remove,
            cid_file: &row.cidfile,
            created: WireTime(rfc3339_local(row.created)),
            created_at: go_words(row.created),
            exit_code: row.exit_code,
            exited: row.state == State::Exited,
            exited_at: unix_or_never(row.finished_at.filter(|_| row.state == State::Exited)),
            exposed_ports: port::by_number(&row.exposed),
            image_id: shown_id(&row.image_id, options.no_trunc),
            is_infra: row.is_infra,
            labels: &row.labels,
            mounts: &row.mounts,
            namespaces: &row.namespaces,
            networks: row.networks.join(","),
            pid: row.pid,
            pod: shown_id(&row.pod, options.no_trunc),
            pod_name: &row.pod_name,
            restarts: row.restarts,
            running_for: created,
            started_at: unix_or_never(row.started_at),
            state: row.state.word(),
            cgroupns: &row.namespaces.cgroup.0,
            ipc: &row.namespaces.ipc.0,
            mnt: &row.namespaces.mnt.0,
            net: &row.namespaces.net.0,
            pidns: &row.namespaces.pidns.0,
            userns: &row.namespaces.user.0,
            uts: &row.namespaces.uts.0,
            cgroup: &row.namespaces.cgroup.0,
            user: &row.namespaces.user.0,
            unit: row.unit.as_ref().map_or("", |it| &it.name),
            unit_state: row.unit.as_ref().map(Unit::state).unwrap_or_default(),
        }
    }
}

/// How many letters of a command are shown.
const SHORT_COMMAND: usize = 17;

fn command(row: &Row, whole: bool) -> String {
    let words = words(&row.command);
    if whole || words.chars().count() <= SHORT_COMMAND {
        return words;
    }
    words.chars().take(SHORT_COMMAND).chain("...".chars()).collect()
}

fn size(row: &Row) -> String {
    match row.size {
        Some(size) => format!("{} (virtual {})", size_words(size.rw_size), size_words(size.root_fs_size)),
        None => String::new(),
    }
}
