//! Why an image could not be committed, found or removed.

use rustix::io::Errno;

use super::TagError;
use crate::error::FileError;
use crate::id::{ContainerId, DiffId, ImageId};
use crate::layers::LayerError;
use crate::record::RecordError;

/// An image could not be committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// A layer.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A name.
    #[error(transparent)]
    Name(#[from] TagError),
    /// A layer is neither in the store nor among those unpacked.
    #[error("layer {layer} of the image is not there")]
    LayerMissing {
        /// The layer.
        layer: DiffId,
    },
}

impl CommitError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) | Self::Layer(LayerError::File(error)) | Self::Name(TagError::File(error)) => {
                error.hint()
            }
            Self::Record(error) => error.hint(),
            _ => None,
        }
    }
}

/// An image could not be found.
#[derive(Debug, thiserror::Error)]
pub enum FindImageError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// There is none.
    #[error("image not known: `{query}`")]
    NotFound {
        /// What was asked for.
        query: String,
    },
    /// There are several.
    #[error("`{query}` means several images: {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        query: String,
        /// Names or ids that it fits.
        candidates: Vec<String>,
    },
}

/// An image could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveImageError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The image cannot be found.
    #[error(transparent)]
    Find(#[from] FindImageError),
    /// Containers need it.
    #[error("image is in use by a container: {} by {}", image.short(), containers.join(", "))]
    InUse {
        /// The image.
        image: ImageId,
        /// Names (or short ids) of the containers.
        containers: Vec<String>,
        /// Their ids.
        ids: Vec<ContainerId>,
    },
    /// It is in a store of which only the images are looked at.
    #[error("cannot remove read-only image {}", image.short())]
    ReadOnly {
        /// The image.
        image: ImageId,
    },
    /// It has other names than the one that was to go.
    #[error("image {} is known by other names: {}", image.short(), names.join(", "))]
    OtherNames {
        /// The image.
        image: ImageId,
        /// Its names.
        names: Vec<String>,
    },
    /// It has several names, and was not forced.
    #[error("image {} has several names: {}", image.short(), names.join(", "))]
    SeveralNames {
        /// The image.
        image: ImageId,
        /// Its names.
        names: Vec<String>,
    },
    /// A container's record cannot be read, so nobody knows what it needs.
    #[error("cannot tell whether container {} needs the image", container.short())]
    UnknownUse {
        /// The container.
        container: ContainerId,
        /// Why.
        #[source]
        source: RecordError,
    },
}

impl RemoveImageError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::InUse { .. } => {
                Some("remove the containers first, or use --force, which removes them too".to_owned())
            }
            Self::ReadOnly { .. } => {
                Some("it lies in a store that storage.conf adds (additionalimagestores)".to_owned())
            }
            Self::SeveralNames { .. } => Some("use --force to remove it under all its names".to_owned()),
            _ => None,
        }
    }
}

/// A record that is not there means that there is no such image.
pub(super) fn not_found(error: RecordError, id: &ImageId) -> FindImageError {
    if error.is_not_found() { FindImageError::NotFound { query: id.to_string() } } else { error.into() }
}

impl CommitError {
    /// What a failure to find the image just committed means.
    pub(super) fn from_find(error: FindImageError) -> Self {
        match error {
            FindImageError::Record(error) => Self::Record(error),
            FindImageError::File(error) => Self::File(error),
            // It was committed under the lock that is still held.
            FindImageError::NotFound { query } | FindImageError::Ambiguous { query, .. } => {
                Self::File(FileError::new("find again", query, Errno::NOENT))
            }
        }
    }
}
