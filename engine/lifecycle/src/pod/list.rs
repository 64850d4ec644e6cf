//! What pods there are, which containers are in them, and what these are doing.

use pontoon_storage::{FileError, FindPodError, PodEntry, PodHandle, RecordError, Store};

use super::{PodRecord, State};
use crate::host::Host;
use crate::list::{self, Summary};

/// A pod and its containers.
#[derive(Debug)]
pub struct PodSummary {
    /// Its record.
    pub record: PodRecord,
    /// Its containers, the infra container among them, oldest first.
    pub members: Vec<Summary>,
}

impl PodSummary {
    /// What the pod is doing.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(self.members.iter().map(|it| &it.status))
    }

    /// The infra container.
    #[must_use]
    pub fn infra(&self) -> Option<&Summary> {
        let id = self.record.infra.as_ref()?;
        self.members.iter().find(|it| it.record.id == *id)
    }

    /// The containers that are none of ours: all but the infra container.
    pub fn own_members(&self) -> impl Iterator<Item = &Summary> {
        self.members.iter().filter(|it| it.record.request.infra.is_none())
    }
}

/// All pods.
#[derive(Debug, Default)]
pub struct PodListing {
    /// Those that could be read, oldest first.
    pub pods: Vec<PodSummary>,
    /// Those that could not, by id, and why.
    pub broken: Vec<(String, String)>,
}

/// Why a pod could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookPodError {
    /// It is not there.
    #[error(transparent)]
    Find(#[from] FindPodError),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The store.
    #[error(transparent)]
    File(#[from] FileError),
}

impl LookPodError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Find(FindPodError::NotFound { .. }) => Some("`pontoon pod ps` lists all pods".to_owned()),
            Self::Record(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Find(_) => None,
        }
    }

    /// Whether there is no such pod.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Find(FindPodError::NotFound { .. }))
    }
}

/// The record of a pod, with what the store itself knows.
fn record_of(entry: &PodEntry) -> Result<PodRecord, RecordError> {
    let record: PodRecord = entry.record()?;
    Ok(PodRecord { name: entry.name.clone(), ..record })
}

/// Lists all pods, cleaning up after commands that were killed while they made one.
///
/// # Errors
/// If the store cannot be read.
pub fn list(host: &Host, store: &Store) -> Result<PodListing, FileError> {
    let all = store.list_pods()?;
    let mut listing = PodListing::default();
    listing.broken.extend(all.broken.into_iter().map(|(id, err)| (id.to_string(), err.to_string())));
    if all.pods.is_empty() {
        return Ok(listing);
    }
    for entry in all.pods {
        match record_of(&entry) {
            Ok(record) if !record.finished => {
                super::remove::remove_unfinished(host, store, &entry.id);
            }
            Ok(record) => listing.pods.push(PodSummary { record, members: Vec::new() }),
            Err(err) => listing.broken.push((entry.id.to_string(), err.to_string())),
        }
    }
    for summary in list::list(store)?.containers {
        let Some(id) = summary.record.request.pod.as_ref().map(|it| it.id.as_str()) else { continue };
        if let Some(pod) = listing.pods.iter_mut().find(|it| it.record.id == id) {
            pod.members.push(summary);
        }
    }
    Ok(listing)
}

/// Finds a pod by name, id or the beginning of an id, and its containers.
///
/// # Errors
/// See [`LookPodError`].
pub fn find(store: &Store, query: &str) -> Result<(PodHandle, PodSummary), LookPodError> {
    let handle = store.find_pod(query)?;
    let record = record_of(&handle.read_entry()?)?;
    let of_it = |it: &Summary| it.record.request.pod.as_ref().is_some_and(|it| it.id == record.id);
    let members = list::list(store)?.containers.into_iter().filter(of_it).collect();
    Ok((handle, PodSummary { record, members }))
}
