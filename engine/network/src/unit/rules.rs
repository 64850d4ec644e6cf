//! The rules of the packet filter, as texts for nft(8).
//!
//! One table holds them all. What is said of each network is a handful of elements of its sets, so that the rules are the
//! same however many networks there are, and containers come and go without any change.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use pontoon_network::join::{Isolation, Link};
use pontoon_network::{HOST, Protocol, RESOLVER};

use super::order::Ways;

/// The table.
pub const TABLE: &str = "inet pontoon";
/// Its name without the family.
pub const TABLE_NAME: &str = "pontoon";
/// The mark of packets that answer a client in whose name we speak to a container: they are taken in, whatever address they are
/// for.
pub const MARK: u32 = 0x706e;
/// The routing table for them.
pub const MARK_TABLE: u8 = 112;
/// The maps of published ports: of all addresses and of one, for either family. Only where the bridges are on the host.
pub const PORT_MAPS: [&str; 4] = ["ports4", "ports4_at", "ports6", "ports6_at"];
/// The same of SCTP.
pub const SCTP_MAPS: [&str; 4] = ["sctp4", "sctp4_at", "sctp6", "sctp6_at"];

/// The table, with no network yet. One that is there is replaced. `is_own` says whether nothing is in the namespace but what is
/// ours: else containers reach what listens at the host's own addresses, as others next to the host do.
pub fn base(is_own: bool) -> String {
    let elsewhere = "fib daddr . iif type != { local, broadcast, multicast, anycast } drop";
    let input = match is_own {
        true => format!("iifname @bridges {elsewhere}"),
        false => format!(
            "iifname @bridges ip daddr @subnets4 {elsewhere}
        iifname @bridges ip6 daddr @subnets6 {elsewhere}"
        ),
    };
    let (ports, past, home) = match is_own {
        true => (String::new(), "", ""),
        false => (ports(), SCTP_PAST, SCTP_HOME),
    };
    format!(
        "add table {TABLE}
delete table {TABLE}
table {TABLE} {{
    set bridges {{ type ifname; }}
    # Each bridge with itself: what is only passed on between its ports.
    set same {{ type ifname . ifname; }}
    set closed {{ type ifname; }}
    set isolated {{ type ifname; }}
    set strict {{ type ifname; }}
    set subnets4 {{ type ipv4_addr; flags interval; }}
    set subnets6 {{ type ipv6_addr; flags interval; }}
    chain mark_prerouting {{
        type filter hook prerouting priority mangle; policy accept;
        iifname @bridges socket transparent 1 meta mark set {MARK:#x} accept
    }}
    chain host_prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
    }}
{ports}    chain local_input {{
        type filter hook input priority filter; policy accept;
        meta mark {MARK:#x} accept
        # From a network only its own gateway is reached, not those of others.
        {input}
    }}
    chain between_forward {{
        type filter hook forward priority filter; policy accept;
        iifname . oifname @same accept
        iifname @closed drop
        oifname @closed drop
{past}        iifname @strict oifname @bridges drop
        iifname @bridges oifname @strict drop
        iifname @isolated oifname @isolated drop
    }}
    chain out_postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr @subnets4 oifname != @bridges ip daddr != 224.0.0.0/4 masquerade
        ip6 saddr @subnets6 oifname != @bridges ip6 daddr != ff00::/8 masquerade
{home}    }}
}}
"
    )
}

/// Published ports are for everybody who reaches the host. Those of other protocols are carried on by the forwarder, past the rules.
const SCTP_PAST: &str = "        meta l4proto sctp ct status dnat accept\n";
/// On one bridge the answer would go straight to who asked, and not come from whom was asked.
const SCTP_HOME: &str = "        meta l4proto sctp ct status dnat iifname . oifname @same masquerade\n";

/// What comes from elsewhere to published ports is led to the containers. With SCTP, which the forwarder does not carry on, also what
/// comes from containers and from the host.
fn ports() -> String {
    let (tcp, sctp) = (Protocol::Tcp.name(), Protocol::Sctp.name());
    format!(
        "{}{}    chain sctp_ports {{
{}    }}
    chain ports_prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        meta l4proto != {{ {tcp}, {sctp} }} accept
        fib daddr type != local accept
        meta l4proto {sctp} jump sctp_ports
        iifname @bridges accept
{}    }}
    chain ports_output {{
        type nat hook output priority -100; policy accept;
        meta l4proto {sctp} fib daddr type local jump sctp_ports
    }}
",
        maps(PORT_MAPS),
        maps(SCTP_MAPS),
        lead(sctp, SCTP_MAPS),
        lead(tcp, PORT_MAPS),
    )
}

