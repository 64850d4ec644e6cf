//! What is known of networks and containers: who is on which network, with which addresses. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use pontoon_network::join::{
    Attachment, Driver, Join, Joined, JoinedAddress, JoinedNetwork, Link, MacAddress,
};

use super::addresses::{AddressError, Addresses};
use super::inside::ALIAS;
use super::links::DEFAULT_METRIC;
use super::order::Plug;

/// Why a container cannot be on a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Its address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Its hardware address.
    #[error("hardware address {mac} of network `{network}` is in use")]
    MacInUse {
        /// The address.
        mac: MacAddress,
        /// The network.
        network: String,
    },
    /// It is on it already.
    #[error("the container is on network `{network}` already")]
    Already {
        /// The network.
        network: String,
    },
    /// It is not on it.
    #[error("the container is not on network `{network}`")]
    NotOn {
        /// The network.
        network: String,
    },
    /// It has another interface of that name.
    #[error("the container has an interface `{interface}` already")]
    InterfaceTaken {
        /// The interface.
        interface: String,
    },
    /// The network was made anew while containers are on the former one.
    #[error("network `{network}` has changed while containers are on it")]
    Changed {
        /// The network.
        network: String,
    },
}

impl StateError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Address(err) => err.hint(),
            Self::Changed { .. } => Some("stop them first".to_owned()),
            Self::InterfaceTaken { .. } => Some("name another one by interface_name=".to_owned()),
            Self::MacInUse { .. } | Self::Already { .. } | Self::NotOn { .. } => None,
        }
    }
}

/// A network that is set up.
#[derive(Debug, Clone)]
pub struct Network {
    /// What it is.
    pub link: Link,
    addresses: Addresses,
    /// Hardware addresses, by who has them.
    macs: BTreeMap<String, MacAddress>,
    /// How many containers are on it.
    pub users: usize,
}

/// Addresses that a container has which has not said so again since we were started anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    container: String,
    network: String,
    addresses: Vec<IpAddr>,
}

/// A container with a lease.
#[derive(Debug, Clone)]
pub struct Lease {
    /// What it asked for, with all networks that it is on by now.
    pub join: Join,
    /// What it has.
    pub joined: Joined,
}

/// All of it.
#[derive(Debug, Default)]
pub struct State {
    networks: BTreeMap<String, Network>,
    left: Vec<Left>,
}

/// What is to be done about a network before a container can be on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preparation {
    /// Nothing.
    Stands,
    /// It is to be set up.
    New,
    /// It is to be taken away, this being what it was, and set up anew.
    Anew(Box<Link>),
}

impl State {
    /// Learns from the word of a port who has which addresses.
    pub fn learn(&mut self, alias: &str) {
        let mut words = alias.strip_prefix(ALIAS).unwrap_or_default().split(' ');
        let (Some(container), Some(network)) = (words.next(), words.next()) else { return };
        let addresses =
            words.next().unwrap_or_default().split(',').filter_map(|it| it.parse().ok()).collect();
        self.left.push(Left { container: container.to_owned(), network: network.to_owned(), addresses });
    }

    /// Whose it was did not say so again: gives the ports that are to go.
    pub fn forget_left(&mut self) -> Vec<String> {
        let left = std::mem::take(&mut self.left);
        for it in &left {
            for network in self.networks.values_mut().filter(|known| known.link.id == it.network) {
                it.addresses.iter().for_each(|address| network.addresses.free(*address));
            }
        }
        left.iter().map(|it| port_name(&it.container, &it.network)).collect()
    }

    /// Whether some have not said again what they have.
    pub fn waits(&self) -> bool {
        !self.left.is_empty()
    }

    /// What must be done before somebody can be on that network.
    ///
    /// # Errors
    /// [`StateError::Changed`].
    pub fn preparation(&self, link: &Link) -> Result<Preparation, StateError> {
        // One whose names are resolved by others is the same one.
        let alike = |known: &Link| {
            let (mut known, mut link) = (known.clone(), link.clone());
            known.dns_servers.clear();
            link.dns_servers.clear();
            known == link
        };
        match self.networks.get(&link.name) {
            None => Ok(Preparation::New),
            Some(known) if alike(&known.link) => Ok(Preparation::Stands),
            Some(known) if known.users == 0 => Ok(Preparation::Anew(Box::new(known.link.clone()))),
            Some(_) => Err(StateError::Changed { network: link.name.clone() }),
        }
    }

    /// Networks that nobody is on, and that have something in common with one that is to be set up: they are in its way.
    pub fn in_the_way(&self, link: &Link) -> Vec<Link> {
        let collides = |known: &&Network| {
            let shares = |one: &Link, other: &Link| {
                one.subnets.iter().any(|it| other.subnets.iter().any(|own| own.contains(it.address)))
            };
            known.users == 0
                && known.link.name != link.name
                && (known.link.interface == link.interface
                    || shares(&known.link, link)
                    || shares(link, &known.link))
        };
        self.networks.values().filter(collides).map(|it| it.link.clone()).collect()
    }

