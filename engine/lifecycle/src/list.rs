//! What containers there are, and what they are doing.

use pontoon_storage::{ContainerEntry, ContainerHandle, FileError, FindContainerError, RecordError, Store};

use crate::record::ContainerRecord;
use crate::status::{self, Status};

/// A container in a list.
#[derive(Debug)]
pub struct Summary {
    /// Its record.
    pub record: ContainerRecord,
    /// What it is doing.
    pub status: Status,
    /// `healthy`, `unhealthy`, `starting`; empty without a health check.
    pub health: String,
}

/// All containers.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that could be read, oldest first.
    pub containers: Vec<Summary>,
    /// Those that could not, by id, and why.
    pub broken: Vec<(String, String)>,
}

/// Lists all containers, cleaning up after supervisors that were killed.
///
/// # Errors
/// If the store cannot be read.
pub fn list(store: &Store) -> Result<Listing, FileError> {
    let all = store.list_containers()?;
    let mut listing = Listing::default();
    for (id, err) in all.broken {
        listing.broken.push((id.to_string(), err.to_string()));
    }
    for entry in all.containers {
        let record = match record_of(&entry) {
            Ok(record) => record,
            Err(err) => {
                listing.broken.push((entry.id.to_string(), err.to_string()));
                continue;
            }
        };
        // Removed meanwhile.
        let Ok(container) = store.container(&entry.id) else { continue };
        if let Some((container, status)) = status::tidy(store, container, &record) {
            let health = status.run().and_then(|_| status::health(container.run_path()));
            let health = health.map(|it| it.status).unwrap_or_default();
            listing.containers.push(Summary { record, status, health });
        }
    }
    Ok(listing)
}

/// A container's record. The store's own entry has the name that it is found by; the record repeats it, and a rename that
/// was cut off between the two has left the old one there.
fn record_of(entry: &ContainerEntry) -> Result<ContainerRecord, RecordError> {
    let mut record: ContainerRecord = entry.record()?;
    if let Some(name) = &entry.name {
        record.name.clone_from(name);
    }
    Ok(record)
}

/// Why a container could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// It is not there.
    #[error(transparent)]
    Find(#[from] FindContainerError),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl LookError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Find(FindContainerError::NotFound { .. }) => {
                Some("`pontoon ps --all` lists all containers".to_owned())
            }
            Self::Record(err) => err.hint(),
            Self::Find(_) => None,
        }
    }
}

/// One container, with its record and what it is doing.
#[derive(Debug)]
pub struct Found {
    /// The container.
    pub container: ContainerHandle,
    /// Its record.
    pub record: ContainerRecord,
    /// What it is doing.
    pub status: Status,
}

/// Finds a container by name, id or the beginning of an id.
///
/// # Errors
/// See [`LookError`].
pub fn find(store: &Store, query: &str) -> Result<Found, LookError> {
    let container = store.find_container(query)?;
    let record = record_of(&container.read_entry()?)?;
    match status::tidy(store, container, &record) {
        Some((container, status)) => Ok(Found { container, record, status }),
        None => Err(FindContainerError::NotFound { query: query.to_owned() }.into()),
    }
}
