//! Networks with names: made, listed, changed, removed. One in use by a container stays.

mod attach;
mod connect;

use std::collections::BTreeSet;
use std::path::PathBuf;

use pontoon_monitor::event::{Deed, Kind};
use pontoon_monitor::time;
use pontoon_network::config::{
    ConfigError, CreateError, DEFAULT_NETWORK, DEFAULT_SUBNET, LinkError, NetworkConfig, NewNetwork, Pool,
    Surroundings, UpdateError, create as decide, default_pools,
};
use pontoon_network::lease::{self, LeaseError};
use pontoon_network::{HelperKind, HostInterfaces, HostName};
use pontoon_storage::{FileError, NetworkFiles, RecordError, Store};

use crate::host::Host;
use crate::network_unit;
use crate::pod::{self, RemovePodError};
use crate::record::ContainerRecord;
use crate::remove::{self, RemoveError, RemoveOptions};
use crate::status;

pub use attach::{AttachError, DEFAULT_WORD, attachments, hold, resolve};
pub use connect::{ConnectError, connect, disconnect};

/// What containers.conf says of networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConf {
    /// The directory of their files; `None` is the store's.
    pub directory: Option<PathBuf>,
    /// The name of the one that is always there.
    pub default_name: String,
    /// Its subnet.
    pub default_subnet: pontoon_network::Subnet,
    /// Where subnets of new ones come from.
    pub pools: Vec<Pool>,
    /// The program that leads a user's networks outside, where it is not to be pasta.
    pub uplink: Option<HelperKind>,
    /// What `host.containers.internal` stands for.
    pub host_name: HostName,
    /// Whether a container's name is its host name, unless it has another.
    pub names_are_hostnames: bool,
}

impl Default for NetworkConf {
    fn default() -> Self {
        Self {
            directory: None,
            default_name: DEFAULT_NETWORK.to_owned(),
            default_subnet: DEFAULT_SUBNET,
            pools: default_pools(),
            uplink: None,
            host_name: HostName::Found,
            names_are_hostnames: false,
        }
    }
}

/// Why a deed on networks failed.
#[derive(Debug, thiserror::Error)]
pub enum NetworkDeedError {
    /// The directory of the files.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file says nothing sensible.
    #[error("`{}` cannot be used", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ConfigError,
    },
    /// A file is of another network than its name says.
    #[error("`{}` is the file of network `{name}`", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The name in it.
        name: String,
    },
    /// There is none.
    #[error("network not found: `{query}`")]
    NotFound {
        /// What was asked for.
        query: String,
    },
    /// An id that begins more than one.
    #[error("`{query}` begins the ids of more than one network")]
    Ambiguous {
        /// What was asked for.
        query: String,
    },
    /// It cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// It cannot be changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// It is always there.
    #[error("the default network `{name}` cannot be removed")]
    Default {
        /// Its name.
        name: String,
    },
    /// Containers are on it.
    #[error("network is being used: `{name}` by {}", by.join(", "))]
    InUse {
        /// Its name.
        name: String,
        /// Their names.
        by: Vec<String>,
    },
    /// It could not be removed with its containers.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// It could not be removed with a pod.
    #[error(transparent)]
    Pod(#[from] RemovePodError),
    /// It cannot be set up.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It was changed, and those who are on it do not know.
    #[error("network `{name}` is changed, but containers that run go on as before")]
    Tell {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: LeaseError,
    },
    /// There are no random numbers.
    #[error("cannot draw an id")]
    Random(#[source] rustix::io::Errno),
}

impl NetworkDeedError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Config { source, .. } => source.hint(),
            Self::NotFound { query } => {
                Some(format!("`pontoon network ls` lists them; `pontoon network create {query}` makes it"))
            }
            Self::Create(err) => err.hint(),
            Self::InUse { .. } => {
                Some("remove those containers first, or use --force, which removes them too".to_owned())
            }
            Self::Remove(err) => err.hint(),
            Self::Pod(err) => err.hint(),
            Self::Foreign { .. } => Some("a network's file is called NAME.json; rename it".to_owned()),
            _ => None,
        }
    }
}

/// All networks.
#[derive(Debug, Default)]
pub struct NetworkList {
    /// Those that can be used, by name.
    pub networks: Vec<NetworkConfig>,
    /// Names of files that cannot, and why.
    pub broken: Vec<(String, NetworkDeedError)>,
}

