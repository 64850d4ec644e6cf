//! The text of a file becomes a [`NetworkConfig`] that holds together.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{LeaseRange, NetworkConfig, OptionError, Subnet};

/// A network that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text is no network.
    #[error("it is not the JSON of a network")]
    Json {
        /// Where it goes wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The name is none.
    #[error(
        "`{name}` cannot be a network's name: it has letters, digits, `_`, `.`, `-`, and begins with a letter or digit"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The id is none.
    #[error("`{id}` is not the id of a network")]
    Id {
        /// The id.
        id: String,
    },
    /// The name of an interface is none.
    #[error("`{name}` cannot be the name of an interface: it has 1 to 15 bytes, and no `/`, `:`, or space")]
    Interface {
        /// The name.
        name: String,
    },
    /// The name is that of the loopback interface.
    #[error("no network is made of `lo`: it is the loopback interface, which leads nowhere else")]
    Loopback,
    /// The gateway is elsewhere.
    #[error("gateway {gateway} is not in subnet {subnet}")]
    Gateway {
        /// The gateway.
        gateway: IpAddr,
        /// The subnet.
        subnet: IpNet,
    },
    /// An end of the range is elsewhere.
    #[error("{address} is not in subnet {subnet}, and so cannot be in its range of addresses")]
    Lease {
        /// The end.
        address: IpAddr,
        /// The subnet.
        subnet: IpNet,
    },
    /// The range is empty.
    #[error("the range of addresses from {start} to {end} is empty")]
    EmptyLease {
        /// The first address.
        start: IpAddr,
        /// The last one.
        end: IpAddr,
    },
    /// Two subnets of one network share addresses.
    #[error("subnets {one} and {other} of one network overlap")]
    Overlap {
        /// One subnet.
        one: IpNet,
        /// The other.
        other: IpNet,
    },
    /// A route leads from one family to another.
    #[error("the route to {destination} cannot go by {gateway}")]
    Route {
        /// Where to.
        destination: IpNet,
        /// By whom.
        gateway: IpAddr,
    },
    /// An option of the driver.
    #[error(transparent)]
    Option(#[from] OptionError),
}

impl ConfigError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Option(err) => err.hint(),
            _ => None,
        }
    }
}

/// Longest name of an interface, without the byte that ends it (`IFNAMSIZ`).
const MAX_INTERFACE: usize = 15;
/// Longest name of a network: it is the name of a file, with `.json` and what a writer adds.
const MAX_NAME: usize = 240;

/// Whether the kernel gives an interface that name: loopback has its own.
#[must_use]
pub fn is_interface_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_INTERFACE
        && !matches!(name, "." | ".." | "lo")
        && name.bytes().all(|it| it.is_ascii_graphic() && !matches!(it, b'/' | b':' | b'%'))
}

/// Whether it can be a network's name: that of Podman's names for everything, `[a-zA-Z0-9][a-zA-Z0-9_.-]*`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|it: char| it.is_ascii_alphanumeric())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b'-'))
}

