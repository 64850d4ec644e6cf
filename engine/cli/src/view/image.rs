//! The inspection of an image, with Podman's fields.

use std::collections::BTreeMap;

use pontoon_image::HealthConfig;
use serde::Serialize;

use super::check::Check;
use super::container::GraphDriver;
use super::inspection;
use crate::format::{Hidden, NullIfEmpty, OmitEmpty, TemplateError, WireTime};

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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// User and group.
    pub user: String,
    /// Ports, as `80/tcp`.
    pub exposed_ports: BTreeMap<String, BTreeMap<String, String>>,
    /// Environment.
    pub env: Vec<String>,
    /// Program.
    pub entrypoint: Vec<String>,
    /// Words behind the program.
    pub cmd: Vec<String>,
    /// Paths that want a volume.
    pub volumes: BTreeMap<String, BTreeMap<String, String>>,
    /// Working directory.
    pub working_dir: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Signal that stops it.
    pub stop_signal: String,
    /// How its health is checked.
    pub healthcheck: Option<HealthConfig>,
}

/// One step of how an image was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// When, in RFC 3339.
    pub created: OmitEmpty<String>,
    /// By which command.
    pub created_by: OmitEmpty<String>,
    /// By whom.
    pub author: OmitEmpty<String>,
    /// A comment.
    pub comment: OmitEmpty<String>,
    /// Whether it made no layer.
    pub empty_layer: OmitEmpty<bool>,
}

/// The text of `image inspect`.
pub fn text(images: &[Facts], format: Option<&str>) -> Result<String, TemplateError> {
    inspection(&images.iter().map(shown).collect::<Vec<_>>(), format)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    id: &'a str,
    digest: &'a str,
    repo_tags: &'a [String],
    repo_digests: &'a [String],
    parent: &'static str,
    comment: &'a str,
    created: WireTime,
    config: ShownConfig<'a>,
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
    healthcheck: OmitEmpty<Option<Check<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    layers: &'a [String],
}

/// The configuration: JSON leaves out what is empty, as the original does, and a template may ask for it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownConfig<'a> {
    user: OmitEmpty<&'a str>,
    exposed_ports: OmitEmpty<NullIfEmpty<&'a BTreeMap<String, BTreeMap<String, String>>>>,
    env: OmitEmpty<NullIfEmpty<&'a [String]>>,
    entrypoint: OmitEmpty<NullIfEmpty<&'a [String]>>,
    cmd: OmitEmpty<NullIfEmpty<&'a [String]>>,
    volumes: OmitEmpty<NullIfEmpty<&'a BTreeMap<String, BTreeMap<String, String>>>>,
    working_dir: OmitEmpty<&'a str>,
    labels: OmitEmpty<NullIfEmpty<&'a BTreeMap<String, String>>>,
    stop_signal: OmitEmpty<&'a str>,
    args_escaped: OmitEmpty<bool>,
    healthcheck: Hidden<Option<Check<'a>>>,
}

impl<'a> ShownConfig<'a> {
    fn new(config: &'a Config) -> Self {
        Self {
            user: OmitEmpty(&config.user),
            exposed_ports: OmitEmpty(NullIfEmpty(&config.exposed_ports)),
            env: OmitEmpty(NullIfEmpty(&config.env)),
            entrypoint: OmitEmpty(NullIfEmpty(&config.entrypoint)),
            cmd: OmitEmpty(NullIfEmpty(&config.cmd)),
            volumes: OmitEmpty(NullIfEmpty(&config.volumes)),
            working_dir: OmitEmpty(&config.working_dir),
            labels: OmitEmpty(NullIfEmpty(&config.labels)),
            stop_signal: OmitEmpty(&config.stop_signal),
            args_escaped: OmitEmpty(false),
            healthcheck: Hidden(config.healthcheck.as_ref().map(Check::from)),
        }
    }
}

fn shown(facts: &Facts) -> Shown<'_> {
    Shown {
        id: &facts.id,
        digest: &facts.digest,
        repo_tags: &facts.names,
        repo_digests: &facts.repo_digests,
        parent: "",
        comment: &facts.comment,
        created: WireTime(facts.created.clone().unwrap_or_else(|| crate::time::NEVER_RFC3339.to_owned())),
        config: ShownConfig::new(&facts.config),
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
        healthcheck: OmitEmpty(facts.config.healthcheck.as_ref().map(Check::from)),
    }
}
