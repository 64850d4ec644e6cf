//! Making a pod: its record, and the container that holds its namespaces.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{ContainerId, CreatePodError as StoreError, FileError, RecordError, Store};

use super::remove::{self, RemovePodError};
use super::{ExitPolicy, PodRecord, Shared, member, slice};
use crate::create::{self, CreateError, Created};
use crate::host::Host;
use crate::names;
use crate::request::{CreateRequest, RestartPolicy};
use crate::resources::{NoDevice, Resources, block_device};

/// What `pod create` can ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodRequest {
    /// `--name`; `None` lets us choose one.
    pub name: Option<String>,
    /// `--replace`: remove a pod of the same name first.
    pub replace: bool,
    /// `--pod-id-file`.
    pub id_file: Option<PathBuf>,
    /// `--label` and label files, in order.
    pub labels: Vec<(String, String)>,
    /// `--share`.
    pub shared: Vec<Shared>,
    /// `--share-parent`.
    pub share_parent: bool,
    /// `--cgroup-parent`.
    pub cgroup_parent: Option<String>,
    /// Limits of all containers together.
    pub resources: Resources,
    /// `--exit-policy`.
    pub exit_policy: ExitPolicy,
    /// `--restart`.
    pub restart: RestartPolicy,
    /// `--security-opt`, as written.
    pub security_options: Vec<String>,
    /// What the infra container is to be, and what the others inherit of it; `None` is a pod without.
    pub infra: Option<Box<CreateRequest>>,
    /// The whole command line.
    pub create_command: Vec<String>,
    /// `PODMAN_SYSTEMD_UNIT` of our environment.
    pub systemd_unit: Option<String>,
}

/// Why a pod could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreatePodError {
    /// A device whose use is to be limited.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// No randomness for an id.
    #[error("cannot draw a random id")]
    Random(#[source] io::Error),
    /// The pod to be replaced.
    #[error("cannot replace the pod `{name}`")]
    Replace {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: RemovePodError,
    },
    /// Its infra container.
    #[error("cannot make the pod's infra container")]
    Infra(#[source] CreateError),
    /// The infra container's files.
    #[error("cannot make `{}`", path.display())]
    Rootfs {
        /// Their directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file for the id.
    #[error("cannot write the id to `{}`", path.display())]
    IdFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl CreatePodError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Replace { source, .. } => source.hint(),
            Self::Infra(err) => err.hint(),
            Self::Device(_) | Self::Rootfs { .. } | Self::IdFile { .. } | Self::Random(_) => None,
        }
    }
}

/// Makes a pod and gives its record.
///
/// # Errors
/// See [`CreatePodError`].
pub fn create(host: &Host, store: &Store, request: PodRequest) -> Result<PodRecord, CreatePodError> {
    request.resources.limits(block_device)?;
    if let (true, Some(name)) = (request.replace, &request.name) {
        match remove::remove(host, store, name, true, None) {
            Ok(_) => {}
            Err(RemovePodError::Look(err)) if err.is_not_found() => {}
            Err(source) => return Err(CreatePodError::Replace { name: name.clone(), source }),
        }
    }
    let id = ContainerId::random().map_err(|err| CreatePodError::Random(err.into()))?;
    let mut record = PodRecord {
        id: id.to_string(),
        name: String::new(),
        created: pontoon_monitor::time::now(),
        finished: request.infra.is_none(),
        infra: None,
        hostname: request.infra.as_ref().and_then(|it| it.hostname.clone()),
        labels: request.labels,
        shared: request.shared,
        share_parent: request.share_parent,
        cgroup_parent: request.cgroup_parent,
        resources: request.resources,
        exit_policy: request.exit_policy,
        restart: request.restart,
        security_options: request.security_options,
        create_command: request.create_command,
        systemd_unit: request.systemd_unit,
    };
    let pod = claim(store, &id, &mut record, request.name.as_deref())?;
    // Until the pod is finished, nobody else may take it for what a killed command left.
    let lock = pod.lock()?;
    let rootfs = pod.rootfs_path();
    if let Err(source) = furnish(&rootfs) {
        let _ = store.remove_pod(pod);
        return Err(CreatePodError::Rootfs { path: rootfs, source });
    }
    if let Some(infra) = request.infra {
        let mut infra = *infra;
        infra.labels.clone_from(&record.labels);
        infra.systemd_unit.clone_from(&record.systemd_unit);
        member::be_infra(&mut infra, &record, pod.rootfs_path(), &slice::name(host, &record));
        let synced = |it: Created| match it.unsynced.sync() {
            Ok(()) => Ok(it.record.id),
            Err(err) => Err(CreateError::Store(err.into())),
        };
        match create::create(host, store, infra, None, false).and_then(synced) {
            Ok(id) => record.infra = Some(id),
            Err(err) => {
                drop(lock);
                let _ = remove::remove(host, store, &record.id, true, Some(0));
                return Err(CreatePodError::Infra(err));
            }
        }
        record.finished = true;
        pod.replace_record(&lock, &record)?;
    }
    if let Some(path) = &request.id_file
        && let Err(source) = std::fs::File::create(path).and_then(|mut it| it.write_all(record.id.as_bytes()))
    {
        drop(lock);
        let _ = remove::remove(host, store, &record.id, true, Some(0));
        return Err(CreatePodError::IdFile { path: path.clone(), source });
    }
    host.tell_of_other(Kind::Pod, Deed::Create, &record.id, &record.name);
    Ok(record)
}

/// Makes the places of what is mounted in an infra container: with other ids than ours it could not make them itself.
fn furnish(rootfs: &Path) -> io::Result<()> {
    for directory in ["dev", "etc", "proc", "run", "sys"] {
        DirBuilder::new().mode(0o755).create(rootfs.join(directory))?;
    }
    for file in ["etc/hostname", "etc/hosts", "etc/resolv.conf", "run/.containerenv"] {
        std::fs::File::create_new(rootfs.join(file))?;
    }
    Ok(())
}

/// Writes the record under a name that is free.
fn claim(
    store: &Store,
    id: &ContainerId,
    record: &mut PodRecord,
    name: Option<&str>,
) -> Result<pontoon_storage::PodHandle, CreatePodError> {
    for attempt in 0.. {
        record.name = name.map_or_else(|| names::random(attempt), str::to_owned);
        match store.create_pod(id, &record.name, record) {
            Err(StoreError::NameTaken { .. }) if name.is_none() && attempt < 100 => {}
            other => return Ok(other?),
        }
    }
    Err(CreatePodError::Random(io::ErrorKind::AlreadyExists.into()))
}
