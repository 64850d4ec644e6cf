//! What the process outside has the one inside do: each order has one answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use pontoon_network::forwarder::Target;
use pontoon_network::join::{JoinedAddress, JoinedNetwork, Link, MacAddress};
use pontoon_network::lease::Refusal;
use serde::{Deserialize, Serialize};

use super::ports::Led;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Make the namespace ready for networks. Answered by [`Answer::Plugs`]: what stands there already.
    Prepare {
        /// There may be networks already, whose rules are to stay.
        is_used: bool,
    },
    /// Set a network up; what stands of it already stays. Answered by [`Answer::Sockets`]: those on which names are asked for.
    Network(Box<Link>),
    /// Take a network away.
    RemoveNetwork(Box<Link>),
    /// Connect a container, whose network namespace comes along.
    Plug(Box<Plug>),
    /// Take a container's interface away.
    Unplug(String),
    /// Lead what comes to a container's published ports to it: the sockets come along, and before them its network namespace.
    Publish {
        /// The container.
        owner: String,
        /// Of each socket, whether it is for datagrams, and the container's port.
        ports: Vec<(bool, u16)>,
        /// Those for which no socket listens, since the packet filter alone leads them.
        led: Vec<Led>,
        /// Where to.
        target: Reach,
    },
    /// The container is reached in another way from now on.
    Redirect {
        /// The container.
        owner: String,
        /// Where to.
        target: Reach,
    },
    /// Its ports are to be closed.
    Unpublish(String),
    /// What containers know by addresses of ours is here from now on.
    Ways(Ways),
    /// The interface that leads outside has this address and router as well.
    Uplink {
        /// The interface.
        interface: String,
        /// The address.
        address: IpAddr,
        /// The router.
        router: IpAddr,
    },
    /// Make all rules again: others have flushed them.
    Reload {
        /// The networks that are set up.
        networks: Vec<Link>,
        /// Where what they lead to is.
        ways: Ways,
    },
    /// The same, if somebody has removed the table.
    Mend {
        /// The networks that are set up.
        networks: Vec<Link>,
        /// Where what they lead to is.
        ways: Ways,
    },
    /// Take everything away: only where the namespace is not ours alone.
    Leave(Vec<Link>),
}

/// Where addresses lead to that mean something to containers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ways {
    /// The host.
    pub host: Option<IpAddr>,
    /// The host's resolver, if whoever leads outside has it elsewhere.
    pub resolver: Option<Ipv4Addr>,
}

/// How a container is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Its IPv4 address.
    pub v4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub v6: Option<Ipv6Addr>,
    /// Its gateway to that one's network.
    #[serde(default)]
    pub v4_gateway: Option<Ipv4Addr>,
    /// The same for IPv6.
    #[serde(default)]
    pub v6_gateway: Option<Ipv6Addr>,
    /// The subnets that it is in.
    pub on_link: Vec<IpNet>,
}

impl Reach {
    /// By way of the first network that leads outside, where its default route is.
    pub fn of(joined: &[JoinedNetwork], closed: &[String]) -> Self {
        let mut reach = Self::default();
        for network in joined {
            let is_open = !closed.contains(&network.network);
            for it in &network.addresses {
                reach.on_link.extend(IpNet::new(it.address, it.prefix).ok().map(|it| it.trunc()));
                match (it.address, it.gateway) {
                    (IpAddr::V4(address), gateway) if is_open && reach.v4.is_none() => {
                        reach.v4 = Some(address);
                        reach.v4_gateway = gateway.and_then(v4);
                    }
                    (IpAddr::V6(address), gateway) if is_open && reach.v6.is_none() => {
                        reach.v6 = Some(address);
                        reach.v6_gateway = gateway.and_then(v6);
                    }
                    _ => {}
                }
            }
        }
        reach
    }

    /// By way of a network that does not lead outside, if there is no other: what comes in is no way out. Everybody comes as the
    /// gateway there, since the container has no route to anybody else.
    #[must_use]
    pub fn or_closed(self, joined: &[JoinedNetwork]) -> Self {
        if self.v4.is_some() || self.v6.is_some() {
            return self;
        }
        let everybody = [IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED)];
        let on_link = everybody.into_iter().filter_map(|it| IpNet::new(it, 0).ok()).collect();
        Self { on_link, v4_gateway: None, v6_gateway: None, ..Self::of(joined, &[]) }
    }

    /// The same for one port.
    pub fn target(&self, port: u16) -> Target {
        Target {
            port,
            v4: self.v4,
            v6: self.v6,
            v4_gateway: self.v4_gateway,
            v6_gateway: self.v6_gateway,
            on_link: self.on_link.clone(),
        }
    }
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    if let IpAddr::V4(address) = address { Some(address) } else { None }
}

fn v6(address: IpAddr) -> Option<Ipv6Addr> {
    if let IpAddr::V6(address) = address { Some(address) } else { None }
}

/// One container on one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plug {
    /// The network.
    pub network: Link,
    /// Name of the port of the bridge.
    pub port: String,
    /// Word of the port, which tells after a crash whose it is.
    pub alias: String,
    /// Interface in the container.
    pub interface: String,
    /// Its hardware address.
    pub mac: MacAddress,
    /// Its addresses.
    pub addresses: Vec<JoinedAddress>,
    /// Metric of the default route, if it is to have one.
    pub default_metric: Option<u32>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// The words of the ports that stand.
    Plugs(Vec<String>),
    /// Sockets come along: of each gateway one for datagrams and one that listens.
    Sockets(Vec<IpAddr>),
    /// It could not be done.
    Failed(Refusal),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(network: &str, address: &str, gateway: Option<&str>) -> JoinedNetwork {
        let address = JoinedAddress {
            address: address.parse().unwrap(),
            prefix: 24,
            gateway: gateway.map(|it| it.parse().unwrap()),
        };
        JoinedNetwork {
            network: network.to_owned(),
            id: String::new(),
            interface: "eth0".to_owned(),
            mac: MacAddress([0; 6]),
            addresses: vec![address],
            aliases: Vec::new(),
        }
    }

    #[test]
    fn a_closed_network_is_the_way_in_only_where_there_is_no_other() {
        let inner = joined("inner", "10.89.0.2", None);
        let outer = joined("outer", "10.89.1.2", Some("10.89.1.1"));
        let closed = ["inner".to_owned()];
        let reach = |networks: &[JoinedNetwork]| Reach::of(networks, &closed).or_closed(networks);
        let both = reach(&[inner.clone(), outer]);
        assert_eq!(both.v4, "10.89.1.2".parse().ok());
        let alone = std::slice::from_ref(&inner);
        assert_eq!(Reach::of(alone, &closed).v4, None);
        let way = reach(alone).target(80).way("192.0.2.7:4000".parse().unwrap()).unwrap();
        assert_eq!((way.to, way.name), ("10.89.0.2:80".parse().unwrap(), None));
    }
}
