//! `network create` and `network update`, decided (podman-network-create(1), podman-network-update(1)).

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::check::{is_name, overlap};
use super::options::truth;
use super::pools::{free_ipv4, free_ipv6, is_ipv4};
use super::{
    BridgeMode, ConfigError, Driver, Ipam, LeaseRange, NetworkConfig, Pool, Route, Subnet, first_host,
};

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewNetwork {
    /// Its name; without one it is that of its interface.
    pub name: Option<String>,
    /// `--driver`.
    pub driver: Driver,
    /// `--interface-name`.
    pub interface: Option<String>,
    /// `--subnet`, with what of `--gateway` and `--ip-range` belongs to each.
    pub subnets: Vec<NewSubnet>,
    /// `--route`.
    pub routes: Vec<Route>,
    /// `--ipv6`.
    pub ipv6: bool,
    /// `--internal`.
    pub internal: bool,
    /// `--disable-dns`.
    pub disable_dns: bool,
    /// `--dns`.
    pub dns: Vec<IpAddr>,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--opt`.
    pub options: BTreeMap<String, String>,
    /// `--ipam-driver`.
    pub ipam: Option<Ipam>,
}

/// One `--subnet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubnet {
    /// The addresses.
    pub subnet: IpNet,
    /// The gateway; without one it is the first address.
    pub gateway: Option<IpAddr>,
    /// The range of addresses to be given out.
    pub range: Option<LeaseRange>,
}

/// What is there already.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// All networks.
    pub networks: &'a [NetworkConfig],
    /// Subnets that the host's own interfaces are in.
    pub host_subnets: &'a [IpNet],
    /// Names of the host's interfaces.
    pub host_interfaces: &'a [String],
    /// Where subnets come from.
    pub pools: &'a [Pool],
    /// The id of the new one.
    pub id: &'a str,
    /// The moment, RFC 3339.
    pub now: &'a str,
    /// For a random subnet of IPv6.
    pub random: [u8; 7],
}

/// Why a network cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// It contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is one of this name.
    #[error("network already exists: `{name}`")]
    Exists {
        /// The name.
        name: String,
    },
    /// `--network` with that word means something else.
    #[error("a network cannot be called `{name}`: that is a network mode")]
    Mode {
        /// The name.
        name: String,
    },
    /// We have no such driver.
    #[error("there is no network driver `{name}`")]
    Driver {
        /// The driver.
        name: String,
    },
    /// Another network, or the host, has it.
    #[error("subnet {subnet} is used already, by {by}")]
    Used {
        /// The subnet.
        subnet: IpNet,
        /// By whom.
        by: String,
    },
    /// All pools are exhausted.
    #[error("there is no free subnet for the network: all pools are used")]
    NoFree,
    /// Another network has that bridge.
    #[error("bridge name `{name}` is in use already, by network `{by}`")]
    Interface {
        /// The bridge.
        name: String,
        /// The network.
        by: String,
    },
    /// A subnet without an address for a gateway and one for a container.
    #[error("subnet {subnet} has no room for a gateway and a container")]
    Narrow {
        /// The subnet.
        subnet: IpNet,
    },
    /// Nobody would give addresses of the subnets.
    #[error("with IPAM driver `{ipam}` there can be no --subnet, --gateway or --ip-range")]
    IpamSubnets {
        /// The IPAM driver.
        ipam: &'static str,
    },
    /// ipvlan and DHCP do not go together: all interfaces have one hardware address.
    #[error("IPAM driver `dhcp` does not work with networks of the driver ipvlan")]
    IpvlanDhcp,
    /// Addresses of what?
    #[error("networks of the driver {driver} with IPAM driver `host-local` need a --subnet")]
    NoSubnet {
        /// The driver.
        driver: Driver,
    },
    /// DNS servers for names that nobody resolves.
    #[error("there can be no --dns for a network without DNS")]
    DnsOff,
    /// No room for the next bridge's name.
    #[error("there is no free interface name")]
    NoInterface,
}

impl CreateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Config(err) => return err.hint(),
            Self::Exists { .. } => "--ignore takes the one that is there".to_owned(),
            Self::Driver { .. } => "there are bridge, macvlan and ipvlan".to_owned(),
            Self::NoFree => {
                "name one with --subnet, or set default_subnet_pools in containers.conf".to_owned()
            }
            Self::NoSubnet { .. } => {
                "name one with --subnet, or leave addresses to --ipam-driver dhcp or none".to_owned()
            }
            Self::IpvlanDhcp => "name a --subnet".to_owned(),
            _ => return None,
        })
    }
}

/// Words that `--network` takes and that are no network's name.
const MODES: [&str; 9] =
    ["bridge", "container", "default", "host", "none", "ns", "pasta", "private", "slirp4netns"];

