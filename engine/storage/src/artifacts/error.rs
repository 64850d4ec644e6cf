//! Why artifacts cannot be kept or found.

use std::io;

use crate::error::FileError;
use crate::record::RecordError;

/// An artifact could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactStoreError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The index, or a manifest.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What was to be kept could not be read.
    #[error("cannot read what is to be kept")]
    Source(#[source] io::Error),
    /// The name is taken.
    #[error("artifact `{name}` exists already")]
    Exists {
        /// The name.
        name: String,
    },
    /// Somebody else was faster.
    #[error("artifact `{name}` has been changed meanwhile")]
    Changed {
        /// The name.
        name: String,
    },
    /// No digest that could name a file.
    #[error("`{digest}` is no digest")]
    Digest {
        /// The text.
        digest: String,
    },
}

impl ArtifactStoreError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Exists { .. } => Some("--replace takes its place, --append adds to it".to_owned()),
            Self::Changed { .. } => Some("try again".to_owned()),
            Self::Source(_) | Self::Digest { .. } => None,
        }
    }
}

/// An artifact could not be found.
#[derive(Debug, thiserror::Error)]
pub enum FindArtifactError {
    /// There is none.
    #[error("there is no artifact `{name}`")]
    NotFound {
        /// Name or digest.
        name: String,
    },
    /// Several digests begin like this.
    #[error("several artifacts have digests that begin with `{name}`")]
    Ambiguous {
        /// The beginning.
        name: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] ArtifactStoreError),
}

impl From<FileError> for FindArtifactError {
    fn from(error: FileError) -> Self {
        Self::Store(error.into())
    }
}

impl From<RecordError> for FindArtifactError {
    fn from(error: RecordError) -> Self {
        Self::Store(error.into())
    }
}

impl FindArtifactError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { name } => Some(format!("pull it first: pontoon artifact pull {name}")),
            Self::Ambiguous { .. } => Some("give more of the digest, or the name".to_owned()),
            Self::Store(error) => error.hint(),
        }
    }
}