impl NetworkConfig {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ConfigError`] if it is no network, or one that contradicts itself.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        let config: Self = serde_json::from_slice(text).map_err(|source| ConfigError::Json { source })?;
        config.check()?;
        Ok(config)
    }

    /// The text of its file, as Podman writes it.
    ///
    /// # Errors
    /// None in practice: every field has a form in JSON.
    pub fn text(&self) -> Result<Vec<u8>, ConfigError> {
        let mut text = Vec::new();
        let style = serde_json::ser::PrettyFormatter::with_indent(b"     ");
        let mut writer = serde_json::Serializer::with_formatter(&mut text, style);
        serde::Serialize::serialize(self, &mut writer).map_err(|source| ConfigError::Json { source })?;
        text.push(b'\n');
        Ok(text)
    }

    /// Whether it holds together.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !is_name(&self.name) {
            return Err(ConfigError::Name { name: self.name.clone() });
        }
        if self.id.len() != 64 || !self.id.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ConfigError::Id { id: self.id.clone() });
        }
        if self.network_interface == "lo" {
            return Err(ConfigError::Loopback);
        }
        if !self.network_interface.is_empty() && !is_interface_name(&self.network_interface) {
            return Err(ConfigError::Interface { name: self.network_interface.clone() });
        }
        for (index, subnet) in self.subnets.iter().enumerate() {
            subnet.check()?;
            let earlier = self.subnets.iter().take(index);
            if let Some(other) = earlier.into_iter().find(|it| overlap(it.subnet, subnet.subnet)) {
                return Err(ConfigError::Overlap { one: other.subnet, other: subnet.subnet });
            }
        }
        for route in &self.routes {
            if route.destination.addr().is_ipv4() != route.gateway.is_ipv4() {
                return Err(ConfigError::Route { destination: route.destination, gateway: route.gateway });
            }
        }
        self.options()?;
        Ok(())
    }
}

/// An address that a network cannot give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is in none of the subnets.
    #[error("address {address} is in no subnet of network `{network}`")]
    Elsewhere {
        /// The address.
        address: IpAddr,
        /// The network.
        network: String,
    },
    /// It is not for containers.
    #[error("address {address} of network `{network}` is {of}")]
    Reserved {
        /// The address.
        address: IpAddr,
        /// The network.
        network: String,
        /// Whose it is.
        of: &'static str,
    },
    /// Two addresses of one subnet.
    #[error("addresses {one} and {other} are in one subnet of network `{network}`")]
    Twice {
        /// One address.
        one: IpAddr,
        /// The other.
        other: IpAddr,
        /// The network.
        network: String,
    },
}

impl NetworkConfig {
    /// Whether a container can ask for these addresses.
    ///
    /// # Errors
    /// [`AddressError`] for the first that it cannot.
    pub fn check_addresses(&self, addresses: &[IpAddr]) -> Result<(), AddressError> {
        for (index, address) in addresses.iter().enumerate() {
            let network = || self.name.clone();
            let Some(subnet) = self.subnet_of(*address) else {
                return Err(AddressError::Elsewhere { address: *address, network: network() });
            };
            let of = match () {
                () if subnet.gateway == Some(*address) => "its gateway's",
                () if *address == subnet.subnet.network() => "that of the subnet itself",
                () if address.is_ipv4() && *address > super::last_host(subnet.subnet) => "for broadcasts",
                () => "",
            };
            // Of the smallest subnets all addresses are for hosts (RFC 3021).
            if !of.is_empty() && (subnet.gateway == Some(*address) || !is_smallest(subnet.subnet)) {
                return Err(AddressError::Reserved { address: *address, network: network(), of });
            }
            let earlier = addresses.iter().take(index).find(|it| subnet.subnet.contains(*it));
            if let Some(one) = earlier {
                return Err(AddressError::Twice { one: *one, other: *address, network: network() });
            }
        }
        Ok(())
    }
}

/// Whether the subnet has no addresses but those of hosts.
fn is_smallest(subnet: IpNet) -> bool {
    subnet.max_prefix_len() - subnet.prefix_len() <= 1
}

impl Subnet {
    fn check(&self) -> Result<(), ConfigError> {
        if let Some(gateway) = self.gateway
            && !self.subnet.contains(&gateway)
        {
            return Err(ConfigError::Gateway { gateway, subnet: self.subnet });
        }
        if let Some(LeaseRange { start_ip, end_ip }) = self.lease_range {
            for address in [start_ip, end_ip].into_iter().flatten() {
                if !self.subnet.contains(&address) {
                    return Err(ConfigError::Lease { address, subnet: self.subnet });
                }
            }
            let (start, end) = self.leases();
            if start > end {
                return Err(ConfigError::EmptyLease { start, end });
            }
        }
        Ok(())
    }
}

/// Whether two subnets share addresses.
pub(super) fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}
