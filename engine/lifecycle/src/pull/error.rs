//! Why an image could not be brought in.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use pontoon_image::{
    ArchiveError, Digest, InvalidReference, PolicyError, RegistryError, ShortNameError, SourceError,
};
use pontoon_storage::{CommitError, FileError, OpenError, UnpackError};

/// An image was not pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Its source does not give it.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// policy.json does not let it in.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A layer is not usable, or did not arrive.
    #[error("cannot bring in layer {digest} of `{image}`")]
    Layer {
        /// The image.
        image: String,
        /// The layer's blob.
        digest: Digest,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// A layer has a diff id that the store does not use.
    #[error("`{image}` has a layer with diff id {digest}; only sha256 is supported there")]
    DiffId {
        /// The image.
        image: String,
        /// The diff id.
        digest: Digest,
    },
    /// No thread could be started.
    #[error("cannot start a thread for the layers of `{image}`")]
    Thread {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The lock for this image cannot be had.
    #[error("cannot lock the pull of `{image}`")]
    Lock {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The image cannot be kept.
    #[error("cannot keep the image `{image}`")]
    Commit {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: CommitError,
    },
    /// It was stopped.
    #[error("the pull of `{image}` was cancelled")]
    Cancelled {
        /// The image.
        image: String,
    },
}

impl PullError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            PullError::Source(err) => err.hint(),
            PullError::Policy(err) => err.hint(),
            PullError::Layer { source, .. } => source.hint().or_else(|| registry_hint(source)),
            PullError::Lock { source, .. } => source.hint(),
            PullError::File(err) => err.hint(),
            PullError::Commit { source, .. } => source.hint(),
            _ => None,
        }
    }

    /// Tells whether the registry could not be asked, so that a local image may do (`--pull=newer`).
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, PullError::Source(SourceError::Registry(err)) if err.is_unavailable())
    }
}

/// Finds the registry's part in an error that went through a reader.
fn registry_hint(err: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(err);
    while let Some(err) = cause {
        let inside = err.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(registry) = inside.and_then(|it| it.downcast_ref::<RegistryError>()) {
            return registry.hint();
        }
        cause = err.source();
    }
    None
}

/// An image was not pulled by the name a person wrote.
#[derive(Debug, thiserror::Error)]
pub enum PullNamedError {
    /// The name means nothing.
    #[error(transparent)]
    Name(#[from] ShortNameError),
    /// The name that a transport gives is none.
    #[error(transparent)]
    Reference(#[from] InvalidReference),
    /// The registry cannot be asked at all.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// An archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An archive holds several images, and the name does not say which.
    #[error("`{path}` holds several images: {names}")]
    SeveralImages {
        /// The archive.
        path: PathBuf,
        /// Their names.
        names: String,
    },
    /// An archive does not hold the image.
    #[error("`{path}` holds no image `{name}`; it has {names}")]
    NoSuchImage {
        /// The archive.
        path: PathBuf,
        /// The name.
        name: String,
        /// What it has.
        names: String,
    },
    /// The pull itself.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// All that a short name may stand for failed.
    #[error("cannot pull `{name}`: {tried}")]
    AllFailed {
        /// The name.
        name: String,
        /// What each candidate said.
        tried: String,
        /// The last one's error.
        #[source]
        source: Box<PullNamedError>,
    },
}

impl PullNamedError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            PullNamedError::Name(err) => err.hint(),
            PullNamedError::Reference(err) => err.hint(),
            PullNamedError::Registry(err) => err.hint(),
            PullNamedError::Archive(err) => err.hint(),
            PullNamedError::Pull(err) => err.hint(),
            PullNamedError::AllFailed { source, .. } => source.hint(),
            PullNamedError::SeveralImages { .. } => Some(
                "write the wanted name after the path, `docker-archive:PATH:NAME`, or use `load`".to_owned(),
            ),
            PullNamedError::NoSuchImage { .. } => None,
        }
    }

    /// Tells whether the registry could not be asked, so that a local image may do (`--pull=newer`).
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            PullNamedError::Registry(err) => err.is_unavailable(),
            PullNamedError::Pull(err) => err.is_unavailable(),
            PullNamedError::AllFailed { source, .. } => source.is_unavailable(),
            _ => false,
        }
    }
}

/// Images of an archive were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The archive cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// One of its images.
    #[error(transparent)]
    Pull(#[from] PullError),
}

impl LoadError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            LoadError::Archive(err) => err.hint(),
            LoadError::Pull(err) => err.hint(),
        }
    }
}

/// A root file system was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read, or is compressed in a way we do not have.
    #[error("cannot read `{name}`")]
    Open {
        /// What it is called.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be unpacked.
    #[error("cannot unpack `{name}`")]
    Unpack {
        /// What it is called.
        name: String,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// Its configuration cannot be written as JSON.
    #[error("cannot write the configuration of the new image")]
    Json {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The image cannot be kept.
    #[error("cannot keep the image made of `{name}`")]
    Commit {
        /// What it is called.
        name: String,
        /// Why.
        #[source]
        source: CommitError,
    },
}

impl ImportError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            ImportError::Unpack { source, .. } => source.hint(),
            ImportError::File(err) => err.hint(),
            ImportError::Commit { source, .. } => source.hint(),
            _ => None,
        }
    }
}
