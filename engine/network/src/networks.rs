//! What the network unit is asked for, where networks with names connect a container.

use std::net::{IpAddr, Ipv4Addr};

use crate::NetworkRequest;
use crate::PortMapping;
use crate::join::{Attachment, Join};

/// The host, seen from a bridge: the unit keeps it leading to whatever address the host has.
pub(crate) const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 1, 2));
/// Queries sent there are answered by the host's resolver, as with pasta.
pub(crate) const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 1, 1));
/// The domain of containers' names.
pub(crate) const DOMAIN: &str = "dns.podman";

/// The servers that a container's resolver is told of, before its options are looked at.
pub(crate) fn nameservers(attachments: &[Attachment]) -> Vec<String> {
    let resolving = attachments.iter().filter(|it| it.network.dns);
    let gateways: Vec<String> = resolving
        .flat_map(|it| &it.network.subnets)
        .filter_map(|it| it.gateway.map(|address| address.to_string()))
        .collect();
    if !gateways.is_empty() {
        return gateways;
    }
    // Without names there is still the host's resolver, unless nothing outside can be reached.
    let is_closed = attachments.iter().all(|it| it.network.internal);
    if is_closed { Vec::new() } else { vec![RESOLVER.to_string()] }
}

/// Whether names of containers are resolved on one of the networks.
pub(crate) fn resolves(attachments: &[Attachment]) -> bool {
    attachments.iter().any(|it| it.network.dns)
}

/// What the unit is asked for.
pub(crate) fn join(attachments: &[Attachment], ports: &[PortMapping], request: &NetworkRequest) -> Join {
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
    }
}