/// Decides what the new network is.
///
/// # Errors
/// [`CreateError`]; nothing is made then.
pub fn create(new: &NewNetwork, around: &Surroundings<'_>) -> Result<NetworkConfig, CreateError> {
    if let Driver::Other(name) = &new.driver {
        return Err(CreateError::Driver { name: name.clone() });
    }
    if let Some(name) = &new.name {
        check_name(name, around)?;
    }
    let mut config = NetworkConfig {
        id: around.id.to_owned(),
        driver: new.driver.clone(),
        created: around.now.to_owned(),
        network_interface: new.interface.clone().unwrap_or_default(),
        routes: new.routes.clone(),
        internal: new.internal,
        dns_enabled: !new.disable_dns && new.driver == Driver::Bridge,
        network_dns_servers: new.dns.clone(),
        labels: new.labels.clone(),
        options: new.options.clone(),
        ..NetworkConfig::default()
    };
    take_docker_options(&mut config);
    if config.driver != Driver::Bridge
        && let Some(parent) = config.options.remove("parent")
    {
        config.network_interface = parent;
    }
    let ipam = ipam(new)?;
    let word = ipam_word(ipam);
    config.ipam_options.insert("driver".to_owned(), word.to_owned());
    match ipam {
        Ipam::None => config.dns_enabled = false,
        Ipam::HostLocal | Ipam::Dhcp => {}
    }
    if !config.dns_enabled && !config.network_dns_servers.is_empty() {
        return Err(CreateError::DnsOff);
    }
    // What it is called by, before what it may overlap with.
    config.name = match &new.name {
        Some(name) => name.clone(),
        None => free_name(around)?,
    };
    let is_ours = config.options().map_err(ConfigError::from)?.bridge_mode == BridgeMode::Managed;
    if config.driver == Driver::Bridge {
        name_bridge(&mut config, new, around, is_ours)?;
    }
    config.subnets = subnets(new, around, &config, ipam)?;
    config.ipv6_enabled = new.ipv6 || config.has_ipv6();
    config.check()?;
    Ok(config)
}

fn check_name(name: &str, around: &Surroundings<'_>) -> Result<(), CreateError> {
    if !is_name(name) {
        return Err(ConfigError::Name { name: name.to_owned() }.into());
    }
    if MODES.contains(&name) {
        return Err(CreateError::Mode { name: name.to_owned() });
    }
    match around.networks.iter().any(|it| it.name == name) {
        true => Err(CreateError::Exists { name: name.to_owned() }),
        false => Ok(()),
    }
}

/// Docker's names for options of ours, and all ways to write a truth value in one.
fn take_docker_options(config: &mut NetworkConfig) {
    if let Some(name) = config.options.remove("com.docker.network.bridge.name")
        && config.network_interface.is_empty()
    {
        config.network_interface = name;
    }
    if let Some(mtu) = config.options.remove("com.docker.network.driver.mtu") {
        config.options.insert("mtu".to_owned(), mtu);
    }
    // As Podman writes them: netavark knows only these two words.
    for option in ["isolate", "no_default_route"] {
        if let Some(value) = config.options.get_mut(option)
            && let Some(is_so) = truth(value)
        {
            *value = is_so.to_string();
        }
    }
}

fn ipam(new: &NewNetwork) -> Result<Ipam, CreateError> {
    let ipam = match (new.ipam, &new.driver) {
        (Some(ipam), _) => ipam,
        (None, Driver::Bridge) => Ipam::HostLocal,
        (None, _) if new.subnets.is_empty() => Ipam::Dhcp,
        (None, _) => Ipam::HostLocal,
    };
    match ipam {
        Ipam::Dhcp if new.driver == Driver::Ipvlan => Err(CreateError::IpvlanDhcp),
        Ipam::HostLocal if new.driver != Driver::Bridge && new.subnets.is_empty() => {
            Err(CreateError::NoSubnet { driver: new.driver.clone() })
        }
        Ipam::None | Ipam::Dhcp if !new.subnets.is_empty() => {
            Err(CreateError::IpamSubnets { ipam: ipam_word(ipam) })
        }
        _ => Ok(ipam),
    }
}

fn ipam_word(ipam: Ipam) -> &'static str {
    match ipam {
        Ipam::HostLocal => "host-local",
        Ipam::Dhcp => "dhcp",
        Ipam::None => "none",
    }
}

/// `podman1`, `podman2`, …: a name that neither a network nor an interface has.
fn free_name(around: &Surroundings<'_>) -> Result<String, CreateError> {
    let is_free = |name: &String| {
        around.networks.iter().all(|it| it.name != *name && it.network_interface != *name)
            && !around.host_interfaces.contains(name)
    };
    (0..1_000_000).map(|number| format!("podman{number}")).find(is_free).ok_or(CreateError::NoInterface)
}

