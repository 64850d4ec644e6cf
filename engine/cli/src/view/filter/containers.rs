//! Filters of `ps`.

use std::time::SystemTime;

use super::images::is_reference;
use super::{Filter, FilterError, check, check_one_value, check_values, has_label, keep, passes};
use crate::view::ps;

const FILTERS: &[&str] = &[
    "ancestor",
    "annotation",
    "before",
    "command",
    "exited",
    "health",
    "id",
    "label",
    "name",
    "network",
    "pod",
    "restart-policy",
    "should-start-on-boot",
    "since",
    "status",
    "until",
    "volume",
];
/// Values of the filter `health`.
const HEALTH: &[&str] = &["starting", "healthy", "unhealthy", "none"];
/// Values of the filter `restart-policy`.
const POLICIES: &[&str] = &["no", "always", "on-failure", "unless-stopped"];
/// Values of the filter `status`; `stopped` and `configured` are other words for `exited` and `created`.
const STATES: &[&str] = &[
    "created",
    "initialized",
    "running",
    "stopping",
    "stopped",
    "restarting",
    "exited",
    "removing",
    "paused",
    "configured",
    "unknown",
];

/// Keeps the containers that pass.
pub fn containers(rows: Vec<ps::Row>, filters: &[Filter]) -> Result<Vec<ps::Row>, FilterError> {
    let all: Vec<(String, Vec<String>, SystemTime)> =
        rows.iter().map(|row| (row.id.clone(), row.names.clone(), row.created)).collect();
    let created = |filter: &Filter| {
        let named = |(id, names, _): &&(String, Vec<String>, _)| {
            id.starts_with(&filter.value) || names.contains(&filter.value)
        };
        all.iter().find(named).map(|(_, _, created)| *created).ok_or_else(|| filter.no_such("container"))
    };
    // The id and the names of a container.
    let aliases = |word: &str| -> Vec<String> {
        let is_it = |(id, names, _): &&(String, Vec<String>, _)| {
            id.starts_with(word) || names.iter().any(|it| it == word)
        };
        let found = all.iter().find(is_it);
        found.map(|(id, names, _)| names.iter().chain([id]).cloned().collect()).unwrap_or_default()
    };
    check(filters, FILTERS)?;
    check_one_value(filters, &["until"])?;
    check_values(filters, |filter| match filter.key.as_str() {
        "id" | "name" => filter.pattern().map(drop),
        "status" => filter.word(STATES).map(drop),
        "exited" => filter.number::<i32>().map(drop),
        "health" => filter.word(HEALTH).map(drop),
        "restart-policy" => filter.word(POLICIES).map(drop),
        "should-start-on-boot" => filter.flag().map(drop),
        "before" | "since" => created(filter).map(drop),
        _ => Ok(()),
    })?;
    keep(rows, |row| {
        passes(filters, |filter| {
            Ok(match filter.key.as_str() {
                "id" => filter.matches_id(&row.id)?,
                "name" => {
                    let filter = filter.without_slashes();
                    let mut any = false;
                    for name in &row.names {
                        any |= filter.matches(name)?;
                    }
                    any
                }
                "label" => has_label(&row.labels, &filter.value),
                "label!" => !has_label(&row.labels, &filter.value),
                "status" => match filter.word(STATES)? {
                    "stopped" => row.state == ps::State::Exited,
                    "configured" => row.state == ps::State::Created,
                    word => row.state.word() == word,
                },
                "exited" => row.state == ps::State::Exited && row.exit_code == filter.number::<i32>()?,
                "ancestor" => {
                    is_reference(&row.image, &filter.value)
                        || row.image_id.starts_with(filter.value.trim_start_matches("sha256:"))
                }
                "volume" => {
                    // A volume or a path of the host, where it is mounted, or both.
                    let both = filter.value.split_once(':');
                    row.mounts.contains(&filter.value)
                        || row.sources.iter().any(|(source, target)| match both {
                            Some(both) => (source.as_str(), target.as_str()) == both,
                            None => *source == filter.value,
                        })
                }
                "network" => match filter.value.strip_prefix("container:") {
                    Some(other) => aliases(other).contains(&row.network_of),
                    None => row.networks.contains(&filter.value),
                },
                "pod" => {
                    !row.pod.is_empty()
                        && (row.pod_name == filter.value || row.pod.starts_with(&filter.value))
                }
                "before" => row.created < created(filter)?,
                "since" => row.created > created(filter)?,
                "annotation" => has_label(&row.annotations, &filter.value),
                "command" => row.command.first().is_some_and(|word| *word == filter.value),
                "health" => match filter.word(HEALTH)? {
                    "none" => row.health.is_empty(),
                    word => row.health == word,
                },
                "restart-policy" => row.restart_policy == filter.word(POLICIES)?,
                "should-start-on-boot" => row.starts_on_boot == filter.flag()?,
                "until" => row.created <= filter.moment()?,
                _ => return Err(filter.unknown(FILTERS)),
            })
        })
    })
}
