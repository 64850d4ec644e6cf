//! Containers: a directory, a record, a name.
//!
//! What the record says is the caller's business.

mod error;
mod handle;

#[cfg(test)]
mod tests;

use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FlockOperation};
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use error::{CreateError, FindContainerError, RemoveContainerError, RenameContainerError};
pub use handle::ContainerHandle;
pub(crate) use handle::is_lost;

use crate::dir::Place;
use crate::error::{At, FileError};
use crate::id::{ContainerId, ImageId};
use crate::lock;
use crate::record::{
    Durability, RecordError, Unsynced, parse, read_bytes, read_record, to_bytes, write_unsynced,
};
use crate::store::Store;

const RECORD: &str = "record.json";

/// A container to be made.
#[derive(Debug)]
pub struct NewContainer<'a, T: ?Sized> {
    /// Its id.
    pub id: &'a ContainerId,
    /// Its name.
    pub name: Option<&'a str>,
    /// The image it needs; it cannot be removed while the container is there.
    pub image: Option<&'a ImageId>,
    /// Other images it needs; they cannot be removed either.
    pub more_images: &'a [ImageId],
    /// The caller's record.
    pub record: &'a T,
    /// Whether it must survive a power cut.
    pub durability: Durability,
}

/// A container as lists need it: one small read each.
#[derive(Debug, Deserialize)]
pub struct ContainerEntry {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: Option<String>,
    /// The image it needs.
    pub image: Option<ImageId>,
    /// Other images it needs.
    #[serde(default)]
    pub more_images: Vec<ImageId>,
    /// When it was made, nanoseconds since 1970.
    pub created: u64,
    record: Box<RawValue>,
}

/// The same on its way to the disk.
#[derive(Serialize)]
struct EntryText<'a, T: ?Sized> {
    id: &'a ContainerId,
    name: Option<&'a str>,
    image: Option<&'a ImageId>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    more_images: &'a [ImageId],
    created: u64,
    record: &'a T,
}

impl ContainerEntry {
    /// Whether it needs an image.
    #[must_use]
    pub fn needs(&self, image: &ImageId) -> bool {
        self.image.as_ref() == Some(image) || self.more_images.contains(image)
    }

    /// The caller's record.
    pub fn record<T: DeserializeOwned>(&self) -> Result<T, RecordError> {
        serde_json::from_str(self.record.get()).map_err(|source| RecordError::Malformed {
            path: PathBuf::from(self.id.hex()).join(RECORD),
            source,
        })
    }
}

/// All containers.
#[derive(Debug, Default)]
pub struct ContainerList {
    /// Those whose record could be read, oldest first.
    pub containers: Vec<ContainerEntry>,
    /// Those whose record could not be read, and why.
    pub broken: Vec<(ContainerId, RecordError)>,
}

/// Whether a text can name a container or a volume, as Podman has it.
pub(crate) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    // A file's name has at most 255 bytes, and temporary ones are a little longer.
    name.len() <= 240
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

impl Store {
    /// Makes a container and claims its name; of two processes that want one name, one gets it. What has to be synced before
    /// anybody is told of it is given back (nothing, if it need not be durable).
    ///
    /// A power cut before that can leave its directory with an empty record, which is taken for none and discarded.
    pub fn create_container<T: Serialize + ?Sized>(
        &self,
        container: NewContainer<'_, T>,
    ) -> Result<(ContainerHandle, Unsynced), CreateError> {
        let NewContainer { id, name, image, more_images, record, durability } = container;
        if let Some(name) = name
            && !is_name(name)
        {
            return Err(CreateError::BadName { name: name.to_owned() });
        }
        let mut temporary = self.make_temporary("container")?;
        let fresh = &temporary.place;
        let text = EntryText { id, name, image, more_images, created: now(), record };
        let bytes = to_bytes(&text, &fresh.path.join(RECORD))?;
        let file = write_unsynced(fresh.fd.as_fd(), RECORD, &bytes)?;

        let containers = self.containers()?;
        // Shared with other containers; whoever removes an image looks at containers while holding it alone.
        let images = self.images()?;
        let mut needed = image.into_iter().chain(more_images).peekable();
        let _image_index = match needed.peek() {
            Some(_) => {
                Some(lock::index(images.fd.as_fd(), FlockOperation::LockShared).at("lock", &images.path)?)
            }
            None => None,
        };
        for image in needed {
            if !self.sees_image(image)? {
                return Err(CreateError::ImageGone { image: image.clone() });
            }
        }
        let names = self.container_names()?;
        let _index = lock::index(names.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &names.path)?;
        if containers.has(id.hex())? {
            return Err(CreateError::IdTaken { id: id.clone() });
        }
        if let Some(name) = name {
            self.claim_name(names, name, id)?;
        }
        if !temporary.place_at(containers, id.hex())? {
            return Err(CreateError::IdTaken { id: id.clone() });
        }
        let mut unsynced = Unsynced::default();
        if durability == Durability::Durable {
            unsynced.add(file.as_fd(), &containers.path.join(id.hex()).join(RECORD))?;
            // The directory before the name, so that no power cut leaves a name without it (it would be harmless).
            unsynced.add(containers.fd.as_fd(), &containers.path)?;
            unsynced.add(names.fd.as_fd(), &names.path)?;
        }
        Ok((self.container_handle(id.clone())?, unsynced))
    }

