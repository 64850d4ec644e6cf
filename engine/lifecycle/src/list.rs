//! What containers there are, and what they are doing.

use pontoon_monitor::state::RunState;
use pontoon_storage::{
    ContainerEntry, ContainerHandle, ContainerLock, FileError, FindContainerError, RecordError, Store,
};

use crate::nap::Nap;
use crate::record::ContainerRecord;
use crate::start::run_directory;
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
        match summary(store, &entry) {
            Ok(summary) => listing.containers.extend(summary),
            Err(err) => listing.broken.push((entry.id.to_string(), err.to_string())),
        }
    }
    Ok(listing)
}

/// One of the list; `None` if it was removed meanwhile.
fn summary(store: &Store, entry: &ContainerEntry) -> Result<Option<Summary>, RecordError> {
    let record = record_of(entry)?;
    let Ok(container) = store.container(&entry.id) else { return Ok(None) };
    Ok(status::tidy(store, container, &record).map(|(container, status)| {
        let health = status.run().and_then(|_| status::health(container.run_path()));
        Summary { record, status, health: health.map(|it| it.status).unwrap_or_default() }
    }))
}

/// A container that runs.
#[derive(Debug)]
pub struct Running {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its run.
    pub run: RunState,
}

/// Lists the containers that run, oldest first, and cleans up as [`list`] does. Of those that do it looks at nothing else, which
/// is half of the work for whoever looks again and again.
///
/// # Errors
/// If the store cannot be read.
pub fn running(store: &Store) -> Result<Vec<Running>, FileError> {
    let found = store.list_containers()?.containers.into_iter().filter_map(|entry| {
        let id = entry.id.to_string();
        if let Some(name) = &entry.name
            && let Some(run) = status::run(&run_directory(store, &id))
        {
            return Some(Running { id, name: name.clone(), run });
        }
        let Summary { record, status, .. } = summary(store, &entry).ok()??;
        Some(Running { id, name: record.name, run: status.run()?.clone() })
    });
    Ok(found.collect())
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

impl Found {
    /// Waits for the container's lock, and looks at it anew: whoever had the lock before may have changed it.
    ///
    /// # Errors
    /// See [`LookError`]: somebody may have removed it meanwhile.
    pub fn lock(self) -> Result<(ContainerLock, Self), LookError> {
        let lock = self.container.lock().map_err(|err| match err.is_not_found() {
            true => LookError::from(self.is_gone()),
            false => FindContainerError::from(err).into(),
        })?;
        let record = record_of(&self.container.read_entry()?)?;
        let status = status::of(&self.container);
        Ok((lock, Self { record, status, ..self }))
    }

    /// The run that has begun since we looked, which may go by a record from before; `None` if there is none, or none any more.
    #[must_use]
    pub fn begun_meanwhile(&self, store: &Store) -> Option<RunState> {
        let now = settled(store, &self.record.id).ok()?.status.process().cloned()?;
        // One that we found may have ended meanwhile, and another one begun.
        let is_another =
            self.status.process().is_none_or(|it| it.pid != now.pid || it.started_at != now.started_at);
        is_another.then_some(now)
    }

    /// Reads its record anew.
    ///
    /// # Errors
    /// See [`LookError`]: somebody may have removed it meanwhile.
    pub fn read_anew(self, store: &Store) -> Result<Self, LookError> {
        let container = store.container(self.container.id())?;
        let record = record_of(&container.read_entry()?)?;
        Ok(Self { container, record, ..self })
    }

    /// Says that it is there no more.
    #[must_use]
    pub fn is_gone(&self) -> FindContainerError {
        FindContainerError::NotFound { query: self.record.name.clone() }
    }
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

/// Finds a container when nobody is about to start it: then it is known what became of that.
///
/// # Errors
/// See [`LookError`].
pub fn settled(store: &Store, query: &str) -> Result<Found, LookError> {
    let mut nap = Nap::default();
    loop {
        let found = find(store, query)?;
        if found.status != Status::Starting {
            return Ok(found);
        }
        nap.take();
    }
}

/// [`settled`], with the container's lock. A start may begin all the same: it reads the record when it has begun, so whoever writes
/// one asks [`Found::begun_meanwhile`] afterwards.
///
/// # Errors
/// See [`LookError`].
pub fn settled_and_locked(store: &Store, query: &str) -> Result<(ContainerLock, Found), LookError> {
    loop {
        let (lock, found) = settled(store, query)?.lock()?;
        if found.status != Status::Starting {
            return Ok((lock, found));
        }
    }
}
