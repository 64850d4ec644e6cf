//! Names that nobody has: what commands leave in the indexes of names when they are killed between two steps. They are given to
//! the next who asks; a sweep takes them away so that nobody has to wonder.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FlockOperation};
use rustix::io::Errno;

use crate::containers::is_name;
use crate::dir::Place;
use crate::error::{At, FileError};
use crate::lock;
use crate::store::Store;

impl Store {
    /// Takes away the names that no container has; tells how many.
    ///
    /// # Errors
    /// If a name cannot be looked at or deleted.
    pub fn forget_stale_names(&self) -> Result<usize, FileError> {
        forget(self.container_names()?, || self.stale_container_names())
    }

    /// The names of containers that lead to none, or to one that is called otherwise.
    pub(crate) fn stale_container_names(&self) -> Result<Vec<String>, FileError> {
        let names = self.container_names()?;
        stale(names, |name| Ok(self.name_holder(names, name)?.is_none()))
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
fn forget(names: &Place, find: impl Fn() -> Result<Vec<String>, FileError>) -> Result<usize, FileError> {
    if find()?.is_empty() {
        return Ok(0);
    }
    let _index = lock::index(names.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &names.path)?;
    let found = find()?;
    for name in &found {
        match rustix::fs::unlinkat(&names.fd, name.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(FileError::new("delete", names.path.join(name), errno)),
        }
    }
    Ok(found.len())
}