    /// Makes the link from a name to an id. The index of names is locked by the caller.
    fn claim_name(&self, names: &Place, name: &str, id: &ContainerId) -> Result<(), CreateError> {
        match rustix::fs::symlinkat(id.hex(), &names.fd, name) {
            Err(Errno::EXIST) => {}
            other => return Ok(other.at("make", names.path.join(name))?),
        }
        if let Some(by_id) = self.name_holder(names, name)? {
            return Err(CreateError::NameTaken { name: name.to_owned(), by_id });
        }
        // Its container was never finished, is half removed, or half renamed: nobody has the name.
        rustix::fs::unlinkat(&names.fd, name, AtFlags::empty()).at("delete", names.path.join(name))?;
        Ok(rustix::fs::symlinkat(id.hex(), &names.fd, name).at("make", names.path.join(name))?)
    }

    /// The container that has a name: the one that the name leads to, if its record says that name. A rename that was killed
    /// between its steps leaves two links, and only one of them is what the container is called. One whose record cannot be
    /// read has no say, and keeps the name that leads to it.
    pub(crate) fn name_holder(&self, names: &Place, name: &str) -> Result<Option<ContainerId>, FileError> {
        let target = match rustix::fs::readlinkat(&names.fd, name, Vec::new()) {
            Ok(target) => target,
            Err(Errno::NOENT | Errno::INVAL | Errno::NAMETOOLONG) => return Ok(None),
            Err(errno) => return Err(FileError::new("read", names.path.join(name), errno)),
        };
        let Some(id) = target.to_str().ok().and_then(ContainerId::from_hex) else { return Ok(None) };
        let containers = self.containers()?;
        let record = format!("{}/{RECORD}", id.hex());
        let entry: Result<ContainerEntry, _> =
            read_record(containers.fd.as_fd(), &record, &containers.path.join(&record));
        let has_name = match entry {
            Ok(entry) if entry.id == id => entry.name.as_deref() == Some(name),
            _ => containers.has(id.hex())?,
        };
        Ok(has_name.then_some(id))
    }

    /// The container of an id.
    pub fn container(&self, id: &ContainerId) -> Result<ContainerHandle, FindContainerError> {
        self.container_handle(id.clone()).map_err(|error| {
            if error.is_not_found() {
                FindContainerError::NotFound { query: id.to_string() }
            } else {
                error.into()
            }
        })
    }

    fn container_handle(&self, id: ContainerId) -> Result<ContainerHandle, FileError> {
        let place = self.containers()?.open(id.hex())?;
        let run_path = self.paths().run.join("containers").join(id.hex());
        Ok(ContainerHandle { id, dir: place.fd, path: place.path, run_path })
    }

