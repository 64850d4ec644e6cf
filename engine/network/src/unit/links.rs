//! Interfaces, addresses and routes: the deeds, one request each.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use pontoon_network::join::{JoinedAddress, MacAddress, Route, RouteKind};
use rustix::net::AddressFamily;

use super::netlink::{
    Attributes, Message, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Socket, bytes_of, family_of,
};

// Of `linux/rtnetlink.h`.
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_SETLINK: u16 = 19;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTM_NEWRULE: u16 = 32;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_STATIC: u8 = 4;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_HOST: u8 = 254;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
const RTN_BLACKHOLE: u8 = 6;
const RTN_UNREACHABLE: u8 = 7;
const RTN_PROHIBIT: u8 = 8;
// Of `linux/if_link.h` and its like.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_BR_VLAN_FILTERING: u16 = 7;
const IFLA_BR_VLAN_DEFAULT_PVID: u16 = 39;
const IFLA_MACVLAN_MODE: u16 = 1;
const IFLA_MACVLAN_BC_CUTOFF: u16 = 9;
const IFLA_IPVLAN_MODE: u16 = 1;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_BRIDGE_VLAN_INFO: u16 = 2;
const BRIDGE_VLAN_INFO_PVID: u16 = 2;
const BRIDGE_VLAN_INFO_UNTAGGED: u16 = 4;
const AF_BRIDGE: u8 = 7;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
/// Addresses of ours are not asked for on the network before they are used: nobody else has them.
const IFA_F_NODAD: u8 = 0x02;
const IFF_UP: u32 = 1;
// Of `linux/fib_rules.h`.
const FR_ACT_TO_TBL: u8 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;

/// `struct ifinfomsg`: family, type, index, flags, and which of the flags are meant.
fn link_head(index: u32, flags: u32, family: u8) -> [u8; 16] {
    let mut head = [0u8; 16];
    head[0] = family;
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    head[8..12].copy_from_slice(&flags.to_ne_bytes());
    head[12..16].copy_from_slice(&flags.to_ne_bytes());
    head
}

/// An interface that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it is a port of.
    pub master: Option<u32>,
    /// Hardware address.
    pub mac: Option<MacAddress>,
    /// `IFLA_IFALIAS`: a word of its owner's.
    pub alias: String,
}

fn interface_of(body: &[u8]) -> Option<Interface> {
    let index = u32::from_ne_bytes(*body.get(4..)?.first_chunk()?);
    let attributes = Attributes(body.get(16..)?);
    Some(Interface {
        index,
        name: attributes.text(IFLA_IFNAME)?.to_owned(),
        master: attributes.number(IFLA_MASTER),
        mac: attributes.find(IFLA_ADDRESS).and_then(|it| Some(MacAddress(*it.first_chunk()?))),
        alias: attributes.text(IFLA_IFALIAS).unwrap_or_default().to_owned(),
    })
}

/// The interface of that name, if there is one.
pub fn find(socket: &mut Socket, name: &str) -> io::Result<Option<Interface>> {
    let mut found = None;
    let request = Message::new(RTM_GETLINK, 0, &link_head(0, 0, 0)).with_text(IFLA_IFNAME, name);
    match socket.get(request, |body| found = interface_of(body)) {
        Ok(()) => Ok(found),
        Err(err) if err.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(err) => Err(err),
    }
}

/// All interfaces.
pub fn all(socket: &mut Socket) -> io::Result<Vec<Interface>> {
    let mut found = Vec::new();
    socket
        .dump(Message::new(RTM_GETLINK, 0, &link_head(0, 0, 0)), |body| found.extend(interface_of(body)))?;
    Ok(found)
}

/// Makes a bridge, which is up; `vlan_filtering` is for ports that are each in one virtual network.
pub fn add_bridge(
    socket: &mut Socket,
    name: &str,
    mac: Option<MacAddress>,
    mtu: Option<u32>,
    vlan_filtering: bool,
) -> io::Result<()> {
    let mut request = Message::new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link_head(0, IFF_UP, 0))
        .with_text(IFLA_IFNAME, name);
    if let Some(mac) = mac {
        request = request.with(IFLA_ADDRESS, &mac.0);
    }
    if let Some(mtu) = mtu {
        request = request.with_number(IFLA_MTU, mtu);
    }
    socket.ask(request.with_nested(IFLA_LINKINFO, |it| {
        let it = it.with_text(IFLA_INFO_KIND, "bridge");
        if !vlan_filtering {
            return it;
        }
        it.with_nested(IFLA_INFO_DATA, |it| {
            it.with(IFLA_BR_VLAN_FILTERING, &[1]).with(IFLA_BR_VLAN_DEFAULT_PVID, &0u16.to_ne_bytes())
        })
    }))
}

