//! One face for all places images come from: registries, archives, layouts.
//!
//! It knows nothing of where an image goes.

use std::io::Read;
use std::sync::Arc;

use crate::archive::ArchiveError;
use crate::config::{ConfigError, ImageConfig};
use crate::decompress::DecompressLimits;
use crate::digest::Digest;
use crate::manifest::{Descriptor, Manifest, ManifestError};
use crate::platform::{Platform, PlatformRequest};
use crate::policy::Origin;
use crate::reference::Reference;
use crate::registry::RegistryError;

/// A place that holds one image (perhaps for several platforms).
pub trait ImageSource: Send + Sync {
    /// Returns what a person calls it: an image name, or a path.
    fn describe(&self) -> String;

    /// Returns where the image comes from, for the rules of policy.json.
    fn origin(&self) -> Origin;

    /// Fetches manifest and configuration of the image for a platform, checked against their digests.
    fn resolve(&self, platform: &PlatformRequest) -> Result<ResolvedImage, SourceError>;

    /// Opens a layer of the image that was resolved as an uncompressed tar stream.
    ///
    /// The bytes are checked against digest and size of the descriptor when the end is reached: the last read fails
    /// with kind `InvalidData` (or `UnexpectedEof`) when they are wrong. Nothing is to be believed before that.
    fn open_layer(
        &self,
        layer: &LayerDescriptor,
        limits: &DecompressLimits,
        progress: Arc<dyn Progress>,
    ) -> Result<Box<dyn Read + Send>, SourceError>;
}

/// A layer as its manifest names it, with the digest of its uncompressed archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerDescriptor {
    /// Digest of the blob as it is transferred.
    pub digest: Digest,
    /// Size of the blob as it is transferred.
    pub size: u64,
    /// What it is called.
    pub media_type: String,
    /// Digest of the uncompressed archive, from the image configuration; whoever unpacks it must check it.
    pub diff_id: Digest,
}

/// An image whose manifest and configuration were fetched and checked.
#[derive(Debug, Clone)]
pub struct ResolvedImage {
    /// The manifest, word for word.
    pub manifest_bytes: Vec<u8>,
    /// Its digest.
    pub manifest_digest: Digest,
    /// Its media type.
    pub manifest_type: String,
    /// The index it was chosen from, word for word, with its digest.
    pub index: Option<(Vec<u8>, Digest)>,
    /// The configuration, word for word.
    pub config_bytes: Vec<u8>,
    /// Its digest, which is the image's id.
    pub config_digest: Digest,
    /// The configuration, understood.
    pub config: ImageConfig,
    /// The layers, lowest first.
    pub layers: Vec<LayerDescriptor>,
    /// Names the source has for it; a registry's is the name it was asked for.
    pub names: Vec<Reference>,
}

/// Is told how a transfer goes on; from several threads at once.
pub trait Progress: Send + Sync {
    /// The image is known.
    fn resolved(&self, _image: &ResolvedImage) {}
    /// A layer needs no transfer.
    fn layer_present(&self, _digest: &Digest) {}
    /// A layer's transfer begins.
    fn layer_started(&self, _digest: &Digest, _size: u64) {}
    /// So many more bytes of a layer have come.
    fn layer_bytes(&self, _digest: &Digest, _bytes: u64) {}
    /// A layer is unpacked and verified.
    fn layer_done(&self, _digest: &Digest) {}
    /// A transfer broke and is taken up again.
    fn retrying(&self, _what: &str, _reason: &str) {}
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {}

/// Says why an image could not be had from its source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// An archive or a layout.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Its manifest or index is unusable.
    #[error("cannot use the image `{image}`")]
    Manifest {
        /// The image, as [`ImageSource::describe`] has it.
        image: String,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// Its configuration is unusable.
    #[error("cannot use the image `{image}`")]
    Config {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: ConfigError,
    },
    /// It was made for another kind of machine.
    #[error("the image `{image}` is for {found}, not for {wanted}")]
    Platform {
        /// The image.
        image: String,
        /// What was asked for.
        wanted: Platform,
        /// What its configuration says.
        found: Platform,
        /// Whether somebody asked for it by name.
        explicit: bool,
    },
}

impl SourceError {
    /// Returns what could be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SourceError::Registry(err) => err.hint(),
            SourceError::Archive(err) => err.hint(),
            SourceError::Platform { found, explicit: false, .. } => {
                Some(format!("to use it all the same, ask for it with --platform {found}"))
            }
            SourceError::Manifest { source: ManifestError::NoPlatform { .. }, .. } => {
                Some("choose one of them with --platform".to_owned())
            }
            _ => None,
        }
    }
}

/// Checks what belongs together and puts the layers in order; the common end of every `resolve`.
pub(crate) struct Found {
    pub image: String,
    pub manifest_bytes: Vec<u8>,
    pub manifest_digest: Digest,
    pub manifest_type: String,
    pub manifest: Manifest,
    pub index: Option<(Vec<u8>, Digest)>,
    pub config_bytes: Vec<u8>,
    pub names: Vec<Reference>,
}

impl Found {
    pub(crate) fn finish(self, request: &PlatformRequest) -> Result<ResolvedImage, SourceError> {
        let image = self.image;
        let manifest_error = |source| SourceError::Manifest { image: image.clone(), source };
        self.manifest.check().map_err(manifest_error)?;
        let config = ImageConfig::parse(&self.config_bytes)
            .map_err(|source| SourceError::Config { image: image.clone(), source })?;
        let found = config.platform();
        // Images made by `import` and some builders do not say what they are for.
        let silent = found.os.is_empty() || found.architecture.is_empty();
        if !silent && request.platform.fit(&found).is_none() {
            let wanted = request.platform.clone();
            return Err(SourceError::Platform { image, wanted, found, explicit: request.explicit });
        }
        let diff_ids = &config.rootfs.diff_ids;
        if diff_ids.len() != self.manifest.layers.len() {
            let source =
                ManifestError::LayerCount { layers: self.manifest.layers.len(), diff_ids: diff_ids.len() };
            return Err(SourceError::Manifest { image, source });
        }
        let layers =
            self.manifest.layers.iter().zip(diff_ids).map(|(layer, diff_id)| descriptor(layer, diff_id));
        Ok(ResolvedImage {
            layers: layers.collect(),
            manifest_bytes: self.manifest_bytes,
            manifest_digest: self.manifest_digest,
            manifest_type: self.manifest_type,
            index: self.index,
            config_digest: self.manifest.config.digest,
            config_bytes: self.config_bytes,
            config,
            names: self.names,
        })
    }
}

fn descriptor(layer: &Descriptor, diff_id: &Digest) -> LayerDescriptor {
    LayerDescriptor {
        digest: layer.digest.clone(),
        size: layer.size,
        media_type: layer.media_type.clone(),
        diff_id: diff_id.clone(),
    }
}
