//! Volumes: the list and the inspection.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use super::{ListOptions, inspection, is_json, is_json_lines, json_lines};
use crate::format::{Headings, OmitEmpty, TemplateError, WireTime, json, render_list, to_value};
use crate::time::rfc3339_local;

/// One volume.
#[derive(Debug, Clone)]
pub struct Row {
    /// Name.
    pub name: String,
    /// Directory of its data.
    pub mountpoint: String,
    /// When it was made.
    pub created: SystemTime,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Whether nobody gave it its name.
    pub anonymous: bool,
    /// How many containers use it.
    pub containers: usize,
    /// How often it is mounted, if it is more than a directory.
    pub mounted: usize,
    /// Who owns it, if somebody said so.
    pub uid: u32,
    /// Which group.
    pub gid: u32,
    /// Whether the first container to use it fills it from its image.
    pub needs_copy_up: bool,
    /// Whether it then belongs to the container's user.
    pub needs_chown: bool,
}

/// A volume as Podman tells it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    name: &'a str,
    driver: &'static str,
    mountpoint: &'a str,
    created_at: WireTime,
    labels: &'a BTreeMap<String, String>,
    scope: &'static str,
    options: &'a BTreeMap<String, String>,
    #[serde(rename = "UID")]
    uid: OmitEmpty<u32>,
    #[serde(rename = "GID")]
    gid: OmitEmpty<u32>,
    anonymous: OmitEmpty<bool>,
    mount_count: usize,
    needs_copy_up: OmitEmpty<bool>,
    needs_chown: OmitEmpty<bool>,
    lock_number: u32,
    // What only drivers of others have.
    #[serde(rename = "StorageID")]
    storage_id: OmitEmpty<&'static str>,
    timeout: OmitEmpty<u32>,
    status: OmitEmpty<BTreeMap<String, String>>,
}

fn shown(row: &Row) -> Shown<'_> {
    Shown {
        name: &row.name,
        driver: "local",
        mountpoint: &row.mountpoint,
        created_at: WireTime(rfc3339_local(row.created)),
        labels: &row.labels,
        scope: "local",
        options: &row.options,
        uid: OmitEmpty(row.uid),
        gid: OmitEmpty(row.gid),
        anonymous: OmitEmpty(row.anonymous),
        mount_count: row.mounted,
        needs_copy_up: OmitEmpty(row.needs_copy_up),
        needs_chown: OmitEmpty(row.needs_chown),
        lock_number: 0,
        storage_id: OmitEmpty(""),
        timeout: OmitEmpty(0),
        status: OmitEmpty(BTreeMap::new()),
    }
}

const HEADINGS: &Headings = &[
    ("Anonymous", "ANONYMOUS"),
    ("CreatedAt", "CREATED AT"),
    ("Driver", "DRIVER"),
    ("GID", "GID"),
    ("Labels", "LABELS"),
    ("LockNumber", "LOCK NUMBER"),
    ("MountCount", "MOUNT COUNT"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Name", "VOLUME NAME"),
    ("NeedsChown", "NEEDS CHOWN"),
    ("NeedsCopyUp", "NEEDS COPY UP"),
    ("Options", "OPTIONS"),
    ("Scope", "SCOPE"),
    ("Status", "STATUS"),
    ("StorageID", "STORAGE ID"),
    ("Timeout", "TIMEOUT"),
    ("UID", "UID"),
];

/// The text of `volume ls`; nothing at all where there are no volumes.
pub fn list_text(rows: &[Row], options: &ListOptions<'_>) -> Result<String, TemplateError> {
    let shown: Vec<Shown<'_>> = rows.iter().map(shown).collect();
    if is_json(options.format) {
        return Ok(format!("{}\n", json::pretty(&to_value(&shown), 2)));
    }
    if is_json_lines(options.format) {
        return Ok(json_lines(shown.iter().map(to_value)));
    }
    if options.quiet {
        return Ok(rows.iter().map(|row| format!("{}\n", row.name)).collect());
    }
    if rows.is_empty() && options.format.is_none_or(|it| it.starts_with("table")) {
        return Ok(String::new());
    }
    let format = options.format.unwrap_or("table {{.Driver}}\\t{{.Name}}");
    render_list(format, &shown, HEADINGS, options.noheading)
}

/// The text of `volume inspect`.
pub fn inspect_text(rows: &[Row], format: Option<&str>) -> Result<String, TemplateError> {
    let shown: Vec<Shown<'_>> = rows.iter().map(shown).collect();
    inspection(&shown, format)
}