/// A pair of interfaces, one of them a port of a bridge, the other one in a container.
#[derive(Debug)]
pub struct Pair<'a> {
    /// Name of the port.
    pub name: &'a str,
    /// The bridge.
    pub bridge: u32,
    /// The container's network namespace.
    pub namespace: BorrowedFd<'a>,
    /// Name inside.
    pub inside: &'a str,
    /// Hardware address inside.
    pub mac: MacAddress,
    /// Largest packet.
    pub mtu: Option<u32>,
}

/// Makes a pair; the port is up.
pub fn add_pair(socket: &mut Socket, pair: &Pair<'_>) -> io::Result<()> {
    let mut request = Message::new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link_head(0, IFF_UP, 0))
        .with_text(IFLA_IFNAME, pair.name)
        .with_number(IFLA_MASTER, pair.bridge);
    if let Some(mtu) = pair.mtu {
        request = request.with_number(IFLA_MTU, mtu);
    }
    socket.ask(request.with_nested(IFLA_LINKINFO, |it| {
        it.with_text(IFLA_INFO_KIND, "veth").with_nested(IFLA_INFO_DATA, |it| {
            it.with_nested(VETH_INFO_PEER, |it| {
                // Not up: the kernel makes this one first, and alone it cannot be (`veth_open`).
                let mut it = it
                    .with_bytes(&link_head(0, 0, 0))
                    .with_text(IFLA_IFNAME, pair.inside)
                    .with(IFLA_ADDRESS, &pair.mac.0)
                    .with(IFLA_NET_NS_FD, &pair.namespace.as_raw_fd().to_ne_bytes());
                if let Some(mtu) = pair.mtu {
                    it = it.with_number(IFLA_MTU, mtu);
                }
                it
            })
        })
    }))
}

/// Puts a port of a bridge into one virtual network, whose frames it gives and takes without a tag.
pub fn set_vlan(socket: &mut Socket, port: u32, vlan: u16) -> io::Result<()> {
    let mut info = (BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED).to_ne_bytes().to_vec();
    info.extend(vlan.to_ne_bytes());
    socket.ask(
        Message::new(RTM_SETLINK, 0, &link_head(port, 0, AF_BRIDGE))
            .with_nested(IFLA_AF_SPEC, |it| it.with(IFLA_BRIDGE_VLAN_INFO, &info)),
    )
}

/// The kinds of interfaces that sit on one of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upper {
    /// With hardware addresses of their own.
    Macvlan {
        /// `MACVLAN_MODE_…`.
        mode: u32,
        /// Its hardware address.
        mac: MacAddress,
        /// From how many interfaces on broadcasts are put off (`bclim` of ip-link(8)); −1 is never.
        broadcast_limit: Option<i32>,
    },
    /// With that of the host's; the number is `IPVLAN_MODE_…`.
    Ipvlan(u16),
}

/// Makes an interface on one of ours, in another namespace, under the name `name`.
pub fn add_upper(
    socket: &mut Socket,
    kind: Upper,
    lower: u32,
    namespace: BorrowedFd<'_>,
    name: &str,
    mtu: Option<u32>,
) -> io::Result<()> {
    let mut request = Message::new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link_head(0, 0, 0))
        .with_text(IFLA_IFNAME, name)
        .with_number(IFLA_LINK, lower)
        .with(IFLA_NET_NS_FD, &namespace.as_raw_fd().to_ne_bytes());
    if let Upper::Macvlan { mac, .. } = kind {
        request = request.with(IFLA_ADDRESS, &mac.0);
    }
    if let Some(mtu) = mtu {
        request = request.with_number(IFLA_MTU, mtu);
    }
    socket.ask(request.with_nested(IFLA_LINKINFO, |it| {
        match kind {
            Upper::Macvlan { mode, broadcast_limit, .. } => {
                it.with_text(IFLA_INFO_KIND, "macvlan").with_nested(IFLA_INFO_DATA, |it| {
                    let it = it.with_number(IFLA_MACVLAN_MODE, mode);
                    match broadcast_limit {
                        Some(limit) => it.with(IFLA_MACVLAN_BC_CUTOFF, &limit.to_ne_bytes()),
                        None => it,
                    }
                })
            }
            Upper::Ipvlan(mode) => it
                .with_text(IFLA_INFO_KIND, "ipvlan")
                .with_nested(IFLA_INFO_DATA, |it| it.with(IFLA_IPVLAN_MODE, &mode.to_ne_bytes())),
        }
    }))
}

