//! Removing containers, and what dead commands left.

use std::time::Duration;

use pontoon_monitor::event::{Deed, Event, EventLog, Kind};
use pontoon_monitor::state::ExitRecord;
use pontoon_monitor::{files_lock, id_file};
use pontoon_storage::{
    FileError, FindContainerError, FindPodError, RecordError, RemoveContainerError, Store,
};

use crate::host::Host;
use crate::pod::{self, RemovePodError};
use crate::record::ContainerRecord;
use crate::sharing::Needs;
use crate::status::{self, Status};
use crate::stop::{self, AskError};
use crate::{event, pause, silent, user_namespace, volume};

/// How to remove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Stop it first if it runs.
    pub force: bool,
    /// One that is not there is no error.
    pub ignore: bool,
    /// With its anonymous volumes.
    pub volumes: bool,
    /// With the containers that share its namespaces.
    pub depend: bool,
    /// With its pod: only so an infra container can go.
    pub with_pod: bool,
    /// Seconds between the stop signal and the kill; `None` is the container's own.
    pub timeout: Option<u32>,
}

/// Why a container could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// It is not there.
    #[error(transparent)]
    Find(#[from] FindContainerError),
    /// It runs.
    #[error("container `{name}` is {word}")]
    Running {
        /// Its name.
        name: String,
        /// What it is doing.
        word: &'static str,
    },
    /// Others need it.
    #[error("container `{name}` is needed by {}: they share its namespaces or start after it", by.join(", "))]
    Needed {
        /// Its name.
        name: String,
        /// The others.
        by: Vec<String>,
    },
    /// It is an infra container.
    #[error("container `{name}` holds the namespaces of pod {pod}, and goes with it only")]
    Infra {
        /// Its name.
        name: String,
        /// The pod.
        pod: String,
    },
    /// Its pod, which goes with it.
    #[error("cannot remove the pod of container `{name}`")]
    Pod {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: Box<RemovePodError>,
    },
    /// It could not be stopped.
    #[error("cannot stop container `{name}`")]
    Stop {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: AskError,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] RemoveContainerError),
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
}

impl RemoveError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Running { name, .. } => {
                Some(format!("stop it first (pontoon stop {name}), or use --force"))
            }
            Self::Infra { pod, .. } => {
                Some(format!("remove the pod: pontoon pod rm {pod}, or use --depend, which takes it as well"))
            }
            Self::Pod { source, .. } => source.hint(),
            Self::Needed { .. } => Some("remove those first, or use --depend".to_owned()),
            Self::File(err) => err.hint(),
            _ => None,
        }
    }
}

/// Removes a container, by name or id. Gives its id; `None` if there was none and that is no error.
///
/// # Errors
/// See [`RemoveError`].
pub fn remove(
    host: &Host,
    store: &Store,
    query: &str,
    options: RemoveOptions,
) -> Result<Option<String>, RemoveError> {
    // Every start with --replace asks, and nearly always there is nothing: then nobody's needs are read.
    match store.find_container(query) {
        Err(FindContainerError::NotFound { .. }) if options.ignore => Ok(None),
        _ => Ok(remove_among(host, store, query, options, &Needs::read(store))?.pop()),
    }
}

/// The same for one of several: who needs whom was read before. Gives the ids of all that were removed, its own last.
///
/// # Errors
/// See [`RemoveError`].
pub fn remove_among(
    host: &Host,
    store: &Store,
    query: &str,
    options: RemoveOptions,
    needs: &Needs,
) -> Result<Vec<String>, RemoveError> {
    let container = match store.find_container(query) {
        Err(FindContainerError::NotFound { .. }) if options.ignore => return Ok(Vec::new()),
        other => other?,
    };
    let id = container.id().to_string();
    // A record that cannot be read tells nothing, and its container must be removable all the same.
    let record: ContainerRecord = read_record(&container).unwrap_or_default();
    let name = if record.name.is_empty() { id.clone() } else { record.name.clone() };
    let Some((mut container, mut status)) = status::tidy(store, container, &record) else {
        delete_files(host, store);
        return Ok(vec![id]);
    };
    let pod = record.request.pod.as_ref().filter(|_| record.request.infra.is_some() && !options.with_pod);
    if let Some(pod) = pod.filter(|it| store.find_pod(&it.id).is_ok()) {
        if options.depend {
            return remove_pod(host, store, &pod.id, options)
                .map_err(|source| RemoveError::Pod { name, source: Box::new(source) });
        }
        return Err(RemoveError::Infra { name, pod: pod.id.get(..12).unwrap_or(&pod.id).to_owned() });
    }
    // Those that were removed since the needs were read need nothing any more.
    let is_there = |it: &&str| store.find_container(it).is_ok();
    let dependents: Vec<&str> = needs.dependents(&id, &name).filter(is_there).collect();
    if !dependents.is_empty() && !options.depend {
        return Err(RemoveError::Needed { name, by: dependents.into_iter().map(str::to_owned).collect() });
    }
    let mut removed = Vec::new();
    for dependent in dependents {
        removed.extend(remove_among(
            host,
            store,
            dependent,
            RemoveOptions { ignore: true, ..options },
            needs,
        )?);
    }
    // Held until it is gone: nobody starts it meanwhile.
    let _claim = loop {
        if !status.is_alive() {
            // Without a runtime directory nobody can have it.
            if let Ok(Some(claim)) = status::claim(container.run_path()) {
                break Some(claim);
            }
            // A supervisor that has only to go may still have it.
            status = status::of(&container);
            if !status.is_alive() {
                break None;
            }
        }
        // Where no program runs yet, nothing is lost, as in Podman.
        if !options.force && !matches!(status, Status::Initialized(_)) {
            return Err(RemoveError::Running { name, word: status.word() });
        }
        status.run().inspect(|state| pause::thaw(state));
        match stop::stop(&container, options.timeout) {
            Ok(_) | Err(AskError::NotRunning) => {}
            // It is one that was killed, then.
            Err(AskError::Silent { pid }) if silent::end(&container, pid) => {}
            Err(source) => return Err(RemoveError::Stop { name, source }),
        }
        // One that was killed a moment ago looked alive as long as a process that it had just made had its lock. It has put
        // nothing in order.
        (container, status) = match status::tidy(store, container, &record) {
            Some(left) => left,
            None => {
                if options.volumes || record.request.rm {
                    remove_anonymous_volumes(host, store, &record);
                }
                delete_files(host, store);
                removed.push(id);
                return Ok(removed);
            }
        };
    };
    // Another command may be at work on its files. Without a runtime directory nobody is.
    let _files = files_lock::take(container.run_path());
    if status == Status::Created {
        // Perhaps its supervisor was killed before it could say that it is there.
        status::stop_scopes(&id);
    }
    {
        // One that its supervisor has removed meanwhile has no lock any more.
        let _lock = container.lock().ok();
        let exit = container.read_exit::<ExitRecord>().ok().flatten();
        // Afterwards its image may be gone.
        let event =
            (host.events != EventLog::None).then(|| event::of_container(store, &record, Deed::Remove));
        let is_removed = store.remove_container(container)?;
        if let Some(path) = record.request.cidfile.as_ref().filter(|_| is_removed) {
            id_file::forget(path, &id);
        }
        if is_removed && let Some(event) = event {
            let time = pontoon_monitor::time::now();
            host.events.tell(&Event { time, id: id.clone(), exit_code: exit.map(|it| it.code), ..event });
        }
    }
    if options.volumes || record.request.rm {
        remove_anonymous_volumes(host, store, &record);
    }
    delete_files(host, store);
    removed.push(id);
    Ok(removed)
}

