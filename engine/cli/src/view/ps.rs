//! The list of containers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use pontoon_network::PortMapping;
use serde::Serialize;

use super::{ListOptions, is_json, is_json_lines, json_lines, shown_id};
use crate::args::PsSort;
use crate::format::{Headings, NullIfEmpty, OmitEmpty, TemplateError, json, render_list, to_value};
use crate::time::{ago, duration_words, go_words, size_words, unix_or_never};

/// One container.
#[derive(Debug, Clone)]
pub struct Row {
    /// Id, whole.
    pub id: String,
    /// Image's name, or its id where it has none.
    pub image: String,
    /// Image's id, whole, without `sha256:`.
    pub image_id: String,
    /// Command, word by word.
    pub command: Vec<String>,
    /// When it was created.
    pub created: SystemTime,
    /// When it was started last.
    pub started_at: Option<SystemTime>,
    /// When it ended last.
    pub finished_at: Option<SystemTime>,
    /// What it is doing.
    pub state: State,
    /// How it ended.
    pub exit_code: i32,
    /// Its first process; 0 if there is none.
    pub pid: i32,
    /// Its names; the first is shown.
    pub names: Vec<String>,
    /// Its published ports.
    pub ports: Vec<PortMapping>,
    /// Ports that the image and `--expose` name, as `80/tcp`.
    pub exposed: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// `healthy`, `unhealthy`, `starting`; empty without a health check.
    pub health: String,
    /// How often it was started anew.
    pub restarts: u32,
    /// `no`, `always`, `on-failure`, `unless-stopped`.
    pub restart_policy: &'static str,
    /// Whether it is started when the machine is.
    pub starts_on_boot: bool,
    /// Paths of its mounts in the container.
    pub mounts: Vec<String>,
    /// Names of the volumes it uses, for filters.
    pub volumes: Vec<String>,
    /// Names of its networks.
    pub networks: Vec<String>,
    /// Whether it is removed when it ends.
    pub auto_remove: bool,
    /// The file its id was written to; empty if none.
    pub cidfile: String,
    /// Its size, where it was asked for.
    pub size: Option<Size>,
    /// Its namespaces, where they were asked for and it runs.
    pub namespaces: Namespaces,
    /// The container whose network it shares, by id; empty if none.
    pub network_of: String,
    /// Its pod, by id; empty if none.
    pub pod: String,
    /// The pod's name, where it was asked for.
    pub pod_name: String,
    /// Whether it holds its pod's namespaces.
    pub is_infra: bool,
    /// Its systemd unit, where it was asked for and it has one.
    pub unit: Option<Unit>,
}

/// A systemd unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// `ActiveState`; empty if the manager does not know it, or cannot be asked.
    pub active: String,
    /// `SubState`.
    pub sub: String,
    /// `Result`.
    pub result: String,
}

impl Unit {
    /// The states in a word, with how it ended where it failed: `active/running`, `failed/failed (exit-code)`.
    pub fn state(&self) -> String {
        match (self.active.as_str(), self.result.as_str()) {
            ("", _) => "unknown".to_owned(),
            (active, "" | "success") => format!("{active}/{}", self.sub),
            (active, result) => format!("{active}/{} ({result})", self.sub),
        }
    }
}

/// The numbers of a container's namespaces, as `/proc/PID/ns` tells them; empty where they were not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Namespaces {
    /// Mounts.
    pub mnt: OmitEmpty<String>,
    /// Control groups.
    pub cgroup: OmitEmpty<String>,
    /// Shared memory and message queues.
    pub ipc: OmitEmpty<String>,
    /// Network.
    pub net: OmitEmpty<String>,
    /// Process ids.
    pub pidns: OmitEmpty<String>,
    /// Host name.
    pub uts: OmitEmpty<String>,
    /// User ids.
    pub user: OmitEmpty<String>,
}

/// Columns beside the usual ones, or in their place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns {
    /// `--size`
    pub size: bool,
    /// `--pod`
    pub pod: bool,
    /// `--ns`, which has columns of its own.
    pub namespaces: bool,
    /// `--units`
    pub units: bool,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was never started.
    Created,
    /// Everything is prepared; its command does not run yet.
    Initialized,
    /// It runs.
    Running,
    /// It is frozen.
    Paused,
    /// It has been told to stop.
    Stopping,
    /// It has ended, and is about to be started again.
    Restarting,
    /// It has ended.
    Exited,
    /// It is being removed.
    Removing,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Initialized => "initialized",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Removing => "removing",
        }
    }
}

