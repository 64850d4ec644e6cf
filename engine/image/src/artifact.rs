//! Artifacts: files under a manifest, as the OCI image specification has them ("Guidelines for Artifact Usage"), and
//! what podman-artifact(1) makes of their annotations.
//!
//! A manifest that comes from elsewhere is hostile input: no title of a file becomes a path before [`file_name`] has
//! looked at it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::null_is_default;
use crate::digest::Digest;
use crate::manifest::{Document, ManifestError, OCI_MANIFEST};
use crate::platform::Platform;

mod sniff;

pub use sniff::{SNIFFED, media_type};

/// The annotation of a file that is its name.
pub const TITLE: &str = "org.opencontainers.image.title";
/// The annotation of an artifact that tells when it was made, as RFC 3339.
pub const CREATED: &str = "org.opencontainers.image.created";
/// The media type of a configuration that says nothing.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// That configuration, as the specification has it.
pub const EMPTY: &[u8] = b"{}";
/// The same in base 64, for its descriptor.
const EMPTY_DATA: &str = "e30=";

/// Name, size and kind of a blob, with all that the specification lets be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactBlob {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where else it can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub urls: Vec<String>,
    /// Notes about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
    /// Its content in base 64, where that is short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// For which machine it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The type of the artifact that it is the manifest of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl ArtifactBlob {
    /// Its title; an empty one is none.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.annotations.get(TITLE).map(String::as_str).filter(|it| !it.is_empty())
    }

    /// The name of its file: the title, or the digest with `-` in place of `:`.
    ///
    /// # Errors
    /// If the title cannot be a file's name.
    pub fn file_name(&self) -> Result<String, ArtifactError> {
        match self.title() {
            Some(title) => file_name(title),
            None => Ok(digest_name(&self.digest)),
        }
    }
}

/// The manifest of an artifact. Written again, it has its fields in the order in which Podman writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactManifest {
    /// Always 2.
    pub schema_version: u32,
    /// What the manifest is called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// What kind of artifact it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Its configuration.
    pub config: ArtifactBlob,
    /// Its files.
    #[serde(default, deserialize_with = "null_is_default")]
    pub layers: Vec<ArtifactBlob>,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<ArtifactBlob>,
    /// Notes about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
}

/// Why an artifact, or a file of it, cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Its manifest.
    #[error("the artifact's manifest cannot be used")]
    Manifest(#[from] ManifestError),
    /// A title that is no file name.
    #[error("`{title}` cannot be the name of a file")]
    Title {
        /// The title, without control characters.
        title: String,
    },
    /// It has no files.
    #[error("the artifact has no files")]
    Empty,
    /// No file has this title or digest.
    #[error("no file of the artifact has the {what} `{wanted}`")]
    NoSuch {
        /// `title` or `digest`.
        what: &'static str,
        /// What was asked for.
        wanted: String,
    },
    /// Several files have it.
    #[error("several files of the artifact have the {what} `{wanted}`")]
    Several {
        /// `title` or `digest`.
        what: &'static str,
        /// What was asked for.
        wanted: String,
    },
}

/// Which files of an artifact are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice<'a> {
    /// All of them.
    #[default]
    All,
    /// The one with this digest, which is its name, too.
    Digest(&'a str),
    /// The one with this title.
    Title(&'a str),
}

impl ArtifactManifest {
    /// An artifact without files.
    #[must_use]
    pub fn new(artifact_type: Option<String>, annotations: BTreeMap<String, String>) -> Self {
        let config = ArtifactBlob {
            media_type: EMPTY_TYPE.to_owned(),
            digest: Digest::sha256(EMPTY),
            size: EMPTY.len() as u64,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            data: Some(EMPTY_DATA.to_owned()),
            platform: None,
            artifact_type: None,
        };
        Self {
            schema_version: 2,
            media_type: OCI_MANIFEST.to_owned(),
            artifact_type,
            config,
            layers: Vec::new(),
            subject: None,
            annotations,
        }
    }

    /// Reads a manifest, of an artifact or an image.
    ///
    /// # Errors
    /// If it is an index, or no manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        match Document::parse(bytes, None)? {
            Document::Manifest(..) => {
                serde_json::from_slice(bytes).map_err(|source| ManifestError::Json { source })
            }
            Document::Index(..) => Err(ManifestError::Neither),
        }
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size))
    }

    /// The files that are meant, each with its name.
    ///
    /// # Errors
    /// If there is none, or more than the one that is meant.
    pub fn choose(&self, choice: Choice<'_>) -> Result<Vec<(&ArtifactBlob, String)>, ArtifactError> {
        let one = |what, wanted: &str, fits: &dyn Fn(&ArtifactBlob) -> bool| {
            let mut fitting = self.layers.iter().filter(|it| fits(it));
            let wanted = || printable(wanted);
            match (fitting.next(), fitting.next()) {
                (Some(blob), None) => Ok(blob),
                (None, _) => Err(ArtifactError::NoSuch { what, wanted: wanted() }),
                (Some(_), Some(_)) => Err(ArtifactError::Several { what, wanted: wanted() }),
            }
        };
        if self.layers.is_empty() {
            return Err(ArtifactError::Empty);
        }
        match choice {
            Choice::All => self.layers.iter().map(|blob| Ok((blob, blob.file_name()?))).collect(),
            Choice::Digest(wanted) => {
                let blob = one("digest", wanted, &|it| it.digest.as_str() == wanted)?;
                Ok(vec![(blob, digest_name(&blob.digest))])
            }
            Choice::Title(wanted) => {
                let blob = one("title", wanted, &|it| it.title() == Some(wanted))?;
                Ok(vec![(blob, file_name(wanted)?)])
            }
        }
    }
}

/// A digest as the name of a file.
fn digest_name(digest: &Digest) -> String {
    digest.as_str().replace(':', "-")
}

/// A title as the name of a file: one part of a path, and no way out of a directory.
fn file_name(title: &str) -> Result<String, ArtifactError> {
    let is_name = !matches!(title, "" | "." | "..") && title.len() <= 255 && !title.contains(['/', '\0']);
    if is_name { Ok(title.to_owned()) } else { Err(ArtifactError::Title { title: printable(title) }) }
}

fn printable(text: &str) -> String {
    text.chars().filter(|ch| !ch.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests;
