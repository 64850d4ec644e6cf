//! What becomes of a packet.

use std::net::IpAddr;

use domain::base::Name;
use domain::base::iana::{Class, OptRcode, Rtype};

use super::forward::{Forward, Resolvers};
use super::names::{Names, Network, SEARCH_DOMAIN};
use super::packet::{self, Found, Unreadable};

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram; the answer is as long as the client said.
    Udp,
    /// Over a connection; the answer is as long as any.
    Tcp,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it is no question.
    Ignore,
    /// This is sent back.
    Answer(Vec<u8>),
    /// Others are asked.
    Forward(Forward),
}

/// Decides about a packet that came from `client` to the listener of `network`.
#[must_use]
pub fn decide(packet: &[u8], transport: Transport, client: IpAddr, network: &str, names: &Names) -> Verdict {
    let asked = match packet::read(packet) {
        Ok(asked) => asked,
        Err(Unreadable::NoQuery) => return Verdict::Ignore,
        Err(Unreadable::Malformed { id, opcode, rcode }) => {
            return Verdict::Answer(packet::header_only(id, opcode, rcode));
        }
    };
    if asked.extended.is_some_and(|extended| extended.version > 0) {
        return Verdict::Answer(asked.error(OptRcode::BADVERS, false));
    }
    if !matches!(asked.class, Class::IN | Class::ANY) {
        return Verdict::Answer(asked.error(OptRcode::REFUSED, false));
    }
    let limit = match transport {
        Transport::Udp => usize::from(asked.udp_limit()),
        Transport::Tcp => usize::from(u16::MAX),
    };
    let seen = names.seen_by(client, network);
    if seen.is_empty() {
        return Verdict::Answer(asked.error(OptRcode::SERVFAIL, false));
    }
    if let Some(text) = asked.text() {
        if let Some(found) = look_up(&text, asked.qtype, &seen) {
            return Verdict::Answer(asked.answer(&found, limit));
        }
        if text == SEARCH_DOMAIN {
            // Itself it is there, else resolvers conclude that nothing is below it (RFC 8020).
            return Verdict::Answer(asked.answer(&[], limit));
        }
        if is_ours(&text) {
            return Verdict::Answer(asked.error(OptRcode::NXDOMAIN, true));
        }
    }
    if seen.iter().all(|network| network.internal) {
        return Verdict::Answer(asked.error(OptRcode::NXDOMAIN, false));
    }
    let resolvers = resolvers(client, &seen);
    Verdict::Forward(Forward { asked, limit, resolvers })
}

/// What the networks know about a name; nothing at all if they do not know it.
fn look_up(text: &str, qtype: Rtype, seen: &[&Network]) -> Option<Vec<Found>> {
    if let Some(address) = packet::reverse_address(text) {
        let known: Vec<&String> = seen.iter().flat_map(|network| network.names(address)).collect();
        if known.is_empty() {
            return None;
        }
        let wanted = matches!(qtype, Rtype::PTR | Rtype::ANY);
        let mut found: Vec<Found> = Vec::new();
        // Names that are no names of the DNS (too long) cannot be told.
        for name in known.iter().filter(|_| wanted).filter_map(|name| Name::vec_from_str(name).ok()) {
            if !found.contains(&Found::Name(name.clone())) {
                found.push(Found::Name(name));
            }
        }
        return Some(found);
    }
    let short = text.strip_suffix(SEARCH_DOMAIN).and_then(|rest| rest.strip_suffix('.')).unwrap_or(text);
    let known: Vec<&[IpAddr]> = seen.iter().filter_map(|network| network.addresses(short)).collect();
    if known.is_empty() {
        return None;
    }
    let mut found: Vec<Found> = Vec::new();
    for address in known.into_iter().flatten() {
        let wanted = match qtype {
            Rtype::A => address.is_ipv4(),
            Rtype::AAAA => address.is_ipv6(),
            Rtype::ANY => true,
            _ => false,
        };
        if wanted && !found.contains(&Found::Address(*address)) {
            found.push(Found::Address(*address));
        }
    }
    Some(found)
}

/// Whether nobody else can know the name.
fn is_ours(text: &str) -> bool {
    text.strip_suffix(SEARCH_DOMAIN).is_some_and(|rest| rest.ends_with('.'))
}

/// The container's own resolvers, else its networks', else the host's.
fn resolvers(client: IpAddr, seen: &[&Network]) -> Resolvers {
    let own = seen.iter().flat_map(|network| network.resolvers_of(client).iter().copied());
    let networks = seen.iter().flat_map(|network| network.resolvers.iter().copied());
    for all in [distinct(own), distinct(networks)] {
        if !all.is_empty() {
            return Resolvers::These(all);
        }
    }
    Resolvers::Host
}

fn distinct(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut all = Vec::new();
    for address in addresses {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}
