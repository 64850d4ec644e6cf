//! What a supervisor asks of the network unit, and what it gets.
//!
//! Values only, as they travel over the control socket. Everything is decided already: options are understood, subnets do
//! not overlap, names are those of the interfaces. Only what depends on who else is there right now (free addresses, ports,
//! whether a bridge stands already) is found out by the unit.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{HelperKind, PortMapping};

/// A container that wants to be on networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Names that stand for it on every network: its name, the first twelve digits of its id, its host name.
    pub names: Vec<String>,
    /// Its host name.
    pub hostname: String,
    /// The networks, the first one having the default route.
    pub attachments: Vec<Attachment>,
    /// Published ports, random ones already chosen.
    pub ports: Vec<PortMapping>,
    /// `--dns`: the servers that are asked for names of this container's which no network knows; none are the network's own,
    /// else the host's.
    pub dns_servers: Vec<IpAddr>,
    /// The program that is to lead a user's networks outside, if the first container on them has a wish: else pasta where it is
    /// installed, and slirp4netns where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<HelperKind>,
}

/// One network of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The network.
    pub network: Link,
    /// Name of the interface inside, such as `eth0`.
    pub interface: String,
    /// Addresses that are asked for, at most one of each subnet; where none is, a free one is taken. When a container joins
    /// again after the unit has ended, these are the ones it has.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Hardware address that is asked for.
    #[serde(default)]
    pub mac: Option<MacAddress>,
    /// More names that stand for it on this network.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// A network, as far as it must be known to set it up: a configuration (`networks/NAME.json`) whose options are understood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// Kind.
    pub driver: Driver,
    /// `network_interface`: the bridge, or for macvlan and ipvlan the interface of the host that they are on (empty: the one
    /// with the default route).
    pub interface: String,
    /// Subnets; none means that containers get no address (`--ipam-driver none`).
    pub subnets: Vec<Subnet>,
    /// Routes of containers besides those to the subnets and the default one.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Nothing outside can be reached, and no published port reaches in.
    #[serde(default)]
    pub internal: bool,
    /// Names are resolved.
    #[serde(default)]
    pub dns: bool,
    /// Servers that are asked for names that no container has; none are the host's.
    #[serde(default)]
    pub dns_servers: Vec<IpAddr>,
    /// `isolate`.
    #[serde(default)]
    pub isolate: Isolation,
    /// `mtu`.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// `metric` of the default route.
    #[serde(default)]
    pub metric: Option<u32>,
    /// `vlan`: the bridge filters, and containers' ports are in this one.
    #[serde(default)]
    pub vlan: Option<u16>,
    /// `no_default_route`.
    #[serde(default)]
    pub no_default_route: bool,
    /// `vrf`: what the bridge is put into (ip-link(8)).
    #[serde(default)]
    pub vrf: Option<String>,
    /// `bclim` of macvlan.
    #[serde(default)]
    pub broadcast_limit: Option<i32>,
    /// `mode` of macvlan (`bridge`, `private`, `vepa`, `passthru`), of ipvlan (`l2`, `l3`, `l3s`), or of a bridge (`managed`,
    /// `unmanaged`); `None` is the first of them.
    #[serde(default)]
    pub mode: Option<String>,
}

/// `driver` of a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A bridge of its own.
    #[default]
    Bridge,
    /// Interfaces with hardware addresses of their own on an interface of the host (root only).
    Macvlan,
    /// The same with the hardware address of that interface (root only).
    Ipvlan,
}

/// `isolate` of a bridge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Other networks that are not isolated themselves can be reached.
    #[default]
    Off,
    /// No other isolated network can be reached.
    On,
    /// No other network at all.
    Strict,
}

/// A subnet of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its first address.
    pub address: IpAddr,
    /// Length of its prefix.
    pub prefix: u8,
    /// The gateway: the address of the bridge, on which names are resolved as well.
    pub gateway: Option<IpAddr>,
    /// First and last address that containers get without asking; `None` are all but the gateway's.
    #[serde(default)]
    pub range: Option<(IpAddr, IpAddr)>,
}

impl Subnet {
    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32u32.saturating_sub(self.prefix.into());
                shift == 32 || own.to_bits() >> shift == other.to_bits() >> shift
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128u32.saturating_sub(self.prefix.into());
                shift == 128 || own.to_bits() >> shift == other.to_bits() >> shift
            }
            _ => false,
        }
    }
}

