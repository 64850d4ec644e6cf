//! What can be wrong with an archive of images.

use std::io;
use std::path::PathBuf;

use crate::decompress::DecompressError;
use crate::digest::{Digest, VerifyError};
use crate::manifest::ManifestError;
use crate::reference::InvalidReference;

/// Says why an archive or a layout cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be opened or read.
    #[error("cannot read `{path}`")]
    Read {
        /// The archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The uncompressed copy cannot be made.
    #[error("cannot write a temporary copy of `{archive}` in `{path}`")]
    Spool {
        /// The archive.
        archive: PathBuf,
        /// The directory for it.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be decompressed.
    #[error("cannot decompress `{path}`")]
    Decompress {
        /// The archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: DecompressError,
    },
    /// It is something else.
    #[error(
        "`{path}` is neither a docker-archive nor an oci-archive nor an OCI layout, nor a directory of one image (dir:)"
    )]
    Unknown {
        /// The archive.
        path: PathBuf,
    },
    /// A member it needs is not there.
    #[error("`{path}` has no member `{member}`")]
    Missing {
        /// The archive.
        path: PathBuf,
        /// The member.
        member: String,
    },
    /// A member is larger than its kind may be.
    #[error("`{member}` in `{path}` is larger than {limit} bytes")]
    TooLarge {
        /// The archive.
        path: PathBuf,
        /// The member.
        member: String,
        /// The limit.
        limit: u64,
    },
    /// It has more members than any image needs.
    #[error("`{path}` has more than {limit} members")]
    TooManyMembers {
        /// The archive.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// A JSON member is not what it should be.
    #[error("`{member}` in `{path}` cannot be read")]
    Json {
        /// The archive.
        path: PathBuf,
        /// The member.
        member: String,
        /// Where and what.
        #[source]
        source: serde_json::Error,
    },
    /// A manifest is not usable.
    #[error("`{member}` in `{path}` is not usable")]
    Manifest {
        /// The archive.
        path: PathBuf,
        /// The member.
        member: String,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// A blob is not what its name says.
    #[error("`{member}` in `{path}` has wrong content")]
    Content {
        /// The archive.
        path: PathBuf,
        /// The member.
        member: String,
        /// Why.
        #[source]
        source: VerifyError,
    },
    /// An image in it has a name that is none.
    #[error("`{path}` names an image in a way that cannot be used")]
    Name {
        /// The archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: InvalidReference,
    },
    /// A layer was asked for that the image does not have.
    #[error("`{path}` has no layer {digest}")]
    NoLayer {
        /// The archive.
        path: PathBuf,
        /// The layer.
        digest: Digest,
    },
    /// Indexes lie within indexes without end.
    #[error("`{path}` has indexes within indexes, deeper than {limit}")]
    TooDeep {
        /// The archive.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
}

impl ArchiveError {
    /// Returns what could be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ArchiveError::Unknown { .. } => {
                Some("to make an image of a plain root file system archive, use `import`".to_owned())
            }
            _ => None,
        }
    }
}
