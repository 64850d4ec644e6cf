//! Containers on networks: the interfaces that they get.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use pontoon_network::join::Driver;

use super::super::links::{self, Pair, Upper};
use super::super::order::Plug;
use super::bridges::is_ours;
use super::error::{InsideError, is_unsupported, unsupported};
use super::{Inside, set_kernel};

/// What the kernel is told of a container's interface, as netavark tells it: that it has the addresses that it is given and no
/// others, which nobody else has; that those who knew an address elsewhere hear of it; and that what comes in by one network may
/// go out by another.
fn settings(plug: &Plug) -> Vec<(String, &'static str)> {
    let setting = |protocol, name| format!("net/{protocol}/conf/{}/{name}", plug.interface);
    let mut settings = vec![(setting("ipv6", "autoconf"), "0")];
    if plug.network.driver == Driver::Bridge {
        settings.extend([(setting("ipv4", "arp_notify"), "1"), (setting("ipv4", "rp_filter"), "2")]);
        if plug.addresses.iter().any(|it| it.address.is_ipv6()) {
            settings.push((setting("ipv6", "accept_dad"), "0"));
        }
    }
    settings
}

impl Inside {
    /// Connects a container; what of it is there already, from before a crash, stays.
    pub(super) fn plug(&mut self, plug: &Plug, namespace: &OwnedFd) -> Result<(), InsideError> {
        let network = &plug.network;
        let deed = || format!("connect the container to network `{}`", network.name);
        let kernel = |err| InsideError::kernel(deed())(err);
        let mut theirs = self.socket_in(namespace).map_err(kernel)?;
        let is_there = links::find(&mut theirs, &plug.interface).map_err(kernel)?.is_some();
        if !is_there {
            match network.driver {
                Driver::Bridge => self.add_pair(plug, namespace)?,
                Driver::Macvlan | Driver::Ipvlan => self.add_upper(plug, namespace)?,
            }
        } else if network.driver == Driver::Bridge
            && let Some(port) = links::find(&mut self.socket, &plug.port).map_err(kernel)?
            && let Some(bridge) = links::find(&mut self.socket, &network.interface).map_err(kernel)?
            && port.master != Some(bridge.index)
        {
            links::set_master(&mut self.socket, port.index, bridge.index).map_err(kernel)?;
        }
        let inside = links::find(&mut theirs, &plug.interface).map_err(kernel)?;
        let index = inside.ok_or_else(|| kernel(io::ErrorKind::NotFound.into()))?.index;
        if let Some(loopback) = links::find(&mut theirs, "lo").map_err(kernel)? {
            links::set_up(&mut theirs, loopback.index).map_err(kernel)?;
        }
        for (name, value) in settings(plug) {
            // A kernel without IPv6 has none of its settings.
            let _ = self.in_namespace(namespace, || set_kernel(&name, value)).map_err(kernel)?;
        }
        links::set_up(&mut theirs, index).map_err(kernel)?;
        links::address_interface(&mut theirs, index, &plug.addresses, plug.default_metric).map_err(kernel)?;
        for route in &network.routes {
            links::add_route(&mut theirs, route).map_err(InsideError::kernel(format!(
                "add the route to {}/{} of network `{}`",
                route.destination, route.prefix, network.name
            )))?;
        }
        Ok(())
    }

