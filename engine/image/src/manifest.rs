//! Manifests and indexes of Docker and OCI: what an image is made of.
//!
//! [`Document::parse`] tells one from the other and refuses what could be read as both, or what is called one thing and
//! is the other (CVE-2021-41190). Digests are checked while parsing. The bytes are never written again from these types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::platform::{Platform, PlatformRequest};

/// The largest manifest or index that is read.
pub const MAX_MANIFEST_SIZE: u64 = 4 << 20;
/// The most layers an image may have; overlayfs itself takes fewer.
pub const MAX_LAYERS: usize = 1000;

/// Docker's image manifest, version 2 schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's list of manifests for several platforms.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// OCI's image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI's index of manifests.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// OCI's image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// An uncompressed OCI layer.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A gzip-compressed Docker layer.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// An uncompressed Docker layer.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Says why bytes are no manifest that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is larger than [`MAX_MANIFEST_SIZE`].
    #[error("the manifest is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// It is no JSON of the expected shape.
    #[error("the manifest cannot be read")]
    Json {
        /// Where and what.
        #[source]
        source: serde_json::Error,
    },
    /// It has the fields of a manifest and of an index.
    #[error("the manifest is ambiguous: it has `{first}` as well as `{second}`")]
    Ambiguous {
        /// One field.
        first: &'static str,
        /// The other field.
        second: &'static str,
    },
    /// What it is called is not what it is.
    #[error("the manifest is called `{called}` by {by} but is {found}")]
    WrongType {
        /// The media type.
        called: String,
        /// Who calls it so.
        by: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// It is of Docker's schema 1, which nobody makes any more.
    #[error("the manifest is of Docker's schema 1, which is not supported")]
    Schema1,
    /// It is neither a manifest nor an index.
    #[error("this is neither an image manifest nor an image index")]
    Neither,
    /// It is an artifact, not an image to run.
    #[error("this is an artifact with configuration `{media_type}`, not an image")]
    Artifact {
        /// The media type of its configuration.
        media_type: String,
    },
    /// A layer is of a kind we cannot unpack.
    #[error("layer {digest} is of type `{media_type}`, which is not supported")]
    LayerType {
        /// The layer.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// It has too many layers.
    #[error("the image has {count} layers; at most {limit} are allowed")]
    TooManyLayers {
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// No image of the index fits the platform.
    #[error("there is no image for {wanted}; there are images for {offered}")]
    NoPlatform {
        /// What was asked for.
        wanted: Platform,
        /// What there is, separated by commas.
        offered: String,
    },
    /// The configuration does not list as many layers as the manifest.
    #[error("the manifest has {layers} layers but the image configuration lists {diff_ids}")]
    LayerCount {
        /// Layers of the manifest.
        layers: usize,
        /// Digests in the configuration.
        diff_ids: usize,
    },
}

/// The name, size and kind of a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Notes about it.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "crate::config::null_is_default"
    )]
    pub annotations: BTreeMap<String, String>,
    /// What it is for; in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// One image: its configuration and layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// Notes.
    pub annotations: BTreeMap<String, String>,
}

/// Images for several platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The manifests.
    pub manifests: Vec<Descriptor>,
    /// Notes.
    pub annotations: BTreeMap<String, String>,
}

/// What the bytes turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image; with its media type.
    Manifest(Manifest, String),
    /// Several images; with its media type.
    Index(Index, String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    fs_layers: Option<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "crate::config::null_is_default")]
    annotations: BTreeMap<String, String>,
}

impl Document {
    /// Parses the bytes; `content_type` is what the one who sent them calls them.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Document, ManifestError> {
        if bytes.len() as u64 > MAX_MANIFEST_SIZE {
            return Err(ManifestError::TooLarge { limit: MAX_MANIFEST_SIZE });
        }
        if !crate::config::starts_as_object(bytes) {
            return Err(ManifestError::Neither);
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|source| ManifestError::Json { source })?;
        if raw.fs_layers.is_some() && (raw.layers.is_some() || raw.manifests.is_some()) {
            let second = if raw.layers.is_some() { "layers" } else { "manifests" };
            return Err(ManifestError::Ambiguous { first: "fsLayers", second });
        }
        if raw.fs_layers.is_some() || raw.schema_version == Some(1) {
            return Err(ManifestError::Schema1);
        }
        let content_type = content_type.map(bare_type).filter(|it| is_manifest_type(it));
        match (raw.manifests, raw.layers, raw.config) {
            (Some(_), Some(_), _) => Err(ManifestError::Ambiguous { first: "layers", second: "manifests" }),
            (Some(_), None, Some(_)) => {
                Err(ManifestError::Ambiguous { first: "config", second: "manifests" })
            }
            (Some(manifests), None, None) => {
                let called = agreed_type(raw.media_type, content_type, [OCI_INDEX, DOCKER_LIST], "an index")?;
                Ok(Document::Index(Index { manifests, annotations: raw.annotations }, called))
            }
            (None, layers, Some(config)) => {
                let called =
                    agreed_type(raw.media_type, content_type, [OCI_MANIFEST, DOCKER_MANIFEST], "a manifest")?;
                let layers = layers.unwrap_or_default();
                Ok(Document::Manifest(Manifest { config, layers, annotations: raw.annotations }, called))
            }
            (None, _, None) => Err(ManifestError::Neither),
        }
    }
}

