//! The list of images.

use std::collections::{BTreeMap, HashSet};
use std::time::SystemTime;

use serde::Serialize;

use super::{ListOptions, is_json, is_json_lines, json_lines, shown_id};
use crate::args::ImageSort;
use crate::format::{Headings, NullIfEmpty, TemplateError, json, render_list};
use crate::time::{ago, go_words, rfc3339_or_never, seconds_of, spaced_size_words, unix_or_never};

/// What stands for a name that is not there.
const NONE: &str = "<none>";

/// One image.
#[derive(Debug, Clone)]
pub struct Row {
    /// Id, whole, without `sha256:`.
    pub id: String,
    /// Digest of its manifest, with `sha256:`.
    pub digest: String,
    /// Names with tags, as `localhost/web:latest`.
    pub names: Vec<String>,
    /// Names with digests, as `localhost/web@sha256:…`.
    pub repo_digests: Vec<String>,
    /// When it was made.
    pub created: Option<SystemTime>,
    /// Bytes of its layers.
    pub size: u64,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// How many containers use it.
    pub containers: usize,
    /// Whether it is in a store of which only the images are looked at.
    pub read_only: bool,
}

/// Sorts the rows as `--sort` says; rows with several names are sorted by the first, and so are those.
pub fn sort(rows: &mut [Row], order: ImageSort) {
    for row in rows.iter_mut() {
        match order {
            ImageSort::Repository => row.names.sort_by_key(|name| split_name(name).0),
            ImageSort::Tag => row.names.sort_by_key(|name| split_name(name).1),
            ImageSort::Created | ImageSort::Id | ImageSort::Size => {}
        }
    }
    let name = |row: &Row| row.names.first().map(|name| split_name(name)).unwrap_or_default();
    match order {
        ImageSort::Created => rows.sort_by_key(|row| std::cmp::Reverse(row.created)),
        ImageSort::Id => rows.sort_by(|left, right| left.id.cmp(&right.id)),
        ImageSort::Repository => rows.sort_by_key(|row| name(row).0),
        ImageSort::Tag => rows.sort_by_key(|row| name(row).1),
        ImageSort::Size => rows.sort_by_key(|row| row.size),
    }
}

/// Columns beside the usual ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns {
    /// `--digests`
    pub digests: bool,
    /// `--history`
    pub history: bool,
}

/// The text to print.
pub fn text(rows: &[Row], options: &ListOptions<'_>, columns: Columns) -> Result<String, TemplateError> {
    if is_json(options.format) {
        // As in the table, an image is there once for each name.
        let each = rows.iter().flat_map(|row| std::iter::repeat_n(row, row.names.len().max(1)));
        let rows: Vec<JsonRow<'_>> = each.map(JsonRow::new).collect();
        return Ok(format!("{}\n", json::pretty(&rows, 4)));
    }
    if is_json_lines(options.format) {
        return Ok(json_lines(rows.iter().flat_map(JsonLine::each)));
    }
    if options.quiet && options.format.is_none() {
        let mut seen = HashSet::new();
        let ids = rows.iter().filter(|row| seen.insert(&row.id)).map(|row| image_id(row, options));
        return Ok(ids.map(|id| id + "\n").collect());
    }
    let mut default = String::from("table {{.Repository}}\\t{{.Tag}}");
    if columns.digests {
        default.push_str("\\t{{.Digest}}");
    }
    default.push_str("\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}");
    if columns.history {
        default.push_str("\\t{{.History}}");
    }
    if rows.iter().any(|it| it.read_only) {
        default.push_str("\\t{{.ReadOnly}}");
    }
    let rows: Vec<TemplateRow<'_>> = rows.iter().flat_map(|row| TemplateRow::each(row, options)).collect();
    render_list(options.format.unwrap_or(&default), &rows, HEADINGS, options.noheading)
}

const HEADINGS: &Headings = &[
    ("Arch", "ARCH"),
    ("Containers", "CONTAINERS"),
    ("Created", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedSince", "CREATED"),
    ("CreatedTime", "CREATED TIME"),
    ("Dangling", "DANGLING"),
    ("Digest", "DIGEST"),
    ("History", "HISTORY"),
    ("ID", "IMAGE ID"),
    ("IsManifestList", "IS MANIFEST LIST"),
    ("Labels", "LABELS"),
    ("Names", "NAMES"),
    ("Os", "OS"),
    ("ParentId", "PARENT ID"),
    ("ReadOnly", "R/O"),
    ("RepoDigests", "REPO DIGESTS"),
    ("RepoTags", "REPO TAGS"),
    ("Repository", "REPOSITORY"),
    ("SharedSize", "SHARED SIZE"),
    ("Size", "SIZE"),
    ("Tag", "TAG"),
    ("VirtualSize", "VIRTUAL SIZE"),
];

/// What a template sees: one row for each name.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TemplateRow<'a> {
    repository: String,
    tag: String,
    #[serde(rename = "ID")]
    id: String,
    /// Podman has both: this one is whole, and only a number.
    #[serde(rename = "Id")]
    whole_id: &'a str,
    created: String,
    created_since: String,
    created_at: String,
    created_time: String,
    size: String,
    digest: &'a str,
    labels: &'a BTreeMap<String, String>,
    containers: usize,
    dangling: bool,
    is_dangling: bool,
    history: String,
    names: &'a [String],
    parent_id: &'static str,
    read_only: bool,
    is_read_only: bool,
    repo_digests: &'a [String],
    repo_tags: &'a [String],
    shared_size: u64,
    virtual_size: u64,
    // Fields of Podman's that it leaves empty in lists.
    arch: &'static str,
    os: &'static str,
    is_manifest_list: Option<bool>,
}