    /// A network has been set up.
    pub fn add(&mut self, link: Link) {
        let mut addresses = Addresses::default();
        for it in self.left.iter().filter(|it| it.network == link.id) {
            it.addresses.iter().for_each(|address| addresses.take(*address));
        }
        let network = Network { link, addresses, macs: BTreeMap::new(), users: 0 };
        self.networks.insert(network.link.name.clone(), network);
    }

    /// A network has been taken away.
    pub fn remove(&mut self, name: &str) {
        self.networks.remove(name);
    }

    /// Networks that nobody is on.
    pub fn unused(&self) -> Vec<Link> {
        self.networks.values().filter(|it| it.users == 0).map(|it| it.link.clone()).collect()
    }

    /// All that are set up.
    pub fn all(&self) -> Vec<Link> {
        self.networks.values().map(|it| it.link.clone()).collect()
    }

    /// Gives a container its addresses on a network that is set up, and says how it is to be connected. `place` counts its
    /// networks; `random` is for a hardware address.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn assign(
        &mut self,
        container: &str,
        attachment: &Attachment,
        place: usize,
        random: [u8; 6],
    ) -> Result<(Plug, JoinedNetwork), StateError> {
        let name = &attachment.network.name;
        let network =
            self.networks.get_mut(name).ok_or_else(|| StateError::NotOn { network: name.clone() })?;
        let link = &network.link;
        // What it had before we were started anew is its own.
        self.left.retain(|it| {
            let is_its_own = it.container == container && it.network == link.id;
            if is_its_own {
                it.addresses.iter().for_each(|address| network.addresses.free(*address));
            }
            !is_its_own
        });
        let mac = attachment.mac.unwrap_or_else(|| local_mac(random));
        if network.macs.values().any(|it| *it == mac) {
            return Err(StateError::MacInUse { mac, network: name.clone() });
        }
        let assigned = network.addresses.assign(link, &attachment.addresses)?;
        network.macs.insert(container.to_owned(), mac);
        network.users += 1;
        let addresses: Vec<JoinedAddress> = assigned
            .iter()
            .map(|(subnet, address)| JoinedAddress {
                address: *address,
                prefix: subnet.prefix,
                gateway: subnet.gateway,
            })
            .collect();
        let words: Vec<String> = addresses.iter().map(|it| it.address.to_string()).collect();
        let metric = link.metric.unwrap_or(DEFAULT_METRIC).saturating_add(u32::try_from(place).unwrap_or(0));
        let plug = Plug {
            network: link.clone(),
            port: port_name(container, &link.id),
            alias: format!("{ALIAS}{container} {} {}", link.id, words.join(",")),
            interface: attachment.interface.clone(),
            mac,
            addresses: addresses.clone(),
            default_metric: (!link.internal && !link.no_default_route).then_some(metric),
        };
        let joined = JoinedNetwork {
            network: name.clone(),
            id: link.id.clone(),
            interface: attachment.interface.clone(),
            mac,
            addresses,
            aliases: attachment.aliases.clone(),
        };
        Ok((plug, joined))
    }

    /// A container leaves a network: gives the port that is to go, if it has one.
    pub fn release(&mut self, container: &str, joined: &JoinedNetwork) -> Option<String> {
        let network = self.networks.get_mut(&joined.network)?;
        joined.addresses.iter().for_each(|it| network.addresses.free(it.address));
        network.macs.remove(container);
        network.users = network.users.saturating_sub(1);
        (network.link.driver == Driver::Bridge).then(|| port_name(container, &network.link.id))
    }
}

/// Name of a container's port: at most fifteen letters.
fn port_name(container: &str, network: &str) -> String {
    let head = |id: &str| id.get(..7).unwrap_or(id).to_owned();
    format!("v{}{}", head(container), head(network))
}

/// A hardware address for nobody but us: locally administered, for one interface (IEEE 802).
fn local_mac(random: [u8; 6]) -> MacAddress {
    let [first, rest @ ..] = random;
    let [b, c, d, e, f] = rest;
    MacAddress([(first | 0x02) & 0xfe, b, c, d, e, f])
}

impl Lease {
    /// What a container on these networks is told.
    pub fn new(join: Join, networks: Vec<JoinedNetwork>) -> Self {
        let resolving = |it: &&JoinedNetwork| {
            join.attachments.iter().any(|asked| asked.network.name == it.network && asked.network.dns)
        };
        let nameservers: Vec<IpAddr> = networks
            .iter()
            .filter(resolving)
            .flat_map(|it| it.addresses.iter().filter_map(|it| it.gateway))
            .collect();
        let search = if nameservers.is_empty() { Vec::new() } else { vec!["dns.podman".to_owned()] };
        Self { join, joined: Joined { networks, nameservers, search } }
    }
}