impl Subnet {
    /// The addresses of its second half; none if it is too small for halves to be of use.
    #[must_use]
    pub fn upper_half(&self) -> Option<(IpAddr, IpAddr)> {
        let IpAddr::V4(address) = self.address else { return None };
        let half = 1u32 << (31u32.checked_sub(self.prefix.into()).filter(|it| (4..31).contains(it))?);
        let first = address.to_bits() | half;
        Some((Ipv4Addr::from_bits(first + 1).into(), Ipv4Addr::from_bits(first + half - 2).into()))
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A route inside of containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// First address of the destination.
    pub destination: IpAddr,
    /// Length of its prefix.
    pub prefix: u8,
    /// The way there; `None` for the kinds that lead nowhere.
    pub gateway: Option<IpAddr>,
    /// Kind.
    #[serde(default)]
    pub kind: RouteKind,
    /// Metric.
    #[serde(default)]
    pub metric: Option<u32>,
}

/// What becomes of packets that a route is for, see ip-route(8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteKind {
    /// They go to the gateway.
    #[default]
    Unicast,
    /// They vanish.
    Blackhole,
    /// They are answered with "unreachable".
    Unreachable,
    /// They are answered with "prohibited".
    Prohibit,
}

/// A hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

/// What was written is no hardware address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no hardware address (six numbers of two hexadecimal digits, with colons between)")]
pub struct MacError(pub String);

impl FromStr for MacAddress {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let wrong = || MacError(text.to_owned());
        let mut bytes = [0u8; 6];
        let mut words = text.split([':', '-']);
        for byte in &mut bytes {
            let word = words.next().filter(|it| it.len() == 2 && it.bytes().all(|it| it.is_ascii_hexdigit()));
            *byte = u8::from_str_radix(word.ok_or_else(wrong)?, 16).map_err(|_| wrong())?;
        }
        if words.next().is_some() { Err(wrong()) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl TryFrom<String> for MacAddress {
    type Error = MacError;

    fn try_from(text: String) -> Result<Self, MacError> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(address: MacAddress) -> Self {
        address.to_string()
    }
}

/// What a container has got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Of each network, in the order in which they were asked for.
    pub networks: Vec<JoinedNetwork>,
    /// The servers for its resolver: gateways of networks that resolve names; none where no network does.
    pub nameservers: Vec<IpAddr>,
    /// The domains in which its resolver searches, because of its networks.
    pub search: Vec<String>,
}

impl Joined {
    /// All its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.networks.iter().flat_map(|it| it.addresses.iter().map(|it| it.address))
    }
}

/// What a container has got of one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedNetwork {
    /// Name of the network.
    pub network: String,
    /// Its id.
    pub id: String,
    /// Interface inside.
    pub interface: String,
    /// Its hardware address.
    pub mac: MacAddress,
    /// Addresses, in the order of the network's subnets.
    pub addresses: Vec<JoinedAddress>,
    /// Names that stand for the container on this network, apart from those on every one.
    pub aliases: Vec<String>,
}

/// An address of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedAddress {
    /// The address.
    pub address: IpAddr,
    /// Length of the subnet's prefix.
    pub prefix: u8,
    /// The subnet's gateway.
    pub gateway: Option<IpAddr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_read_and_written() {
        let address: MacAddress = "92:D0:c6:0a-29:33".parse().unwrap();
        assert_eq!(address.to_string(), "92:d0:c6:0a:29:33");
        for wrong in ["", "92:d0:c6:0a:29", "92:d0:c6:0a:29:33:44", "92:d0:c6:0a:29:3", "92:d0:c6:0a:29:+3"] {
            assert!(wrong.parse::<MacAddress>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_subnet_has_two_halves() {
        for (address, prefix, expected) in [
            ("10.88.0.0", 16, "10.88.128.1 10.88.255.254"),
            ("10.0.0.0", 27, "10.0.0.17 10.0.0.30"),
            ("10.0.0.0", 28, ""),
            ("0.0.0.0", 0, ""),
            ("fd00::", 64, ""),
        ] {
            let subnet = Subnet { address: address.parse().unwrap(), prefix, gateway: None, range: None };
            let told = subnet.upper_half().map(|(first, last)| format!("{first} {last}"));
            assert_eq!(told.unwrap_or_default(), expected, "{address}/{prefix}");
        }
    }

    #[test]
    fn a_subnet_knows_its_addresses() {
        let subnet = |address: &str, prefix| Subnet {
            address: address.parse().unwrap(),
            prefix,
            gateway: None,
            range: None,
        };
        for (network, prefix, address, expected) in [
            ("10.88.0.0", 16, "10.88.255.255", true),
            ("10.88.0.0", 16, "10.89.0.0", false),
            ("10.88.0.0", 16, "fd00::1", false),
            ("0.0.0.0", 0, "1.2.3.4", true),
            ("fd00::", 64, "fd00::ffff", true),
            ("fd00::", 64, "fd00:0:0:1::", false),
            ("10.0.0.4", 32, "10.0.0.5", false),
        ] {
            assert_eq!(
                subnet(network, prefix).contains(address.parse().unwrap()),
                expected,
                "{network} {address}"
            );
        }
    }
}