fn name_bridge(
    config: &mut NetworkConfig,
    new: &NewNetwork,
    around: &Surroundings<'_>,
    is_ours: bool,
) -> Result<(), CreateError> {
    if config.network_interface.is_empty() {
        config.network_interface = match &new.name {
            Some(_) => free_name(around)?,
            None => config.name.clone(),
        };
        return Ok(());
    }
    // A bridge that somebody else looks after may serve several networks.
    let other = around.networks.iter().find(|it| it.network_interface == config.network_interface);
    match other {
        Some(other) if is_ours => {
            Err(CreateError::Interface { name: config.network_interface.clone(), by: other.name.clone() })
        }
        _ => Ok(()),
    }
}

fn subnets(
    new: &NewNetwork,
    around: &Surroundings<'_>,
    config: &NetworkConfig,
    ipam: Ipam,
) -> Result<Vec<Subnet>, CreateError> {
    let mut subnets = Vec::new();
    if ipam != Ipam::HostLocal {
        return Ok(subnets);
    }
    // Without a way out and without names nobody is asked for anything at a gateway.
    let has_gateway = !config.internal || config.dns_enabled;
    for asked in &new.subnets {
        let NewSubnet { subnet, gateway, range } = asked;
        let subnet = subnet.trunc();
        if config.driver == Driver::Bridge {
            check_unused(subnet, around)?;
        }
        let gateway = gateway.or_else(|| first_host(subnet).filter(|_| has_gateway));
        if config.driver == Driver::Bridge && first_host(subnet).is_none() {
            return Err(CreateError::Narrow { subnet });
        }
        subnets.push(Subnet { subnet, gateway, lease_range: range.clone(), other: BTreeMap::new() });
    }
    if config.driver != Driver::Bridge {
        return Ok(subnets);
    }
    let used: Vec<IpNet> =
        used(around).map(|(subnet, _)| subnet).chain(subnets.iter().map(|it| it.subnet)).collect();
    let mut add = |subnet: Option<IpNet>| -> Result<(), CreateError> {
        let subnet = subnet.ok_or(CreateError::NoFree)?;
        let gateway = first_host(subnet).filter(|_| has_gateway);
        subnets.push(Subnet { subnet, gateway, lease_range: None, other: BTreeMap::new() });
        Ok(())
    };
    let (v4, v6) =
        (new.subnets.iter().any(|it| is_ipv4(it.subnet)), new.subnets.iter().any(|it| !is_ipv4(it.subnet)));
    // Asked for addresses of IPv6 alone, a network gets these alone; --ipv6 is for both.
    if !v4 && (new.ipv6 || !v6) {
        add(free_ipv4(around.pools, &used))?;
    }
    if !v6 && new.ipv6 {
        add(free_ipv6(around.pools, &used, around.random))?;
    }
    Ok(subnets)
}

/// All subnets that are used, and by whom.
fn used<'a>(around: &Surroundings<'a>) -> impl Iterator<Item = (IpNet, Option<&'a str>)> {
    let networks = around.networks.iter().filter(|it| it.driver == Driver::Bridge);
    networks
        .flat_map(|it| it.subnets.iter().map(|subnet| (subnet.subnet, Some(it.name.as_str()))))
        .chain(around.host_subnets.iter().map(|it| (*it, None)))
}

fn check_unused(subnet: IpNet, around: &Surroundings<'_>) -> Result<(), CreateError> {
    match used(around).find(|(it, _)| overlap(*it, subnet)) {
        Some((_, Some(name))) => Err(CreateError::Used { subnet, by: format!("network `{name}`") }),
        Some((other, None)) => {
            Err(CreateError::Used { subnet, by: format!("an interface of the host ({other})") })
        }
        None => Ok(()),
    }
}

/// Why a network cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// It resolves no names.
    #[error("network `{name}` has no DNS, and so no servers for it")]
    DnsOff {
        /// Its name.
        name: String,
    },
}

impl NetworkConfig {
    /// Adds and removes DNS servers; one that is there is not added, one that is not there not missed.
    ///
    /// # Errors
    /// [`UpdateError`] if it resolves no names.
    pub fn change_dns(&mut self, add: &[IpAddr], drop: &[IpAddr]) -> Result<(), UpdateError> {
        if !self.dns_enabled && !add.is_empty() {
            return Err(UpdateError::DnsOff { name: self.name.clone() });
        }
        self.network_dns_servers.retain(|it| !drop.contains(it));
        for server in add {
            if !self.network_dns_servers.contains(server) {
                self.network_dns_servers.push(*server);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
