//! Records: small files replaced whole, so that a reader sees the old text or the new one and never a half.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use serde::de::DeserializeOwned;

use crate::error::{At, FileError};

/// A record is a few kilobytes; what is larger is not ours.
const MAX_RECORD: u64 = 64 << 20;

/// What a write promises about a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After the call the record survives a power cut.
    Durable,
    /// A power cut may lose the record (never the store); for what can be made again, such as a unit's container.
    Volatile,
}

/// A number of bytes in memory, as files count bytes.
pub(crate) fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// A record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not the record it should be.
    #[error("`{}` is not a valid record", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where the text goes wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The record is of something else.
    #[error("`{}` is the record of {id}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose record it is.
        id: String,
    },
    /// The file is larger than any record.
    #[error("`{}` is too large for a record ({size} bytes)", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// The value cannot be written as JSON.
    #[error("the record for `{}` cannot be written as JSON", path.display())]
    Unwritable {
        /// The file it was meant for.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl RecordError {
    /// Whether the record is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::File(error) if error.is_not_found())
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            _ => None,
        }
    }
}

/// Replaces `name` in `dir` by a file with these bytes, readable by the owner alone.
///
/// The bytes go to `.NAME.new` first, which is renamed over `name` when it is complete (and, where asked, on the
/// disk). Two writers of one name take turns; what a killed writer left is used by the next.
pub fn write_record_atomically(
    dir: BorrowedFd<'_>,
    name: &str,
    bytes: &[u8],
    durability: Durability,
) -> Result<(), FileError> {
    replace_record(dir, name, bytes, durability).map_err(|error| error.below(dir))
}

fn replace_record(
    dir: BorrowedFd<'_>,
    name: &str,
    bytes: &[u8],
    durability: Durability,
) -> Result<(), FileError> {
    let temporary = format!(".{name}.new");
    let file = open_temporary(dir, &temporary)?;
    rustix::fs::ftruncate(&file, 0).at("empty", &temporary)?;
    let placed = write_all(file.as_fd(), bytes)
        .at("write", name)
        .and_then(|()| sync(file.as_fd(), durability).at("sync", name))
        .and_then(|()| rustix::fs::renameat(dir, &temporary, dir, name).at("rename into place", name));
    if placed.is_err() {
        // A full disk is not made fuller. Whoever waits for its lock makes another one.
        let _ = rustix::fs::unlinkat(dir, &temporary, AtFlags::empty());
    }
    placed?;
    sync(dir, durability).at("sync the directory of", name)
}

fn sync(fd: BorrowedFd<'_>, durability: Durability) -> rustix::io::Result<()> {
    match durability {
        Durability::Durable => rustix::fs::fsync(fd),
        Durability::Volatile => Ok(()),
    }
}

/// Replaces `name` in a directory that is not ours alone: others may have put anything there under any name that they can
/// guess, to have us follow it or wait for it. What stands under the name itself is replaced, not followed.
///
/// What a killed writer leaves is used by nobody. Nothing is promised about a power cut.
pub fn replace_file(dir: BorrowedFd<'_>, name: &OsStr, bytes: &[u8], mode: Mode) -> Result<(), FileError> {
    let suffix = crate::id::random_suffix().at("draw a name beside", name)?;
    let temporary = format!(".pontoon-{suffix}");
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(dir, &temporary, flags, mode).at("make", &temporary)?;
    let placed = write_all(file.as_fd(), bytes)
        .at("write", name)
        .and_then(|()| rustix::fs::renameat(dir, &temporary, dir, name).at("rename into place", name));
    if placed.is_err() {
        let _ = rustix::fs::unlinkat(dir, &temporary, AtFlags::empty());
    }
    placed
}

/// Opens and locks the temporary file; its lock says that nobody else is writing it.
fn open_temporary(dir: BorrowedFd<'_>, temporary: &str) -> Result<OwnedFd, FileError> {
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let file =
            rustix::fs::openat(dir, temporary, flags, Mode::RUSR | Mode::WUSR).at("make", temporary)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).at("lock", temporary)?;
        let held = rustix::fs::fstat(&file).at("look at", temporary)?;
        // Whoever held the lock before has renamed the file away: then this handle is the real record now.
        match rustix::fs::statat(dir, temporary, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) if named.st_ino == held.st_ino && named.st_dev == held.st_dev => return Ok(file),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(FileError::new("look at", temporary, errno)),
        }
    }
}

