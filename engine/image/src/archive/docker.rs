//! docker-archive: what `docker save` writes. `manifest.json` lists configurations, names and layers.
//!
//! There is no manifest in it, so one is made: uncompressed layers are named by their diff ids, compressed ones by the
//! digest of their bytes.

use std::io::{self, Read};

use serde::Deserialize;
use serde_json::json;

use super::contents::Contents;
use super::error::ArchiveError;
use crate::config::{ImageConfig, MAX_CONFIG_SIZE};
use crate::decompress::{Compression, DecompressError};
use crate::digest::{Algorithm, Digest, Digester};
use crate::manifest::{
    DOCKER_CONFIG, DOCKER_LAYER, DOCKER_LAYER_GZIP, DOCKER_MANIFEST, Descriptor, MAX_LAYERS,
    MAX_MANIFEST_SIZE, Manifest, ManifestError,
};
use crate::platform::PlatformRequest;
use crate::reference::Reference;
use crate::source::{Found, ResolvedImage, SourceError};

/// The member that lists the images.
pub(super) const LIST: &str = "manifest.json";

/// An image of the list.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DockerImage {
    config: String,
    #[serde(default, deserialize_with = "crate::config::null_is_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "crate::config::null_is_default")]
    layers: Vec<String>,
}

/// Reads the list.
pub(super) fn list(contents: &Contents) -> Result<Vec<(DockerImage, Vec<Reference>)>, ArchiveError> {
    let images: Vec<DockerImage> = contents.read_json(LIST, MAX_MANIFEST_SIZE)?;
    images
        .into_iter()
        .map(|image| {
            let names: Result<Vec<Reference>, _> =
                image.repo_tags.iter().map(|tag| Reference::parse(tag)).collect();
            let names = names.map_err(|source| ArchiveError::Name { path: contents.path.clone(), source })?;
            Ok((image, names))
        })
        .collect()
}

/// A layer's blob, as the made manifest names it, and the member it lies in.
#[derive(Debug)]
pub(super) struct DockerLayer {
    pub digest: Digest,
    pub member: String,
}

impl DockerImage {
    /// Makes a manifest and puts everything together.
    pub(super) fn resolve(
        &self,
        contents: &Contents,
        names: &[Reference],
        request: &PlatformRequest,
    ) -> Result<(ResolvedImage, Vec<DockerLayer>), SourceError> {
        let image = contents.path.display().to_string();
        let config_bytes = contents.read_member(&self.config, MAX_CONFIG_SIZE)?;
        let config = ImageConfig::parse(&config_bytes)
            .map_err(|source| SourceError::Config { image: image.clone(), source })?;
        let diff_ids = config.rootfs.diff_ids;
        let manifest_error = |source| SourceError::Manifest { image: image.clone(), source };
        if self.layers.len() > MAX_LAYERS {
            return Err(manifest_error(ManifestError::TooManyLayers {
                count: self.layers.len(),
                limit: MAX_LAYERS,
            }));
        }
        if self.layers.len() != diff_ids.len() {
            return Err(manifest_error(ManifestError::LayerCount {
                layers: self.layers.len(),
                diff_ids: diff_ids.len(),
            }));
        }
        let mut layers = Vec::new();
        let mut members = Vec::new();
        for (member, diff_id) in self.layers.iter().zip(diff_ids) {
            let layer = describe(contents, member, diff_id)?;
            members.push(DockerLayer { digest: layer.digest.clone(), member: member.clone() });
            layers.push(layer);
        }
        let config = descriptor(DOCKER_CONFIG, Digest::sha256(&config_bytes), config_bytes.len() as u64);
        let manifest_bytes = json!({
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": config,
            "layers": layers,
        })
        .to_string()
        .into_bytes();
        let found = Found {
            image: image.clone(),
            manifest_digest: Digest::sha256(&manifest_bytes),
            manifest_bytes,
            manifest_type: DOCKER_MANIFEST.to_owned(),
            manifest: Manifest { config, layers, annotations: Default::default() },
            index: None,
            config_bytes,
            names: names.to_vec(),
        };
        Ok((found.finish(request)?, members))
    }
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest,
        size,
        annotations: Default::default(),
        platform: None,
    }
}

/// Finds out how a layer is kept; a compressed one is read once for its digest.
fn describe(contents: &Contents, member: &str, diff_id: Digest) -> Result<Descriptor, ArchiveError> {
    let (mut reader, size) = contents.open_member(member)?;
    let read = |source: io::Error| ArchiveError::Read { path: contents.path.clone(), source };
    let mut first = Vec::new();
    reader.by_ref().take(6).read_to_end(&mut first).map_err(read)?;
    let refused = |source| ArchiveError::Decompress { path: contents.path.clone(), source };
    let media_type = match Compression::detect(&first).map_err(refused)? {
        Compression::None => return Ok(descriptor(DOCKER_LAYER, diff_id, size)),
        Compression::Gzip => DOCKER_LAYER_GZIP,
        Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        Compression::Xz => return Err(refused(DecompressError::UntypedLayer { name: "xz" })),
        Compression::Bzip2 => return Err(refused(DecompressError::UntypedLayer { name: "bzip2" })),
    };
    let mut digester = Digester::new(Algorithm::Sha256);
    digester.update(&first);
    let mut buffer = vec![0; 128 << 10];
    loop {
        match reader.read(&mut buffer).map_err(read)? {
            0 => return Ok(descriptor(media_type, digester.finish(), size)),
            length => digester.update(buffer.get(..length).unwrap_or_default()),
        }
    }
}
