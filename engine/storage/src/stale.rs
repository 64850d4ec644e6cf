//! Names that nobody has: what commands leave in the indexes of names when they are killed between two steps. They are given to
//! the next who asks; a sweep takes them away so that nobody has to wonder.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FlockOperation};
use rustix::io::Errno;

use crate::ContainerId;
use crate::containers::is_name;
use crate::dir::{Entry, Place};
use crate::error::{At, FileError};
use crate::lock;
use crate::store::Store;

impl Store {
    /// Takes away the names that no container and no pod has, and names of images that were never given; tells how many.
    ///
    /// # Errors
    /// If a name cannot be looked at or deleted.
    pub fn forget_stale_names(&self) -> Result<usize, FileError> {
        let containers = self.container_names()?;
        let count = forget(containers, containers, || self.stale_container_names())?;
        Ok(count + self.forget_other_names()?)
    }

    /// The same for a command that has something else to do: each container has one name, and only where there are more of these
    /// it is read whose they are.
    ///
    /// # Errors
    /// As for [`Store::forget_stale_names`].
    pub fn forget_surplus_names(&self) -> Result<usize, FileError> {
        let is_container = |it: &Entry| it.text().and_then(ContainerId::from_hex).is_some();
        let containers = self.containers()?.list()?.iter().filter(|it| is_container(it)).count();
        match self.container_names()?.list()?.len() > containers {
            true => self.forget_stale_names(),
            false => self.forget_other_names(),
        }
    }

    fn forget_other_names(&self) -> Result<usize, FileError> {
        let mut count = 0;
        if self.root().has("pods")? {
            let pods = self.pod_names()?;
            count += forget(pods, pods, || self.stale_pod_names())?;
        }
        Ok(count + forget(self.images()?, self.image_names()?, || self.half_made_image_names())?)
    }

    /// The names of containers that lead to none, or to one that is called otherwise.
    pub(crate) fn stale_container_names(&self) -> Result<Vec<String>, FileError> {
        let names = self.container_names()?;
        stale(names, |name| Ok(self.name_holder(names, name)?.is_none()))
    }

    /// The names of pods that lead to none.
    pub(crate) fn stale_pod_names(&self) -> Result<Vec<String>, FileError> {
        // Where there never was one there is no directory, and none is made for looking.
        if !self.root().has("pods")? {
            return Ok(Vec::new());
        }
        let names = self.pod_names()?;
        stale(names, |name| Ok(self.pod_of_name(names, name)?.is_none()))
    }
}

/// The links of an index that nobody has, sorted.
fn stale(
    names: &Place,
    is_stale: impl Fn(&str) -> Result<bool, FileError>,
) -> Result<Vec<String>, FileError> {
    let mut found = Vec::new();
    for entry in names.list()? {
        let Some(name) = entry.text().filter(|it| is_name(it)) else { continue };
        // What is no link is not ours.
        let is_link = rustix::fs::readlinkat(&names.fd, name, Vec::new()).is_ok();
        if is_link && is_stale(name)? {
            found.push(name.to_owned());
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Deletes what `find` finds once nobody else changes the index; nearly always that is nothing, and then nobody is kept waiting.
fn forget(
    index: &Place,
    names: &Place,
    find: impl Fn() -> Result<Vec<String>, FileError>,
) -> Result<usize, FileError> {
    if find()?.is_empty() {
        return Ok(0);
    }
    let _index = lock::index(index.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &index.path)?;
    let found = find()?;
    for name in &found {
        match rustix::fs::unlinkat(&names.fd, name.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(FileError::new("delete", names.path.join(name), errno)),
        }
    }
    Ok(found.len())
}
