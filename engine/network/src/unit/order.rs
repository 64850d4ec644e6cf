//! What the process outside has the one inside do: each order has one answer.

use std::net::IpAddr;

use pontoon_network::join::{JoinedAddress, Link, MacAddress};
use pontoon_network::lease::Refusal;
use serde::{Deserialize, Serialize};

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
    /// The host has this address.
    Host(Option<IpAddr>),
    /// Take everything away: only where the namespace is not ours alone.
    Leave(Vec<Link>),
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
