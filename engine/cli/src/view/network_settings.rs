//! What `inspect` tells of a container's networks: `NetworkSettings`, with Podman's fields.

use std::collections::BTreeMap;
use std::net::IpAddr;

use pontoon_lifecycle::request::{CreateRequest, NetworkMode};
use pontoon_network::join::JoinedNetwork;
use serde::Serialize;

use super::container::Facts;
use super::port::{HostPort, bindings};
use crate::format::{NullIfEmpty, OmitEmpty};

/// A network with a name that a container is on.
#[derive(Debug, Clone)]
pub struct NetworkFacts {
    /// Its name.
    pub name: String,
    /// Its id; its name if nobody knows it any more.
    pub id: String,
    /// Whether it is the one that is always there.
    pub is_default: bool,
    /// More names of the container's on it.
    pub aliases: Vec<String>,
    /// What the container has of it, as long as it runs.
    pub joined: Option<JoinedNetwork>,
}

/// A container whose network namespace others share: what is told of their networks is its.
#[derive(Debug, Clone)]
pub struct NetworkHolder {
    /// Its id.
    pub id: String,
    /// Its host name.
    pub hostname: String,
    /// Its process; 0 if it does not run.
    pub pid: i32,
    /// What was asked for.
    pub request: CreateRequest,
    /// `pasta`, `host`, …
    pub network_mode: &'static str,
    /// Ports that it or its image names, with their protocols.
    pub exposed: Vec<String>,
}

/// Whose network namespace it is: the container's own, or another one's.
struct Holder<'a> {
    id: &'a str,
    hostname: &'a str,
    pid: i32,
    request: &'a CreateRequest,
    mode: &'a str,
    exposed: &'a [String],
}

impl<'a> Holder<'a> {
    fn of(facts: &'a Facts<'_>) -> Self {
        match &facts.network_holder {
            Some(it) => Self {
                id: &it.id,
                hostname: &it.hostname,
                pid: it.pid,
                request: &it.request,
                mode: it.network_mode,
                exposed: &it.exposed,
            },
            None => Self {
                id: facts.id,
                hostname: &facts.hostname,
                pid: facts.state.pid,
                request: facts.request,
                mode: facts.network_mode,
                exposed: &facts.exposed,
            },
        }
    }
}

