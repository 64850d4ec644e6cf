//! Pods: the list, and below it the inspection.

mod inspect;

pub use inspect::{Facts, InfraFacts, inspect_text};

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use super::{ListOptions, is_json, is_json_lines, json_lines, shown_id};
use crate::args::PodSort;
use crate::format::{Headings, TemplateError, WireTime, json, render_list, to_value};
use crate::time::{ago, rfc3339_local};

/// One pod.
#[derive(Debug, Clone)]
pub struct Row {
    /// Id, whole.
    pub id: String,
    /// Name.
    pub name: String,
    /// When it was made.
    pub created: SystemTime,
    /// What it is doing.
    pub status: &'static str,
    /// The id of its infra container; empty if it has none.
    pub infra: String,
    /// Its containers, the infra container among them.
    pub containers: Vec<Container>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The slice that its own is in.
    pub parent: String,
    /// Names of its networks.
    pub networks: Vec<String>,
    /// The namespaces that are shared.
    pub shared: Vec<&'static str>,
    /// `no`, `always`, `on-failure`, `unless-stopped`.
    pub restart_policy: &'static str,
}

/// A container of a pod.
#[derive(Debug, Clone)]
pub struct Container {
    /// Id, whole.
    pub id: String,
    /// Name.
    pub name: String,
    /// What it is doing, in lower case.
    pub state: &'static str,
    /// How often it was started anew.
    pub restarts: u32,
}

/// Columns beside the usual ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns {
    /// `--ctr-ids`
    pub ids: bool,
    /// `--ctr-names`
    pub names: bool,
    /// `--ctr-status`
    pub status: bool,
    /// `--ns`
    pub namespaces: bool,
}

/// Sorts the rows as `--sort` says.
pub fn sort(rows: &mut [Row], order: PodSort) {
    match order {
        // The newest first, as Podman has it.
        PodSort::Created => rows.sort_by_key(|row| std::cmp::Reverse(row.created)),
        PodSort::Id => rows.sort_by(|left, right| left.id.cmp(&right.id)),
        PodSort::Name => rows.sort_by(|left, right| left.name.cmp(&right.name)),
        PodSort::Status => rows.sort_by(|left, right| left.status.cmp(right.status)),
        PodSort::Number => rows.sort_by_key(|row| row.containers.len()),
    }
}

const HEADINGS: &Headings = &[
    ("Cgroup", "CGROUP"),
    ("Containers", "CONTAINERS"),
    ("ContainerIds", "IDS"),
    ("ContainerNames", "NAMES"),
    ("ContainerStatuses", "STATUS"),
    ("Created", "CREATED"),
    ("ID", "POD ID"),
    ("Id", "POD ID"),
    ("InfraID", "INFRA ID"),
    ("InfraId", "INFRA ID"),
    ("Labels", "LABELS"),
    ("Name", "NAME"),
    ("Namespace", "NAMESPACES"),
    ("Networks", "NETWORKS"),
    ("Restarts", "RESTARTS"),
    ("NumberOfContainers", "# OF CONTAINERS"),
    ("Status", "STATUS"),
];

/// What a template sees.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Id")]
    same_id: String,
    name: &'a str,
    status: &'static str,
    created: String,
    #[serde(rename = "InfraID")]
    infra: String,
    #[serde(rename = "InfraId")]
    same_infra: String,
    number_of_containers: usize,
    containers: Vec<WireContainer<'a>>,
    restarts: u32,
    container_ids: String,
    container_names: String,
    container_statuses: String,
    cgroup: &'a str,
    labels: &'a BTreeMap<String, String>,
    networks: String,
    namespace: String,
}

impl<'a> Shown<'a> {
    fn new(row: &'a Row, options: &ListOptions<'_>) -> Self {
        let id = |id: &str| shown_id(id, options.no_trunc);
        let all =
            |of: &dyn Fn(&Container) -> String| row.containers.iter().map(of).collect::<Vec<_>>().join(",");
        Self {
            id: id(&row.id),
            same_id: id(&row.id),
            name: &row.name,
            status: row.status,
            created: ago(row.created, options.now),
            infra: id(&row.infra),
            same_infra: id(&row.infra),
            number_of_containers: row.containers.len(),
            containers: row.containers.iter().map(WireContainer::new).collect(),
            restarts: row.containers.iter().map(|it| it.restarts).sum(),
            container_ids: all(&|it| id(&it.id)),
            container_names: all(&|it| it.name.clone()),
            container_statuses: all(&|it| it.state.to_owned()),
            cgroup: &row.parent,
            labels: &row.labels,
            networks: row.networks.join(","),
            namespace: row.shared.join(","),
        }
    }
}

/// What `--format json` shows.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Wire<'a> {
    cgroup: &'a str,
    containers: Vec<WireContainer<'a>>,
    created: WireTime,
    id: &'a str,
    infra_id: &'a str,
    name: &'a str,
    namespace: &'static str,
    networks: &'a [String],
    status: &'static str,
    labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireContainer<'a> {
    id: &'a str,
    names: &'a str,
    status: &'static str,
    restart_count: u32,
}

impl<'a> WireContainer<'a> {
    fn new(container: &'a Container) -> Self {
        let Container { id, name, state, restarts } = container;
        Self { id, names: name, status: state, restart_count: *restarts }
    }
}

impl<'a> Wire<'a> {
    fn new(row: &'a Row) -> Self {
        Self {
            cgroup: &row.parent,
            containers: row.containers.iter().map(WireContainer::new).collect(),
            created: WireTime(rfc3339_local(row.created)),
            id: &row.id,
            infra_id: &row.infra,
            name: &row.name,
            namespace: "",
            networks: &row.networks,
            status: row.status,
            labels: &row.labels,
        }
    }
}

/// The text of `pod ps`.
///
/// # Errors
/// If the template cannot be used.
pub fn list_text(rows: &[Row], options: &ListOptions<'_>, columns: Columns) -> Result<String, TemplateError> {
    if is_json(options.format) {
        let rows: Vec<Wire<'_>> = rows.iter().map(Wire::new).collect();
        return Ok(format!("{}\n", json::pretty(&to_value(&rows), 2)));
    }
    if is_json_lines(options.format) {
        return Ok(json_lines(rows.iter().map(|row| to_value(&Wire::new(row)))));
    }
    if options.quiet && options.format.is_none() {
        // Whole ids, as Podman has it.
        return Ok(rows.iter().map(|row| format!("{}\n", row.id)).collect());
    }
    let shown: Vec<Shown<'_>> = rows.iter().map(|row| Shown::new(row, options)).collect();
    render_list(options.format.unwrap_or(&usual(columns)), &shown, HEADINGS, options.noheading)
}

fn usual(columns: Columns) -> String {
    let mut format = "table {{.ID}}\\t{{.Name}}\\t{{.Status}}\\t{{.Created}}\\t{{.InfraID}}".to_owned();
    let more = [
        (columns.ids, "ContainerIds"),
        (columns.names, "ContainerNames"),
        (columns.status, "ContainerStatuses"),
    ];
    for (_, field) in more.iter().filter(|(is_wanted, _)| *is_wanted) {
        format.push_str(&format!("\\t{{{{.{field}}}}}"));
    }
    if columns.namespaces {
        format.push_str("\\t{{.Cgroup}}\\t{{.Namespace}}");
    }
    // What tells of each container tells how many they are.
    if !(columns.ids || columns.names || columns.status) {
        format.push_str("\\t{{.NumberOfContainers}}");
    }
    format
}
