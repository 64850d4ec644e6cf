//! A container comes to a network, or leaves it.

use pontoon_monitor::control::Request;
use pontoon_monitor::event::{Deed, Event, Kind};
use pontoon_monitor::state::RunState;
use pontoon_network::config::NetworkConfig;
use pontoon_network::join::JoinedNetwork;
use pontoon_storage::{Durability, FileError, RecordError, Store};

use super::attach::{AttachError, interfaces, one_more};
use super::{NetworkDeedError, files, find, find_among};
use crate::host::Host;
use crate::list::{self, Found, LookError};
use crate::record::ContainerRecord;
use crate::request::{NetworkMode, NetworkUse};
use crate::status::Status;
use crate::stop::{self, AskError};

/// Why it did not come or leave.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkDeedError),
    /// The container.
    #[error(transparent)]
    Look(#[from] LookError),
    /// Its lock.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It is connected in another way.
    #[error("container `{name}` is not on networks with names, but has --network {mode}")]
    Mode {
        /// Its name.
        name: String,
        /// The mode.
        mode: String,
    },
    /// It is not on that network.
    #[error("container `{name}` is not connected to network `{network}`")]
    NotConnected {
        /// Its name.
        name: String,
        /// The network.
        network: String,
    },
    /// It is on that network and runs: what is asked for now would be lost.
    #[error("container `{name}` is already connected to network `{network}`")]
    Connected {
        /// Its name.
        name: String,
        /// The network.
        network: String,
    },
    /// An address that the network does not have.
    #[error(transparent)]
    Address(#[from] pontoon_network::config::AddressError),
    /// Another interface has that name.
    #[error("container `{name}` has an interface `{interface}` already")]
    Interface {
        /// Its name.
        name: String,
        /// The interface.
        interface: String,
    },
    /// The network cannot be set up.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// It runs, and its supervisor says no.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl ConnectError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Network(err) => err.hint(),
            Self::Look(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Mode { .. } => Some("make it with --network NAME".to_owned()),
            Self::Connected { .. } => Some("disconnect it first to connect it in another way".to_owned()),
            Self::Attach(err) => err.hint(),
            _ => None,
        }
    }
}

/// What is said of a container's network mode in an error.
fn word(mode: Option<&NetworkMode>) -> String {
    match mode {
        None | Some(NetworkMode::Pasta(_)) => "pasta".to_owned(),
        Some(NetworkMode::Slirp4netns(_)) => "slirp4netns".to_owned(),
        Some(NetworkMode::Host) => "host".to_owned(),
        Some(NetworkMode::None) => "none".to_owned(),
        Some(NetworkMode::Container(name)) => format!("container:{name}"),
        Some(NetworkMode::Path(path)) => format!("ns:{}", path.display()),
        Some(NetworkMode::Private) => "private".to_owned(),
        Some(NetworkMode::Named(_)) => "bridge".to_owned(),
    }
}

fn uses(record: &mut ContainerRecord) -> Result<&mut Vec<NetworkUse>, ConnectError> {
    match &mut record.request.network {
        Some(NetworkMode::Named(uses)) => Ok(uses),
        other => {
            let mode = word(other.as_ref());
            Err(ConnectError::Mode { name: record.name.clone(), mode })
        }
    }
}

/// What a run has on networks.
fn has(state: &RunState) -> impl Iterator<Item = &JoinedNetwork> {
    state.networks.iter().flat_map(|it| &it.networks)
}

/// The names of a run's interfaces.
fn taken(state: &RunState) -> Vec<String> {
    has(state).map(|it| it.interface.clone()).collect()
}

/// What has ended meanwhile is on its networks when it is started again.
fn tell_if_it_runs(found: &Found, request: &Request) -> Result<(), AskError> {
    match stop::tell(&found.container, request) {
        Err(AskError::NotRunning) => Ok(()),
        told => told,
    }
}

/// Puts a container on a network. `new.name` is the network, by name or id. One that is on it already and does not run stays as
/// it is, as with Podman.
///
/// # Errors
/// See [`ConnectError`].
pub fn connect(host: &Host, store: &Store, query: &str, new: NetworkUse) -> Result<(), ConnectError> {
    find(host, store, &new.name)?;
    let (lock, found) = list::settled_and_locked(store, query)?;
    // Until the record says that the container is on it, nobody removes it.
    let files = files(host, store)?;
    let held = files.hold()?;
    let network = find_among(host, &files, &new.name)?;
    let mut record = found.record.clone();
    let name = record.name.clone();
    network.check_addresses(&new.addresses)?;
    let uses = uses(&mut record)?;
    if uses.iter().any(|it| it.name == network.name) {
        return match found.status.is_alive() {
            true => Err(ConnectError::Connected { name, network: network.name }),
            false => Ok(()),
        };
    }
    if let Some(interface) = &new.interface
        && uses.iter().any(|it| it.interface.as_ref() == Some(interface))
    {
        return Err(ConnectError::Interface { name, interface: interface.clone() });
    }
    let join = |taken: Vec<String>| -> Result<(), ConnectError> {
        let attachment = one_more(host, &network, &new, &taken)?;
        Ok(tell_if_it_runs(&found, &Request::Connect(Box::new(attachment)))?)
    };
    match &found.status {
        // The supervisor has the networks of the run that follows already: that one hears of it, or we are told to come again.
        Status::Restarting(_) => join(interfaces(uses).map_err(ConnectError::Attach)?)?,
        other => other.process().map_or(Ok(()), |state| join(taken(state)))?,
    }
    uses.push(NetworkUse { name: network.name.clone(), ..new.clone() });
    found.container.replace_record(&lock, &record, Durability::Durable)?;
    drop((lock, held));
    if let Some(state) = found.begun_meanwhile(store)
        && !has(&state).any(|it| it.network == network.name)
    {
        join(taken(&state))?;
    }
    tell(host, &network, &record, Deed::Connect);
    Ok(())
}

/// Takes a container from a network.
///
/// # Errors
/// See [`ConnectError`].
pub fn disconnect(host: &Host, store: &Store, query: &str, network: &str) -> Result<(), ConnectError> {
    let (lock, found) = list::settled_and_locked(store, query)?;
    let mut record = found.record.clone();
    let name = record.name.clone();
    let uses = uses(&mut record)?;
    // A network whose file is gone can be left all the same.
    let config = match find(host, store, network) {
        Err(_) if uses.iter().any(|it| it.name == network) => {
            NetworkConfig { name: network.to_owned(), ..NetworkConfig::default() }
        }
        other => other?,
    };
    let before = uses.len();
    uses.retain(|it| it.name != config.name);
    if uses.len() == before {
        return Err(ConnectError::NotConnected { name, network: config.name });
    }
    if found.status.is_alive() {
        tell_if_it_runs(&found, &Request::Disconnect(config.name.clone()))?;
    }
    found.container.replace_record(&lock, &record, Durability::Durable)?;
    drop(lock);
    if let Some(state) = found.begun_meanwhile(store)
        && has(&state).any(|it| it.network == config.name)
    {
        tell_if_it_runs(&found, &Request::Disconnect(config.name.clone()))?;
    }
    tell(host, &config, &record, Deed::Disconnect);
    Ok(())
}

/// As Podman tells it: the id is the container's, the name the network's.
fn tell(host: &Host, network: &NetworkConfig, record: &ContainerRecord, deed: Deed) {
    host.events.tell(&Event {
        id: record.id.clone(),
        name: network.name.clone(),
        ..Event::now(Kind::Network, deed)
    });
}
