//! Pods: a directory, a record, a name. A container may have the same name, as in Podman.
//!
//! What the record says is the caller's business. A pod does not know its containers; they know their pod.

#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode};
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::containers::{is_lost, is_name, now};
use crate::dir::Place;
use crate::error::{At, FileError};
use crate::id::ContainerId;
use crate::lock::{self, PodLock};
use crate::record::{
    Durability, RecordError, parse, read_bytes, read_record, to_bytes, write_fresh, write_record_atomically,
};
use crate::store::Store;

const RECORD: &str = "record.json";
/// An empty directory: the root file system of a container that holds the pod's namespaces.
const ROOTFS: &str = "rootfs";
/// What it was made of.
const SOURCE: &str = "source";

/// A pod as lists need it: one small read each.
#[derive(Debug, Deserialize)]
pub struct PodEntry {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// When it was made, nanoseconds since 1970.
    pub created: u64,
    record: Box<RawValue>,
}

/// The same on its way to the disk.
#[derive(Serialize)]
struct EntryText<'a, T: ?Sized> {
    id: &'a ContainerId,
    name: &'a str,
    created: u64,
    record: &'a T,
}

impl PodEntry {
    /// The caller's record.
    ///
    /// # Errors
    /// If it is not what the caller takes it for.
    pub fn record<T: DeserializeOwned>(&self) -> Result<T, RecordError> {
        serde_json::from_str(self.record.get()).map_err(|source| RecordError::Malformed {
            path: PathBuf::from(self.id.hex()).join(RECORD),
            source,
        })
    }
}

/// All pods.
#[derive(Debug, Default)]
pub struct PodList {
    /// Those whose record could be read, oldest first.
    pub pods: Vec<PodEntry>,
    /// Those whose record could not be read, and why.
    pub broken: Vec<(ContainerId, RecordError)>,
}

/// A pod could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreatePodError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The record cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The name belongs to another pod.
    #[error("the name `{name}` is already in use by pod {}: pod already exists", by_id.short())]
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
    /// There is a pod of this id.
    #[error("pod {} exists already", id.short())]
    IdTaken {
        /// The id.
        id: ContainerId,
    },
}

impl CreatePodError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::NameTaken { name, .. } => {
                Some(format!("remove that pod with `pontoon pod rm {name}`, or use --replace"))
            }
            _ => None,
        }
    }
}

/// A pod could not be found.
#[derive(Debug, thiserror::Error)]
pub enum FindPodError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is none.
    #[error("no such pod: `{query}`")]
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

/// A pod of the store.
#[derive(Debug)]
pub struct PodHandle {
    id: ContainerId,
    dir: OwnedFd,
    path: PathBuf,
}

impl PodHandle {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The empty directory for the container that holds its namespaces.
    #[must_use]
    pub fn rootfs_path(&self) -> PathBuf {
        self.path.join(ROOTFS)
    }

    /// What the store knows of it, with the caller's record in it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read_entry(&self) -> Result<PodEntry, RecordError> {
        read_record(self.dir.as_fd(), RECORD, &self.path.join(RECORD))
    }

    /// Replaces the caller's record: by one that was read while the lock was held, else somebody's change is lost.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn replace_record<T: Serialize + ?Sized>(
        &self,
        _lock: &PodLock,
        record: &T,
    ) -> Result<(), RecordError> {
        let entry = self.read_entry()?;
        let text = EntryText { id: &entry.id, name: &entry.name, created: entry.created, record };
        let bytes = to_bytes(&text, &self.path.join(RECORD))?;
        Ok(write_record_atomically(self.dir.as_fd(), RECORD, &bytes, Durability::Durable)?)
    }

    /// Keeps a text beside the record: what the pod was made of, where that is more than a record should hold.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_source(&self, text: &[u8]) -> Result<(), FileError> {
        write_record_atomically(self.dir.as_fd(), SOURCE, text, Durability::Volatile)
    }

    /// That text; none if there is none.
    #[must_use]
    pub fn source(&self) -> Option<String> {
        std::fs::read_to_string(self.path.join(SOURCE)).ok()
    }

    /// Waits for the pod's lock: as long as it is held nobody adds a container to it or removes it. An error with "not
    /// found" says that the pod was removed meanwhile.
    ///
    /// # Errors
    /// See above.
    pub fn lock(&self) -> Result<PodLock, FileError> {
        let held = lock::reopen(self.dir.as_fd()).at("open", &self.path)?;
        lock::take(held.as_fd(), FlockOperation::LockExclusive).at("lock", &self.path)?;
        rustix::fs::lstat(&self.path).at("find", &self.path)?;
        Ok(PodLock::new(held))
    }

    /// Takes the pod's lock if nobody holds it.
    ///
    /// # Errors
    /// As for [`PodHandle::lock`].
    pub fn try_lock(&self) -> Result<Option<PodLock>, FileError> {
        let held = lock::reopen(self.dir.as_fd()).at("open", &self.path)?;
        if !lock::try_alone(held.as_fd()).at("lock", &self.path)? {
            return Ok(None);
        }
        rustix::fs::lstat(&self.path).at("find", &self.path)?;
        Ok(Some(PodLock::new(held)))
    }
}

