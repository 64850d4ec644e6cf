//! The files of an artifact, written out.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use pontoon_image::Choice;
use pontoon_storage::Store;

use super::{UseArtifactError, files};

/// Why they were not written.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The artifact.
    #[error(transparent)]
    Use(#[from] UseArtifactError),
    /// Several files, and one place.
    #[error("the artifact has {count} files, and `{}` is no directory", target.display())]
    Several {
        /// How many.
        count: usize,
        /// Where they were to go.
        target: PathBuf,
    },
    /// A file of the store.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the user's.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ExtractError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Use(err) => err.hint(),
            Self::Several { .. } => {
                Some("name a directory that is there, or one file with --title or --digest".to_owned())
            }
            Self::Read { .. } => Some("`pontoon system check` tells what is damaged".to_owned()),
            Self::Write { .. } => None,
        }
    }
}

/// Writes files into a directory that is there, or the only one that is meant as `target`. What is there already is
/// overwritten.
///
/// # Errors
/// See [`ExtractError`].
pub fn extract(store: &Store, wanted: &str, choice: Choice<'_>, target: &Path) -> Result<(), ExtractError> {
    let files = files(store, wanted, choice)?;
    let within = std::fs::metadata(target).is_ok_and(|it| it.is_dir());
    if files.len() > 1 && !within {
        return Err(ExtractError::Several { count: files.len(), target: target.to_owned() });
    }
    for file in files {
        let path = if within { target.join(&file.name) } else { target.to_owned() };
        let mut from = File::open(&file.path)
            .map_err(|source| ExtractError::Read { path: file.path.clone(), source })?;
        let failed = |source| ExtractError::Write { path: path.clone(), source };
        let mut to = File::create(&path).map_err(failed)?;
        io::copy(&mut from, &mut to).map_err(failed)?;
    }
    Ok(())
}