impl<'a> TemplateRow<'a> {
    fn each(row: &'a Row, options: &ListOptions<'_>) -> Vec<Self> {
        if row.names.is_empty() {
            let repository =
                row.repo_digests.first().and_then(|name| name.split_once('@')).map(|(name, _)| name);
            return vec![Self::new(row, repository.unwrap_or(NONE).to_owned(), NONE.to_owned(), options)];
        }
        let split = row.names.iter().map(|name| split_name(name));
        split.map(|(repository, tag)| Self::new(row, repository, tag, options)).collect()
    }

    fn new(row: &'a Row, repository: String, tag: String, options: &ListOptions<'_>) -> Self {
        let since = row.created.map_or_else(|| "N/A".to_owned(), |created| ago(created, options.now));
        Self {
            repository,
            tag,
            id: image_id(row, options),
            whole_id: &row.id,
            created: since.clone(),
            created_since: since,
            created_at: row.created.map(go_words).unwrap_or_default(),
            created_time: row.created.map(go_words).unwrap_or_default(),
            size: spaced_size_words(row.size),
            digest: &row.digest,
            labels: &row.labels,
            containers: row.containers,
            dangling: row.names.is_empty(),
            is_dangling: row.names.is_empty(),
            history: row.names.join(", "),
            names: &row.names,
            parent_id: "",
            read_only: row.read_only,
            is_read_only: row.read_only,
            repo_digests: &row.repo_digests,
            repo_tags: &row.names,
            shared_size: 0,
            virtual_size: row.size,
            arch: "",
            os: "",
            is_manifest_list: None,
        }
    }
}

/// What `--format json` shows.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonRow<'a> {
    id: &'a str,
    parent_id: &'static str,
    repo_tags: NullIfEmpty<Vec<String>>,
    repo_digests: &'a [String],
    size: u64,
    shared_size: u64,
    virtual_size: u64,
    labels: NullIfEmpty<BTreeMap<String, String>>,
    containers: usize,
    #[serde(skip_serializing_if = "is_false")]
    dangling: bool,
    #[serde(skip_serializing_if = "is_false")]
    read_only: bool,
    digest: &'a str,
    history: &'a [String],
    names: &'a [String],
    created: i64,
    created_at: String,
}

impl<'a> JsonRow<'a> {
    fn new(row: &'a Row) -> Self {
        // Podman tells whole seconds here.
        let created_at = seconds_of(&rfc3339_or_never(row.created));
        Self {
            id: &row.id,
            parent_id: "",
            // Podman leaves this `null` and tells the names below; a list of them harms nobody and helps Docker's users.
            repo_tags: NullIfEmpty(row.names.clone()),
            repo_digests: &row.repo_digests,
            size: row.size,
            shared_size: 0,
            virtual_size: row.size,
            labels: NullIfEmpty(row.labels.clone()),
            containers: row.containers,
            dangling: row.names.is_empty(),
            read_only: row.read_only,
            digest: &row.digest,
            history: &row.names,
            names: &row.names,
            created: unix_or_never(row.created),
            created_at,
        }
    }
}

/// The same in a line for each name.
#[derive(Serialize)]
struct JsonLine<'a> {
    repository: String,
    tag: String,
    #[serde(flatten)]
    row: JsonRow<'a>,
}

impl<'a> JsonLine<'a> {
    fn each(row: &'a Row) -> Vec<Self> {
        let none = || (NONE.to_owned(), NONE.to_owned());
        let names = row.names.iter().map(|name| split_name(name)).chain(row.names.is_empty().then(none));
        names.map(|(repository, tag)| Self { repository, tag, row: JsonRow::new(row) }).collect()
    }
}

/// For serde, which wants a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

fn image_id(row: &Row, options: &ListOptions<'_>) -> String {
    if options.no_trunc { format!("sha256:{}", row.id) } else { shown_id(&row.id, false) }
}

/// Name and tag of `host:5000/name:tag`.
pub(super) fn split_name(name: &str) -> (String, String) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository.to_owned(), tag.to_owned()),
        _ => (name.to_owned(), NONE.to_owned()),
    }
}
