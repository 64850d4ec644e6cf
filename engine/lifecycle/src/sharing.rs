//! Containers that share namespaces of another one.

use pontoon_rootless::idmap::IdMaps;
use pontoon_runtime::plan::JoinedNamespaces;
use pontoon_storage::{FindContainerError, RecordError, Store};

use crate::decide;
use crate::host::Host;
use crate::record::ContainerRecord;
use crate::request::{CreateRequest, NamespaceMode, NetworkMode};
use crate::status;

/// What is shared, and what goes with it.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The namespaces.
    pub namespaces: JoinedNamespaces,
    /// `/etc/hosts` of the other container.
    pub hosts: Option<String>,
    /// `/etc/resolv.conf` of the other container.
    pub resolv_conf: Option<String>,
}

/// Why nothing can be shared.
#[derive(Debug, thiserror::Error)]
pub enum SharingError {
    /// There is no such container.
    #[error("{option}=container:{name} cannot be had")]
    Find {
        /// The option.
        option: &'static str,
        /// The container.
        name: String,
        /// The cause.
        #[source]
        source: FindContainerError,
    },
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It does not run.
    #[error("{option}=container:{name}: that container does not run")]
    NotRunning {
        /// The option.
        option: &'static str,
        /// The container.
        name: String,
    },
    /// Two containers.
    #[error("namespaces of one container can be shared, not of `{one}` and `{other}`")]
    Two {
        /// One.
        one: String,
        /// The other.
        other: String,
    },
    /// Its user namespace is another one.
    #[error("container `{name}` has other ids than this one, so its namespaces cannot be shared")]
    OtherIds {
        /// The container.
        name: String,
    },
}

impl SharingError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Find { .. } => Some("`pontoon ps --all` lists all containers".to_owned()),
            Self::NotRunning { name, .. } => Some(format!("start it first: pontoon start {name}")),
            Self::OtherIds { .. } => Some("give both the same --userns".to_owned()),
            Self::Record(err) => err.hint(),
            Self::Two { .. } => None,
        }
    }
}

/// Finds the container whose namespaces a request wants; `None` if it wants none.
///
/// # Errors
/// See [`SharingError`].
pub fn find(
    host: &Host,
    store: &Store,
    request: &CreateRequest,
    maps: Option<&IdMaps>,
) -> Result<Option<Shared>, SharingError> {
    let wanted = request.sharing();
    let Some((option, name)) = wanted.first().copied() else { return Ok(None) };
    let look_up = |option, name: &str| {
        let missing = |source| SharingError::Find { option, name: name.to_owned(), source };
        store.find_container(name).map_err(missing)
    };
    let container = look_up(option, name)?;
    for (option, other) in wanted.iter().skip(1) {
        if look_up(option, other)?.id() != container.id() {
            return Err(SharingError::Two { one: name.to_owned(), other: (*other).to_owned() });
        }
    }
    let record: ContainerRecord = container.read_record()?;
    let status = status::of(&container);
    let state = status.run().ok_or_else(|| SharingError::NotRunning { option, name: name.to_owned() })?;
    let theirs = match (maps, host.grants()) {
        (Some(_), Ok(grants)) => decide::maps_for(&record.request, &grants).ok(),
        _ => None,
    };
    if theirs.as_ref() != maps {
        return Err(SharingError::OtherIds { name: name.to_owned() });
    }
    let shares = |mode: &NamespaceMode| matches!(mode, NamespaceMode::Container(_));
    let network = matches!(request.network, Some(NetworkMode::Container(_)));
    let text = |file: &str| std::fs::read_to_string(container.run_path().join(file)).ok().filter(|_| network);
    Ok(Some(Shared {
        namespaces: JoinedNamespaces {
            process: state.pid,
            network,
            pid: shares(&request.pid),
            uts: shares(&request.uts),
        },
        hosts: text("hosts"),
        resolv_conf: text("resolv.conf"),
    }))
}

/// Names of the containers that share namespaces of the one with that id or name.
#[must_use]
pub fn dependents(store: &Store, id: &str, name: &str) -> Vec<String> {
    let Ok(list) = store.list_containers() else { return Vec::new() };
    let records = list.containers.iter().filter_map(|it| it.record::<ContainerRecord>().ok());
    records
        .filter(|it| {
            let depends = |wanted: &str| wanted == name || (wanted.len() >= 12 && id.starts_with(wanted));
            it.request.sharing().iter().any(|(_, wanted)| depends(wanted))
        })
        .map(|it| it.name)
        .collect()
}
