//! What is wrong with an archive, and where.

/// An archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The input gave an error.
    #[error("cannot read the archive at byte {offset}")]
    Read {
        /// How far it was read.
        offset: u64,
        /// The input's word.
        #[source]
        source: std::io::Error,
    },
    /// The input ends in the middle of an entry.
    #[error("the archive ends at byte {offset}, in the middle of an entry")]
    Truncated {
        /// Where.
        offset: u64,
    },
    /// The archive breaks the format, or readers disagree about what it means.
    #[error("the archive is malformed at byte {offset}: {what}")]
    Malformed {
        /// Where the entry's header begins.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A name or a target cannot be one.
    #[error("the archive is malformed at byte {offset}: {what} {fault}")]
    Text {
        /// Where the entry's header begins.
        offset: u64,
        /// Which text.
        what: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Something is larger than it may be.
    #[error("the archive holds at byte {offset} {what} of {size} bytes; the limit is {limit}")]
    TooLarge {
        /// Where the entry's header begins.
        offset: u64,
        /// What it is.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The largest that is taken.
        limit: u64,
    },
    /// An entry of a kind that is not known.
    #[error("the archive holds at byte {offset} an entry of the unknown kind {flag:?}")]
    Unsupported {
        /// Where the entry's header begins.
        offset: u64,
        /// The type flag of its header.
        flag: char,
    },
}

impl TarError {
    pub(super) fn malformed(offset: u64, what: &'static str) -> Self {
        Self::Malformed { offset, what }
    }
}
