//! The rows of `ps --format json`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use super::{Namespaces, Row, Size, State, Unit, status};
use crate::format::{NullIfEmpty, OmitEmpty};
use crate::time::{ago, rfc3339_local, unix_or_never};
use crate::view::port;

/// What `--format json` shows.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JsonRow<'a> {
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
    ports: NullIfEmpty<Vec<port::JsonPort>>,
    restarts: u32,
    size: Option<Size>,
    started_at: i64,
    state: &'static str,
    status: String,
    created: Created,
    // Not Podman's, and only with `--units`.
    unit: OmitEmpty<&'a str>,
    unit_active_state: OmitEmpty<&'a str>,
    unit_sub_state: OmitEmpty<&'a str>,
    unit_result: OmitEmpty<&'a str>,
}

/// When it was made: the second in a list, and the moment in a line of its own, as Podman has it.
#[derive(Serialize)]
#[serde(untagged)]
enum Created {
    Second(i64),
    Moment(String),
}

impl<'a> JsonRow<'a> {
    /// As a line of its own.
    pub(super) fn line(row: &'a Row, now: SystemTime) -> Self {
        Self { created: Created::Moment(rfc3339_local(row.created)), ..Self::new(row, now) }
    }

    pub(super) fn new(row: &'a Row, now: SystemTime) -> Self {
        let of_unit = |field: fn(&'a Unit) -> &'a str| OmitEmpty(row.unit.as_ref().map_or("", field));
        Self {
            auto_remove: row.auto_remove,
            // Nothing runs in an infra container.
            command: Some(row.command.as_slice()).filter(|it| !row.is_infra && !it.is_empty()),
            created_at: ago(row.created, now),
            cid_file: &row.cidfile,
            exited: row.state == State::Exited,
            exited_at: unix_or_never(row.finished_at.filter(|_| row.state == State::Exited)),
            exit_code: row.exit_code,
            exposed_ports: NullIfEmpty(port::by_number(&row.exposed)),
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
            ports: NullIfEmpty(port::sorted(&row.ports).map(port::JsonPort::new).collect()),
            restarts: row.restarts,
            size: row.size,
            started_at: unix_or_never(row.started_at),
            state: row.state.word(),
            status: status(row, now),
            created: Created::Second(unix_or_never(Some(row.created))),
            unit: of_unit(|it| &it.name),
            unit_active_state: of_unit(|it| &it.active),
            unit_sub_state: of_unit(|it| &it.sub),
            unit_result: of_unit(|it| &it.result),
        }
    }
}
