//! Who is on which network, under which names.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

/// The domain below which only names of containers are; `/etc/resolv.conf` of containers searches it.
pub const SEARCH_DOMAIN: &str = "dns.podman";

/// A container on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Its addresses there.
    pub addresses: Vec<IpAddr>,
    /// Its addresses elsewhere, from which it may ask as well.
    pub elsewhere: Vec<IpAddr>,
    /// Its name, aliases and short id, in the order in which a reverse lookup tells them; upper case does not matter.
    pub names: Vec<String>,
    /// Resolvers that it asked for itself (`--dns`), before those of its networks.
    pub resolvers: Vec<IpAddr>,
}

/// What is known of one network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkNames {
    /// Nothing is asked outside for members of internal networks alone.
    pub internal: bool,
    /// The network's own resolvers, before the host's.
    pub resolvers: Vec<IpAddr>,
    /// Who is there.
    pub members: Vec<Member>,
}

/// All networks with their names, to look up in.
#[derive(Debug, Clone, Default)]
pub struct Names {
    networks: BTreeMap<String, Network>,
}

/// One network, indexed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    pub(crate) internal: bool,
    pub(crate) resolvers: Vec<IpAddr>,
    /// By name in lower case.
    addresses: HashMap<String, Vec<IpAddr>>,
    members: HashMap<IpAddr, Backwards>,
    /// From where the members ask.
    clients: HashSet<IpAddr>,
}

/// What belongs to an address.
#[derive(Debug, Clone, Default)]
struct Backwards {
    names: Vec<String>,
    resolvers: Vec<IpAddr>,
}

impl Names {
    /// Says what is on `network` from now on, in place of what was said before.
    pub fn set(&mut self, network: &str, names: &NetworkNames) {
        self.networks.insert(network.to_owned(), Network::new(names));
    }

    /// Forgets `network`.
    pub fn remove(&mut self, network: &str) {
        self.networks.remove(network);
    }

    /// The networks whose names a client may use: those it is on, else the one it asks from. The latter comes first.
    pub(crate) fn seen_by(&self, client: IpAddr, network: &str) -> Vec<&Network> {
        let own = self.networks.get(network);
        let mut seen: Vec<&Network> = own.into_iter().filter(|own| own.clients.contains(&client)).collect();
        let others = self.networks.iter().filter(|(name, _)| name.as_str() != network);
        seen.extend(others.map(|(_, other)| other).filter(|other| other.clients.contains(&client)));
        if seen.is_empty() {
            seen.extend(own);
        }
        seen
    }
}

impl Network {
    fn new(said: &NetworkNames) -> Self {
        let mut network =
            Self { internal: said.internal, resolvers: said.resolvers.clone(), ..Self::default() };
        for member in &said.members {
            for name in &member.names {
                let known = network.addresses.entry(name.to_ascii_lowercase()).or_default();
                let new: Vec<IpAddr> =
                    member.addresses.iter().filter(|address| !known.contains(address)).copied().collect();
                known.extend(new);
            }
            network.clients.extend(member.addresses.iter().chain(&member.elsewhere));
            for address in &member.addresses {
                let backwards = network.members.entry(*address).or_default();
                backwards.names.extend(member.names.iter().cloned());
                backwards.resolvers.extend(member.resolvers.iter().copied());
            }
        }
        network
    }

    /// The addresses of a name in lower case.
    pub(crate) fn addresses(&self, name: &str) -> Option<&[IpAddr]> {
        self.addresses.get(name).map(Vec::as_slice)
    }

    /// The names of an address.
    pub(crate) fn names(&self, address: IpAddr) -> &[String] {
        self.members.get(&address).map_or(&[], |member| member.names.as_slice())
    }

    /// The resolvers that whoever has the address asked for.
    pub(crate) fn resolvers_of(&self, address: IpAddr) -> &[IpAddr] {
        self.members.get(&address).map_or(&[], |member| member.resolvers.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_on_two_networks_sees_both_from_either() {
        let (here, there): (IpAddr, IpAddr) = ("10.89.0.2".parse().unwrap(), "10.89.1.2".parse().unwrap());
        let on = |address| NetworkNames {
            members: vec![Member {
                addresses: vec![address],
                elsewhere: vec![here, there],
                ..Member::default()
            }],
            ..NetworkNames::default()
        };
        let mut names = Names::default();
        names.set("one", &on(here));
        names.set("two", &on(there));
        assert_eq!(names.seen_by(here, "one").len(), 2);
        assert_eq!(names.seen_by("10.89.0.9".parse().unwrap(), "one").len(), 1);
    }
}
