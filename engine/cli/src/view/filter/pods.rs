//! Filters of `pod ps`.

use super::{Filter, FilterError, check, check_values, has_label, keep, passes};
use crate::view::pod;

const FILTERS: &[&str] = &[
    "ctr-ids",
    "ctr-names",
    "ctr-number",
    "ctr-status",
    "id",
    "label",
    "name",
    "network",
    "restart-policy",
    "status",
    "until",
];
/// Values of the filter `status`.
const STATES: &[&str] = &["created", "dead", "degraded", "exited", "paused", "running", "stopped"];
/// Values of the filter `ctr-status`.
const CONTAINER_STATES: &[&str] =
    &["created", "initialized", "running", "stopping", "stopped", "exited", "removing", "paused", "unknown"];

/// Keeps the pods that pass.
pub fn pods(rows: Vec<pod::Row>, filters: &[Filter]) -> Result<Vec<pod::Row>, FilterError> {
    check(filters, FILTERS)?;
    check_values(filters, |filter| match filter.key.as_str() {
        "id" | "name" | "ctr-ids" | "ctr-names" => filter.pattern().map(drop),
        "status" => filter.word(STATES).map(drop),
        "ctr-status" => filter.word(CONTAINER_STATES).map(drop),
        "ctr-number" => filter.number::<usize>().map(drop),
        _ => Ok(()),
    })?;
    keep(rows, |row| {
        passes(filters, |filter| {
            let mut containers = row.containers.iter();
            Ok(match filter.key.as_str() {
                "id" => filter.matches_id(&row.id)?,
                "name" => filter.matches(&row.name)?,
                "label" => has_label(&row.labels, &filter.value),
                "label!" => !has_label(&row.labels, &filter.value),
                "status" => row.status.to_lowercase() == filter.word(STATES)?,
                "network" => row.networks.contains(&filter.value),
                "restart-policy" => row.restart_policy == filter.value,
                "ctr-ids" => {
                    let mut any = false;
                    for container in containers {
                        any |= filter.matches_id(&container.id)?;
                    }
                    any
                }
                "ctr-names" => {
                    let mut any = false;
                    for container in containers {
                        any |= filter.matches(&container.name)?;
                    }
                    any
                }
                "ctr-status" => match filter.value.as_str() {
                    "stopped" => containers.any(|it| it.state == "exited"),
                    word => containers.any(|it| it.state == word),
                },
                "ctr-number" => row.containers.len() == filter.number::<usize>()?,
                "until" => row.created <= filter.moment()?,
                _ => return Err(filter.unknown(FILTERS)),
            })
        })
    })
}