/// Finds the one media type that the document and its sender agree upon; the first of `fitting` where nobody says.
fn agreed_type(
    own: Option<String>,
    sent: Option<String>,
    fitting: [&'static str; 2],
    found: &'static str,
) -> Result<String, ManifestError> {
    let own = own.filter(|it| !it.is_empty());
    for (called, by) in [(&own, "itself"), (&sent, "its sender")] {
        if let Some(called) = called
            && !fitting.contains(&called.as_str())
        {
            return Err(ManifestError::WrongType { called: called.clone(), by, found });
        }
    }
    match (own, sent) {
        (Some(own), Some(sent)) if own != sent => Err(ManifestError::WrongType {
            called: sent,
            by: "its sender",
            found: "called otherwise by itself",
        }),
        (Some(called), _) | (None, Some(called)) => Ok(called),
        (None, None) => Ok(fitting[0].to_owned()),
    }
}

/// Takes the parameters off a media type.
fn bare_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Tells whether a Content-Type says anything about manifests; `text/plain` and the like do not.
fn is_manifest_type(content_type: &str) -> bool {
    content_type.starts_with("application/vnd.oci.image.")
        || content_type.starts_with("application/vnd.docker.distribution.manifest.")
}

impl Index {
    /// Chooses the manifest that fits best.
    pub fn choose(&self, request: &PlatformRequest) -> Result<&Descriptor, ManifestError> {
        let best = self
            .manifests
            .iter()
            .filter_map(|it| Some((request.platform.fit(it.platform.as_ref()?)?, it)))
            .min_by_key(|(fit, _)| *fit);
        if let Some((_, descriptor)) = best {
            return Ok(descriptor);
        }
        // An index of one entry that does not say what it is for is a wrapped image; its configuration will tell.
        match self.manifests.as_slice() {
            [only] if only.platform.is_none() => Ok(only),
            _ => Err(ManifestError::NoPlatform { wanted: request.platform.clone(), offered: self.offered() }),
        }
    }

    /// Lists the platforms there are, leaving out attestations.
    fn offered(&self) -> String {
        let mut platforms: Vec<String> = self
            .manifests
            .iter()
            .filter_map(|it| it.platform.as_ref())
            .filter(|it| it.os != "unknown")
            .map(Platform::to_string)
            .collect();
        platforms.dedup();
        platforms.truncate(40);
        match platforms.is_empty() {
            true => "none".to_owned(),
            false => platforms.join(", "),
        }
    }
}

impl Manifest {
    /// Refuses what is no image to run, or has layers we cannot unpack.
    pub fn check(&self) -> Result<(), ManifestError> {
        let media_type = bare_type(&self.config.media_type);
        // Early Docker registries called every configuration an octet stream.
        if !matches!(media_type.as_str(), DOCKER_CONFIG | OCI_CONFIG | "application/octet-stream" | "") {
            return Err(ManifestError::Artifact { media_type: printable(&media_type) });
        }
        if self.layers.len() > MAX_LAYERS {
            return Err(ManifestError::TooManyLayers { count: self.layers.len(), limit: MAX_LAYERS });
        }
        match self.layers.iter().find(|layer| !is_layer_type(&layer.media_type)) {
            Some(layer) => Err(ManifestError::LayerType {
                digest: layer.digest.clone(),
                media_type: printable(&layer.media_type),
            }),
            None => Ok(()),
        }
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|ch| !ch.is_control()).take(120).collect()
}

/// Tells whether a layer is a tar archive, compressed in a way we know. The bytes decide later how.
fn is_layer_type(media_type: &str) -> bool {
    let media_type = bare_type(media_type);
    let Some(rest) = [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ]
    .iter()
    .find_map(|prefix| media_type.strip_prefix(prefix)) else {
        return media_type.is_empty() || media_type == "application/octet-stream";
    };
    matches!(rest, "" | "+gzip" | "+zstd" | ".gzip" | ".zstd")
}

#[cfg(test)]
mod tests;