fn maps([everywhere4, at4, everywhere6, at6]: [&str; 4]) -> String {
    format!(
        "    map {everywhere4} {{ type inet_service : ipv4_addr . inet_service; }}
    map {at4} {{ type ipv4_addr . inet_service : ipv4_addr . inet_service; }}
    map {everywhere6} {{ type inet_service : ipv6_addr . inet_service; }}
    map {at6} {{ type ipv6_addr . inet_service : ipv6_addr . inet_service; }}
"
    )
}

fn lead(protocol: &str, [everywhere4, at4, everywhere6, at6]: [&str; 4]) -> String {
    format!(
        "        dnat ip to ip daddr . {protocol} dport map @{at4}
        dnat ip to {protocol} dport map @{everywhere4}
        dnat ip6 to ip6 daddr . {protocol} dport map @{at6}
        dnat ip6 to {protocol} dport map @{everywhere6}
"
    )
}

/// Takes all published ports out of the rules, if there are rules.
pub fn no_ports() -> String {
    let maps = PORT_MAPS.into_iter().chain(SCTP_MAPS);
    maps.map(|map| format!("flush map {TABLE} {map}\n")).collect()
}

/// The elements that a network is.
fn elements(link: &Link) -> Vec<(&'static str, String)> {
    let name = format!("\"{}\"", link.interface);
    let mut elements = vec![("bridges", name.clone()), ("same", format!("{name} . {name}"))];
    if link.internal {
        elements.push(("closed", name.clone()));
    }
    match link.isolate {
        Isolation::Off => {}
        Isolation::On => elements.push(("isolated", name)),
        Isolation::Strict => elements.extend([("strict", name.clone()), ("isolated", name)]),
    }
    for subnet in &link.subnets {
        let set = if subnet.address.is_ipv4() { "subnets4" } else { "subnets6" };
        elements.push((set, subnet.to_string()));
    }
    elements
}

/// What is added when a network is set up.
pub fn add(link: &Link) -> String {
    change("add", link)
}

/// What is removed with it.
pub fn remove(link: &Link) -> String {
    change("delete", link)
}

fn change(deed: &str, link: &Link) -> String {
    let mut text = String::new();
    for (set, element) in elements(link) {
        let _ = writeln!(text, "{deed} element {TABLE} {set} {{ {element} }}");
    }
    text
}

/// Lets the host and its resolver be reached by the addresses that containers know them by: the host's leads to one of its own, if
/// it has any.
pub fn ways(ways: &Ways) -> String {
    let mut text = format!("flush chain {TABLE} host_prerouting\n");
    let mut lead = |from: IpAddr, to: Ipv4Addr| {
        let _ = writeln!(
            text,
            "add rule {TABLE} host_prerouting iifname @bridges ip daddr {from} dnat ip to {to}"
        );
    };
    if let Some(IpAddr::V4(address)) = ways.host {
        lead(HOST, address);
    }
    if let Some(address) = ways.resolver {
        lead(RESOLVER, address);
    }
    text
}

/// The end of everything.
pub fn end() -> String {
    format!("add table {TABLE}\ndelete table {TABLE}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pontoon_network::join::Subnet;

    #[test]
    fn a_network_is_a_handful_of_elements() {
        let subnet = |address: &str, prefix| Subnet {
            address: address.parse().unwrap(),
            prefix,
            gateway: None,
            range: None,
        };
        let link = Link {
            interface: "podman1".to_owned(),
            internal: true,
            isolate: Isolation::Strict,
            subnets: vec![subnet("10.89.0.0", 24), subnet("fd00::", 64)],
            ..Link::default()
        };
        assert_eq!(
            add(&link),
            "add element inet pontoon bridges { \"podman1\" }\n\
             add element inet pontoon same { \"podman1\" . \"podman1\" }\n\
             add element inet pontoon closed { \"podman1\" }\n\
             add element inet pontoon strict { \"podman1\" }\n\
             add element inet pontoon isolated { \"podman1\" }\n\
             add element inet pontoon subnets4 { 10.89.0.0/24 }\n\
             add element inet pontoon subnets6 { fd00::/64 }\n"
        );
        assert_eq!(add(&link).replace("add ", "delete "), remove(&link));
        let open = Link { interface: "br0".to_owned(), ..Link::default() };
        assert_eq!(add(&open).lines().count(), 2);
    }

    #[test]
    fn what_containers_know_leads_somewhere_or_nowhere() {
        let known = Ways { host: "192.0.2.7".parse().ok(), resolver: "169.254.2.3".parse().ok() };
        assert_eq!(
            ways(&known),
            "flush chain inet pontoon host_prerouting\n\
             add rule inet pontoon host_prerouting iifname @bridges ip daddr 169.254.1.2 dnat ip to 192.0.2.7\n\
             add rule inet pontoon host_prerouting iifname @bridges ip daddr 169.254.1.1 dnat ip to 169.254.2.3\n"
        );
        assert_eq!(ways(&Ways::default()).lines().count(), 1);
    }
}
