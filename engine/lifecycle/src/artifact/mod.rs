//! Artifacts: made of files, brought in from registries, written out, mounted in containers (podman-artifact(1)).

mod add;
mod extract;
mod pull;

use std::path::PathBuf;

use pontoon_image::{ArtifactError, ArtifactManifest, Choice, ManifestError, Reference};
use pontoon_storage::{ArtifactStoreError, FindArtifactError, Store, StoredArtifact};

pub use add::{AddError, AddRequest, add};
pub use extract::{ExtractError, extract};
pub use pull::{PullArtifactError, PulledArtifact, pull};

use crate::request::{CreateRequest, MountRequest, MountSource};

/// An artifact, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// The digest of its manifest.
    pub digest: String,
    /// Its manifest.
    pub manifest: ArtifactManifest,
}

impl Artifact {
    fn of(stored: StoredArtifact) -> Result<Self, ManifestError> {
        let manifest = ArtifactManifest::parse(&stored.manifest)?;
        Ok(Self { name: stored.name, digest: stored.digest, manifest })
    }
}

/// A file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobFile {
    /// Where it lies in the store.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
}

/// Why an artifact that is named cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UseArtifactError {
    /// It is not there.
    #[error(transparent)]
    Find(#[from] FindArtifactError),
    /// It, or a file of it, cannot be used.
    #[error("cannot use the artifact `{name}`")]
    Artifact {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<ArtifactError>,
    },
}

impl From<ArtifactStoreError> for UseArtifactError {
    fn from(error: ArtifactStoreError) -> Self {
        Self::Find(error.into())
    }
}

impl UseArtifactError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Find(err) => err.hint(),
            Self::Artifact { name, .. } => Some(format!("`pontoon artifact inspect {name}` shows its files")),
        }
    }
}

/// All artifacts.
///
/// # Errors
/// If the store cannot be read. An artifact that cannot be understood is left out.
pub fn list(store: &Store) -> Result<Vec<Artifact>, ArtifactStoreError> {
    Ok(store.list_artifacts()?.into_iter().filter_map(|it| Artifact::of(it).ok()).collect())
}

/// Finds an artifact by its name, which need not say registry and tag, or by its digest or the beginning of that.
///
/// # Errors
/// See [`UseArtifactError`].
pub fn find(store: &Store, wanted: &str) -> Result<Artifact, UseArtifactError> {
    let understood = |stored: StoredArtifact| {
        let name = stored.name.clone();
        Artifact::of(stored).map_err(|err| UseArtifactError::Artifact { name, source: Box::new(err.into()) })
    };
    let full = Reference::parse(wanted).map(|it| it.with_default_tag().to_string()).ok();
    // No digest has a slash in it, so these are looked for as names only.
    for name in [format!("localhost/{wanted}"), format!("localhost/{wanted}:latest")].into_iter().chain(full)
    {
        match store.find_artifact(&name) {
            Ok(found) => return understood(found),
            Err(FindArtifactError::NotFound { .. }) => {}
            Err(err) => return Err(err.into()),
        }
    }
    understood(store.find_artifact(wanted)?)
}

/// The files of an artifact that are meant.
///
/// # Errors
/// See [`UseArtifactError`].
pub fn files(store: &Store, wanted: &str, choice: Choice<'_>) -> Result<Vec<BlobFile>, UseArtifactError> {
    let artifact = find(store, wanted)?;
    let chosen = artifact.manifest.choose(choice);
    let chosen = chosen.map_err(|source| UseArtifactError::Artifact {
        name: artifact.name.clone(),
        source: Box::new(source),
    })?;
    let file = |(blob, name): (&pontoon_image::ArtifactBlob, String)| {
        Ok(BlobFile { path: store.artifact_blob(blob.digest.as_str())?, name })
    };
    chosen.into_iter().map(file).collect()
}

/// The files of the artifacts that a container mounts, by the numbers of the mounts that ask for them.
///
/// # Errors
/// See [`UseArtifactError`].
pub fn mounted(
    store: &Store,
    request: &CreateRequest,
) -> Result<Vec<(usize, Vec<BlobFile>)>, UseArtifactError> {
    let asked = request.mounts.iter().enumerate().filter_map(|(number, it)| match &it.source {
        MountSource::Artifact(name) => Some((number, name, it)),
        _ => None,
    });
    asked.map(|(number, name, mount)| Ok((number, files(store, name, choice(mount))?))).collect()
}

/// Which files a mount is for.
fn choice(mount: &MountRequest) -> Choice<'_> {
    let said = |key: &str| mount.options.iter().find_map(|it| it.strip_prefix(key));
    match (said("digest="), said("title=")) {
        (Some(digest), _) => Choice::Digest(digest),
        (None, Some(title)) => Choice::Title(title),
        (None, None) => Choice::All,
    }
}
