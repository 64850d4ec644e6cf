//! The files of an image layout, as far as they are understood here.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Mode, OFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{ArtifactStoreError, BLOBS, StoredArtifact};
use crate::dir::Place;
use crate::record::parse;

/// The annotation of the index that is an artifact's name.
const NAME: &str = "org.opencontainers.image.ref.name";

/// The index: names, and the manifests they mean.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    pub manifests: Vec<Named>,
}

impl Default for Index {
    fn default() -> Self {
        let media_type = "application/vnd.oci.image.index.v1+json".to_owned();
        Self { schema_version: 2, media_type, manifests: Vec::new() }
    }
}

impl Index {
    pub fn named(&self, name: &str) -> Option<&Named> {
        self.manifests.iter().find(|it| it.name() == name)
    }

    pub fn set(&mut self, name: &str, manifest: Named) {
        match self.manifests.iter_mut().find(|it| it.name() == name) {
            Some(there) => *there = manifest,
            None => self.manifests.push(manifest),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.manifests.retain(|it| it.name() != name);
    }
}

/// A manifest with a name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Named {
    #[serde(default)]
    media_type: String,
    pub digest: String,
    size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Named {
    pub fn new(name: &str, digest: &str, size: u64, media_type: &str) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest.to_owned(),
            size,
            annotations: BTreeMap::from([(NAME.to_owned(), name.to_owned())]),
        }
    }

    pub fn name(&self) -> &str {
        self.annotations.get(NAME).map_or("", String::as_str)
    }
}

/// A blob that a manifest needs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Needed {
    pub digest: String,
    size: u64,
}

/// What a manifest needs.
#[derive(Debug)]
pub(super) struct Needs {
    pub blobs: Vec<Needed>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Needed,
    #[serde(default)]
    layers: Option<Vec<Needed>>,
}

impl Needs {
    pub fn of(place: &Place, artifact: &StoredArtifact) -> Result<Self, ArtifactStoreError> {
        let shown = place.path.join(BLOBS).join(&artifact.digest);
        let manifest: Manifest = parse(&artifact.manifest, &shown)?;
        let mut blobs = manifest.layers.unwrap_or_default();
        blobs.push(manifest.config);
        Ok(Self { blobs })
    }
}

impl Needed {
    /// What is wrong with the blob, if anything.
    pub fn fault(&self, place: &Place, thorough: bool) -> Option<String> {
        let Ok((algorithm, hex)) = parts(&self.digest) else {
            return Some(format!("`{}` is no digest", self.digest));
        };
        let path = format!("{BLOBS}/{algorithm}/{hex}");
        let Ok(stat) = rustix::fs::statat(&place.fd, &path, AtFlags::SYMLINK_NOFOLLOW) else {
            return Some(format!("blob {} is missing", self.digest));
        };
        if u64::try_from(stat.st_size) != Ok(self.size) {
            return Some(format!("blob {} has {} bytes instead of {}", self.digest, stat.st_size, self.size));
        }
        let is_other = thorough && algorithm == "sha256" && sha256_of(place, &path).as_deref() != Some(hex);
        is_other.then(|| format!("blob {} has other content", self.digest))
    }
}

fn sha256_of(place: &Place, path: &str) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(place.fd.as_fd(), path, flags, Mode::empty()).ok()?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match rustix::io::read(&file, &mut buffer).ok()? {
            0 => return Some(crate::id::hex(&sum.finalize())),
            length => sum.update(buffer.get(..length)?),
        }
    }
}

/// A digest as algorithm and hexadecimal digits, which are parts of a path: nothing else may be in them.
pub(super) fn parts(digest: &str) -> Result<(&str, &str), ArtifactStoreError> {
    let length = |algorithm: &str| match algorithm {
        "sha256" => Some(64),
        "sha512" => Some(128),
        _ => None,
    };
    let is_hex = |it: &str| it.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    digest
        .split_once(':')
        .filter(|(algorithm, hex)| length(algorithm) == Some(hex.len()) && is_hex(hex))
        .ok_or_else(|| ArtifactStoreError::Digest { digest: digest.to_owned() })
}

/// Whether a digest begins as somebody has written it.
pub(super) fn begins(digest: &str, wanted: &str) -> bool {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    !wanted.is_empty() && (hex.starts_with(wanted) || (wanted.contains(':') && digest.starts_with(wanted)))
}