    fn add_pair(&mut self, plug: &Plug, namespace: &OwnedFd) -> Result<(), InsideError> {
        let network = &plug.network;
        let kernel =
            |err| InsideError::kernel(format!("connect the container to network `{}`", network.name))(err);
        let missing =
            || InsideError::NoBridge { interface: network.interface.clone(), network: network.name.clone() };
        let mut bridge = links::find(&mut self.socket, &network.interface).map_err(kernel)?;
        if bridge.is_none() && is_ours(network) {
            // On a host others may have removed it; what listens at its addresses is there still.
            self.make_bridge(network)?;
            bridge = links::find(&mut self.socket, &network.interface).map_err(kernel)?;
        }
        let bridge = bridge.ok_or_else(missing)?.index;
        let pair = Pair {
            name: &plug.port,
            bridge,
            namespace: namespace.as_fd(),
            inside: &plug.interface,
            mac: plug.mac,
            mtu: network.mtu,
        };
        match links::add_pair(&mut self.socket, &pair) {
            // Its other end was in a namespace that is about to vanish: one of a former run of the same container.
            Err(err) if err.raw_os_error() == Some(libc::EEXIST) => {
                links::remove(&mut self.socket, &plug.port).map_err(kernel)?;
                links::add_pair(&mut self.socket, &pair).map_err(kernel)?;
            }
            other => other.map_err(kernel)?,
        }
        let port = links::find(&mut self.socket, &plug.port).map_err(kernel)?;
        let port = port.ok_or_else(|| kernel(io::ErrorKind::NotFound.into()))?.index;
        links::set_alias(&mut self.socket, port, &plug.alias).map_err(kernel)?;
        if let Some(vlan) = network.vlan {
            links::set_vlan(&mut self.socket, port, vlan)
                .map_err(InsideError::kernel(format!("put the container into the virtual network {vlan}")))?;
        }
        Ok(())
    }

    fn add_upper(&mut self, plug: &Plug, namespace: &OwnedFd) -> Result<(), InsideError> {
        let network = &plug.network;
        let kernel =
            |err| InsideError::kernel(format!("connect the container to network `{}`", network.name))(err);
        let lower = match network.interface.as_str() {
            "" => links::default_interface(&mut self.socket)
                .map_err(kernel)?
                .ok_or_else(|| InsideError::NoDefaultRoute { network: network.name.clone() })?,
            interface => {
                let missing = || InsideError::NoParent {
                    interface: interface.to_owned(),
                    network: network.name.clone(),
                };
                links::find(&mut self.socket, interface).map_err(kernel)?.ok_or_else(missing)?.index
            }
        };
        let mode = network.mode.as_deref();
        let kind = match network.driver {
            Driver::Ipvlan => Upper::Ipvlan(match mode {
                Some("l3") => 1,
                Some("l3s") => 2,
                _ => 0,
            }),
            _ => {
                let mode = match mode {
                    Some("private") => 1,
                    Some("vepa") => 2,
                    Some("passthru") => 8,
                    _ => 4,
                };
                Upper::Macvlan { mode, mac: plug.mac, broadcast_limit: network.broadcast_limit }
            }
        };
        let what = match network.driver {
            Driver::Ipvlan => "interfaces of the kind ipvlan",
            _ => "interfaces of the kind macvlan",
        };
        links::add_upper(&mut self.socket, kind, lower, namespace.as_fd(), &plug.interface, network.mtu)
            .map_err(|err| if is_unsupported(&err) { unsupported(network, what) } else { kernel(err) })
    }

    pub(super) fn unplug(&mut self, port: &str) -> Result<(), InsideError> {
        links::remove(&mut self.socket, port)
            .map_err(InsideError::kernel("take the container off its network"))
    }
}

#[cfg(test)]
mod tests {
    use pontoon_network::join::{JoinedAddress, Link, MacAddress};

    use super::*;

    #[track_caller]
    fn check(driver: Driver, addresses: &[&str], expected: &str) {
        let address = |it: &&str| JoinedAddress { address: it.parse().unwrap(), prefix: 24, gateway: None };
        let plug = Plug {
            network: Link { driver, ..Link::default() },
            port: "v1".to_owned(),
            alias: String::new(),
            interface: "eth0.5".to_owned(),
            mac: MacAddress([2, 0, 0, 0, 0, 1]),
            addresses: addresses.iter().map(address).collect(),
            default_metric: None,
        };
        let told: Vec<String> =
            settings(&plug).iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(told.join(" ").replace("net/", "").replace("/conf/eth0.5/", " "), expected);
    }

    #[test]
    fn the_kernel_is_told_what_netavark_tells_it() {
        let usual = "ipv6 autoconf=0 ipv4 arp_notify=1 ipv4 rp_filter=2";
        check(Driver::Bridge, &["10.89.0.2"], usual);
        check(Driver::Bridge, &["10.89.0.2", "fd00::2"], &format!("{usual} ipv6 accept_dad=0"));
        check(Driver::Macvlan, &["10.89.0.2", "fd00::2"], "ipv6 autoconf=0");
    }
}