/// Removes a pod and all its containers, and gives the ids of these.
fn remove_pod(
    host: &Host,
    store: &Store,
    id: &str,
    options: RemoveOptions,
) -> Result<Vec<String>, RemovePodError> {
    let summary = pod::find(store, id)?.1;
    let members = summary.own_members().chain(summary.infra());
    let ids = members.map(|it| it.record.id.clone()).collect();
    pod::remove(host, store, id, options.force, options.timeout)?;
    Ok(ids)
}

fn read_record(container: &pontoon_storage::ContainerHandle) -> Result<ContainerRecord, RecordError> {
    container.read_record()
}

fn remove_anonymous_volumes(host: &Host, store: &Store, record: &ContainerRecord) {
    for name in record.volumes_to_go() {
        if let Ok(volume) = store.find_volume(&name) {
            // Another container may have come to use it; then it stays.
            if store.remove_volume(volume, || volume::users(store, &name)).is_ok() {
                host.tell_of_other(Kind::Volume, Deed::Remove, "", &name);
            }
        }
    }
}

/// Deletes the files of what was removed: by ourselves where they are ours, else in a user namespace that maps their owners.
pub fn delete_files(host: &Host, store: &Store) {
    let done = store.empty_trash().is_ok_and(|report| report.failed.is_empty());
    if !done && host.is_rootless() {
        let _ = user_namespace::run(host, |_| i32::from(store.empty_trash().is_err()));
    }
}

/// Removes the runtime directories of containers that are gone: of commands that were killed between the two removals, or
/// before there was a container. One whose supervisor's lock is held is somebody's; so is one that was made a moment ago,
/// for a container that is not there yet.
fn sweep_runtime(store: &Store) {
    let directory = store.paths().run.join("containers");
    for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str() else { continue };
        let is_gone = matches!(store.find_container(id), Err(FindContainerError::NotFound { .. }));
        let is_old = || {
            let age = entry.metadata().and_then(|it| it.modified()).map(|it| it.elapsed());
            // Set back, the clock tells nothing.
            matches!(age, Ok(Ok(age)) if age > A_MOMENT)
        };
        if is_gone
            && is_old()
            && let Ok(Some(_claim)) = status::claim(&entry.path())
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Longer than it takes to make a container whose runtime directory is there.
const A_MOMENT: Duration = Duration::from_secs(10);

/// Whether it is the infra container of a pod that is not there: a pod goes after its containers, so a killed command has left
/// it. Without the pod it could never start.
fn has_lost_its_pod(store: &Store, record: &ContainerRecord) -> bool {
    let pod = record.request.pod.as_ref().filter(|_| record.request.infra.is_some());
    pod.is_some_and(|it| matches!(store.find_pod(&it.id), Err(FindPodError::NotFound { .. })))
}

/// Cleans up after dead commands and dead supervisors: called by commands that make or remove things.
pub fn sweep(host: &Host, store: &Store) {
    let swept = store.sweep().is_ok_and(|report| report.moved > 0 || report.trash);
    // One that cannot be taken away is nobody's name all the same.
    let _ = store.forget_surplus_names();
    pod::sweep(host, store);
    let mut removed = false;
    if let Ok(list) = store.list_containers() {
        for entry in list.containers {
            let Ok(record) = entry.record::<ContainerRecord>() else { continue };
            let Ok(container) = store.container(&entry.id) else { continue };
            if has_lost_its_pod(store, &record) {
                let options = RemoveOptions { ignore: true, volumes: true, ..RemoveOptions::default() };
                let _ = remove(host, store, entry.id.hex(), options);
            } else {
                removed |= status::tidy(store, container, &record).is_none();
            }
        }
    }
    if swept || removed {
        delete_files(host, store);
    }
    sweep_runtime(store);
}