/// Sets the word of an interface's owner.
pub fn set_alias(socket: &mut Socket, index: u32, alias: &str) -> io::Result<()> {
    socket.ask(Message::new(RTM_NEWLINK, 0, &link_head(index, 0, 0)).with(IFLA_IFALIAS, alias.as_bytes()))
}

/// Makes an interface a port of a bridge.
pub fn set_master(socket: &mut Socket, index: u32, bridge: u32) -> io::Result<()> {
    socket.ask(Message::new(RTM_NEWLINK, 0, &link_head(index, IFF_UP, 0)).with_number(IFLA_MASTER, bridge))
}

/// Switches an interface on.
pub fn set_up(socket: &mut Socket, index: u32) -> io::Result<()> {
    socket.ask(Message::new(RTM_NEWLINK, 0, &link_head(index, IFF_UP, 0)))
}

/// Removes an interface; one that is gone is no error.
pub fn remove(socket: &mut Socket, name: &str) -> io::Result<()> {
    let request = Message::new(RTM_DELLINK, 0, &link_head(0, 0, 0)).with_text(IFLA_IFNAME, name);
    match socket.ask(request) {
        Err(err) if err.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        other => other,
    }
}

/// Gives an interface an address; one that it has is no error.
pub fn add_address(socket: &mut Socket, index: u32, address: IpAddr, prefix: u8) -> io::Result<()> {
    // `struct ifaddrmsg`.
    let mut head = vec![family_of(address), prefix, IFA_F_NODAD, RT_SCOPE_UNIVERSE];
    head.extend(index.to_ne_bytes());
    let bytes = bytes_of(address);
    let mut request = Message::new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &head)
        .with(IFA_LOCAL, &bytes)
        .with(IFA_ADDRESS, &bytes);
    if let IpAddr::V4(address) = address
        && prefix < 31
    {
        let broadcast = address.to_bits() | (u32::MAX >> prefix);
        request = request.with(IFA_BROADCAST, &Ipv4Addr::from_bits(broadcast).octets());
    }
    socket.ask(request)
}

/// `struct rtmsg`.
fn route_head(family: u8, prefix: u8, table: u8, scope: u8, kind: u8) -> [u8; 12] {
    [family, prefix, 0, 0, table, RTPROT_STATIC, scope, kind, 0, 0, 0, 0]
}

/// Adds a default route by way of a gateway.
pub fn add_default_route(socket: &mut Socket, index: u32, gateway: IpAddr, metric: u32) -> io::Result<()> {
    let head = route_head(family_of(gateway), 0, RT_TABLE_MAIN, RT_SCOPE_UNIVERSE, RTN_UNICAST);
    socket.ask(
        Message::new(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &head)
            .with(RTA_GATEWAY, &bytes_of(gateway))
            .with_number(RTA_OIF, index)
            .with_number(RTA_PRIORITY, metric),
    )
}

