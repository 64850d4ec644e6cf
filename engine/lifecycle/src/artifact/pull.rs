//! Artifacts from registries.

#![expect(
    clippy::result_large_err,
    reason = "a failed pull is rare, and what it carries is what people read"
)]

use std::io;
use std::sync::Arc;

use pontoon_image::{
    ArtifactBlob, ImageSource, PolicyError, Progress, Reference, RegistryClient, RegistryError, SourceError,
};
use pontoon_storage::{ArtifactStoreError, NewArtifact, Placing, Store};

use crate::pull::PullOptions;

/// The most blobs an artifact may have, as for the layers of images.
const MAX_BLOBS: usize = pontoon_image::manifest::MAX_LAYERS;

/// An artifact that is in the store now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledArtifact {
    /// Its name.
    pub name: String,
    /// The digest of its manifest.
    pub digest: String,
}

/// Why it is not.
#[derive(Debug, thiserror::Error)]
pub enum PullArtifactError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The registry does not give it.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// policy.json does not let it in.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// It has too many files.
    #[error("the artifact has {count} files; at most {MAX_BLOBS} are allowed")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A blob is not what it should be, or did not arrive.
    #[error("cannot bring in blob {digest}")]
    Blob {
        /// The blob.
        digest: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] ArtifactStoreError),
}

impl PullArtifactError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry(err) => err.hint(),
            Self::Source(err) => err.hint(),
            Self::Policy(err) => err.hint(),
            Self::Store(err) => err.hint(),
            Self::Blob { source, .. } => registry_part(source).and_then(RegistryError::hint),
            Self::TooMany { .. } => None,
        }
    }

    /// Whether trying again may help: the registry is out of reach, or busy.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Registry(err) | Self::Source(SourceError::Registry(err)) => err.is_unavailable(),
            Self::Blob { source, .. } => registry_part(source).is_some_and(RegistryError::is_unavailable),
            _ => false,
        }
    }
}

/// The registry's part in an error that went through a reader.
fn registry_part(error: &io::Error) -> Option<&RegistryError> {
    error.get_ref().and_then(|it| it.downcast_ref::<RegistryError>())
}

/// Brings an artifact in under its name, which another one loses. Each blob is checked against its digest; those that the
/// store has are not fetched again.
///
/// # Errors
/// See [`PullArtifactError`]; what the store had before is untouched.
pub fn pull(
    name: &Reference,
    client: &RegistryClient,
    store: &Store,
    progress: &Arc<dyn Progress>,
    options: &PullOptions,
) -> Result<PulledArtifact, PullArtifactError> {
    let source = client.source(name)?.with_progress(progress.clone());
    if let Some(policy) = &options.policy {
        policy.check(&source.describe(), &source.origin())?;
    }
    let found = source.artifact(&options.platform)?;
    let blobs: Vec<&ArtifactBlob> = found.manifest.layers.iter().chain([&found.manifest.config]).collect();
    if blobs.len() > MAX_BLOBS {
        return Err(PullArtifactError::TooMany { count: blobs.len() });
    }
    let mut draft = store.begin_artifact()?;
    for blob in blobs {
        let digest = blob.digest.as_str();
        if draft.take(digest)? {
            progress.layer_present(&blob.digest);
            continue;
        }
        progress.layer_started(&blob.digest, blob.size);
        let mut reader = source.open_blob(&blob.digest, blob.size, progress.clone())?;
        draft.receive(digest, &mut reader).map_err(|err| match err {
            ArtifactStoreError::Source(source) => {
                PullArtifactError::Blob { digest: digest.to_owned(), source }
            }
            other => other.into(),
        })?;
        progress.layer_done(&blob.digest);
    }
    let name = source.image().to_string();
    let new = NewArtifact {
        name: &name,
        manifest: &found.bytes,
        media_type: &found.media_type,
        placing: Placing::Replace,
    };
    Ok(PulledArtifact { digest: store.commit_artifact(draft, new)?, name })
}
