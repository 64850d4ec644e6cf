//! The inspection of an image, with Podman's fields.

use std::collections::BTreeMap;

use serde::Serialize;

use super::container::GraphDriver;
use super::inspection;
use crate::format::{NullIfEmpty, TemplateError, WireTime};

/// What is known of an image.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Id, whole, without `sha256:`.
    pub id: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Names with tags.
    pub names: Vec<String>,
    /// Names with digests.
    pub repo_digests: Vec<String>,
    /// When it was made, in RFC 3339, as the image says.
    pub created: Option<String>,
    /// Who made it.
    pub author: String,
    /// A comment of the maker.
    pub comment: String,
    /// Docker's version that made it.
    pub version: String,
    /// Architecture.
    pub architecture: String,
    /// Operating system.
    pub os: String,
    /// Bytes of its layers.
    pub size: u64,
    /// What a container runs.
    pub config: Config,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Media type of the manifest.
    pub manifest_type: String,
    /// Digests of the layers, lowest first.
    pub layers: Vec<String>,
    /// Directories of the layers.
    pub graph: GraphDriver,
    /// How it was made, oldest step first.
    pub history: Vec<HistoryEntry>,
}

/// What a container of the image runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Config {
    /// User and group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports, as `80/tcp`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, BTreeMap<String, String>>,
    /// Environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Words behind the program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Paths that want a volume.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, BTreeMap<String, String>>,
    /// Working directory.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Signal that stops it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
}

/// One step of how an image was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// When, in RFC 3339.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// By which command.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// By whom.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// A comment.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether it made no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// The text of `image inspect`.
pub fn text(images: &[Facts], format: Option<&str>) -> Result<String, TemplateError> {
    // JSON leaves out what is empty in `Config`, as the original does; a template may ask for it.
    match format {
        None | Some("" | "json") => {
            inspection(&images.iter().map(|it| shown(it, &it.config)).collect::<Vec<_>>(), format)
        }
        template => inspection(
            &images.iter().map(|it| shown(it, WholeConfig::new(&it.config))).collect::<Vec<_>>(),
            template,
        ),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a, C> {
    id: &'a str,
    digest: &'a str,
    repo_tags: &'a [String],
    repo_digests: &'a [String],
    parent: &'static str,
    comment: &'a str,
    created: WireTime,
    config: C,
    version: &'a str,
    author: &'a str,
    architecture: &'a str,
    os: &'a str,
    size: u64,
    virtual_size: u64,
    graph_driver: &'a GraphDriver,
    #[serde(rename = "RootFS")]
    root_fs: RootFs<'a>,
    labels: NullIfEmpty<BTreeMap<String, String>>,
    annotations: &'a BTreeMap<String, String>,
    manifest_type: &'a str,
    user: &'a str,
    history: &'a [HistoryEntry],
    names_history: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    layers: &'a [String],
}

/// The configuration with all its fields, for templates.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WholeConfig<'a> {
    user: &'a str,
    exposed_ports: &'a BTreeMap<String, BTreeMap<String, String>>,
    env: &'a [String],
    entrypoint: &'a [String],
    cmd: &'a [String],
    volumes: &'a BTreeMap<String, BTreeMap<String, String>>,
    working_dir: &'a str,
    labels: &'a BTreeMap<String, String>,
    stop_signal: &'a str,
}

impl<'a> WholeConfig<'a> {
    fn new(config: &'a Config) -> Self {
        Self {
            user: &config.user,
            exposed_ports: &config.exposed_ports,
            env: &config.env,
            entrypoint: &config.entrypoint,
            cmd: &config.cmd,
            volumes: &config.volumes,
            working_dir: &config.working_dir,
            labels: &config.labels,
            stop_signal: &config.stop_signal,
        }
    }
}

fn shown<C>(facts: &Facts, config: C) -> Shown<'_, C> {
    Shown {
        id: &facts.id,
        digest: &facts.digest,
        repo_tags: &facts.names,
        repo_digests: &facts.repo_digests,
        parent: "",
        comment: &facts.comment,
        created: WireTime(facts.created.clone().unwrap_or_else(|| crate::time::NEVER_RFC3339.to_owned())),
        config,
        version: &facts.version,
        author: &facts.author,
        architecture: &facts.architecture,
        os: &facts.os,
        size: facts.size,
        virtual_size: facts.size,
        graph_driver: &facts.graph,
        root_fs: RootFs { kind: "layers", layers: &facts.layers },
        labels: NullIfEmpty(facts.config.labels.clone()),
        annotations: &facts.annotations,
        manifest_type: &facts.manifest_type,
        user: &facts.config.user,
        history: &facts.history,
        names_history: &facts.names,
    }
}
