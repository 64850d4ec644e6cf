//! Networks with names: what is written down of each, which subnets are free, and what a new one becomes.
//!
//! Pure: it reads no file and asks no kernel. [`NetworkConfig`] is the JSON that Podman and netavark keep in
//! `networks/NAME.json`, so that files of either are read by the other; fields that we do not know survive.

mod check;
mod create;
mod link;
mod options;
mod pools;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

pub use check::{AddressError, ConfigError, is_interface_name, is_name};
pub use create::{CreateError, NewNetwork, NewSubnet, Surroundings, UpdateError, create};
pub use link::LinkError;
pub use options::{BridgeMode, IpvlanMode, Isolation, MacvlanMode, OptionError, Options};
pub use pools::{DEFAULT_SUBNET, Pool, default_pools};

/// The name of the network that is always there, and for root is the one that containers get by default.
pub const DEFAULT_NETWORK: &str = "podman";
/// Its id, which Podman fixed.
const DEFAULT_ID: &str = "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9";
/// Its bridge.
const DEFAULT_INTERFACE: &str = "podman0";

/// One network, as it lies on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkConfig {
    /// Its name.
    pub name: String,
    /// 64 hexadecimal digits.
    pub id: String,
    /// What connects the containers.
    pub driver: Driver,
    /// The bridge, or the host's interface below macvlan and ipvlan; empty where those choose that of the default route.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub network_interface: String,
    /// When it was made, RFC 3339.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// Where the addresses of containers come from: at most one of each family is usual, more are allowed.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<Subnet>,
    /// Routes that containers get beside the default ones.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Whether containers get IPv6 addresses.
    #[serde(default)]
    pub ipv6_enabled: bool,
    /// Whether it has no way to the outside.
    #[serde(default)]
    pub internal: bool,
    /// Whether containers find each other by name.
    #[serde(default)]
    pub dns_enabled: bool,
    /// Who is asked about all other names, where it is not the host's resolvers.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub network_dns_servers: Vec<IpAddr>,
    /// Labels.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Options of the driver, as written; [`NetworkConfig::options`] reads them.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Options of what gives addresses: `driver` is `host-local`, `dhcp` or `none`; [`NetworkConfig::ipam`] reads it.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub ipam_options: BTreeMap<String, String>,
    /// What else is in the file.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// What connects the containers of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A bridge, with a way to the outside through it.
    #[default]
    Bridge,
    /// Interfaces with addresses of their own beside one of the host.
    Macvlan,
    /// Interfaces that share one of the host, and its hardware address.
    Ipvlan,
    /// One that we do not have.
    #[serde(untagged)]
    Other(String),
}

impl Driver {
    /// Reads its name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "bridge" => Self::Bridge,
            "macvlan" => Self::Macvlan,
            "ipvlan" => Self::Ipvlan,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bridge => "bridge",
            Self::Macvlan => "macvlan",
            Self::Ipvlan => "ipvlan",
            Self::Other(name) => name,
        })
    }
}

/// What gives addresses to the containers of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ipam {
    /// The subnets.
    HostLocal,
    /// A DHCP server of the outside.
    Dhcp,
    /// Nobody.
    None,
}

/// Addresses of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its addresses; the host's part is zero.
    #[serde(deserialize_with = "network")]
    pub subnet: IpNet,
    /// The address of the bridge, and the next hop of the default route.
    #[serde(default, deserialize_with = "address", skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// From which of them containers get theirs, if they do not ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_range: Option<LeaseRange>,
    /// What else is said of it.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// Some addresses of a subnet, both ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRange {
    /// The first; the subnet's if there is none.
    #[serde(default, deserialize_with = "address", skip_serializing_if = "Option::is_none")]
    pub start_ip: Option<IpAddr>,
    /// The last; the subnet's if there is none.
    #[serde(default, deserialize_with = "address", skip_serializing_if = "Option::is_none")]
    pub end_ip: Option<IpAddr>,
}