/// The interface of the default route, that of IPv4 first; of several the one with the lowest metric.
pub fn default_interface(socket: &mut Socket) -> io::Result<Option<u32>> {
    for family in [libc::AF_INET, libc::AF_INET6] {
        let family = u8::try_from(family).unwrap_or_default();
        let mut best: Option<(u32, u32)> = None;
        let request = Message::new(RTM_GETROUTE, 0, &route_head(family, 0, 0, 0, 0));
        socket.dump(request, |body| {
            let Some(&[of, prefix, _, _, table, _, _, kind]) = body.first_chunk() else { return };
            let attributes = Attributes(body.get(12..).unwrap_or_default());
            let is_default = of == family && prefix == 0 && table == RT_TABLE_MAIN && kind == RTN_UNICAST;
            if let Some(index) = attributes.number(RTA_OIF).filter(|_| is_default) {
                let found = (attributes.number(RTA_PRIORITY).unwrap_or(0), index);
                best = Some(best.map_or(found, |it| it.min(found)));
            }
        })?;
        if let Some((_, index)) = best {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Adds a route.
pub fn add_route(socket: &mut Socket, route: &Route) -> io::Result<()> {
    let kind = match route.kind {
        RouteKind::Unicast => RTN_UNICAST,
        RouteKind::Blackhole => RTN_BLACKHOLE,
        RouteKind::Unreachable => RTN_UNREACHABLE,
        RouteKind::Prohibit => RTN_PROHIBIT,
    };
    let head = route_head(family_of(route.destination), route.prefix, RT_TABLE_MAIN, RT_SCOPE_UNIVERSE, kind);
    let mut request = Message::new(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &head)
        .with(RTA_DST, &bytes_of(route.destination))
        .with_number(RTA_PRIORITY, route.metric.unwrap_or(DEFAULT_METRIC));
    if let Some(gateway) = route.gateway {
        request = request.with(RTA_GATEWAY, &bytes_of(gateway));
    }
    socket.ask(request)
}

/// The metric that netavark gives to routes.
pub const DEFAULT_METRIC: u32 = 100;

/// Lets packets with that mark be taken in, whatever address they are for: a table of its own says that all addresses are
/// ours (ip-rule(8)). What is there already is no error.
pub fn take_in_marked(socket: &mut Socket, mark: u32, table: u8) -> io::Result<()> {
    let mut take_in = |family| take_in(socket, family, table, 0, |rule| rule.with_number(FRA_FWMARK, mark));
    take_in(AddressFamily::INET)?;
    // Where IPv6 is switched off nothing comes by it.
    let _ = take_in(AddressFamily::INET6);
    Ok(())
}

/// The same for packets that begin here at addresses of loopback.
pub fn take_in_answers(socket: &mut Socket, family: AddressFamily, table: u8) -> io::Result<()> {
    let (from, length) = match family {
        AddressFamily::INET => (IpAddr::from([127, 0, 0, 0]), 8),
        _ => (IpAddr::from(Ipv6Addr::LOCALHOST), 128),
    };
    take_in(socket, family, table, length, |rule| {
        rule.with(FRA_SRC, &bytes_of(from)).with_text(FRA_IIFNAME, "lo")
    })
}

/// Has a table say that all addresses are ours, and adds a rule for it; `from` is how much of the address counts that packets
/// come from.
fn take_in(
    socket: &mut Socket,
    family: AddressFamily,
    table: u8,
    from: u8,
    which: impl FnOnce(Message) -> Message,
) -> io::Result<()> {
    let loopback = find(socket, "lo")?.map_or(1, |it| it.index);
    let scope = if family == AddressFamily::INET { RT_SCOPE_HOST } else { RT_SCOPE_UNIVERSE };
    let family = u8::try_from(family.as_raw()).unwrap_or_default();
    let head = route_head(family, 0, table, scope, RTN_LOCAL);
    let route = Message::new(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &head);
    socket.ask(route.with_number(RTA_OIF, loopback))?;
    // `struct fib_rule_hdr`.
    let head = [family, 0, from, 0, table, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0];
    let rule = Message::new(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &head)
        .with_number(FRA_PRIORITY, u32::from(table));
    match socket.ask(which(rule)) {
        Err(err) if err.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        other => other,
    }
}

/// Gives a container's interface its addresses, and the container its routes by way of it.
pub fn address_interface(
    socket: &mut Socket,
    index: u32,
    addresses: &[JoinedAddress],
    default_metric: Option<u32>,
) -> io::Result<()> {
    for it in addresses {
        add_address(socket, index, it.address, it.prefix)?;
    }
    let Some(metric) = default_metric else { return Ok(()) };
    let mut done = (false, false);
    for gateway in addresses.iter().filter_map(|it| it.gateway) {
        // One default route of a family.
        let done = if gateway.is_ipv4() { &mut done.0 } else { &mut done.1 };
        if !std::mem::replace(done, true) {
            add_default_route(socket, index, gateway, metric)?;
        }
    }
    Ok(())
}
