//! The list of containers.

mod json;
mod template;

use std::collections::BTreeMap;
use std::time::SystemTime;

use pontoon_network::PortMapping;
use serde::Serialize;

use json::JsonRow;
use template::{HEADINGS, TemplateRow, usual};

use super::{ListOptions, is_json, is_json_lines, json_lines, shown_id};
use crate::args::PsSort;
use crate::format::{OmitEmpty, TemplateError, json::pretty, render_list, to_value};
use crate::time::{ago, duration_words};

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
    /// What is mounted, and where: paths of the host and names of volumes.
    pub sources: Vec<(String, String)>,
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
        return Ok(format!("{}\n", pretty(&to_value(&rows), 2)));
    }
    if is_json_lines(options.format) {
        return Ok(json_lines(rows.iter().map(|row| to_value(&JsonRow::line(row, options.now)))));
    }
    if options.quiet && options.format.is_none() {
        return Ok(rows.iter().map(|row| shown_id(&row.id, options.no_trunc) + "\n").collect());
    }
    let default = usual(columns);
    let rows: Vec<TemplateRow<'_>> = rows.iter().map(|row| TemplateRow::new(row, options)).collect();
    render_list(options.format.unwrap_or(&default), &rows, HEADINGS, options.noheading)
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

/// A command in one line: a line's end or a terminal's control code in it would tear a table.
pub(super) fn words(command: &[String]) -> String {
    command.join(" ").chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