    /// Finds a container by id, name, or the beginning of its id. Docker, and scripts written for it, put a slash before the name.
    pub fn find_container(&self, query: &str) -> Result<ContainerHandle, FindContainerError> {
        let not_found = || FindContainerError::NotFound { query: query.to_owned() };
        let query = query.strip_prefix('/').unwrap_or(query);
        if let Some(id) = ContainerId::from_hex(query) {
            match self.container(&id) {
                Err(FindContainerError::NotFound { .. }) => {}
                other => return other,
            }
        }
        if is_name(query)
            && let Some(id) = self.name_holder(self.container_names()?, query)?
        {
            return self.container(&id);
        }
        if query.is_empty() || !query.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(not_found());
        }
        let mut candidates = Vec::new();
        for entry in self.containers()?.list()? {
            if let Some(id) = entry.text().and_then(ContainerId::from_hex)
                && id.hex().starts_with(query)
            {
                candidates.push(id);
            }
        }
        if candidates.len() > 1 {
            candidates.sort_unstable();
            return Err(FindContainerError::Ambiguous { query: query.to_owned(), candidates });
        }
        self.container(&candidates.pop().ok_or_else(not_found)?)
    }

    /// All containers: one listing and one small read each.
    pub fn list_containers(&self) -> Result<ContainerList, FileError> {
        let place = self.containers()?;
        let mut list = ContainerList::default();
        for entry in place.list()? {
            let Some(id) = entry.text().and_then(ContainerId::from_hex) else { continue };
            let name = format!("{}/{RECORD}", id.hex());
            let path = place.path.join(&name);
            match read_bytes(place.fd.as_fd(), &name, &path) {
                Ok(bytes) if is_lost(&bytes) => self.discard_lost(&id)?,
                Ok(bytes) => match parse::<ContainerEntry>(&bytes, &path) {
                    Ok(entry) if entry.id == id => list.containers.push(entry),
                    Ok(entry) => {
                        list.broken.push((id, RecordError::Foreign { path, id: entry.id.to_string() }))
                    }
                    Err(error) => list.broken.push((id, error)),
                },
                // Removed between the listing and now.
                Err(error) if error.is_not_found() => {}
                Err(error) => list.broken.push((id, error)),
            }
        }
        list.containers
            .sort_by(|left, right| left.created.cmp(&right.created).then_with(|| left.id.cmp(&right.id)));
        Ok(list)
    }

    /// A power cut took the text of a record that was not to be durable: the container goes, as was agreed.
    fn discard_lost(&self, id: &ContainerId) -> Result<(), FileError> {
        self.discard(self.containers()?, id.hex()).map(drop)
    }

    /// Gives a container another name. Hold the container's lock.
    pub fn rename_container(
        &self,
        container: &ContainerHandle,
        name: &str,
    ) -> Result<(), RenameContainerError> {
        if !is_name(name) {
            return Err(CreateError::BadName { name: name.to_owned() });
        }
        let names = self.container_names()?;
        let _index = lock::index(names.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &names.path)?;
        let entry = container.read_entry()?;
        if entry.name.as_deref() == Some(name)
            && self.name_holder(names, name)?.as_ref() == Some(&container.id)
        {
            return Ok(());
        }
        self.claim_name(names, name, &container.id)?;
        let text = EntryText {
            id: &entry.id,
            name: Some(name),
            image: entry.image.as_ref(),
            more_images: &entry.more_images,
            created: entry.created,
            record: &*entry.record,
        };
        let written = container.write(&text, Durability::Durable);
        // One that could not be synced stands there all the same; the name has to be the one that it says.
        let stands =
            written.is_ok() || container.read_entry().is_ok_and(|it| it.name.as_deref() == Some(name));
        let stale = if stands { entry.name.as_deref() } else { Some(name) };
        if let Some(stale) = stale.filter(|it| !stands || *it != name) {
            rustix::fs::unlinkat(&names.fd, stale, AtFlags::empty()).at("delete", names.path.join(stale))?;
        }
        names.sync()?;
        Ok(written?)
    }

    /// Removes a container: its name goes, its directory moves to the trash (see [`Store::empty_trash`]), its runtime
    /// directory is deleted. Hold the container's lock. One that is gone already is fine; tells whether it was there.
    pub fn remove_container(&self, container: ContainerHandle) -> Result<bool, RemoveContainerError> {
        let names = self.container_names()?;
        let was_there = {
            let _index =
                lock::index(names.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &names.path)?;
            // Whoever renamed it wrote the record under the same lock. A record that cannot be read has no say: its
            // name leads nowhere afterwards and is given to the next who asks.
            if let Ok(ContainerEntry { name: Some(name), .. }) = container.read_entry()
                && self.name_holder(names, &name)?.as_ref() == Some(&container.id)
            {
                rustix::fs::unlinkat(&names.fd, &name, AtFlags::empty())
                    .at("delete", names.path.join(&name))?;
            }
            self.discard_mounted(self.containers()?, container.id.hex(), "rootfs")?
        };
        crate::remove::remove_tree(self.run_containers()?.fd.as_fd(), container.id.hex())?;
        Ok(was_there)
    }
}
