//! Which names and subnets the host's own interfaces have.

use std::net::IpAddr;

use ipnet::IpNet;
use nix::sys::socket::SockaddrStorage;

/// What the host's interfaces have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostInterfaces {
    /// Their names.
    pub names: Vec<String>,
    /// The subnets of their addresses.
    pub subnets: Vec<IpNet>,
}

impl HostInterfaces {
    /// Asks the kernel. A network that cannot be looked at has nothing to collide with.
    #[must_use]
    pub fn read() -> Self {
        let mut found = Self::default();
        let Ok(addresses) = nix::ifaddrs::getifaddrs() else { return found };
        for one in addresses {
            if !found.names.contains(&one.interface_name) {
                found.names.push(one.interface_name);
            }
            let ip = |it: Option<SockaddrStorage>| it.as_ref().and_then(ip_of);
            if let (Some(address), Some(mask)) = (ip(one.address), ip(one.netmask))
                && let Ok(subnet) = IpNet::with_netmask(address, mask)
                && !is_everywhere(address)
            {
                found.subnets.push(subnet.trunc());
            }
        }
        found
    }
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
}

/// Addresses that every host has of the same subnet: they collide with nothing.
fn is_everywhere(address: IpAddr) -> bool {
    address.is_loopback()
        || match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(it) => it.is_unicast_link_local(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_an_interface_without_a_subnet_to_collide_with() {
        let found = HostInterfaces::read();
        assert!(found.names.iter().any(|it| it == "lo"), "{found:?}");
        assert!(found.subnets.iter().all(|it| !it.addr().is_loopback()), "{found:?}");
    }
}
