//! Layers by diff id: whether one is there, where it lies, what is known of it.

use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::error::{At, FileError};
use crate::id::DiffId;
use crate::lock::{self, LayerLease};
use crate::record::{RecordError, read_record};
use crate::store::Store;
use crate::sweep::COMMIT_MARK;
use crate::unpack::UnpackedLayer;

/// What is remembered of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerMeta {
    /// Bytes of the files in it.
    pub size: u64,
    /// Bytes of its uncompressed archive.
    pub archive_size: u64,
    /// Number of entries of the archive.
    pub entries: u64,
    /// Whether the layer hides all layers below it.
    pub opaque: bool,
    /// Device nodes that were left out.
    pub skipped_devices: u64,
    /// Whether `size` is just what lies on disk: no entry took an earlier one's place, and none was sparse. Layers from
    /// before this was noted do not say so.
    #[serde(default)]
    pub exact: bool,
}

/// A layer could not be looked at or committed.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is remembered of it cannot be read.
    #[error("cannot read what is known of layer {layer}")]
    Meta {
        /// The layer.
        layer: DiffId,
        /// Why.
        #[source]
        source: RecordError,
    },
}

/// The sha256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

impl Store {
    /// Keeps every layer from being deleted while a pull or a build needs layers that no image names yet.
    ///
    /// Take it before asking [`Store::has_layer`], and hold it until the image is committed.
    pub fn lease_layers(&self) -> Result<LayerLease, FileError> {
        let layers = self.layers()?;
        let held = lock::reopen(layers.fd.as_fd()).at("open", &layers.path)?;
        lock::take(held.as_fd(), FlockOperation::LockShared).at("lock", &layers.path)?;
        Ok(LayerLease::new(held))
    }

    /// The store that has a layer: this one, another whose images are seen here, or this one if none has it.
    pub(crate) fn holder(&self, layer: &DiffId) -> &Self {
        let has = |store: &&Self| store.has_layer(layer).unwrap_or(false);
        if self.others.is_empty() || has(&self) {
            return self;
        }
        self.others.iter().find(has).unwrap_or(self)
    }

    /// Whether the layer is there, whole: in this store itself.
    pub fn has_layer(&self, layer: &DiffId) -> Result<bool, FileError> {
        self.layers()?.has(&layer.dir_name())
    }

    /// The directory to mount as the layer's lower directory; it need not exist.
    #[must_use]
    pub fn layer_path(&self, layer: &DiffId) -> PathBuf {
        self.holder(layer).paths().root.join("layers").join(layer.dir_name()).join("diff")
    }

    /// What is remembered of a layer.
    pub fn layer_meta(&self, layer: &DiffId) -> Result<LayerMeta, LayerError> {
        let meta = |source| LayerError::Meta { layer: layer.clone(), source };
        let place =
            self.holder(layer).layers()?.open(&layer.dir_name()).map_err(|error| meta(error.into()))?;
        read_record(place.fd.as_fd(), "meta.json", &place.path.join("meta.json")).map_err(meta)
    }

    /// Makes unpacked layers durable with one `syncfs` and gives them their places. Losing a race to another process
    /// that brought the same layer is fine.
    ///
    /// Hold a lease until an image names them: what nothing names when no lease is held is deleted by a sweep.
    pub fn commit_layers(&self, lease: &LayerLease, layers: Vec<UnpackedLayer>) -> Result<(), LayerError> {
        let _ = lease;
        let mark = self.make_temporary(COMMIT_MARK)?;
        self.sync_all()?;
        let placed = self.place_layers(layers);
        // The mark outlives this call: no image names the layers yet.
        mark.leave();
        Ok(placed?)
    }

    /// Gives durable layers their places, durably.
    pub(crate) fn place_layers(&self, layers: Vec<UnpackedLayer>) -> Result<(), FileError> {
        if layers.is_empty() {
            return Ok(());
        }
        let parent = self.layers()?;
        for mut layer in layers {
            let name = layer.diff_id.dir_name();
            layer.temporary.place_at(parent, &name)?;
        }
        parent.sync()
    }
}
