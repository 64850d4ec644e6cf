//! `auto-update`: what became of each container.

use serde::Serialize;

use super::is_json;
use crate::format::{Headings, TemplateError, json, render_list, to_value};

/// A container, with Podman's field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Row {
    /// The unit that was or would be restarted.
    pub unit: String,
    /// Its short id, and its name in parentheses.
    pub container: String,
    /// Its name.
    pub container_name: String,
    /// Its id.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// Its image, as it was asked for.
    pub image: String,
    /// `registry` or `local`.
    pub policy: &'static str,
    /// `true`, `false`, `pending`, `failed` or `rolled back`.
    pub updated: &'static str,
}

const HEADINGS: &Headings = &[
    ("Container", "CONTAINER"),
    ("ContainerID", "CONTAINER ID"),
    ("ContainerName", "CONTAINER NAME"),
    ("Image", "IMAGE"),
    ("Policy", "POLICY"),
    ("Unit", "UNIT"),
    ("Updated", "UPDATED"),
];

/// The text of `auto-update`.
///
/// # Errors
/// If the template is wrong.
pub fn text(rows: &[Row], format: Option<&str>) -> Result<String, TemplateError> {
    if is_json(format) {
        return Ok(format!("{}\n", json::pretty(&to_value(rows), 4)));
    }
    if rows.is_empty() && format.is_none() {
        return Ok(String::new());
    }
    let usual = "table {{.Unit}}\t{{.Container}}\t{{.Image}}\t{{.Policy}}\t{{.Updated}}";
    render_list(format.unwrap_or(usual), rows, HEADINGS, false)
}
