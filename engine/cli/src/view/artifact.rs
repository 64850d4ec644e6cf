//! Artifacts: the list and the inspection, with Podman's fields.

use pontoon_image::{ArtifactManifest, Reference, artifact::CREATED};
use serde::Serialize;

use super::{ListOptions, is_json, is_json_lines, json_lines, shown_id};
use crate::format::{Headings, TemplateError, json, render_each, render_list};
use crate::time::{ago, moment_of, precise_size_words};

/// One artifact.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The digest of its manifest.
    pub digest: String,
    /// Its manifest.
    pub manifest: ArtifactManifest,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    created: String,
    created_at: String,
    digest: String,
    repository: String,
    size: String,
    tag: String,
    virtual_size: u64,
}

const HEADINGS: &Headings = &[
    ("Created", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Digest", "DIGEST"),
    ("Repository", "REPOSITORY"),
    ("Size", "SIZE"),
    ("Tag", "TAG"),
    ("VirtualSize", "VIRTUAL SIZE"),
];

fn listed(row: &Row, options: &ListOptions<'_>) -> Listed {
    let reference = Reference::parse(&row.name).ok();
    let created_at = row.manifest.annotations.get(CREATED).cloned().unwrap_or_default();
    let hex = row.digest.split_once(':').map_or(row.digest.as_str(), |(_, hex)| hex);
    Listed {
        created: moment_of(&created_at).map_or_else(|| "-".to_owned(), |it| ago(it, options.now)),
        created_at,
        digest: shown_id(hex, options.no_trunc),
        repository: reference.as_ref().map_or_else(|| row.name.clone(), Reference::name),
        size: precise_size_words(row.manifest.size()),
        tag: reference.as_ref().and_then(Reference::tag).unwrap_or_default().to_owned(),
        virtual_size: row.manifest.size(),
    }
}

/// The text of `artifact ls`.
pub fn list_text(rows: &[Row], options: &ListOptions<'_>) -> Result<String, TemplateError> {
    let shown: Vec<Listed> = rows.iter().map(|row| listed(row, options)).collect();
    if is_json(options.format) {
        return Ok(format!("{}\n", json::pretty(&shown, 4)));
    }
    if is_json_lines(options.format) {
        return Ok(json_lines(&shown));
    }
    let default = "table {{.Repository}}\\t{{.Tag}}\\t{{.Digest}}\\t{{.Created}}\\t{{.Size}}";
    render_list(options.format.unwrap_or(default), &shown, HEADINGS, options.noheading)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    manifest: &'a ArtifactManifest,
    name: &'a str,
    digest: &'a str,
}

/// The text of `artifact inspect`.
pub fn inspect_text(row: &Row, format: Option<&str>) -> Result<String, TemplateError> {
    let shown = Shown { manifest: &row.manifest, name: &row.name, digest: &row.digest };
    match format {
        None | Some("" | "json") => Ok(format!("{}\n", json::pretty(&shown, 5))),
        Some(template) => render_each(template, &[shown]),
    }
}