/// Writes all bytes at the handle's position.
pub(crate) fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Writes a new file into a directory nobody else knows yet.
pub(crate) fn write_fresh(
    dir: BorrowedFd<'_>,
    name: &str,
    bytes: &[u8],
    durability: Durability,
) -> Result<(), FileError> {
    let file = write_unsynced(dir, name, bytes)?;
    if durability == Durability::Durable {
        rustix::fs::fsync(&file).at("sync", name).map_err(|error| error.below(dir))?;
    }
    Ok(())
}

/// Writes a new file into a directory nobody else knows yet, for somebody who will sync it.
pub(crate) fn write_unsynced(dir: BorrowedFd<'_>, name: &str, bytes: &[u8]) -> Result<OwnedFd, FileError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR).at("make", name);
    let written = opened.and_then(|file| write_all(file.as_fd(), bytes).at("write", name).map(|()| file));
    written.map_err(|error| error.below(dir))
}

/// What was made and may still be in memory only: a power cut can take it, and nothing but it, until [`Unsynced::sync`] has
/// returned. Nobody may be told before that it is there.
#[must_use = "a power cut can take it until `sync` has returned"]
#[derive(Debug, Default)]
pub struct Unsynced {
    files: Vec<(OwnedFd, PathBuf)>,
}

impl Unsynced {
    /// Adds a file or a directory; they are synced in this order.
    pub(crate) fn add(&mut self, fd: BorrowedFd<'_>, path: &Path) -> Result<(), FileError> {
        self.files.push((fd.try_clone_to_owned().map_err(errno).at("open", path)?, path.to_owned()));
        Ok(())
    }

    /// Whether there is anything to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Writes it to the disk.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(self) -> Result<(), FileError> {
        // All of it was written before the first is synced: a journal takes them in one piece, and the rest costs little.
        self.files.iter().try_for_each(|(fd, path)| rustix::fs::fsync(fd).at("sync", path))
    }
}

fn errno(err: std::io::Error) -> Errno {
    Errno::from_io_error(&err).unwrap_or(Errno::IO)
}

/// Reads a whole small file of `dir`.
pub(crate) fn read_bytes(dir: BorrowedFd<'_>, name: &str, shown: &Path) -> Result<Vec<u8>, RecordError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(dir, name, flags, Mode::empty()).at("open", shown)?;
    // Most records fit, and are read by one call: a file gives less than was asked for only at its end.
    let mut bytes = Vec::with_capacity(16 * 1024);
    loop {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(bytes.len());
        }
        let room = bytes.capacity() - bytes.len();
        match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes)) {
            Ok(length) if length < room => return Ok(bytes),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(FileError::new("read", shown, errno).into()),
        }
        let size = length(bytes.len());
        if size > MAX_RECORD {
            return Err(RecordError::TooLarge { path: shown.to_owned(), size });
        }
    }
}

/// Reads the record `name` of `dir`; `shown` is the path told in errors.
pub fn read_record<T: DeserializeOwned>(
    dir: BorrowedFd<'_>,
    name: &str,
    shown: &Path,
) -> Result<T, RecordError> {
    let bytes = read_bytes(dir, name, shown)?;
    parse(&bytes, shown)
}

/// Reads a record from its text.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], shown: &Path) -> Result<T, RecordError> {
    serde_json::from_slice(bytes).map_err(|source| RecordError::Malformed { path: shown.to_owned(), source })
}

/// Writes a value as the text of a record.
pub(crate) fn to_bytes<T: serde::Serialize + ?Sized>(
    value: &T,
    shown: &Path,
) -> Result<Vec<u8>, RecordError> {
    serde_json::to_vec(value).map_err(|source| RecordError::Unwritable { path: shown.to_owned(), source })
}
