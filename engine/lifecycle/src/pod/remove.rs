//! Removing pods: their containers first, the infra container last of these, then the pod.

use pontoon_monitor::event::{Deed, Kind};
use pontoon_rootless::dbus::Bus;
use pontoon_storage::{ContainerId, FileError, PodHandle, Store};

use super::list::{self, LookPodError};
use super::{PodRecord, PodSummary, slice};
use crate::host::Host;
use crate::remove::{self, RemoveError, RemoveOptions};
use crate::start;
use crate::status::Status;

/// Why a pod could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovePodError {
    /// It is not there.
    #[error(transparent)]
    Look(#[from] LookPodError),
    /// Containers of it run.
    #[error("pod `{name}` has containers that run: {}", running.join(", "))]
    Running {
        /// Its name.
        name: String,
        /// These.
        running: Vec<String>,
    },
    /// A container of it.
    #[error("cannot remove a container of pod `{name}`")]
    Container {
        /// The pod.
        name: String,
        /// The cause.
        #[source]
        source: RemoveError,
    },
    /// The store.
    #[error(transparent)]
    File(#[from] FileError),
}

impl RemovePodError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Look(err) => err.hint(),
            Self::Running { name, .. } => {
                Some(format!("stop it first (pontoon pod stop {name}), or use --force"))
            }
            Self::Container { source, .. } => source.hint(),
            Self::File(err) => err.hint(),
        }
    }
}

/// Removes a pod and all its containers, by name or id, and gives its id. Members that run are stopped if it is by `force`; an
/// infra container that runs alone is nobody's loss and always is.
///
/// # Errors
/// See [`RemovePodError`].
pub fn remove(
    host: &Host,
    store: &Store,
    query: &str,
    force: bool,
    timeout: Option<u32>,
) -> Result<String, RemovePodError> {
    let pod = match list::find(store, query) {
        // Nothing is known of it but its id, and it must be removable all the same.
        Err(LookPodError::Record(_)) if force => {
            let handle = store.find_pod(query).map_err(LookPodError::from)?;
            return remove_pod(
                host,
                store,
                handle,
                PodSummary { record: PodRecord::default(), members: Vec::new() },
            );
        }
        other => other?.1,
    };
    let running: Vec<String> =
        pod.own_members().filter(|it| runs(&it.status)).map(|it| it.record.name.clone()).collect();
    if !running.is_empty() && !force {
        return Err(RemovePodError::Running { name: pod.record.name, running });
    }
    // Members that need each other go in the order of their needs; those that came meanwhile are seen under the lock.
    remove_members(host, store, &pod, timeout)?;
    let (handle, rest) = list::find(store, &pod.record.id)?;
    let _lock = match handle.lock() {
        Ok(lock) => lock,
        Err(err) if err.is_not_found() => return Ok(pod.record.id),
        Err(err) => return Err(err.into()),
    };
    remove_members(host, store, &rest, timeout)?;
    let (handle, rest) = list::find(store, &pod.record.id)?;
    remove_members(host, store, &rest, timeout)?;
    remove_pod(host, store, handle, rest)
}

fn runs(status: &Status) -> bool {
    status.is_alive() && !matches!(status, Status::Initialized(_))
}

fn remove_pod(
    host: &Host,
    store: &Store,
    handle: PodHandle,
    pod: PodSummary,
) -> Result<String, RemovePodError> {
    let id = handle.id().to_string();
    let was_there = store.remove_pod(handle)?;
    if let Ok(bus) = start::connect_to_manager(host)
        && pod.record.share_parent
    {
        stop_slice(host, &bus, &pod.record);
    }
    if was_there {
        host.tell_of_other(Kind::Pod, Deed::Remove, &id, &pod.record.name);
    }
    remove::delete_files(host, store);
    Ok(id)
}

fn stop_slice(host: &Host, bus: &Bus, pod: &PodRecord) {
    slice::stop(host, bus, pod);
}

fn remove_members(
    host: &Host,
    store: &Store,
    pod: &PodSummary,
    timeout: Option<u32>,
) -> Result<(), RemovePodError> {
    let options =
        RemoveOptions { force: true, ignore: true, volumes: true, timeout, depend: true, with_pod: true };
    // The record of a pod that was never finished does not name its infra container.
    let infra = pod.members.iter().filter(|it| it.record.request.infra.is_some());
    for member in pod.own_members().chain(infra) {
        remove::remove(host, store, &member.record.id, options)
            .map_err(|source| RemovePodError::Container { name: pod.record.name.clone(), source })?;
    }
    Ok(())
}

/// Removes the pods that killed commands have left before they were finished.
pub(crate) fn sweep(host: &Host, store: &Store) {
    for entry in store.list_pods().map(|it| it.pods).unwrap_or_default() {
        if entry.record().is_ok_and(|it: PodRecord| !it.finished) {
            remove_unfinished(host, store, &entry.id);
        }
    }
}

/// Removes a pod that a killed command has left before it was finished; nothing if somebody is still at it.
pub(super) fn remove_unfinished(host: &Host, store: &Store, id: &ContainerId) {
    let Ok((handle, pod)) = list::find(store, id.hex()) else { return };
    let Ok(Some(_lock)) = handle.try_lock() else { return };
    // It may have been finished before we had the lock.
    let is_left = handle.read_entry().is_ok_and(|it| it.record().is_ok_and(|it: PodRecord| !it.finished));
    if is_left && remove_members(host, store, &pod, Some(0)).is_ok() {
        let _ = store.remove_pod(handle);
    }
}
