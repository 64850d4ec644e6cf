//! Named volumes: a directory of data, a record, and whether the image's content must still be copied up.

#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{AtFlags, FlockOperation, Mode};
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::containers::{is_name, now};
use crate::error::{At, FileError};
use crate::id::ContainerId;
use crate::lock::{self, VolumeLock};
use crate::record::{Durability, RecordError, parse, read_bytes, read_record, to_bytes, write_fresh};
use crate::store::Store;

const RECORD: &str = "record.json";
const DATA: &str = "_data";
/// There until the first use copied the image's content.
const NEEDS_COPY_UP: &str = "needs-copy-up";

/// A volume to be made.
#[derive(Debug)]
pub struct NewVolume<'a, T: ?Sized> {
    /// Its name; `None` makes an anonymous one, with 64 hexadecimal digits as its name.
    pub name: Option<&'a str>,
    /// Whether its first use copies the image's content into it, or takes over its owner.
    pub copy_up: bool,
    /// The caller's record.
    pub record: &'a T,
    /// Whether it must survive a power cut.
    pub durability: Durability,
}

/// A volume as lists need it.
#[derive(Debug)]
pub struct VolumeEntry {
    /// Its name.
    pub name: String,
    /// Whether the name was drawn, not given.
    pub anonymous: bool,
    /// When it was made, nanoseconds since 1970.
    pub created: u64,
    /// Where its data lies.
    pub data: PathBuf,
    record: Box<RawValue>,
}

/// What lies in `record.json`.
#[derive(Deserialize)]
struct StoredVolume {
    anonymous: bool,
    created: u64,
    record: Box<RawValue>,
}

/// The same on its way to the disk.
#[derive(Serialize)]
struct VolumeText<'a, T: ?Sized> {
    anonymous: bool,
    created: u64,
    record: &'a T,
}

impl VolumeEntry {
    fn new(name: &str, path: PathBuf, stored: StoredVolume) -> Self {
        let StoredVolume { anonymous, created, record } = stored;
        Self { name: name.to_owned(), anonymous, created, data: path.join(DATA), record }
    }

    /// The caller's record.
    pub fn record<T: DeserializeOwned>(&self) -> Result<T, RecordError> {
        serde_json::from_str(self.record.get())
            .map_err(|source| RecordError::Malformed { path: PathBuf::from(&self.name).join(RECORD), source })
    }
}

/// All volumes.
#[derive(Debug, Default)]
pub struct VolumeList {
    /// Those whose record could be read, by name.
    pub volumes: Vec<VolumeEntry>,
    /// Those whose record could not be read, and why. Their data is there all the same.
    pub broken: Vec<(String, RecordError)>,
}

/// A volume of the store.
#[derive(Debug)]
pub struct VolumeHandle {
    name: String,
    dir: OwnedFd,
    path: PathBuf,
}

/// A volume could not be made, filled or removed.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// There is one of this name.
    #[error("volume already exists: `{name}`")]
    Exists {
        /// The name.
        name: String,
    },
    /// The name is not one.
    #[error(
        "`{name}` cannot be a volume's name: it takes letters, digits, `_`, `.` and `-`, and begins with a letter or digit"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// Somebody needs it.
    #[error("volume is being used: `{name}` by {}", users.join(", "))]
    InUse {
        /// The name.
        name: String,
        /// The containers that need it.
        users: Vec<String>,
    },
}

/// A volume could not be found.
#[derive(Debug, thiserror::Error)]
pub enum FindVolumeError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is none.
    #[error("no such volume: `{name}`")]
    NotFound {
        /// What was asked for.
        name: String,
    },
    /// No name at all.
    #[error("the name of a volume cannot be empty")]
    Empty,
    /// The beginning of a name fits several.
    #[error("`{query}` is the beginning of several volumes' names: {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        query: String,
        /// Whose names begin so.
        candidates: Vec<String>,
    },
}

