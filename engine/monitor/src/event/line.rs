//! Events in a file: one JSON object a line, in the form of Podman's `events.log`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Deed, Event, HealthNews, Kind};
use crate::time;

/// The fields, in Podman's order.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    container_exit_code: Option<i32>,
    #[serde(rename = "ID", skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    image: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(rename = "network", skip_serializing_if = "String::is_empty")]
    network: String,
    status: String,
    time: String,
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "PodID", skip_serializing_if = "String::is_empty")]
    pod: String,
    #[serde(rename = "health_status", skip_serializing_if = "String::is_empty")]
    health_status: String,
    #[serde(rename = "health_log", skip_serializing_if = "String::is_empty")]
    health_log: String,
    #[serde(rename = "health_failing_streak", skip_serializing_if = "is_zero")]
    health_failing_streak: u32,
    #[serde(rename = "error", skip_serializing_if = "String::is_empty")]
    error: String,
    attributes: Option<BTreeMap<String, String>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The line, with its end.
#[must_use]
pub fn to_line(event: &Event) -> Vec<u8> {
    let event = event.clone();
    let health = event.health.unwrap_or_default();
    let (name, network) = match event.kind {
        Kind::Network => (String::new(), event.name),
        _ => (event.name, String::new()),
    };
    let line = Line {
        container_exit_code: event.exit_code,
        id: event.id,
        image: event.image,
        name,
        network,
        status: event.deed.word().to_owned(),
        time: time::rfc3339_z(event.time),
        kind: event.kind.word().to_owned(),
        pod: event.pod,
        health_status: health.status,
        health_log: health.log,
        health_failing_streak: health.failing_streak,
        error: event.error,
        attributes: Some(event.attributes).filter(|it| !it.is_empty()),
    };
    // Text and numbers can always be written.
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// An event from a line; `None` if it is none.
#[must_use]
pub fn from_line(line: &[u8]) -> Option<Event> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let health = (!line.health_status.is_empty()).then_some(HealthNews {
        status: line.health_status,
        failing_streak: line.health_failing_streak,
        log: line.health_log,
    });
    Some(Event {
        kind: Kind::of(&line.kind)?,
        deed: Deed::of(&line.status)?,
        time: time::parse_rfc3339(&line.time)?,
        id: line.id,
        name: if line.network.is_empty() { line.name } else { line.network },
        image: line.image,
        pod: line.pod,
        exit_code: line.container_exit_code,
        attributes: line.attributes.unwrap_or_default(),
        health,
        error: line.error,
    })
}
