//! Where a published port leads, and in whose name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// What a published port leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The container's port. It stays when the container is on no network for a while.
    pub port: u16,
    /// The container's IPv4 address.
    pub v4: Option<Ipv4Addr>,
    /// The container's IPv6 address.
    pub v6: Option<Ipv6Addr>,
    /// The gateway that the container has for IPv4 on the network with that address.
    pub v4_gateway: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub v6_gateway: Option<Ipv6Addr>,
    /// The subnets of all networks that the container is on: what it does not answer by way of a gateway.
    pub on_link: Vec<IpNet>,
}

/// How a client is led to the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Way {
    /// Where to.
    pub to: SocketAddr,
    /// In whose name: the client's, or, if `None`, whichever the namespace has for the way, which is the gateway's.
    pub name: Option<SocketAddr>,
}

impl Target {
    /// The way for a client; none if the container has no address at all.
    ///
    /// A client of the other family than the container has comes as the gateway. So does one whose address the container would not
    /// answer by way of it: loopback (Linux drops such packets), addresses of the container's own subnets, IPv6's
    /// link-local ones, and those that nobody can have.
    #[must_use]
    pub fn way(&self, client: SocketAddr) -> Option<Way> {
        let client = SocketAddr::new(client.ip().to_canonical(), client.port());
        let (v4, v6) = (
            self.v4.map(|it| SocketAddr::from((it, self.port))),
            self.v6.map(|it| SocketAddr::from((it, self.port))),
        );
        let (same, other) = if client.is_ipv4() { (v4, v6) } else { (v6, v4) };
        match same {
            Some(to) => Some(Way { to, name: Some(client).filter(|it| self.answers_by_gateway(it.ip())) }),
            None => other.map(|to| Way { to, name: None }),
        }
    }

    /// The same from within the container's namespace, where the gateway's name has to be said.
    pub(super) fn way_within(&self, way: Way) -> Option<Way> {
        let gateway = match way.to {
            SocketAddr::V4(_) => self.v4_gateway.map(IpAddr::from),
            SocketAddr::V6(_) => self.v6_gateway.map(IpAddr::from),
        };
        let name = way.name.or_else(|| Some(SocketAddr::new(gateway?, 0)))?;
        Some(Way { name: Some(name), ..way })
    }

    fn answers_by_gateway(&self, client: IpAddr) -> bool {
        let special = client.is_unspecified() || client.is_loopback() || client.is_multicast();
        let local = match client {
            IpAddr::V4(client) => client.is_broadcast(),
            IpAddr::V6(client) => client.is_unicast_link_local(),
        };
        !special && !local && !self.on_link.iter().any(|subnet| subnet.contains(&client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &Target, client: &str, expected: &str) {
        let way = target.way(client.parse().unwrap());
        let text = way.map_or("nowhere".to_owned(), |way| match way.name {
            Some(name) => format!("{} as {name}", way.to),
            None => format!("{} as the gateway", way.to),
        });
        assert_eq!(text, expected, "{client}");
    }

    #[test]
    fn clients_keep_their_address_where_answers_come_back() {
        let target = Target {
            port: 80,
            v4: Some("10.89.0.2".parse().unwrap()),
            v6: Some("fd00::2".parse().unwrap()),
            v4_gateway: Some("10.89.0.1".parse().unwrap()),
            v6_gateway: None,
            on_link: vec!["10.89.0.0/24".parse().unwrap(), "fd00::/64".parse().unwrap()],
        };
        check(&target, "192.0.2.7:4000", "10.89.0.2:80 as 192.0.2.7:4000");
        check(&target, "[::ffff:192.0.2.7]:4000", "10.89.0.2:80 as 192.0.2.7:4000");
        check(&target, "[2001:db8::7]:4000", "[fd00::2]:80 as [2001:db8::7]:4000");
        check(&target, "10.89.1.2:4000", "10.89.0.2:80 as 10.89.1.2:4000");
        check(&target, "10.89.0.9:4000", "10.89.0.2:80 as the gateway");
        check(&target, "127.0.0.1:4000", "10.89.0.2:80 as the gateway");
        check(&target, "[::ffff:127.0.0.1]:4000", "10.89.0.2:80 as the gateway");
        check(&target, "[::1]:4000", "[fd00::2]:80 as the gateway");
        check(&target, "[fe80::1%3]:4000", "[fd00::2]:80 as the gateway");
        check(&target, "[fd00::9]:4000", "[fd00::2]:80 as the gateway");
        let within =
            |client: &str| target.way(client.parse().unwrap()).and_then(|it| target.way_within(it)?.name);
        assert_eq!(within("192.0.2.7:4000"), "192.0.2.7:4000".parse().ok());
        assert_eq!(within("127.0.0.1:4000"), "10.89.0.1:0".parse().ok());
        assert_eq!(within("[::1]:4000"), None);
    }

    #[test]
    fn a_client_of_the_other_family_is_led_there_too() {
        let v4 = Target { port: 80, v4: Some("10.89.0.2".parse().unwrap()), ..Target::default() };
        check(&v4, "[2001:db8::7]:4000", "10.89.0.2:80 as the gateway");
        let v6 = Target { port: 80, v6: Some("fd00::2".parse().unwrap()), ..Target::default() };
        check(&v6, "192.0.2.7:4000", "[fd00::2]:80 as the gateway");
        check(&Target::default(), "192.0.2.7:4000", "nowhere");
    }
}
