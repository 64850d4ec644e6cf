//! One container: its directories, its record, its end, its lock.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ContainerEntry, EntryText, RECORD};
use crate::error::{At, FileError};
use crate::id::ContainerId;
use crate::lock::{self, ContainerLock};
use crate::record::{
    Durability, RecordError, parse, read_bytes, read_record, to_bytes, write_record_atomically,
};
use crate::store::{OpenError, Store};

const EXIT: &str = "exit.json";

/// A container of the store.
#[derive(Debug)]
pub struct ContainerHandle {
    pub(super) id: ContainerId,
    pub(super) dir: OwnedFd,
    pub(super) path: PathBuf,
    pub(super) run_path: PathBuf,
}

/// Deletes a file that may be gone already.
fn delete(dir: BorrowedFd<'_>, name: &str) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Whether a record lost its text to a power cut: an empty file, or one of zero bytes.
pub(crate) fn is_lost(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl ContainerHandle {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    /// The handle of its directory.
    #[must_use]
    pub fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its runtime directory (`RUN/containers/ID`), which [`ContainerHandle::open_run_dir`] makes.
    #[must_use]
    pub fn run_path(&self) -> &Path {
        &self.run_path
    }

    /// Where overlayfs keeps its changes.
    #[must_use]
    pub fn upper_path(&self) -> PathBuf {
        self.path.join("upper")
    }

    /// Where overlayfs works.
    #[must_use]
    pub fn work_path(&self) -> PathBuf {
        self.path.join("work")
    }

    /// Where the root file system is mounted, inside the container's own mount namespace.
    #[must_use]
    pub fn rootfs_path(&self) -> PathBuf {
        self.path.join("rootfs")
    }

    /// Makes `upper`, `work` and `rootfs`; the upper directory, which is the container's `/`, gets this mode. What is there
    /// already stays as it is.
    pub fn make_overlay_dirs(&self, mode: u32) -> Result<(), FileError> {
        let make = |name: &str| match rustix::fs::mkdirat(&self.dir, name, Mode::RWXU) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(FileError::new("make", self.path.join(name), errno)),
        };
        make("work")?;
        make("rootfs")?;
        if make("upper")? {
            let path = self.path.join("upper");
            let upper = rustix::fs::openat(&self.dir, "upper", crate::dir::DIRECTORY, Mode::empty())
                .at("open", &path)?;
            rustix::fs::fchmod(&upper, Mode::from_raw_mode(mode & 0o7777)).at("set the mode of", &path)?;
        }
        Ok(())
    }

    /// Makes and opens the runtime directory.
    pub fn open_run_dir(&self, store: &Store) -> Result<OwnedFd, OpenError> {
        Ok(store.run_containers()?.open_or_make(self.id.hex())?.fd)
    }

    /// What the store knows of it, with the caller's record in it.
    pub fn read_entry(&self) -> Result<ContainerEntry, RecordError> {
        read_record(self.dir.as_fd(), RECORD, &self.path.join(RECORD))
    }

    /// The caller's record.
    pub fn read_record<T: DeserializeOwned>(&self) -> Result<T, RecordError> {
        self.read_entry()?.record()
    }

    /// Replaces the caller's record: by one that was read while the lock was held, else somebody's change is lost.
    pub fn replace_record<T: Serialize + ?Sized>(
        &self,
        _lock: &ContainerLock,
        record: &T,
        durability: Durability,
    ) -> Result<(), RecordError> {
        let entry = self.read_entry()?;
        let text = EntryText {
            id: &entry.id,
            name: entry.name.as_deref(),
            image: entry.image.as_ref(),
            more_images: &entry.more_images,
            created: entry.created,
            record,
        };
        self.write(&text, durability)
    }

    pub(super) fn write<T: Serialize + ?Sized>(
        &self,
        text: &EntryText<'_, T>,
        durability: Durability,
    ) -> Result<(), RecordError> {
        let bytes = to_bytes(text, &self.path.join(RECORD))?;
        Ok(write_record_atomically(self.dir.as_fd(), RECORD, &bytes, durability)?)
    }

    /// How it ended, if it did.
    pub fn read_exit<T: DeserializeOwned>(&self) -> Result<Option<T>, RecordError> {
        let read = |dir: BorrowedFd<'_>, path: PathBuf| match read_bytes(dir, EXIT, &path) {
            // A power cut took the text: nobody knows any more.
            Ok(bytes) if is_lost(&bytes) => Ok(None),
            Ok(bytes) => parse(&bytes, &path).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        };
        // What could not be written to the disk is newer than what lies there.
        if let Some(run) = self.existing_run_dir()
            && let Some(exit) = read(run.as_fd(), self.run_path.join(EXIT))?
        {
            return Ok(Some(exit));
        }
        read(self.dir.as_fd(), self.path.join(EXIT))
    }

    /// Remembers how it ended: if the disk does not take it, then until the next boot.
    pub fn write_exit<T: Serialize + ?Sized>(
        &self,
        exit: &T,
        durability: Durability,
    ) -> Result<(), RecordError> {
        let bytes = to_bytes(exit, &self.path.join(EXIT))?;
        let written = write_record_atomically(self.dir.as_fd(), EXIT, &bytes, durability);
        match (written, self.existing_run_dir()) {
            (Ok(()), Some(run)) => Ok(delete(run.as_fd(), EXIT).at("delete", self.run_path.join(EXIT))?),
            (Err(error), Some(run)) => {
                write_record_atomically(run.as_fd(), EXIT, &bytes, Durability::Volatile)
                    .map_err(|_| error.into())
            }
            (written, None) => Ok(written?),
        }
    }

    /// Forgets how it ended, for a new start.
    pub fn clear_exit(&self) -> Result<(), FileError> {
        if let Some(run) = self.existing_run_dir() {
            delete(run.as_fd(), EXIT).at("delete", self.run_path.join(EXIT))?;
        }
        delete(self.dir.as_fd(), EXIT).at("delete", self.path.join(EXIT))
    }

    fn existing_run_dir(&self) -> Option<OwnedFd> {
        rustix::fs::open(&self.run_path, crate::dir::DIRECTORY, Mode::empty()).ok()
    }

    /// Waits for the container's lock. An error with "not found" says that the container was removed meanwhile.
    pub fn lock(&self) -> Result<ContainerLock, FileError> {
        let held = lock::reopen(self.dir.as_fd()).at("open", &self.path)?;
        lock::take(held.as_fd(), FlockOperation::LockExclusive).at("lock", &self.path)?;
        self.still_there()?;
        Ok(ContainerLock::new(held))
    }

    /// Takes the container's lock if nobody holds it.
    pub fn try_lock(&self) -> Result<Option<ContainerLock>, FileError> {
        let held = lock::reopen(self.dir.as_fd()).at("open", &self.path)?;
        if !lock::try_alone(held.as_fd()).at("lock", &self.path)? {
            return Ok(None);
        }
        self.still_there()?;
        Ok(Some(ContainerLock::new(held)))
    }

    /// Refuses when the handle's directory lies in the trash by now. Ids are never used twice, so asking by path is enough.
    fn still_there(&self) -> Result<(), FileError> {
        rustix::fs::lstat(&self.path).at("find", &self.path).map(drop)
    }
}