/// The directory of the files.
///
/// # Errors
/// If it cannot be made or opened.
pub fn files(host: &Host, store: &Store) -> Result<NetworkFiles, FileError> {
    match &host.networks.directory {
        Some(path) => NetworkFiles::open(path),
        None => store.network_files(),
    }
}

fn read(files: &NetworkFiles, name: &str) -> Result<NetworkConfig, NetworkDeedError> {
    let path = files.path_of(name);
    let config = NetworkConfig::parse(&files.read(name)?)
        .map_err(|source| NetworkDeedError::Config { path: path.clone(), source })?;
    match config.name == name {
        true => Ok(config),
        false => Err(NetworkDeedError::Foreign { path, name: config.name }),
    }
}

fn default_network(host: &Host) -> NetworkConfig {
    let conf = &host.networks;
    // Podman says that it was made just now, too.
    let created = time::rfc3339_z(time::now());
    NetworkConfig { created, ..NetworkConfig::default_network(&conf.default_name, conf.default_subnet) }
}

fn all(host: &Host, files: &NetworkFiles) -> Result<NetworkList, NetworkDeedError> {
    let mut list = NetworkList::default();
    let names = files.names()?;
    if !names.contains(&host.networks.default_name) {
        list.networks.push(default_network(host));
    }
    for name in names {
        match read(files, &name) {
            Ok(config) => list.networks.push(config),
            // It was removed between two looks.
            Err(NetworkDeedError::Record(err)) if err.is_not_found() => {}
            Err(err) => list.broken.push((name, err)),
        }
    }
    list.networks.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(list)
}

/// All networks, with the one that is always there.
///
/// # Errors
/// If the directory cannot be read.
pub fn list(host: &Host, store: &Store) -> Result<NetworkList, NetworkDeedError> {
    all(host, &files(host, store)?)
}

/// Finds a network by name, id, or the beginning of an id.
///
/// # Errors
/// See [`NetworkDeedError`].
pub fn find(host: &Host, store: &Store, query: &str) -> Result<NetworkConfig, NetworkDeedError> {
    find_among(host, &files(host, store)?, query)
}

fn find_among(host: &Host, files: &NetworkFiles, query: &str) -> Result<NetworkConfig, NetworkDeedError> {
    let missing = || NetworkDeedError::NotFound { query: query.to_owned() };
    // The name of a file of ours, so that the usual case reads one.
    if query.starts_with(|it: char| it.is_ascii_alphanumeric()) && !query.contains('/') {
        match read(files, query) {
            Err(NetworkDeedError::Record(err)) if err.is_not_found() => {}
            other => return other,
        }
    }
    let mut found = all(host, files)?
        .networks
        .into_iter()
        .filter(|it| it.name == query || (!query.is_empty() && it.id.starts_with(query)));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(_)) if one.name == query => Ok(one),
        (Some(_), Some(_)) => Err(NetworkDeedError::Ambiguous { query: query.to_owned() }),
        _ => Err(missing()),
    }
}

/// Makes a network; with `ignore`, one of that name that is there is fine.
///
/// # Errors
/// See [`NetworkDeedError`].
pub fn create(
    host: &Host,
    store: &Store,
    new: &NewNetwork,
    ignore: bool,
) -> Result<NetworkConfig, NetworkDeedError> {
    let files = files(host, store)?;
    // Two who make networks at once must not choose one subnet.
    let change = files.change()?;
    let list = all(host, &files)?;
    if let Some(name) = &new.name
        && let Some(there) = list.networks.iter().find(|it| it.name == *name)
        && ignore
    {
        return Ok(there.clone());
    }
    if let Some(name) = &new.name
        && list.broken.iter().any(|(it, _)| it == name)
    {
        return Err(CreateError::Exists { name: name.clone() }.into());
    }
    let interfaces = HostInterfaces::read();
    let id = random::<32>()?.iter().map(|it| format!("{it:02x}")).collect::<String>();
    let around = Surroundings {
        networks: &list.networks,
        host_subnets: &interfaces.subnets,
        host_interfaces: &interfaces.names,
        pools: &host.networks.pools,
        id: &id,
        now: &time::rfc3339_z(time::now()),
        random: random()?,
    };
    let config = decide(new, &around)?;
    change.write(&config.name, &text(&files, &config)?)?;
    host.tell_of_other(Kind::Network, Deed::Create, &config.id, &config.name);
    Ok(config)
}

fn text(files: &NetworkFiles, config: &NetworkConfig) -> Result<Vec<u8>, NetworkDeedError> {
    let path = || files.path_of(&config.name);
    config.text().map_err(|source| NetworkDeedError::Config { path: path(), source })
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], NetworkDeedError> {
    let mut bytes = [0; LENGTH];
    // Up to 256 bytes come whole (getrandom(2)).
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(NetworkDeedError::Random)?;
    Ok(bytes)
}