/// How much a container takes on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Size {
    /// Bytes of its whole root file system, image included.
    pub root_fs_size: u64,
    /// Bytes it has written.
    pub rw_size: u64,
}

/// Sorts the rows as `--sort` says.
pub fn sort(rows: &mut [Row], order: PsSort) {
    match order {
        PsSort::Command => rows.sort_by(|left, right| left.command.cmp(&right.command)),
        PsSort::Created => rows.sort_by_key(|row| row.created),
        PsSort::Runningfor => rows.sort_by_key(|row| row.started_at),
        PsSort::Id => rows.sort_by(|left, right| left.id.cmp(&right.id)),
        PsSort::Image => rows.sort_by(|left, right| left.image.cmp(&right.image)),
        PsSort::Names => rows.sort_by(|left, right| left.names.cmp(&right.names)),
        PsSort::Size => rows.sort_by_key(|row| row.size.map_or(0, |size| size.root_fs_size)),
        PsSort::Status => rows.sort_by(|left, right| left.state.word().cmp(right.state.word())),
    }
}

/// The text to print. A format has a say before `--quiet`, as with Podman.
pub fn text(rows: &[Row], options: &ListOptions<'_>, columns: Columns) -> Result<String, TemplateError> {
    if is_json(options.format) {
        let rows: Vec<JsonRow<'_>> = rows.iter().map(|row| JsonRow::new(row, options.now)).collect();
        return Ok(format!("{}\n", json::pretty(&to_value(&rows), 2)));
    }
    if is_json_lines(options.format) {
        return Ok(json_lines(rows.iter().map(|row| to_value(&JsonRow::new(row, options.now)))));
    }
    if options.quiet && options.format.is_none() {
        return Ok(rows.iter().map(|row| shown_id(&row.id, options.no_trunc) + "\n").collect());
    }
    let default = if columns.namespaces { NAMESPACE_COLUMNS.to_owned() } else { usual(columns) };
    let rows: Vec<TemplateRow<'_>> = rows.iter().map(|row| TemplateRow::new(row, options)).collect();
    render_list(options.format.unwrap_or(&default), &rows, HEADINGS, options.noheading)
}

const NAMESPACE_COLUMNS: &str = "table {{.ID}}\\t{{.Names}}\\t{{.Pid}}\\t{{.CGROUPNS}}\\t{{.IPC}}\\t{{.MNT}}\\t{{.NET}}\\t{{.PIDNS}}\\t{{.USERNS}}\\t{{.UTS}}";

fn usual(columns: Columns) -> String {
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
const HEADINGS: &Headings = &[
    ("AutoRemove", "AUTO REMOVE"),
    ("CGROUPNS", "CGROUPNS"),
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
    ("Unit", "UNIT"),
    ("UnitState", "UNIT STATE"),
    ("UTS", "UTS"),
];

/// What a template sees.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TemplateRow<'a> {
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
    created: String,
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
    unit: &'a str,
    unit_state: String,
}

impl<'a> TemplateRow<'a> {
    fn new(row: &'a Row, options: &ListOptions<'_>) -> Self {
        let created = ago(row.created, options.now);
        Self {
            id: shown_id(&row.id, options.no_trunc),
            image: &row.image,
            command: command(row, options.no_trunc),
            created_human: created.clone(),
            status: status(row, options.now),
            ports: super::port::summary(&row.ports, &row.exposed),
            names: row.names.join(","),
            size: size(row),
            auto_remove: row.auto_remove,
            cid_file: &row.cidfile,
            created: go_words(row.created),
            created_at: go_words(row.created),
            exit_code: row.exit_code,
            exited: row.state == State::Exited,
            exited_at: unix_or_never(row.finished_at.filter(|_| row.state == State::Exited)),
            exposed_ports: super::port::by_number(&row.exposed),
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
            unit: row.unit.as_ref().map_or("", |it| &it.name),
            unit_state: row.unit.as_ref().map(Unit::state).unwrap_or_default(),
        }
    }
}