impl Store {
    /// Makes a pod and claims its name; of two processes that want one name, one gets it. It survives a power cut.
    ///
    /// # Errors
    /// See [`CreatePodError`].
    pub fn create_pod<T: Serialize + ?Sized>(
        &self,
        id: &ContainerId,
        name: &str,
        record: &T,
    ) -> Result<PodHandle, CreatePodError> {
        if !is_name(name) {
            return Err(CreatePodError::BadName { name: name.to_owned() });
        }
        let mut temporary = self.make_temporary("pod")?;
        let fresh = &temporary.place;
        let bytes = to_bytes(&EntryText { id, name, created: now(), record }, &fresh.path.join(RECORD))?;
        write_fresh(fresh.fd.as_fd(), RECORD, &bytes, Durability::Durable)?;
        rustix::fs::mkdirat(&fresh.fd, ROOTFS, Mode::RWXU).at("make", fresh.path.join(ROOTFS))?;
        // Whoever is root in the pod enters it, whatever ids it has.
        let rootfs = fresh.open(ROOTFS)?;
        rustix::fs::fchmod(&rootfs.fd, Mode::from_raw_mode(0o755)).at("set the mode of", &rootfs.path)?;
        fresh.sync()?;
        let (pods, names) = (self.pods()?, self.pod_names()?);
        let _index = lock::index(names.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &names.path)?;
        self.claim_pod_name(names, name, id)?;
        if !temporary.place_at(pods, id.hex())? {
            return Err(CreatePodError::IdTaken { id: id.clone() });
        }
        pods.sync()?;
        names.sync()?;
        Ok(self.pod_handle(id.clone())?)
    }

    fn pod_handle(&self, id: ContainerId) -> Result<PodHandle, FileError> {
        let place = self.pods()?.open(id.hex())?;
        Ok(PodHandle { id, dir: place.fd, path: place.path })
    }

    /// Makes the link from a name to an id. The index of names is locked by the caller.
    fn claim_pod_name(&self, names: &Place, name: &str, id: &ContainerId) -> Result<(), CreatePodError> {
        match rustix::fs::symlinkat(id.hex(), &names.fd, name) {
            Err(Errno::EXIST) => {}
            other => return Ok(other.at("make", names.path.join(name))?),
        }
        if let Some(by_id) = self.pod_of_name(names, name)? {
            return Err(CreatePodError::NameTaken { name: name.to_owned(), by_id });
        }
        // Its pod was never finished, or is half removed: nobody has the name.
        rustix::fs::unlinkat(&names.fd, name, AtFlags::empty()).at("delete", names.path.join(name))?;
        Ok(rustix::fs::symlinkat(id.hex(), &names.fd, name).at("make", names.path.join(name))?)
    }