/// Changes the DNS servers of a network, and gives its name.
///
/// # Errors
/// See [`NetworkDeedError`].
pub fn update(
    host: &Host,
    store: &Store,
    query: &str,
    add: &[std::net::IpAddr],
    drop: &[std::net::IpAddr],
) -> Result<String, NetworkDeedError> {
    let files = files(host, store)?;
    let change = files.change()?;
    let mut config = find_among(host, &files, query)?;
    config.change_dns(add, drop)?;
    change.write(&config.name, &text(&files, &config)?)?;
    // Those who are on it now learn of it as well; the next ones read the file.
    if users(store, &config)?.iter().any(|it| is_alive(store, &it.id)) {
        lease::change_resolvers(network_unit::socket(host), &config.name, &config.network_dns_servers)
            .map_err(|source| NetworkDeedError::Tell { name: config.name.clone(), source })?;
    }
    Ok(config.name)
}

fn is_alive(store: &Store, id: &str) -> bool {
    store.find_container(id).is_ok_and(|it| status::of(&it).is_alive())
}

/// Removes a network, and gives its name; with `force`, the containers on it go first.
///
/// # Errors
/// See [`NetworkDeedError`].
pub fn remove(
    host: &Host,
    store: &Store,
    query: &str,
    force: bool,
    timeout: Option<u32>,
) -> Result<String, NetworkDeedError> {
    let files = files(host, store)?;
    let config = match find_among(host, &files, query) {
        // What cannot be read can be removed all the same, by its name.
        Err(NetworkDeedError::Config { .. } | NetworkDeedError::Foreign { .. }) => {
            NetworkConfig { name: query.to_owned(), ..NetworkConfig::default() }
        }
        other => other?,
    };
    if config.name == host.networks.default_name {
        return Err(NetworkDeedError::Default { name: config.name });
    }
    if force {
        let options =
            RemoveOptions { force: true, ignore: true, depend: true, timeout, ..RemoveOptions::default() };
        for user in users(store, &config)? {
            match user.request.pod.as_ref().filter(|_| user.request.infra.is_some()) {
                // An infra container goes with its pod only.
                Some(pod) => remove_pod(host, store, &pod.id, timeout)?,
                None => drop(remove::remove(host, store, &user.id, options)?),
            }
        }
    }
    let change = files.change()?;
    let by: Vec<String> = users(store, &config)?.into_iter().map(|it| it.name).collect();
    if !by.is_empty() {
        return Err(NetworkDeedError::InUse { name: config.name, by });
    }
    if !change.remove(&config.name)? {
        return Err(NetworkDeedError::NotFound { query: query.to_owned() });
    }
    host.tell_of_other(Kind::Network, Deed::Remove, &config.id, &config.name);
    Ok(config.name)
}

/// Somebody else may have removed it meanwhile.
fn remove_pod(host: &Host, store: &Store, id: &str, timeout: Option<u32>) -> Result<(), NetworkDeedError> {
    match pod::remove(host, store, id, true, timeout) {
        Err(RemovePodError::Look(err)) if err.is_not_found() => Ok(()),
        other => Ok(other.map(drop)?),
    }
}

/// Has the rules of all networks made again, which others have flushed. Called for containers that run: it starts
/// the unit that has the networks, if that has just ended.
///
/// # Errors
/// See [`LeaseError`].
pub fn reload(host: &Host) -> Result<(), LeaseError> {
    lease::reload(network_unit::socket(host))
}

/// The containers that are on a network, running or not.
///
/// # Errors
/// If they cannot be listed.
pub fn users(store: &Store, network: &NetworkConfig) -> Result<Vec<ContainerRecord>, NetworkDeedError> {
    let records = store.list_containers()?.containers.into_iter().filter_map(|it| it.record().ok());
    Ok(records
        .filter(|it: &ContainerRecord| it.request.networks().any(|name| name == network.name))
        .collect())
}

/// The names of all networks that containers are on.
///
/// # Errors
/// If they cannot be listed.
pub fn used_names(store: &Store) -> Result<BTreeSet<String>, NetworkDeedError> {
    let records = store.list_containers()?.containers.into_iter().filter_map(|it| it.record().ok());
    Ok(records
        .flat_map(|it: ContainerRecord| it.request.networks().map(str::to_owned).collect::<Vec<_>>())
        .collect())
}