/// What `--format json` shows.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonRow<'a> {
    auto_remove: bool,
    command: Option<&'a [String]>,
    created_at: String,
    #[serde(rename = "CIDFile")]
    cid_file: &'a str,
    exited: bool,
    exited_at: i64,
    exit_code: i32,
    exposed_ports: NullIfEmpty<BTreeMap<u16, Vec<String>>>,
    id: &'a str,
    image: &'a str,
    #[serde(rename = "ImageID")]
    image_id: &'a str,
    is_infra: bool,
    labels: NullIfEmpty<BTreeMap<String, String>>,
    mounts: &'a [String],
    names: &'a [String],
    namespaces: &'a Namespaces,
    networks: &'a [String],
    pid: i32,
    pod: &'a str,
    pod_name: &'a str,
    ports: NullIfEmpty<Vec<super::port::JsonPort>>,
    restarts: u32,
    size: Option<Size>,
    started_at: i64,
    state: &'static str,
    status: String,
    created: i64,
    // Not Podman's, and only with `--units`.
    unit: OmitEmpty<&'a str>,
    unit_active_state: OmitEmpty<&'a str>,
    unit_sub_state: OmitEmpty<&'a str>,
    unit_result: OmitEmpty<&'a str>,
}

impl<'a> JsonRow<'a> {
    fn new(row: &'a Row, now: SystemTime) -> Self {
        let of_unit = |field: fn(&'a Unit) -> &'a str| OmitEmpty(row.unit.as_ref().map_or("", field));
        Self {
            auto_remove: row.auto_remove,
            // Nothing runs in an infra container.
            command: Some(row.command.as_slice()).filter(|_| !row.is_infra),
            created_at: ago(row.created, now),
            cid_file: &row.cidfile,
            exited: row.state == State::Exited,
            exited_at: unix_or_never(row.finished_at.filter(|_| row.state == State::Exited)),
            exit_code: row.exit_code,
            exposed_ports: NullIfEmpty(super::port::by_number(&row.exposed)),
            id: &row.id,
            image: &row.image,
            image_id: &row.image_id,
            is_infra: row.is_infra,
            labels: NullIfEmpty(row.labels.clone()),
            mounts: &row.mounts,
            names: &row.names,
            namespaces: &row.namespaces,
            networks: &row.networks,
            pid: row.pid,
            pod: &row.pod,
            pod_name: &row.pod_name,
            ports: NullIfEmpty(row.ports.iter().map(super::port::JsonPort::new).collect()),
            restarts: row.restarts,
            size: row.size,
            started_at: unix_or_never(row.started_at),
            state: row.state.word(),
            status: status(row, now),
            created: unix_or_never(Some(row.created)),
            unit: of_unit(|it| &it.name),
            unit_active_state: of_unit(|it| &it.active),
            unit_sub_state: of_unit(|it| &it.sub),
            unit_result: of_unit(|it| &it.result),
        }
    }
}

/// `Up 5 minutes`, `Exited (0) 2 seconds ago`, `Created`.
pub fn status(row: &Row, now: SystemTime) -> String {
    let since = |moment: SystemTime| duration_words(now.duration_since(moment).unwrap_or_default());
    match (row.state, row.started_at, row.finished_at) {
        (State::Running, Some(started), _) if !row.health.is_empty() => {
            format!("Up {} ({})", since(started), row.health)
        }
        (State::Running, Some(started), _) => format!("Up {}", since(started)),
        (State::Exited, _, Some(finished)) => format!("Exited ({}) {}", row.exit_code, ago(finished, now)),
        (State::Restarting, _, Some(finished)) => {
            format!("Restarting ({}) {}", row.exit_code, ago(finished, now))
        }
        (State::Restarting, _, None) => format!("Restarting ({})", row.exit_code),
        (State::Exited, _, None) => format!("Exited ({})", row.exit_code),
        (State::Running, None, _) => "Up".to_owned(),
        (State::Created, ..) => "Created".to_owned(),
        (State::Initialized, ..) => "Initialized".to_owned(),
        (State::Stopping, ..) => "Stopping".to_owned(),
        (State::Paused, ..) => "Paused".to_owned(),
        (State::Removing, ..) => "Removing".to_owned(),
    }
}

/// How many letters of a command are shown.
const SHORT_COMMAND: usize = 17;

/// A command in one line: a line's end or a terminal's control code in it would tear a table.
pub(super) fn words(command: &[String]) -> String {
    command.join(" ").chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

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
