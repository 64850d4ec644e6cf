//! Secrets: the list and the inspection, with Podman's fields.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use super::{ListOptions, inspection, is_json, is_json_lines, json_lines};
use crate::format::{Headings, OmitEmpty, TemplateError, WireTime, json, render_list};
use crate::time::{ago, rfc3339, rfc3339_local};

/// One secret.
#[derive(Debug, Clone)]
pub struct Row {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Driver.
    pub driver: String,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// When it was made.
    pub created: SystemTime,
    /// When its data was made.
    pub updated: SystemTime,
    /// Its data, where it was asked for.
    pub data: Option<String>,
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    #[serde(rename = "Name")]
    name: &'a str,
    #[serde(rename = "CreatedAt")]
    created: String,
    #[serde(rename = "UpdatedAt")]
    updated: String,
    #[serde(rename = "Driver")]
    driver: &'a str,
}

const HEADINGS: &Headings = &[
    ("CreatedAt", "CREATED"),
    ("Driver", "DRIVER"),
    ("ID", "ID"),
    ("Name", "NAME"),
    ("UpdatedAt", "UPDATED"),
];

/// The text of `secret ls`.
pub fn list_text(rows: &[Row], options: &ListOptions<'_>) -> Result<String, TemplateError> {
    if options.quiet {
        return Ok(rows.iter().map(|row| format!("{}\n", row.id)).collect());
    }
    let shown: Vec<Listed<'_>> = rows
        .iter()
        .map(|row| Listed {
            id: &row.id,
            name: &row.name,
            created: ago(row.created, options.now),
            updated: ago(row.updated, options.now),
            driver: &row.driver,
        })
        .collect();
    if is_json(options.format) {
        return Ok(format!("{}\n", json::pretty(&shown, 4)));
    }
    if is_json_lines(options.format) {
        return Ok(json_lines(&shown));
    }
    let default = "table {{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.CreatedAt}}\\t{{.UpdatedAt}}";
    render_list(options.format.unwrap_or(default), &shown, HEADINGS, options.noheading)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    created_at: WireTime,
    updated_at: WireTime,
    spec: Spec<'a>,
    secret_data: OmitEmpty<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Spec<'a> {
    name: &'a str,
    driver: Driver<'a>,
    labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Driver<'a> {
    name: &'a str,
    options: &'a BTreeMap<String, String>,
}

fn shown(row: &Row) -> Shown<'_> {
    Shown {
        id: &row.id,
        created_at: WireTime(rfc3339_local(row.created)),
        updated_at: WireTime(rfc3339_local(row.updated)),
        spec: Spec {
            name: &row.name,
            driver: Driver { name: &row.driver, options: &row.options },
            labels: &row.labels,
        },
        secret_data: OmitEmpty(row.data.as_deref().unwrap_or_default()),
    }
}

/// The text of `secret inspect`.
pub fn inspect_text(rows: &[Row], format: Option<&str>) -> Result<String, TemplateError> {
    let shown: Vec<Shown<'_>> = rows.iter().map(shown).collect();
    match format {
        None | Some("json") => Ok(format!("{}\n", json::pretty(&shown, 4))),
        format => inspection(&shown, format),
    }
}

/// The text of `secret inspect --pretty`.
#[must_use]
pub fn pretty_text(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&format!(
            "ID:              {}\nName:            {}\nDriver:          {}\nCreated:         {}\nUpdated:         {}\n",
            row.id,
            row.name,
            row.driver,
            rfc3339(row.created),
            rfc3339(row.updated)
        ));
        for (name, value) in &row.labels {
            text.push_str(&format!("Label:           {name}={value}\n"));
        }
        if let Some(data) = &row.data {
            text.push_str(&format!("Data:            {data}\n"));
        }
    }
    text
}