/// A struct that begins with the fields of one network, and goes on with others: flattened by hand, because a template may only
/// ask for fields that there are.
macro_rules! with_basic_fields {
    ($(#[$about:meta])* $visible:vis struct $name:ident { $($(#[$meta:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Default, Serialize)]
        #[serde(rename_all = "PascalCase")]
        $visible struct $name {
            #[serde(rename = "EndpointID")]
            endpoint_id: &'static str,
            gateway: String,
            #[serde(rename = "IPAddress")]
            ip_address: String,
            #[serde(rename = "IPPrefixLen")]
            ip_prefix_len: u8,
            #[serde(rename = "IPv6Gateway")]
            ipv6_gateway: String,
            #[serde(rename = "GlobalIPv6Address")]
            global_ipv6_address: String,
            #[serde(rename = "GlobalIPv6PrefixLen")]
            global_ipv6_prefix_len: u8,
            #[serde(rename = "SecondaryIPAddresses")]
            secondary_ip_addresses: OmitEmpty<NullIfEmpty<Vec<()>>>,
            #[serde(rename = "SecondaryIPv6Addresses")]
            secondary_ipv6_addresses: OmitEmpty<NullIfEmpty<Vec<()>>>,
            mac_address: String,
            additional_mac_addresses: OmitEmpty<NullIfEmpty<Vec<()>>>,
            $($(#[$meta])* $field: $kind,)*
        }

        impl $name {
            /// With what a container has of a network, and nothing else.
            fn begun(joined: Option<&JoinedNetwork>) -> Self {
                let Some(joined) = joined else { return Self::default() };
                let first =
                    |is_v4: bool| joined.addresses.iter().find(move |it| it.address.is_ipv4() == is_v4);
                let text = |it: Option<IpAddr>| it.map(|it| it.to_string()).unwrap_or_default();
                let (v4, v6) = (first(true), first(false));
                Self {
                    gateway: text(v4.and_then(|it| it.gateway)),
                    ip_address: text(v4.map(|it| it.address)),
                    ip_prefix_len: v4.map_or(0, |it| it.prefix),
                    ipv6_gateway: text(v6.and_then(|it| it.gateway)),
                    global_ipv6_address: text(v6.map(|it| it.address)),
                    global_ipv6_prefix_len: v6.map_or(0, |it| it.prefix),
                    mac_address: joined.mac.to_string(),
                    ..Self::default()
                }
            }
        }
    };
}

with_basic_fields! {
    /// All that is told of a container's networks.
    pub(super) struct NetworkSettings {
        bridge: &'static str,
        #[serde(rename = "SandboxID")]
        sandbox_id: &'static str,
        hairpin_mode: bool,
        #[serde(rename = "LinkLocalIPv6Address")]
        link_local_ipv6_address: &'static str,
        #[serde(rename = "LinkLocalIPv6PrefixLen")]
        link_local_ipv6_prefix_len: u8,
        ports: BTreeMap<String, Option<Vec<HostPort>>>,
        sandbox_key: String,
        networks: OmitEmpty<BTreeMap<String, Network>>,
    }
}

with_basic_fields! {
    /// A network that a container is in.
    struct Network {
        #[serde(rename = "NetworkID")]
        network_id: String,
        driver_opts: NullIfEmpty<BTreeMap<String, String>>,
        #[serde(rename = "IPAMConfig")]
        ipam_config: NullIfEmpty<BTreeMap<String, String>>,
        links: NullIfEmpty<Vec<String>>,
        aliases: OmitEmpty<Vec<String>>,
    }
}

impl Network {
    /// By its id and by its host name it is found as well.
    fn of(facts: &NetworkFacts, id: &str, hostname: &str) -> Self {
        let mut aliases = facts.aliases.clone();
        for name in [id.get(..12).unwrap_or(id), hostname] {
            if !name.is_empty() && !aliases.iter().any(|it| it == name) {
                aliases.push(name.to_owned());
            }
        }
        Self {
            network_id: facts.id.clone(),
            aliases: OmitEmpty(aliases),
            ..Self::begun(facts.joined.as_ref())
        }
    }
}

/// Tells of a container's networks.
pub(super) fn of(facts: &Facts<'_>) -> NetworkSettings {
    let holder = Holder::of(facts);
    let sandbox_key = match holder.pid {
        0 => String::new(),
        pid => format!("/proc/{pid}/ns/net"),
    };
    // Where the network is not the container's own, nothing of it is told, as in Podman.
    let exposed = match facts.request.network {
        Some(NetworkMode::Host | NetworkMode::Container(_)) => &[],
        _ => holder.exposed,
    };
    let published = bindings(&holder.request.publish).into_iter().map(|(port, hosts)| (port, Some(hosts)));
    let exposed = exposed.iter().map(|port| (port.clone(), None));
    // Of several networks none is the container's own, as in Podman.
    let own = match facts.networks.as_slice() {
        [only] if only.is_default => only.joined.as_ref(),
        _ => None,
    };
    NetworkSettings {
        // What is published has the last word.
        ports: exposed.chain(published).collect(),
        sandbox_key,
        networks: OmitEmpty(networks(&facts.networks, &holder)),
        ..NetworkSettings::begun(own)
    }
}

fn networks(facts: &[NetworkFacts], holder: &Holder<'_>) -> BTreeMap<String, Network> {
    let network = holder.request.network.as_ref();
    if matches!(network, Some(NetworkMode::Named(_))) {
        let one = |it: &NetworkFacts| (it.name.clone(), Network::of(it, holder.id, holder.hostname));
        return facts.iter().map(one).collect();
    }
    // Podman tells the mode as a network where nothing has connected the namespace, or nothing yet.
    let has_mode = match network {
        Some(NetworkMode::Host | NetworkMode::None) => true,
        Some(NetworkMode::Container(_)) => false,
        _ => holder.pid == 0,
    };
    let mode = || {
        let name = holder.mode.to_owned();
        (name.clone(), Network { network_id: name, ..Network::default() })
    };
    has_mode.then(mode).into_iter().collect()
}
