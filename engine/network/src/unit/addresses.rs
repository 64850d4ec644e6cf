//! Who has which address: the choice, pure.
//!
//! Nothing of it is kept on disk. What is taken is told by those who have it: the containers' connections, and after a crash
//! the interfaces that still stand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pontoon_network::join::{Link, Subnet};

/// Why a container gets no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Somebody has it.
    #[error("address {address} of network `{network}` is in use")]
    InUse {
        /// The address.
        address: IpAddr,
        /// The network.
        network: String,
    },
    /// It is in no subnet of the network.
    #[error("address {address} is in no subnet of network `{network}`")]
    Outside {
        /// The address.
        address: IpAddr,
        /// The network.
        network: String,
    },
    /// The network's own address, or one that is for nobody alone.
    #[error("address {address} of network `{network}` is not for containers")]
    Reserved {
        /// The address.
        address: IpAddr,
        /// The network.
        network: String,
    },
    /// All are taken.
    #[error("no free address is left in {subnet} of network `{network}`")]
    NoneFree {
        /// The subnet.
        subnet: String,
        /// The network.
        network: String,
    },
}

impl AddressError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InUse { .. } => {
                Some("another container runs with it; `pontoon network inspect` shows which".to_owned())
            }
            Self::Outside { network, .. } | Self::Reserved { network, .. } => {
                Some(format!("`pontoon network inspect {network}` shows its subnets"))
            }
            Self::NoneFree { .. } => {
                Some("stop a container on it, or make a network with more addresses".to_owned())
            }
        }
    }
}

/// The addresses of one network that are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    taken: BTreeSet<IpAddr>,
    /// The one given last, of each subnet: the next one follows it, so that an address is not given to somebody else at once.
    last: BTreeMap<IpAddr, u128>,
}

impl Addresses {
    /// Notes that somebody has an address.
    pub fn take(&mut self, address: IpAddr) {
        self.taken.insert(address);
    }

    /// Notes that an address is free.
    pub fn free(&mut self, address: IpAddr) {
        self.taken.remove(&address);
    }

    /// Whether somebody has it.
    pub fn is_taken(&self, address: IpAddr) -> bool {
        self.taken.contains(&address)
    }

    /// Takes one address of each subnet: those that are asked for, else free ones. Nothing is taken if that fails.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn assign(&mut self, link: &Link, asked: &[IpAddr]) -> Result<Vec<(Subnet, IpAddr)>, AddressError> {
        for address in asked {
            let (address, network) = (*address, link.name.clone());
            let Some(subnet) = link.subnets.iter().find(|it| it.contains(address)) else {
                return Err(AddressError::Outside { address, network });
            };
            if !Span::of(subnet).holds(address) || subnet.gateway == Some(address) {
                return Err(AddressError::Reserved { address, network });
            }
            if self.is_taken(address) {
                return Err(AddressError::InUse { address, network });
            }
        }
        let mut chosen = Vec::new();
        for subnet in &link.subnets {
            let address = match asked.iter().find(|it| subnet.contains(**it)) {
                Some(address) => *address,
                None => self.next_free(subnet, &link.name)?,
            };
            chosen.push((*subnet, address));
        }
        for (_, address) in &chosen {
            self.take(*address);
        }
        Ok(chosen)
    }

    fn next_free(&mut self, subnet: &Subnet, network: &str) -> Result<IpAddr, AddressError> {
        let span = Span::of(subnet).within(subnet.range);
        let first = self.last.get(&subnet.address).map_or(span.first, |it| it.saturating_add(1));
        let first = if first > span.last || first < span.first { span.first } else { first };
        let is_free = |number: &u128| {
            let address = span.address(*number);
            !self.taken.contains(&address) && subnet.gateway != Some(address)
        };
        // More than are taken, and the gateway, need not be looked at.
        let most = self.taken.len() + 2;
        let found = (first..=span.last).take(most).chain((span.first..first).take(most)).find(is_free);
        let number = found.ok_or_else(|| AddressError::NoneFree {
            subnet: subnet.to_string(),
            network: network.to_owned(),
        })?;
        self.last.insert(subnet.address, number);
        Ok(span.address(number))
    }
}

/// Addresses in a row, as numbers; empty if the last comes before the first.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: u128,
    last: u128,
    is_v4: bool,
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(it) => it.to_bits().into(),
        IpAddr::V6(it) => it.to_bits(),
    }
}

impl Span {
    /// Those of a subnet that containers may have: neither the network's own address nor its last one, which for IPv4 is for
    /// everybody (RFC 919), unless there are no others.
    fn of(subnet: &Subnet) -> Self {
        let is_v4 = subnet.address.is_ipv4();
        let bits = if is_v4 { 32u32 } else { 128 };
        let free = bits.saturating_sub(subnet.prefix.into());
        let size = 1u128.checked_shl(free).map_or(u128::MAX, |it| it - 1);
        let start = number(subnet.address) & !size;
        let end = start | size;
        if free < 2 {
            return Self { first: start, last: end, is_v4 };
        }
        Self { first: start + 1, last: if is_v4 { end - 1 } else { end }, is_v4 }
    }