    /// The pod that has a name; `None` also when the name leads to none that is there.
    pub(crate) fn pod_of_name(&self, names: &Place, name: &str) -> Result<Option<ContainerId>, FileError> {
        let target = match rustix::fs::readlinkat(&names.fd, name, Vec::new()) {
            Ok(target) => target,
            Err(Errno::NOENT | Errno::INVAL | Errno::NAMETOOLONG) => return Ok(None),
            Err(errno) => return Err(FileError::new("read", names.path.join(name), errno)),
        };
        let Some(id) = target.to_str().ok().and_then(ContainerId::from_hex) else { return Ok(None) };
        Ok(self.pods()?.has(id.hex())?.then_some(id))
    }

    fn pod(&self, id: ContainerId) -> Result<PodHandle, FindPodError> {
        let query = id.to_string();
        self.pod_handle(id).map_err(|error| match error.is_not_found() {
            true => FindPodError::NotFound { query },
            false => error.into(),
        })
    }

    /// Finds a pod by id, name, or the beginning of its id.
    ///
    /// # Errors
    /// See [`FindPodError`].
    pub fn find_pod(&self, query: &str) -> Result<PodHandle, FindPodError> {
        let not_found = || FindPodError::NotFound { query: query.to_owned() };
        if let Some(id) = ContainerId::from_hex(query) {
            match self.pod(id) {
                Err(FindPodError::NotFound { .. }) => {}
                other => return other,
            }
        }
        if is_name(query)
            && let Some(id) = self.pod_of_name(self.pod_names()?, query)?
        {
            return self.pod(id);
        }
        if query.is_empty() || !query.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(not_found());
        }
        let entries = self.pods()?.list()?;
        let ids = entries.iter().filter_map(|it| it.text().and_then(ContainerId::from_hex));
        let mut candidates: Vec<ContainerId> = ids.filter(|it| it.hex().starts_with(query)).collect();
        if candidates.len() > 1 {
            candidates.sort_unstable();
            return Err(FindPodError::Ambiguous { query: query.to_owned(), candidates });
        }
        self.pod(candidates.pop().ok_or_else(not_found)?)
    }

    /// All pods: one listing and one small read each.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn list_pods(&self) -> Result<PodList, FileError> {
        let mut list = PodList::default();
        // Where there never was one there is no directory, and none is made for looking.
        if !self.root().has("pods")? {
            return Ok(list);
        }
        let place = self.pods()?;
        for entry in place.list()? {
            let Some(id) = entry.text().and_then(ContainerId::from_hex) else { continue };
            let name = format!("{}/{RECORD}", id.hex());
            let path = place.path.join(&name);
            match read_bytes(place.fd.as_fd(), &name, &path) {
                Ok(bytes) if is_lost(&bytes) => {
                    self.discard(place, id.hex())?;
                }
                Ok(bytes) => match parse::<PodEntry>(&bytes, &path) {
                    Ok(entry) if entry.id == id => list.pods.push(entry),
                    Ok(entry) => {
                        list.broken.push((id, RecordError::Foreign { path, id: entry.id.to_string() }));
                    }
                    Err(error) => list.broken.push((id, error)),
                },
                // Removed between the listing and now.
                Err(error) if error.is_not_found() => {}
                Err(error) => list.broken.push((id, error)),
            }
        }
        list.pods
            .sort_by(|left, right| left.created.cmp(&right.created).then_with(|| left.id.cmp(&right.id)));
        Ok(list)
    }

    /// Removes a pod: its name goes, its directory moves to the trash. Hold the pod's lock, and have its containers removed
    /// before. One that is gone already is fine; tells whether it was there.
    ///
    /// # Errors
    /// If it cannot be moved.
    pub fn remove_pod(&self, pod: PodHandle) -> Result<bool, FileError> {
        let names = self.pod_names()?;
        let _index = lock::index(names.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &names.path)?;
        if let Ok(entry) = pod.read_entry()
            && is_name(&entry.name)
            && self.pod_of_name(names, &entry.name)?.as_ref() == Some(&pod.id)
        {
            rustix::fs::unlinkat(&names.fd, &entry.name, AtFlags::empty())
                .at("delete", names.path.join(&entry.name))?;
        }
        self.discard(self.pods()?, pod.id.hex())
    }
}
