//! Why an archive was not unpacked, in words for whoever pulls it.

use rustix::io::Errno;

use crate::error::{FileError, hint_for};
use crate::id::DiffId;
use crate::record::RecordError;
use crate::tar::{Entry, TarError};

/// An archive could not be unpacked. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is known of the layer cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] TarError),
    /// An entry cannot be made.
    #[error("cannot {deed} entry `{entry}` of the layer")]
    Entry {
        /// Its path in the archive.
        entry: String,
        /// What was being tried.
        deed: &'static str,
        /// The kernel's word.
        #[source]
        source: Errno,
    },
    /// The path of an entry cannot be one.
    #[error("entry `{entry}` of the layer has a path that {fault}")]
    Path {
        /// Its path in the archive.
        entry: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The layer's root is not a directory.
    #[error("entry `{entry}` of the layer would replace the root directory")]
    RootNotDirectory {
        /// Its path in the archive.
        entry: String,
    },
    /// A hard link leads to nothing in the layer.
    #[error("entry `{entry}` of the layer is a hard link to `{target}`, which the layer does not hold")]
    LinkTarget {
        /// Its path in the archive.
        entry: String,
        /// Where it leads.
        target: String,
    },
    /// The owner of an entry is not among the mapped ids.
    #[error("entry `{entry}` of the layer belongs to {uid}:{gid}, which is not among the ids mapped for you")]
    UnmappedId {
        /// Its path in the archive.
        entry: String,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// The archive has more entries than any image.
    #[error("the layer has more than {limit} entries")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// The archive is not the one that was asked for.
    #[error("the layer's digest is {found}, not {expected}")]
    WrongDigest {
        /// What the image's config says.
        expected: DiffId,
        /// What was read.
        found: DiffId,
    },
    /// Whiteouts can be made in no way here.
    #[error(
        "cannot mark `{entry}` as deleted: neither a whiteout device nor a whiteout attribute can be made here"
    )]
    NoWhiteouts {
        /// Path of the whiteout in the archive.
        entry: String,
    },
}

impl UnpackError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Entry { source, .. } => hint_for(*source, "the store's file system"),
            Self::UnmappedId { uid, gid, .. } => Some(format!(
                "id {} lies outside your ranges in /etc/subuid and /etc/subgid; give yourself more ids there (65536 are usual)",
                uid.max(gid)
            )),
            Self::NoWhiteouts { .. } => {
                Some("this takes Linux 6.7, or a file system that allows character devices".to_owned())
            }
            _ => None,
        }
    }
}

/// A path of an archive as a message may show it: no control characters, no endless text.
pub(super) fn shown(path: &[u8]) -> String {
    const LIMIT: usize = 300;
    let text = String::from_utf8_lossy(path);
    let mut shown: String = text.chars().take(LIMIT).flat_map(char::escape_debug).collect();
    if text.chars().nth(LIMIT).is_some() {
        shown.push('…');
    }
    shown
}

/// Gives a failed call its entry.
pub(super) fn failed(deed: &'static str, entry: &Entry) -> impl FnOnce(Errno) -> UnpackError {
    move |source| UnpackError::Entry { entry: shown(&entry.path), deed, source }
}
