//! Bridges: their addresses, their rules, and the sockets of their name servers.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::BindToDevice;
use pontoon_network::join::{Driver, Link};
use pontoon_network::resolver_is_local;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use super::super::{links, rules, tables};
use super::error::{InsideError, is_unsupported, unsupported};
use super::{ALIAS, Inside, set_kernel};

impl Inside {
    /// A bridge, its addresses and its rules; sockets for its name server.
    pub(super) fn add_network(&mut self, link: &Link) -> Result<(Vec<IpAddr>, Vec<OwnedFd>), InsideError> {
        if !is_ours(link) {
            return Ok(others_names(link));
        }
        self.make_bridge(link)?;
        let (mut addresses, mut sockets) = (Vec::new(), Vec::new());
        let relays = !self.is_own && !link.internal && resolver_is_local();
        let gateways = link.subnets.iter().filter_map(|it| it.gateway);
        for gateway in gateways.filter(|_| link.dns || relays) {
            let pair = match name_sockets(gateway, link.vrf.as_deref()) {
                Ok(pair) => pair,
                // It may be the host's own resolver that listens there as well.
                Err(_) if !link.dns => continue,
                Err(err) => {
                    return Err(InsideError::kernel(format!("listen for names at {gateway}"))(err));
                }
            };
            addresses.push(gateway);
            sockets.extend(pair);
        }
        Ok((addresses, sockets))
    }

    /// The bridge with its addresses and rules. What stands of it already stays.
    pub(super) fn make_bridge(&mut self, link: &Link) -> Result<(), InsideError> {
        let deed = || format!("make the bridge `{}`", link.interface);
        let made = links::add_bridge(&mut self.socket, &link.interface, None, link.mtu, link.vlan.is_some());
        match made {
            Ok(()) => {}
            // It stands from before a crash, or is the user's own.
            Err(err) if err.raw_os_error() == Some(libc::EEXIST) => {
                let path = format!("/sys/class/net/{}/bridge", link.interface);
                if !self.is_own && fs::metadata(path).is_err() {
                    return Err(InsideError::Foreign { interface: link.interface.clone() });
                }
            }
            Err(err) if link.vlan.is_some() && is_unsupported(&err) => {
                return Err(unsupported(
                    link,
                    "bridges that filter virtual networks (CONFIG_BRIDGE_VLAN_FILTERING)",
                ));
            }
            Err(err) => return Err(InsideError::kernel(deed())(err)),
        }
        let bridge = links::find(&mut self.socket, &link.interface)
            .and_then(|it| it.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(InsideError::kernel(deed()))?;
        if let Some(vrf) = &link.vrf {
            let missing = || InsideError::NoVrf { vrf: vrf.clone(), network: link.name.clone() };
            let found = links::find(&mut self.socket, vrf).map_err(InsideError::kernel(deed()))?;
            let vrf = found.ok_or_else(missing)?.index;
            if bridge.master != Some(vrf) {
                links::set_master(&mut self.socket, bridge.index, vrf)
                    .map_err(InsideError::kernel(deed()))?;
            }
        }
        links::set_up(&mut self.socket, bridge.index).map_err(InsideError::kernel(deed()))?;
        // What another host on the bridge advertises is not for the router.
        let _ = set_kernel(&format!("net/ipv6/conf/{}/accept_ra", link.interface), "0");
        let _ = set_kernel(&format!("net/ipv6/conf/{}/accept_dad", link.interface), "0");
        // Answers may go another way than what they answer, which a host's own settings may forbid.
        let _ = set_kernel(&format!("net/ipv4/conf/{}/rp_filter", link.interface), "2");
        let gateways = link.subnets.iter().filter_map(|it| Some((it.gateway?, it.prefix)));
        for (gateway, prefix) in gateways {
            links::add_address(&mut self.socket, bridge.index, gateway, prefix).map_err(
                InsideError::kernel(format!("give the bridge `{}` the address {gateway}", link.interface)),
            )?;
        }
        self.nft(&rules::add(link))
    }

    pub(super) fn remove_network(&mut self, link: &Link) -> Result<(), InsideError> {
        if !is_ours(link) {
            return Ok(());
        }
        self.remove_bridge(&link.interface)
            .map_err(InsideError::kernel(format!("remove the bridge `{}`", link.interface)))?;
        // Whoever has removed the table has removed the network's rules, too.
        if tables::is_gone(rules::TABLE_NAME) { Ok(()) } else { self.nft(&rules::remove(link)) }
    }

    /// Removes a bridge, unless something hangs on it that is not ours: another engine may have its containers there.
    pub(super) fn remove_bridge(&mut self, name: &str) -> io::Result<()> {
        let Some(bridge) = links::find(&mut self.socket, name)? else { return Ok(()) };
        if !self.is_own {
            let is_others =
                |it: &links::Interface| it.master == Some(bridge.index) && !it.alias.starts_with(ALIAS);
            if links::all(&mut self.socket)?.iter().any(is_others) {
                return Ok(());
            }
        }
        links::remove(&mut self.socket, name)
    }
}

/// Whether a network is a bridge that we make.
pub(super) fn is_ours(link: &Link) -> bool {
    link.driver == Driver::Bridge && link.mode.as_deref() != Some("unmanaged")
}

/// Sockets for names on a bridge that is not ours, where its gateway is the host itself; elsewhere somebody else may answer there.
fn others_names(link: &Link) -> (Vec<IpAddr>, Vec<OwnedFd>) {
    let gateways = link.subnets.iter().filter_map(|it| it.gateway).filter(|_| link.dns);
    let (mut addresses, mut sockets) = (Vec::new(), Vec::new());
    for gateway in gateways.filter(|_| link.driver == Driver::Bridge) {
        if let Ok(pair) = name_sockets(gateway, None) {
            addresses.push(gateway);
            sockets.extend(pair);
        }
    }
    (addresses, sockets)
}

/// A datagram socket and one that listens, at the name servers' port; in a VRF only what belongs to it hears the others there.
fn name_sockets(address: IpAddr, vrf: Option<&str>) -> io::Result<[OwnedFd; 2]> {
    let at = SocketAddr::new(address, 53);
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let open = |kind| -> io::Result<OwnedFd> {
        let socket = socket_with(family, kind, flags, None)?;
        if let Some(vrf) = vrf {
            setsockopt(&socket, BindToDevice, &vrf.into())?;
        }
        Ok(socket)
    };
    let datagrams = open(SocketType::DGRAM)?;
    bind(&datagrams, &at)?;
    let listening = open(SocketType::STREAM)?;
    sockopt::set_socket_reuseaddr(&listening, true)?;
    bind(&listening, &at)?;
    listen(&listening, 128)?;
    Ok([datagrams, listening])
}