    fn within(self, range: Option<(IpAddr, IpAddr)>) -> Self {
        let Some((first, last)) = range else { return self };
        Self { first: self.first.max(number(first)), last: self.last.min(number(last)), ..self }
    }

    fn holds(self, address: IpAddr) -> bool {
        (self.first..=self.last).contains(&number(address))
    }

    fn address(self, number: u128) -> IpAddr {
        match u32::try_from(number) {
            Ok(bits) if self.is_v4 => Ipv4Addr::from_bits(bits).into(),
            _ => Ipv6Addr::from_bits(number).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(subnets: &[(&str, u8, &str)]) -> Link {
        let subnets = subnets.iter().map(|(address, prefix, gateway)| Subnet {
            address: address.parse().unwrap(),
            prefix: *prefix,
            gateway: gateway.parse().ok(),
            range: None,
        });
        Link { name: "n".to_owned(), subnets: subnets.collect(), ..Link::default() }
    }

    #[track_caller]
    fn check(addresses: &mut Addresses, link: &Link, asked: &[&str], expected: Result<&[&str], &str>) {
        let asked: Vec<IpAddr> = asked.iter().map(|it| it.parse().unwrap()).collect();
        let found = addresses.assign(link, &asked).map_err(|err| err.to_string());
        let found = found.map(|it| it.iter().map(|(_, it)| it.to_string()).collect::<Vec<_>>());
        assert_eq!(
            found,
            expected.map(|it| it.iter().map(|it| (*it).to_owned()).collect()).map_err(str::to_owned)
        );
    }

    #[test]
    fn addresses_follow_each_other_and_come_round() {
        let link = link(&[("10.89.0.0", 29, "10.89.0.1"), ("fd00::", 64, "fd00::1")]);
        let mut addresses = Addresses::default();
        check(&mut addresses, &link, &[], Ok(&["10.89.0.2", "fd00::2"]));
        check(&mut addresses, &link, &[], Ok(&["10.89.0.3", "fd00::3"]));
        addresses.free("10.89.0.2".parse().unwrap());
        for last in 4..=6 {
            check(&mut addresses, &link, &[], Ok(&[&format!("10.89.0.{last}"), &format!("fd00::{last}")]));
        }
        check(&mut addresses, &link, &[], Ok(&["10.89.0.2", "fd00::7"]));
        check(&mut addresses, &link, &[], Err("no free address is left in 10.89.0.0/29 of network `n`"));
        // Nothing was taken by the one that failed.
        addresses.free("10.89.0.4".parse().unwrap());
        check(&mut addresses, &link, &["fd00::8"], Ok(&["10.89.0.4", "fd00::8"]));
    }

    #[test]
    fn an_address_that_is_asked_for_must_be_free_and_inside() {
        let link = link(&[("10.89.0.0", 24, "10.89.0.1")]);
        let mut addresses = Addresses::default();
        check(&mut addresses, &link, &["10.89.0.77"], Ok(&["10.89.0.77"]));
        check(&mut addresses, &link, &["10.89.0.77"], Err("address 10.89.0.77 of network `n` is in use"));
        check(&mut addresses, &link, &["10.90.0.2"], Err("address 10.90.0.2 is in no subnet of network `n`"));
        for reserved in ["10.89.0.0", "10.89.0.1", "10.89.0.255"] {
            let text = format!("address {reserved} of network `n` is not for containers");
            check(&mut addresses, &link, &[reserved], Err(&text));
        }
    }

    #[test]
    fn a_range_limits_those_who_do_not_ask() {
        let mut link = link(&[("10.89.0.0", 24, "10.89.0.1")]);
        link.subnets[0].range = Some(("10.89.0.128".parse().unwrap(), "10.89.0.129".parse().unwrap()));
        let mut addresses = Addresses::default();
        check(&mut addresses, &link, &["10.89.0.5"], Ok(&["10.89.0.5"]));
        check(&mut addresses, &link, &[], Ok(&["10.89.0.128"]));
        check(&mut addresses, &link, &[], Ok(&["10.89.0.129"]));
        check(&mut addresses, &link, &[], Err("no free address is left in 10.89.0.0/24 of network `n`"));
    }

    #[test]
    fn a_network_without_subnets_has_no_addresses() {
        check(&mut Addresses::default(), &link(&[]), &[], Ok(&[]));
        let whole = link(&[("::", 0, "")]);
        check(&mut Addresses::default(), &whole, &[], Ok(&["::1"]));
    }
}
