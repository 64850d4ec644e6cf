//! Published ports of connections that the packet filter itself leads to their containers: where the bridges are on the host, what
//! comes from elsewhere needs no relay and keeps its client's address.
//!
//! The sockets of TCP stay: they hold the port, and whoever connects from the host or from a container is carried on by the forwarder.
//! So is everybody while the rules are flushed. Datagrams always are, since the kernel goes on sending those of a client that it
//! knows to where the container was (conntrack). SCTP has no sockets: there the packet filter does it all. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use pontoon_network::Protocol;
use serde::{Deserialize, Serialize};

use super::order::Reach;
use super::rules::{PORT_MAPS, SCTP_MAPS, TABLE};

/// The ports, by their container.
#[derive(Debug, Default)]
pub struct Ports {
    owners: BTreeMap<String, Owner>,
}

/// A port that is led.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Led {
    /// TCP or SCTP.
    pub protocol: Protocol,
    /// The host's address and port.
    pub at: SocketAddr,
    /// The container's port.
    pub port: u16,
}

#[derive(Debug, Default)]
struct Owner {
    ports: Vec<Led>,
    reach: Reach,
}

impl Ports {
    /// What is to be told the packet filter when these ports are published.
    pub fn publish(&mut self, owner: &str, ports: Vec<Led>, reach: &Reach) -> String {
        let known = self.owners.entry(owner.to_owned()).or_default();
        known.reach = reach.clone();
        let new = Owner { ports, reach: reach.clone() };
        let text = new.text("add");
        known.ports.extend(new.ports);
        text
    }

    /// The same when the container is reached in another way from now on.
    pub fn redirect(&mut self, owner: &str, reach: &Reach) -> String {
        let Some(owner) = self.owners.get_mut(owner) else { return String::new() };
        let before = owner.text("delete");
        owner.reach = reach.clone();
        before + &owner.text("add")
    }

    /// The same when they are closed.
    pub fn unpublish(&mut self, owner: &str) -> String {
        self.owners.remove(owner).map(|it| it.text("delete")).unwrap_or_default()
    }

    /// Where a container's ports of SCTP lead to.
    pub fn sctp_targets(&self, owner: &str) -> Vec<IpAddr> {
        let Some(owner) = self.owners.get(owner) else { return Vec::new() };
        if owner.ports.iter().all(|it| it.protocol != Protocol::Sctp) {
            return Vec::new();
        }
        let Reach { v4, v6, .. } = owner.reach;
        v4.map(IpAddr::from).into_iter().chain(v6.map(IpAddr::from)).collect()
    }

    /// All that are published.
    pub fn all(&self) -> String {
        self.owners.values().map(|it| it.text("add")).collect()
    }
}

impl Owner {
    fn text(&self, deed: &str) -> String {
        let mut text = String::new();
        for led in &self.ports {
            let Some((map, key, to)) = self.element(led) else { continue };
            let _ = match deed {
                "add" => writeln!(text, "add element {TABLE} {map} {{ {key} : {to} }}"),
                _ => writeln!(text, "{deed} element {TABLE} {map} {{ {key} }}"),
            };
        }
        text
    }

    /// Its map, its key, and where it leads; none if the packet filter does not lead there: nobody reaches the host's loopback
    /// from elsewhere, and a client of the other family has no address there.
    fn element(&self, led: &Led) -> Option<(&'static str, String, String)> {
        let Led { protocol, at, port } = led;
        let [everywhere4, at4, everywhere6, at6] =
            if *protocol == Protocol::Sctp { SCTP_MAPS } else { PORT_MAPS };
        let (everywhere, one, to) = match at.ip() {
            it if it.is_loopback() => return None,
            IpAddr::V4(_) => (everywhere4, at4, IpAddr::V4(self.reach.v4?)),
            IpAddr::V6(_) => (everywhere6, at6, IpAddr::V6(self.reach.v6?)),
        };
        let to = format!("{to} . {port}");
        Some(match at.ip() {
            it if it.is_unspecified() => (everywhere, at.port().to_string(), to),
            it => (one, format!("{it} . {}", at.port()), to),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(v4: &str, v6: &str) -> Reach {
        Reach { v4: v4.parse().ok(), v6: v6.parse().ok(), ..Reach::default() }
    }

    #[test]
    fn ports_are_elements_that_come_and_go() {
        let mut ports = Ports::default();
        let led = |protocol, at: &str, port| Led { protocol, at: at.parse().unwrap(), port };
        let tcp = |at, port| led(Protocol::Tcp, at, port);
        let asked = vec![tcp("0.0.0.0:8080", 80), tcp("[::]:8080", 80), tcp("127.0.0.1:81", 81)];
        assert_eq!(
            ports.publish("a", asked, &reach("10.88.0.2", "")),
            "add element inet pontoon ports4 { 8080 : 10.88.0.2 . 80 }\n"
        );
        assert_eq!(
            ports.publish("a", vec![tcp("192.0.2.1:443", 443)], &reach("10.88.0.2", "")),
            "add element inet pontoon ports4_at { 192.0.2.1 . 443 : 10.88.0.2 . 443 }\n"
        );
        assert_eq!(
            ports.publish("b", vec![led(Protocol::Sctp, "[::]:8080", 7)], &reach("", "fd00::3")),
            "add element inet pontoon sctp6 { 8080 : fd00::3 . 7 }\n"
        );
        assert_eq!(ports.sctp_targets("b"), ["fd00::3".parse::<IpAddr>().unwrap()]);
        assert!(ports.sctp_targets("a").is_empty() && ports.sctp_targets("c").is_empty());
        assert_eq!(ports.unpublish("b"), "delete element inet pontoon sctp6 { 8080 }\n");
        assert_eq!(
            ports.redirect("a", &reach("", "fd00::2")),
            "delete element inet pontoon ports4 { 8080 }\n\
             delete element inet pontoon ports4_at { 192.0.2.1 . 443 }\n\
             add element inet pontoon ports6 { 8080 : fd00::2 . 80 }\n"
        );
        assert_eq!(ports.all(), "add element inet pontoon ports6 { 8080 : fd00::2 . 80 }\n");
        assert_eq!(ports.unpublish("a"), "delete element inet pontoon ports6 { 8080 }\n");
        assert_eq!(ports.unpublish("a") + &ports.all(), "");
    }
}