/// A route of the containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to.
    #[serde(deserialize_with = "network")]
    pub destination: IpNet,
    /// By whom.
    pub gateway: IpAddr,
    /// The lower, the better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// What else is said of it.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

impl NetworkConfig {
    /// The network `podman`, which needs no file: a bridge without names (podman-network(1)).
    #[must_use]
    pub fn default_network(name: &str, subnet: IpNet) -> Self {
        Self {
            name: name.to_owned(),
            id: DEFAULT_ID.to_owned(),
            network_interface: DEFAULT_INTERFACE.to_owned(),
            subnets: vec![Subnet {
                subnet,
                gateway: first_host(subnet),
                lease_range: None,
                other: BTreeMap::new(),
            }],
            ipv6_enabled: subnet.addr().is_ipv6(),
            ipam_options: BTreeMap::from([("driver".to_owned(), "host-local".to_owned())]),
            ..Self::default()
        }
    }

    /// Whether it is the network that is always there.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.id == DEFAULT_ID
    }

    /// What gives addresses. Older files do not say.
    #[must_use]
    pub fn ipam(&self) -> Ipam {
        match self.ipam_options.get("driver").map(String::as_str) {
            Some("dhcp") => Ipam::Dhcp,
            Some("none") => Ipam::None,
            _ => Ipam::HostLocal,
        }
    }

    /// The options of its driver, understood.
    ///
    /// # Errors
    /// [`OptionError`] for one that the driver does not have, or a value that it cannot have.
    pub fn options(&self) -> Result<Options, OptionError> {
        Options::read(&self.driver, &self.options)
    }

    /// Whether it has addresses of IPv6.
    #[must_use]
    pub fn has_ipv6(&self) -> bool {
        self.subnets.iter().any(|it| it.subnet.addr().is_ipv6())
    }

    /// The subnet that has the address.
    #[must_use]
    pub fn subnet_of(&self, address: IpAddr) -> Option<&Subnet> {
        self.subnets.iter().find(|it| it.subnet.contains(&address))
    }
}

impl Subnet {
    /// The addresses that containers get without asking, first and last: never the subnet's own, of IPv4 never that of
    /// broadcasts; one of them may be the gateway's.
    #[must_use]
    pub fn leases(&self) -> (IpAddr, IpAddr) {
        let range = self.lease_range.as_ref();
        let first = self.subnet.network();
        let lowest = after(first).unwrap_or(first);
        let highest = last_host(self.subnet);
        let start = range.and_then(|it| it.start_ip).unwrap_or(lowest).max(lowest);
        let end = range.and_then(|it| it.end_ip).unwrap_or(highest).min(highest);
        (start, end)
    }
}

/// The first address of a subnet after its own: the gateway, if nobody says another.
pub(crate) fn first_host(subnet: IpNet) -> Option<IpAddr> {
    after(subnet.network()).filter(|it| subnet.contains(it))
}

/// The last address of a subnet that a host can have.
pub(crate) fn last_host(subnet: IpNet) -> IpAddr {
    match subnet {
        IpNet::V4(it) if it.prefix_len() < 31 => IpAddr::V4((u32::from(it.broadcast()) - 1).into()),
        IpNet::V4(it) => IpAddr::V4(it.broadcast()),
        IpNet::V6(it) => IpAddr::V6(it.broadcast()),
    }
}

/// The next address.
pub(crate) fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(it) => u32::from(it).checked_add(1).map(|it| IpAddr::V4(it.into())),
        IpAddr::V6(it) => u128::from(it).checked_add(1).map(|it| IpAddr::V6(it.into())),
    }
}

/// A list or a map that may be `null`, as Go writes an empty one.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// An address that may be missing, `null` or empty.
fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<IpAddr>, D::Error> {
    match Option::<String>::deserialize(from)?.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

/// A subnet; what stands in the host's part does not count.
fn network<'de, D: Deserializer<'de>>(from: D) -> Result<IpNet, D::Error> {
    IpNet::deserialize(from).map(|it| it.trunc())
}

#[cfg(test)]
mod tests;
