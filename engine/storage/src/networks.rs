//! Networks: one file each, `NAME.json`, in the store or in a directory that other engines keep theirs in.
//!
//! It knows that they are JSON objects with a name and no more: what a network is stays the business of others.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::dir::Place;
use crate::error::{At, FileError};
use crate::lock::{self, IndexLock};
use crate::record::{Durability, RecordError, read_bytes, write_record_atomically};
use crate::store::{Store, make_all};

const SUFFIX: &str = ".json";

/// A directory with files of networks.
#[derive(Debug)]
pub struct NetworkFiles {
    place: Place,
}

/// The right to change it: others who want it wait until the value is dropped.
#[derive(Debug)]
pub struct NetworkChange<'a> {
    files: &'a NetworkFiles,
    _held: IndexLock,
}

/// Says that the directory stays as it is until a record says who uses a network; others may do so at the same time.
#[derive(Debug)]
#[must_use = "the directory may change when this value is dropped"]
pub struct NetworkHold {
    _held: IndexLock,
}

impl Store {
    /// The networks of the store.
    ///
    /// # Errors
    /// If the directory cannot be made or opened.
    pub fn network_files(&self) -> Result<NetworkFiles, FileError> {
        Ok(NetworkFiles { place: self.root().open_or_make("networks")? })
    }
}

impl NetworkFiles {
    /// Those of another directory, which is made if it is missing. Whoever named it chose it, so links to it are followed.
    ///
    /// # Errors
    /// If it cannot be made or opened.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd: OwnedFd = match rustix::fs::open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                make_all(path)?;
                rustix::fs::open(path, flags, Mode::empty()).at("open", path)?
            }
            other => other.at("open", path)?,
        };
        Ok(Self { place: Place { fd, path: path.to_owned() } })
    }

    /// Names of the networks, sorted. What is being written and what is no file of a network is left out.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>, FileError> {
        let entries = self.place.list()?;
        let name = |text: &str| text.strip_suffix(SUFFIX).filter(|it| is_file_name(it)).map(str::to_owned);
        let mut names: Vec<String> = entries.iter().filter_map(|it| name(it.text()?)).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The text of a network's file.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, RecordError> {
        read_bytes(self.place.fd.as_fd(), &file_name(name), &self.path_of(name))
    }

    /// Where a network's file is.
    #[must_use]
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.place.path.join(file_name(name))
    }

    /// Waits until nobody else changes the directory.
    ///
    /// # Errors
    /// If it cannot be locked.
    pub fn change(&self) -> Result<NetworkChange<'_>, FileError> {
        Ok(NetworkChange { files: self, _held: self.locked(FlockOperation::LockExclusive)? })
    }

    /// Waits until nobody changes the directory, and keeps everybody from it.
    ///
    /// # Errors
    /// If it cannot be locked.
    pub fn hold(&self) -> Result<NetworkHold, FileError> {
        Ok(NetworkHold { _held: self.locked(FlockOperation::LockShared)? })
    }

    fn locked(&self, operation: FlockOperation) -> Result<IndexLock, FileError> {
        lock::index(self.place.fd.as_fd(), operation).at("lock", &self.place.path)
    }
}

impl NetworkChange<'_> {
    /// Writes a network's file, in place of one that is there; afterwards it survives a power cut.
    ///
    /// # Errors
    /// If it cannot be written. Then what was there is there.
    pub fn write(&self, name: &str, text: &[u8]) -> Result<(), FileError> {
        let dir = self.files.place.fd.as_fd();
        write_record_atomically(dir, &file_name(name), text, Durability::Durable)
    }

    /// Removes a network's file; false if there was none.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<bool, FileError> {
        match rustix::fs::unlinkat(&self.files.place.fd, file_name(name), AtFlags::empty()) {
            Ok(()) => {
                self.files.place.sync()?;
                Ok(true)
            }
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(FileError::new("remove", self.files.path_of(name), errno)),
        }
    }
}

fn file_name(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDir;

    #[test]
    fn files_are_written_listed_and_removed() {
        let test = TestDir::new();
        let store = test.store();
        let files = store.network_files().unwrap();
        let change = files.change().unwrap();
        change.write("web", b"{}").unwrap();
        change.write("db", b"{\"a\":1}").unwrap();
        change.write("web", b"{\"b\":2}").unwrap();
        drop(change);
        std::fs::write(files.path_of("x").with_file_name("netavark.lock"), "").unwrap();
        assert_eq!(files.names().unwrap(), ["db", "web"]);
        assert_eq!(files.read("web").unwrap(), b"{\"b\":2}");
        assert!(files.read("nope").unwrap_err().is_not_found());
        let change = files.change().unwrap();
        assert!(change.remove("web").unwrap());
        assert!(!change.remove("web").unwrap());
        assert_eq!(files.names().unwrap(), ["db"]);
    }

    #[test]
    fn another_directory_is_made() {
        let test = TestDir::new();
        let path = test.store().paths().root.join("else/where");
        let files = NetworkFiles::open(&path).unwrap();
        files.change().unwrap().write("n", b"{}").unwrap();
        assert_eq!(NetworkFiles::open(&path).unwrap().names().unwrap(), ["n"]);
    }

    #[test]
    fn who_holds_keeps_others_from_changing_but_not_from_holding() {
        let test = TestDir::new();
        let store = test.store();
        let files = store.network_files().unwrap();
        let held = (files.hold().unwrap(), files.hold().unwrap());
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let _other = scope.spawn(|| {
                let files = store.network_files().unwrap();
                let _change = files.change().unwrap();
                tell.send("changes").unwrap();
            });
            let a_while = std::time::Duration::from_millis(50);
            assert!(told.recv_timeout(a_while).is_err());
            drop(held);
            assert_eq!(told.recv().unwrap(), "changes");
        });
    }

    #[test]
    fn two_who_change_take_turns() {
        let test = TestDir::new();
        let store = test.store();
        let files = store.network_files().unwrap();
        let held = files.change().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let _other = scope.spawn(|| {
                let files = store.network_files().unwrap();
                let _held = files.change().unwrap();
                tell.send(files.names().unwrap()).unwrap();
            });
            held.write("n", b"{}").unwrap();
            drop(held);
            assert_eq!(told.recv().unwrap(), ["n"]);
        });
    }
}
