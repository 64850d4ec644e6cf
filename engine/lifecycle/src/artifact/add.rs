//! An artifact of files of the host's.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pontoon_image::artifact::{CREATED, EMPTY, SNIFFED, TITLE, media_type};
use pontoon_image::{ArtifactBlob, ArtifactManifest, Digest, InvalidDigest, Reference};
use pontoon_storage::{ArtifactStoreError, NewArtifact, Placing, Store};

use super::{UseArtifactError, find};

/// What becomes an artifact.
#[derive(Debug, Clone)]
pub struct AddRequest {
    /// Its name.
    pub name: Reference,
    /// The files.
    pub files: Vec<PathBuf>,
    /// What kind of artifact it is.
    pub artifact_type: Option<String>,
    /// What the files are; `None` finds out for each.
    pub file_type: Option<String>,
    /// Notes for each file.
    pub annotations: BTreeMap<String, String>,
    /// Add to the artifact of that name.
    pub append: bool,
    /// Take the place of the artifact of that name.
    pub replace: bool,
    /// Now, as RFC 3339.
    pub now: String,
}

/// Why it did not become one.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// A file.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A path without a name of its own.
    #[error("`{}` has no file name", path.display())]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// Two files of one title.
    #[error("the artifact would have two files with the title `{title}`")]
    SameTitle {
        /// The title.
        title: String,
    },
    /// The one that is to be added to.
    #[error(transparent)]
    Use(#[from] UseArtifactError),
    /// The store.
    #[error(transparent)]
    Store(#[from] ArtifactStoreError),
    /// The store's word for a blob.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    /// The manifest.
    #[error("cannot write the manifest")]
    Manifest(#[from] serde_json::Error),
}

impl AddError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Use(err) => err.hint(),
            Self::Store(err) => err.hint(),
            _ => None,
        }
    }
}

/// Makes an artifact, or adds to one, and gives the digest of its manifest.
///
/// # Errors
/// See [`AddError`].
pub fn add(store: &Store, request: &AddRequest) -> Result<String, AddError> {
    let name = request.name.with_default_tag().to_string();
    let before = if request.append { Some(find(store, &name)?) } else { None };
    if before.is_none() && !request.replace && store.find_artifact(&name).is_ok() {
        // Large files are not copied for nothing.
        return Err(ArtifactStoreError::Exists { name }.into());
    }
    let mut manifest = match &before {
        Some(artifact) => artifact.manifest.clone(),
        None => {
            let created = BTreeMap::from([(CREATED.to_owned(), request.now.clone())]);
            ArtifactManifest::new(request.artifact_type.clone(), created)
        }
    };
    let mut titles: HashSet<String> =
        manifest.layers.iter().filter_map(|it| it.title().map(str::to_owned)).collect();
    let annotated: Vec<(&PathBuf, BTreeMap<String, String>)> = request
        .files
        .iter()
        .map(|path| {
            let annotations = annotations(path, &request.annotations)?;
            match annotations.get(TITLE) {
                Some(title) if !titles.insert(title.clone()) => {
                    Err(AddError::SameTitle { title: title.clone() })
                }
                _ => Ok((path, annotations)),
            }
        })
        .collect::<Result<_, _>>()?;

    let mut draft = store.begin_artifact()?;
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        if !draft.take(blob.digest.as_str())? && blob.digest == Digest::sha256(EMPTY) {
            draft.add(&mut &*EMPTY)?;
        }
    }
    for (path, annotations) in annotated {
        let failed = |source| AddError::Read { path: path.clone(), source };
        let mut file = File::open(path).map_err(failed)?;
        let mut beginning = Vec::new();
        file.by_ref().take(SNIFFED as u64).read_to_end(&mut beginning).map_err(failed)?;
        let media_type = request.file_type.clone().unwrap_or_else(|| media_type(&beginning).to_owned());
        let (digest, size) = draft.add(&mut (&*beginning).chain(file)).map_err(|err| match err {
            ArtifactStoreError::Source(source) => failed(source),
            other => other.into(),
        })?;
        manifest.layers.push(ArtifactBlob {
            media_type,
            digest: digest.parse()?,
            size,
            annotations,
            urls: Vec::new(),
            data: None,
            platform: None,
            artifact_type: None,
        });
    }
    let placing = match &before {
        Some(artifact) => Placing::Instead(&artifact.digest),
        None if request.replace => Placing::Replace,
        None => Placing::New,
    };
    let bytes = serde_json::to_vec(&manifest)?;
    let new = NewArtifact { name: &name, manifest: &bytes, media_type: &manifest.media_type, placing };
    Ok(store.commit_artifact(draft, new)?)
}

/// The notes of one file: its name is its title, unless it is given another one.
fn annotations(path: &Path, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, AddError> {
    let mut annotations = given.clone();
    if !annotations.contains_key(TITLE) {
        let name = path.file_name().ok_or_else(|| AddError::NoName { path: path.to_owned() })?;
        annotations.insert(TITLE.to_owned(), name.to_string_lossy().into_owned());
    }
    Ok(annotations)
}