impl VolumeError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::InUse { .. } => {
                Some("remove the containers first, or use --force, which removes them too".to_owned())
            }
            _ => None,
        }
    }
}

impl Store {
    /// Makes a volume; of two processes that want one name, one gets it.
    pub fn create_volume<T: Serialize + ?Sized>(
        &self,
        volume: NewVolume<'_, T>,
    ) -> Result<VolumeHandle, VolumeError> {
        let NewVolume { name, copy_up, record, durability } = volume;
        let name = match name {
            Some(name) if is_name(name) => name.to_owned(),
            Some(name) => return Err(VolumeError::BadName { name: name.to_owned() }),
            None => ContainerId::random().at("draw a name in", &self.paths().root)?.to_string(),
        };
        let anonymous = volume.name.is_none();
        let volumes = self.volumes()?;
        if volumes.has(&name)? {
            return Err(VolumeError::Exists { name });
        }
        let mut temporary = self.make_temporary("volume")?;
        let fresh = &temporary.place;
        rustix::fs::mkdirat(&fresh.fd, DATA, Mode::RWXU).at("make", fresh.path.join(DATA))?;
        let data = fresh.open(DATA)?;
        rustix::fs::fchmod(&data.fd, Mode::from_raw_mode(0o755)).at("set the mode of", &data.path)?;
        if copy_up {
            write_fresh(fresh.fd.as_fd(), NEEDS_COPY_UP, b"", durability)?;
        }
        let text = VolumeText { anonymous, created: now(), record };
        let bytes = to_bytes(&text, &fresh.path.join(RECORD))?;
        write_fresh(fresh.fd.as_fd(), RECORD, &bytes, durability)?;
        if durability == Durability::Durable {
            fresh.sync()?;
        }
        if !temporary.place_at(volumes, &name)? {
            return Err(VolumeError::Exists { name });
        }
        if durability == Durability::Durable {
            volumes.sync()?;
        }
        Ok(self.volume_handle(&name)?)
    }

    fn volume_handle(&self, name: &str) -> Result<VolumeHandle, FileError> {
        let place = self.volumes()?.open(name)?;
        Ok(VolumeHandle { name: name.to_owned(), dir: place.fd, path: place.path })
    }

    /// The volume of this name.
    pub fn find_volume(&self, name: &str) -> Result<VolumeHandle, FindVolumeError> {
        if name.is_empty() {
            return Err(FindVolumeError::Empty);
        }
        if !is_name(name) {
            return Err(FindVolumeError::NotFound { name: name.to_owned() });
        }
        self.volume_handle(name).map_err(|error| {
            if error.is_not_found() {
                FindVolumeError::NotFound { name: name.to_owned() }
            } else {
                error.into()
            }
        })
    }

    /// The volume of this name, or else the only one whose name begins so.
    pub fn look_up_volume(&self, query: &str) -> Result<VolumeHandle, FindVolumeError> {
        let not_found = match self.find_volume(query) {
            Err(error @ FindVolumeError::NotFound { .. }) => error,
            other => return other,
        };
        let entries = self.volumes()?.list()?;
        let names = entries.iter().filter_map(|it| it.text()).filter(|name| is_name(name));
        let mut candidates: Vec<&str> = names.filter(|name| name.starts_with(query)).collect();
        match candidates.as_slice() {
            [] => Err(not_found),
            [name] => self.find_volume(name),
            _ => {
                candidates.sort_unstable();
                let candidates = candidates.into_iter().map(str::to_owned).collect();
                Err(FindVolumeError::Ambiguous { query: query.to_owned(), candidates })
            }
        }
    }

