//! The networks that a container asks for become what it is put on.

use pontoon_network::config::{AddressError, LinkError, NetworkConfig};
use pontoon_network::join::Attachment;
use pontoon_storage::{NetworkHold, Store};

use super::{NetworkDeedError, files, find};
use crate::host::Host;
use crate::request::{CreateRequest, NetworkMode, NetworkUse};

/// What stands for the default network, whatever that is called: no network has this name.
pub const DEFAULT_WORD: &str = "bridge";

/// Why a container cannot be on a network.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkDeedError),
    /// An address that it does not have.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It cannot be set up.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Two networks want one interface.
    #[error("two networks are to be interface `{interface}`")]
    Interface {
        /// The interface.
        interface: String,
    },
}

impl AttachError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Network(err) => err.hint(),
            _ => None,
        }
    }
}

/// Looks up the networks of a request, which are from then on called by their names, and checks what is asked of them. Who asks
/// for nothing is, as root, on the default network (podman-run(1), `--network`).
///
/// # Errors
/// See [`AttachError`].
pub fn resolve(host: &Host, store: &Store, request: &mut CreateRequest) -> Result<(), AttachError> {
    if request.network.is_none() && !host.is_rootless() {
        let default = NetworkUse { name: DEFAULT_WORD.to_owned(), ..NetworkUse::default() };
        request.network = Some(NetworkMode::Named(vec![default]));
    }
    let Some(NetworkMode::Named(uses)) = &mut request.network else { return Ok(()) };
    for network in &mut *uses {
        network.name = config_of(host, store, network)?.name;
    }
    // Two words for one network.
    let mut seen = Vec::new();
    uses.retain(|it| {
        let is_new = !seen.contains(&it.name);
        seen.push(it.name.clone());
        is_new
    });
    interfaces(uses).map(drop)
}

/// Keeps the networks of a request, which were looked up before, from being removed until a record says who is on them. `None` if
/// there are none.
///
/// # Errors
/// See [`AttachError`]: one of them may be gone by now.
pub fn hold(host: &Host, store: &Store, request: &CreateRequest) -> Result<Option<NetworkHold>, AttachError> {
    let Some(NetworkMode::Named(uses)) = &request.network else { return Ok(None) };
    let held = files(host, store).and_then(|it| it.hold()).map_err(NetworkDeedError::from)?;
    for network in uses {
        config_of(host, store, network)?;
    }
    Ok(Some(held))
}

/// What the container is put on, in order.
///
/// # Errors
/// See [`AttachError`].
pub fn attachments(
    host: &Host,
    store: &Store,
    request: &CreateRequest,
) -> Result<Vec<Attachment>, AttachError> {
    let Some(NetworkMode::Named(uses)) = &request.network else { return Ok(Vec::new()) };
    let names = interfaces(uses)?;
    uses.iter()
        .zip(names)
        .map(|(network, interface)| {
            let named = NetworkUse { interface: Some(interface), ..network.clone() };
            one_more(host, &config_of(host, store, network)?, &named, &[])
        })
        .collect()
}

fn config_of(host: &Host, store: &Store, network: &NetworkUse) -> Result<NetworkConfig, AttachError> {
    let query = match network.name.as_str() {
        DEFAULT_WORD => &host.networks.default_name,
        name => name,
    };
    let config = find(host, store, query)?;
    config.check_addresses(&network.addresses)?;
    Ok(config)
}

/// One more network for a container that runs and has these interfaces.
///
/// # Errors
/// See [`AttachError`].
pub(super) fn one_more(
    host: &Host,
    network: &NetworkConfig,
    new: &NetworkUse,
    taken: &[String],
) -> Result<Attachment, AttachError> {
    let free = || (0_u32..).map(|number| format!("eth{number}")).find(|it| !taken.contains(it));
    let mut link = network.link()?;
    if !host.is_rootless() && network.is_default() {
        // The bridge may be Podman's as well, which gives addresses from the first one on.
        for subnet in link.subnets.iter_mut().filter(|it| it.range.is_none()) {
            subnet.range = subnet.upper_half();
        }
    }
    Ok(Attachment {
        network: link,
        interface: new.interface.clone().or_else(free).unwrap_or_default(),
        addresses: new.addresses.clone(),
        mac: new.mac,
        aliases: new.aliases.clone(),
    })
}

/// The names of the interfaces: those that are asked for, else the first free of `eth0`, `eth1`, … in order.
pub(super) fn interfaces(uses: &[NetworkUse]) -> Result<Vec<String>, AttachError> {
    let mut taken: Vec<String> = Vec::new();
    for interface in uses.iter().filter_map(|it| it.interface.as_ref()) {
        if taken.contains(interface) {
            return Err(AttachError::Interface { interface: interface.clone() });
        }
        taken.push(interface.clone());
    }
    let mut free = (0_u32..).map(|number| format!("eth{number}")).filter(|it| !taken.contains(it));
    let name = |it: &NetworkUse| it.interface.clone().or_else(|| free.next()).unwrap_or_default();
    Ok(uses.iter().map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(interface: &str) -> NetworkUse {
        let interface = Some(interface.to_owned()).filter(|it| !it.is_empty());
        NetworkUse { interface, ..NetworkUse::default() }
    }

    #[test]
    fn interfaces_are_numbered_around_those_with_names() {
        let check = |asked: &[&str], expected: &[&str]| {
            let uses: Vec<NetworkUse> = asked.iter().map(|it| on(it)).collect();
            assert_eq!(interfaces(&uses).unwrap(), expected);
        };
        check(&[], &[]);
        check(&["", ""], &["eth0", "eth1"]);
        check(&["net7", ""], &["net7", "eth0"]);
        check(&["", "eth0", ""], &["eth1", "eth0", "eth2"]);
        assert!(interfaces(&[on("a"), on("a")]).is_err());
    }
}
