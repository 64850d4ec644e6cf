//! Why a container could not be made, found, renamed or removed.

use crate::error::FileError;
use crate::id::{ContainerId, ImageId};
use crate::record::RecordError;
use crate::store::OpenError;

/// A container could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The record cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The runtime directory cannot be used.
    #[error(transparent)]
    Run(#[from] OpenError),
    /// The name belongs to another container.
    #[error("the name `{name}` is already in use by container {}", by_id.short())]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        by_id: ContainerId,
    },
    /// The name is not one.
    #[error(
        "`{name}` cannot be a name: it takes letters, digits, `_`, `.` and `-`, and begins with a letter or digit"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// There is a container of this id.
    #[error("container {} exists already", id.short())]
    IdTaken {
        /// The id.
        id: ContainerId,
    },
    /// The image went away meanwhile.
    #[error("image {} is gone", image.short())]
    ImageGone {
        /// The image.
        image: ImageId,
    },
}

/// A container could not be found.
#[derive(Debug, thiserror::Error)]
pub enum FindContainerError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is none.
    #[error("no such container: `{query}`")]
    NotFound {
        /// What was asked for.
        query: String,
    },
    /// The beginning of an id fits several.
    #[error("`{query}` is the beginning of several ids: {}", candidates.iter().map(ContainerId::short).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// What was asked for.
        query: String,
        /// Whose id begins so.
        candidates: Vec<ContainerId>,
    },
}

impl CreateError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Run(error) => error.hint(),
            Self::NameTaken { name, .. } => {
                Some(format!("remove that container with `pontoon rm {name}`, or use --replace"))
            }
            _ => None,
        }
    }
}

/// A container could not be renamed.
pub type RenameContainerError = CreateError;

/// A container could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveContainerError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The runtime directory cannot be used.
    #[error(transparent)]
    Run(#[from] OpenError),
}