    /// All volumes, by name.
    pub fn list_volumes(&self) -> Result<VolumeList, FileError> {
        let place = self.volumes()?;
        let mut list = VolumeList::default();
        for entry in place.list()? {
            let Some(name) = entry.text().filter(|name| is_name(name)) else { continue };
            let record = format!("{name}/{RECORD}");
            let path = place.path.join(&record);
            match read_bytes(place.fd.as_fd(), &record, &path)
                .and_then(|bytes| parse::<StoredVolume>(&bytes, &path))
            {
                Ok(stored) => list.volumes.push(VolumeEntry::new(name, place.path.join(name), stored)),
                // Removed between the listing and now.
                Err(error) if error.is_not_found() => {}
                Err(error) => list.broken.push((name.to_owned(), error)),
            }
        }
        list.volumes.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(list)
    }

    /// Removes a volume: it moves to the trash (see [`Store::empty_trash`]).
    ///
    /// `users` tells the containers that need it; it is asked while the volume's lock is held, so whoever makes a
    /// container should hold that lock until the container's record is written. If there are any, it is refused.
    pub fn remove_volume<E>(
        &self,
        volume: VolumeHandle,
        users: impl FnOnce() -> Result<Vec<String>, E>,
    ) -> Result<(), E>
    where
        E: From<VolumeError>,
    {
        let _lock = volume.lock().map_err(VolumeError::from)?;
        let users = users()?;
        if !users.is_empty() {
            return Err(VolumeError::InUse { name: volume.name, users }.into());
        }
        let volumes = self.volumes().map_err(VolumeError::from)?;
        self.discard_mounted(volumes, &volume.name, DATA).map_err(VolumeError::from)?;
        Ok(())
    }
}

impl VolumeHandle {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its data.
    #[must_use]
    pub fn data_path(&self) -> PathBuf {
        self.path.join(DATA)
    }

    /// What the store knows of it, with the caller's record in it.
    pub fn read_entry(&self) -> Result<VolumeEntry, RecordError> {
        let stored: StoredVolume = read_record(self.dir.as_fd(), RECORD, &self.path.join(RECORD))?;
        Ok(VolumeEntry::new(&self.name, self.path.clone(), stored))
    }

    /// Whether its first use must still copy the image's content into it.
    pub fn needs_copy_up(&self) -> Result<bool, FileError> {
        has(self.dir.as_fd(), NEEDS_COPY_UP).at("look at", self.path.join(NEEDS_COPY_UP))
    }

    /// Says that no copy-up is needed any more: the first container that used the volume has filled it.
    pub fn mark_used(&self) -> Result<(), FileError> {
        match rustix::fs::unlinkat(&self.dir, NEEDS_COPY_UP, AtFlags::empty()) {
            Ok(()) => rustix::fs::fsync(&self.dir).at("sync", &self.path),
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(FileError::new("delete", self.path.join(NEEDS_COPY_UP), errno)),
        }
    }

    /// Waits for the volume's lock. An error with "not found" says that the volume was removed meanwhile.
    pub fn lock(&self) -> Result<VolumeLock, FileError> {
        self.locked(FlockOperation::LockExclusive)
    }

    /// Keeps the volume from being removed until a record says who uses it; others may do so at the same time. An error with
    /// "not found" says that it was removed meanwhile.
    pub fn hold(&self) -> Result<VolumeLock, FileError> {
        self.locked(FlockOperation::LockShared)
    }

    fn locked(&self, operation: FlockOperation) -> Result<VolumeLock, FileError> {
        let held = lock::reopen(self.dir.as_fd()).at("open", &self.path)?;
        lock::take(held.as_fd(), operation).at("lock", &self.path)?;
        let mine = rustix::fs::fstat(&held).at("look at", &self.path)?;
        let named = rustix::fs::lstat(&self.path).at("find", &self.path)?;
        if (mine.st_dev, mine.st_ino) != (named.st_dev, named.st_ino) {
            // Removed, and another made with the same name.
            return Err(FileError::new("find", &self.path, Errno::NOENT));
        }
        Ok(VolumeLock::new(held))
    }
}

fn has(dir: BorrowedFd<'_>, name: &str) -> rustix::io::Result<bool> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}
