//! Unit files: the list.

use serde::Serialize;

use super::is_json;
use crate::format::{Headings, TemplateError, json, render_list};

/// One unit file, with Podman's field names.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Row {
    /// Its own name.
    pub name: String,
    /// The service it becomes.
    pub unit_name: String,
    /// Where it lies.
    pub path: String,
    /// What the manager says of the service, or why there is none.
    pub status: String,
    /// The application it was installed with; empty for none.
    pub app: String,
    /// The pod's file that it names; empty for none.
    pub pod: String,
}

const HEADINGS: &Headings = &[
    ("App", "APPLICATION"),
    ("Name", "NAME"),
    ("Path", "PATH ON DISK"),
    ("Pod", "POD"),
    ("Status", "STATUS"),
    ("UnitName", "UNIT NAME"),
];

/// The text of `quadlet list`.
pub fn list_text(rows: &[Row], format: Option<&str>, noheading: bool) -> Result<String, TemplateError> {
    if is_json(format) {
        return Ok(format!("{}\n", json::pretty(&rows, 2)));
    }
    let usual = "table {{.Name}}\t{{.UnitName}}\t{{.Path}}\t{{.Status}}\t{{.App}}\t{{.Pod}}";
    render_list(format.unwrap_or(usual), rows, HEADINGS, noheading)
}
