//! What a container that is being made has to know of its unit.

use std::path::PathBuf;

use pontoon_storage::{OpenError, RecordError, Store};

use super::{Other, UnitRecord};
use crate::pod::PodRecord;
use crate::request::CreateRequest;

/// The memory of a unit, as a run finds it.
#[derive(Debug)]
pub struct Memory {
    /// The unit.
    pub unit: String,
    /// What is remembered of it.
    pub record: UnitRecord,
    /// Whether somebody tries an update of it now.
    pub watched: bool,
}

/// Why the memory of a unit cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its lock.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Memory {
    /// What a container takes for the name of its image; see [`UnitRecord::takes`].
    #[must_use]
    pub fn takes(&self, name: &str) -> Option<Other<'_>> {
        self.record.takes(name, self.watched)
    }
}

/// What is remembered of the unit that a container is made for: its own, or its pod's, with which it is updated. `None` for
/// what no unit makes, and where there is nothing to remember: that costs one look at the store.
///
/// # Errors
/// If there is something, and it cannot be read.
pub fn memory(store: &Store, request: &CreateRequest) -> Result<Option<Memory>, MemoryError> {
    let Some(own) = &request.systemd_unit else { return Ok(None) };
    if !store.knows_units().map_err(RecordError::from)? {
        return Ok(None);
    }
    let unit = unit_of_pod(store, request).unwrap_or_else(|| own.clone());
    let Some(record) = store.unit_record::<UnitRecord>(&unit)? else { return Ok(None) };
    // Who else holds the lock (a `pin`) tries nothing, so there is nothing to be watched.
    let watched = record.trying.is_some() && store.is_unit_locked(&unit)?;
    Ok(Some(Memory { unit, record, watched }))
}

/// Where the supervisor of a container notes its end, if an update of its unit is being tried with it ([`Store::watch_ends`]).
#[must_use]
pub fn trial(store: &Store, request: &CreateRequest) -> Option<PathBuf> {
    // Services start, whatever has become of the unit's record.
    let memory = memory(store, request).ok().flatten().filter(|it| it.watched)?;
    store.ends_of_unit(&memory.unit)
}

/// The unit of the pod that a container is to be in.
fn unit_of_pod(store: &Store, request: &CreateRequest) -> Option<String> {
    let pod = store.find_pod(&request.pod.as_ref()?.id).ok()?;
    pod.read_entry().ok()?.record::<PodRecord>().ok()?.systemd_unit
}
