//! What the network unit is asked for, where networks with names connect a container.

use std::net::{IpAddr, Ipv4Addr};

use crate::join::{Attachment, Driver, Join, Link};
use crate::{HostFacts, NetworkRequest, PortMapping};

/// The host, seen from a bridge: the unit keeps it leading to whatever address the host has.
pub const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 1, 2));
/// Queries sent there are answered by the host's resolver, as with pasta.
pub const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 1, 1));
/// The domain of containers' names.
pub(crate) const DOMAIN: &str = "dns.podman";

/// Whether names of containers are resolved on one of the networks.
pub(crate) fn resolves(attachments: &[Attachment]) -> bool {
    nameservers(attachments).next().is_some()
}

/// The gateways that resolve names, of the networks that do.
pub(crate) fn nameservers(attachments: &[Attachment]) -> impl Iterator<Item = IpAddr> {
    let resolving = attachments.iter().filter(|it| it.network.dns);
    resolving.flat_map(|it| &it.network.subnets).filter_map(|it| it.gateway)
}

/// The gateways of root's networks that hand on what is asked of the host's own resolver, if that hears nobody but the host
/// ([`resolver_is_local`](crate::resolver_is_local)).
pub(crate) fn relays(attachments: &[Attachment]) -> impl Iterator<Item = IpAddr> {
    let open = attachments.iter().map(|it| &it.network).filter(|it| is_our_bridge(it) && !it.internal);
    open.flat_map(|it| &it.subnets).filter_map(|it| it.gateway)
}

/// Whether a network is a bridge that is ours, behind which the host is.
fn is_our_bridge(network: &Link) -> bool {
    network.driver == Driver::Bridge && network.mode.as_deref() != Some("unmanaged")
}

/// What `host.containers.internal` stands for: behind a bridge of ours what leads to the host, elsewhere the host's own address,
/// which somebody out there may know the way to.
pub(crate) fn host_gateway(attachments: &[Attachment], facts: &HostFacts) -> Option<IpAddr> {
    let open: Vec<&Link> = attachments.iter().map(|it| &it.network).filter(|it| !it.internal).collect();
    match open.as_slice() {
        [] => None,
        some if some.iter().any(|it| is_our_bridge(it)) => Some(HOST),
        _ => facts.address_v4.or(facts.address_v6),
    }
}

/// Whether nothing outside can be reached.
pub(crate) fn are_closed(attachments: &[Attachment]) -> bool {
    attachments.iter().all(|it| it.network.internal)
}

/// What leads to the host's resolver from networks that resolve no names: it is the way out of a user's networks that does. Those of
/// root are on the host itself.
pub(crate) fn forwarder(is_root: bool) -> Option<String> {
    (!is_root).then(|| RESOLVER.to_string())
}

/// What the unit is asked for.
pub(crate) fn join(
    attachments: &[Attachment],
    ports: &[PortMapping],
    request: &NetworkRequest,
    facts: &HostFacts,
) -> Join {
    let mut names: Vec<String> = Vec::new();
    let id = request.container_id.get(..12).unwrap_or(&request.container_id);
    for name in [request.container_name.as_str(), id, request.hostname.as_str()] {
        if !name.is_empty() && !names.iter().any(|it| it == name) {
            names.push(name.to_owned());
        }
    }
    Join {
        id: request.container_id.clone(),
        name: request.container_name.clone(),
        names,
        hostname: request.hostname.clone(),
        attachments: attachments.to_vec(),
        ports: ports.to_vec(),
        dns_servers: request.dns.iter().filter_map(|it| it.parse().ok()).collect(),
        uplink: facts.uplink.filter(|_| !facts.root),
    }
}
