//! What is remembered of systemd units between their runs: one record each, and a lock that says that one is being changed.
//!
//! What such a record says is the caller's business.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dir::Place;
use crate::error::{At, FileError};
use crate::lock::{self, UnitLock};
use crate::record::{Durability, RecordError, read_record, to_bytes, write_record_atomically};
use crate::store::{OpenError, Store};

/// Where the records lie, and in the runtime directory the locks.
const UNITS: &str = "units";

/// systemd's names have at most 255 bytes; the record's and its temporary name's are a little longer than the unit's.
const MAX_NAME: usize = 240;

/// The file of a unit's record; `None` for what is no name of a unit: systemd.unit(5), and nothing that leaves the directory.
fn file_name(unit: &str) -> Option<String> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    let fits =
        !unit.is_empty() && unit.len() <= MAX_NAME && !unit.starts_with('.') && unit.bytes().all(is_fit);
    fits.then(|| format!("{unit}.json"))
}

impl Store {
    /// Opens a directory of the store's own for units, if there is one: most stores have none, and then this is all it costs.
    fn units(&self) -> Result<Option<Place>, FileError> {
        match self.root().open(UNITS) {
            Ok(place) => Ok(Some(place)),
            Err(err) if err.is_not_found() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Whether anything is remembered of any unit.
    ///
    /// # Errors
    /// If that cannot be told.
    pub fn knows_units(&self) -> Result<bool, FileError> {
        self.root().has(UNITS)
    }

    /// What is remembered of a unit.
    ///
    /// # Errors
    /// If the record is there and cannot be read.
    pub fn unit_record<T: DeserializeOwned>(&self, unit: &str) -> Result<Option<T>, RecordError> {
        let (Some(units), Some(name)) = (self.units()?, file_name(unit)) else { return Ok(None) };
        match read_record(units.fd.as_fd(), &name, &units.path.join(&name)) {
            Ok(record) => Ok(Some(record)),
            Err(err) if err.is_not_found() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Remembers something of a unit: when this returns it survives a power cut.
    ///
    /// # Errors
    /// If the record cannot be written.
    pub fn write_unit_record<T: Serialize>(&self, unit: &str, record: &T) -> Result<(), RecordError> {
        let is_new = !self.knows_units()?;
        let units = self.root().open_or_make(UNITS)?;
        if is_new {
            self.root().sync()?;
        }
        let name = named(&units, unit)?;
        let bytes = to_bytes(record, &units.path.join(&name))?;
        Ok(write_record_atomically(units.fd.as_fd(), &name, &bytes, Durability::Durable)?)
    }

    /// Waits until nobody else changes a unit's record, and keeps others from it until the value is dropped.
    ///
    /// # Errors
    /// If the lock cannot be taken.
    pub fn lock_unit(&self, unit: &str) -> Result<UnitLock, OpenError> {
        let locks = self.run()?.open_or_make(UNITS)?;
        let name = named(&locks, unit)?;
        let held = lock::file(locks.fd.as_fd(), &name).at("lock", locks.path.join(&name))?;
        Ok(UnitLock::new(held))
    }

    /// Whether somebody is changing a unit now. Of one who was killed nothing is left, nor is it after a reboot.
    ///
    /// # Errors
    /// If that cannot be told.
    pub fn is_unit_locked(&self, unit: &str) -> Result<bool, OpenError> {
        let locks = match self.run()?.open(UNITS) {
            Err(err) if err.is_not_found() => return Ok(false),
            other => other?,
        };
        let name = named(&locks, unit)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: OwnedFd = match rustix::fs::openat(&locks.fd, &name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(false),
            other => other.at("open", locks.path.join(&name))?,
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => Ok(true),
            other => Ok(other.map(|()| false).at("look at the lock of", locks.path.join(&name))?),
        }
    }
}

impl Store {
    /// The file in which supervisors note how the containers of a unit ended ([`Store::watch_ends`]); `None` for what is no name
    /// of a unit.
    #[must_use]
    pub fn ends_of_unit(&self, unit: &str) -> Option<PathBuf> {
        file_name(unit)?;
        Some(self.paths().run.join(UNITS).join(format!("{unit}.ends")))
    }

    /// Wants to hear how the containers of a unit end, until the value is dropped: whoever holds the unit's lock does. Before
    /// that nothing is noted.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn watch_ends(&self, unit: &str) -> Result<Ends, OpenError> {
        let place = self.run()?.open_or_make(UNITS)?;
        named(&place, unit)?;
        let name = format!("{unit}.ends");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let path = place.path.join(&name);
        rustix::fs::openat(&place.fd, &name, flags, mode).at("make", path.clone())?;
        Ok(Ends(path))
    }
}

/// A file in which supervisors note how containers ended.
#[derive(Debug)]
pub struct Ends(PathBuf);

impl Ends {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn named(place: &Place, unit: &str) -> Result<String, FileError> {
    file_name(unit)
        .ok_or_else(|| FileError::new("name the record of a unit in", place.path.join("…"), Errno::INVAL))
}

#[cfg(test)]
mod tests {
    use crate::testing::TestDir;

    #[test]
    fn what_is_remembered_of_a_unit_is_read_again() {
        let test = TestDir::new();
        let store = test.store();
        assert_eq!(store.unit_record::<String>("web.service").unwrap(), None);
        assert!(!store.knows_units().unwrap());
        store.write_unit_record("web.service", &"one").unwrap();
        store.write_unit_record(r"a\x2db@c:1.service", &"other").unwrap();
        store.write_unit_record("web.service", &"two").unwrap();
        assert!(store.knows_units().unwrap());
        assert_eq!(store.unit_record::<String>("web.service").unwrap().as_deref(), Some("two"));
        assert_eq!(store.unit_record::<String>(r"a\x2db@c:1.service").unwrap().as_deref(), Some("other"));
        test.write("root/units/bad.service.json", b"{");
        assert!(store.unit_record::<String>("bad.service").is_err());
    }

    #[test]
    fn a_unit_is_locked_as_long_as_somebody_is_at_it() {
        let test = TestDir::new();
        let store = test.store();
        assert!(!store.is_unit_locked("web.service").unwrap());
        let lock = store.lock_unit("web.service").unwrap();
        assert!(store.is_unit_locked("web.service").unwrap());
        assert!(!store.is_unit_locked("db.service").unwrap());
        drop(lock);
        assert!(!store.is_unit_locked("web.service").unwrap());
        assert!(!store.is_unit_locked("web.service").unwrap());
    }

    #[test]
    fn what_is_no_name_of_a_unit_leads_nowhere() {
        let test = TestDir::new();
        let store = test.store();
        for name in ["", "..", ".hidden", "../x", "a/b", "a b", &"x".repeat(300)] {
            assert!(store.write_unit_record(name, &1).is_err(), "{name}");
            assert_eq!(store.unit_record::<u8>(name).unwrap(), None, "{name}");
            assert!(store.lock_unit(name).is_err(), "{name}");
        }
    }
}
