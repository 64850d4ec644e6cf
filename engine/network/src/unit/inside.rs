//! The process inside: root over the namespace in which the bridges are, and does there what it is told.
//!
//! It knows no container and keeps nothing in memory that the kernel does not have as well, so that it can be replaced at any
//! time by another one.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Instant;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::BindToDevice;
use pontoon_network::forwarder::{ANSWERS, Forwarder, Limits, Within};
use pontoon_network::join::{Driver, Link};
use pontoon_network::lease::Refusal;
use pontoon_network::resolver_is_local;
use pontoon_rootless::packet;
use pontoon_rootless::sys::{self, CloneFlags};
use pontoon_rootless::userns::become_root;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with, sockopt};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::links::{self, Pair, Upper};
use super::netlink::Socket;
use super::nft::{Nft, NftError};
use super::order::{Answer, Order, Plug, Reach};
use super::ports::Ports;
use super::rules;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum InsideError {
    /// The kernel said no.
    #[error("cannot {deed}")]
    Kernel {
        /// What was tried.
        deed: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The packet filter.
    #[error("cannot set up the rules of the network")]
    Rules(#[source] NftError),
    /// Somebody else's interface has the name.
    #[error("the interface `{interface}` is there already and is no bridge of ours")]
    Foreign {
        /// Its name.
        interface: String,
    },
    /// The interface that macvlan or ipvlan is to sit on.
    #[error("the host has no interface `{interface}`, which network `{network}` is on")]
    NoParent {
        /// Its name.
        interface: String,
        /// The network.
        network: String,
    },
    /// The bridge that somebody else looks after.
    #[error("the host has no bridge `{interface}`, which network `{network}` is on")]
    NoBridge {
        /// Its name.
        interface: String,
        /// The network.
        network: String,
    },
    /// macvlan and ipvlan sit on the interface of the default route where none is named.
    #[error("network `{network}` names no interface of the host, and the host has no default route")]
    NoDefaultRoute {
        /// The network.
        network: String,
    },
    /// The VRF that a bridge is to be in.
    #[error("the host has no VRF `{vrf}`, which network `{network}` is in")]
    NoVrf {
        /// Its name.
        vrf: String,
        /// The network.
        network: String,
    },
    /// The kernel is without it.
    #[error("the kernel has no {what}, which network `{network}` needs")]
    Unsupported {
        /// What.
        what: &'static str,
        /// The network.
        network: String,
    },
    /// An order without what belongs to it.
    #[error("malformed order")]
    Malformed,
}

impl InsideError {
    fn kernel(deed: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Kernel { deed: deed.into(), source }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Rules(err) => err.hint(),
            Self::NoParent { .. } => Some("`ip link` shows the interfaces".to_owned()),
            Self::Foreign { interface } => Some(format!("`ip link show {interface}` shows what it is")),
            Self::NoBridge { interface, .. } => Some(format!(
                "`ip link add {interface} type bridge` makes one; with -o mode=unmanaged pontoon does not"
            )),
            Self::NoDefaultRoute { .. } => Some("make it with -o parent=INTERFACE".to_owned()),
            Self::NoVrf { vrf, .. } => Some(format!("`ip link add {vrf} type vrf table NUMBER` makes it")),
            Self::Kernel { .. } | Self::Unsupported { .. } | Self::Malformed => None,
        }
    }
}

/// What we are in.
#[derive(Debug)]
struct Inside {
    socket: Socket,
    /// Our own network namespace, to come back to.
    home: OwnedFd,
    /// Whether it is ours alone: not that of the host.
    is_own: bool,
    /// Carries on what comes to published ports.
    forwarder: Forwarder,
    /// What of that the packet filter does by itself.
    ports: Ports,
}

const ORDERS: u64 = 0;
const FORWARDER: u64 = 1;

/// Goes into the namespaces and does what is told on `orders` until that is closed. Without a network namespace in `enters` a
/// new one is made; without a user namespace either, the host's own is used.
///
/// # Errors
/// The kernel's error, if the namespaces cannot be entered.
pub fn run(orders: &OwnedFd, user: Option<(OwnedFd, bool)>, network: Option<OwnedFd>) -> io::Result<()> {
    let is_own = user.is_some();
    if let Some((user, is_single)) = user {
        move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
        become_root(is_single)?;
        match network {
            Some(network) => move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?,
            None => sys::unshare(CloneFlags::NETWORK)?,
        }
    }
    let home = rustix::fs::open("/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    // The first word: where we are.
    packet::send(orders, &Answer::Done, &[home.as_fd()])?;
    let forwarder = Forwarder::new(Limits::of_process())?;
    let mut inside = Inside { socket: Socket::open()?, home, is_own, forwarder, ports: Ports::default() };
    inside.forget_ports();
    let set = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&set, orders, EventData::new_u64(ORDERS), EventFlags::IN)?;
    epoll::add(&set, &inside.forwarder, EventData::new_u64(FORWARDER), EventFlags::IN)?;
    let mut events = [epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 2];
    loop {
        let timeout = inside.forwarder.next_timeout().map(super::until);
        let count = rustix::io::retry_on_intr(|| epoll::wait(&set, &mut events[..], timeout.as_ref()))?;
        let happened = events.get(..count).unwrap_or_default();
        if happened.is_empty() || happened.iter().any(|it| it.data.u64() == FORWARDER) {
            inside.forwarder.turn(Instant::now())?;
        }
        if happened.iter().any(|it| it.data.u64() == ORDERS) {
            let Some((order, fds)) = packet::receive::<Order>(orders)? else { return Ok(()) };
            let (answer, fds) = inside.fulfil(order, fds);
            let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
            packet::send(orders, &answer, &fds)?;
        }
    }
}

impl Inside {
    fn fulfil(&mut self, order: Order, mut fds: Vec<OwnedFd>) -> (Answer, Vec<OwnedFd>) {
        let done = |()| (Answer::Done, Vec::new());
        let outcome = match order {
            Order::Prepare { is_used } => {
                self.prepare(is_used).map(|plugs| (Answer::Plugs(plugs), Vec::new()))
            }
            Order::Network(link) => {
                self.add_network(&link).map(|(addresses, sockets)| (Answer::Sockets(addresses), sockets))
            }
            Order::RemoveNetwork(link) => self.remove_network(&link).map(done),
            Order::Plug(plug) => match fds.pop() {
                Some(namespace) => self.plug(&plug, &namespace).map(done),
                None => Err(InsideError::Malformed),
            },
            Order::Unplug(port) => self.unplug(&port).map(done),
            Order::Publish { owner, ports, target } => self.publish(&owner, &ports, &target, fds).map(done),
            Order::Redirect { owner, target } => {
                self.forwarder.set_target(&owner, |former| target.target(former.port));
                let text = self.ports.redirect(&owner, &target);
                self.change(&text).map(done)
            }
            Order::Unpublish(owner) => {
                self.forwarder.remove(&owner);
                let text = self.ports.unpublish(&owner);
                self.change(&text).map(done)
            }
            Order::Host(address) => self.nft(&rules::host(address)).map(done),
            Order::Reload { networks, host } => self.reload(&networks, host).map(done),
            Order::Leave(links) => self.leave(&links).map(done),
        };
        outcome.unwrap_or_else(|err| {
            let hint = err.hint();
            (Answer::Failed(Refusal::of(&err, hint)), Vec::new())
        })
    }

    /// Switches on what a router needs. Gives the words of the ports that stand.
    fn prepare(&mut self, is_used: bool) -> Result<Vec<String>, InsideError> {
        self.become_router()?;
        let interfaces =
            links::all(&mut self.socket).map_err(InsideError::kernel("look at the interfaces"))?;
        let plugs: Vec<String> =
            interfaces.into_iter().map(|it| it.alias).filter(|it| it.starts_with(ALIAS)).collect();
        if !is_used && plugs.is_empty() {
            self.nft(&rules::base(self.is_own))?;
        }
        Ok(plugs)
    }

    /// Makes all rules again, whatever has become of them.
    fn reload(&mut self, networks: &[Link], host: Option<IpAddr>) -> Result<(), InsideError> {
        self.become_router()?;
        let networks = networks.iter().filter(|it| is_ours(it)).map(rules::add);
        let rest = [rules::host(host), self.ports.all()];
        let text: String = [rules::base(self.is_own)].into_iter().chain(networks).chain(rest).collect();
        self.nft(&text)
    }

    /// Switches on what a router needs.
    fn become_router(&mut self) -> Result<(), InsideError> {
        if self.is_own
            && let Some(loopback) = links::find(&mut self.socket, "lo")
                .map_err(InsideError::kernel("find the loopback interface"))?
        {
            links::set_up(&mut self.socket, loopback.index)
                .map_err(InsideError::kernel("switch the loopback interface on"))?;
        }
        if self.is_own {
            // What goes from port to port of a bridge is not the filter's business; on a host, others may have made it so.
            for protocol in ["iptables", "ip6tables", "arptables"] {
                let _ = set_kernel(&format!("net/bridge/bridge-nf-call-{protocol}"), "0");
            }
        }
        set_kernel("net/ipv4/ip_forward", "1")?;
        // A host without IPv6 has none of these.
        let _ = set_kernel("net/ipv6/conf/all/forwarding", "1");
        links::take_in_marked(&mut self.socket, rules::MARK, rules::MARK_TABLE)
            .map_err(InsideError::kernel("set up the route of published ports"))
    }

    /// A bridge, its addresses and its rules; sockets for its name server.
    fn add_network(&mut self, link: &Link) -> Result<(Vec<IpAddr>, Vec<OwnedFd>), InsideError> {
        if !is_ours(link) {
            return Ok(others_names(link));
        }
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
        let gateways = link.subnets.iter().filter_map(|it| Some((it.gateway?, it.prefix)));
        for (gateway, prefix) in gateways.clone() {
            links::add_address(&mut self.socket, bridge.index, gateway, prefix).map_err(
                InsideError::kernel(format!("give the bridge `{}` the address {gateway}", link.interface)),
            )?;
        }
        self.nft(&rules::add(link))?;
        let (mut addresses, mut sockets) = (Vec::new(), Vec::new());
        let relays = !self.is_own && !link.internal && resolver_is_local();
        for (gateway, _) in gateways.filter(|_| link.dns || relays) {
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

    fn remove_network(&mut self, link: &Link) -> Result<(), InsideError> {
        if !is_ours(link) {
            return Ok(());
        }
        self.remove_bridge(&link.interface)
            .map_err(InsideError::kernel(format!("remove the bridge `{}`", link.interface)))?;
        self.nft(&rules::remove(link))
    }

    /// Removes a bridge, unless something hangs on it that is not ours: another engine may have its containers there.
    fn remove_bridge(&mut self, name: &str) -> io::Result<()> {
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

    /// Connects a container; what of it is there already, from before a crash, stays.
    fn plug(&mut self, plug: &Plug, namespace: &OwnedFd) -> Result<(), InsideError> {
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
        let bridge = links::find(&mut self.socket, &network.interface).map_err(kernel)?;
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

    fn unplug(&mut self, port: &str) -> Result<(), InsideError> {
        links::remove(&mut self.socket, port)
            .map_err(InsideError::kernel("take the container off its network"))
    }

    fn publish(
        &mut self,
        owner: &str,
        ports: &[(bool, u16)],
        target: &Reach,
        fds: Vec<OwnedFd>,
    ) -> Result<(), InsideError> {
        let mut led = Vec::new();
        let mut sockets = fds.into_iter();
        let namespace = sockets.next().ok_or(InsideError::Malformed)?;
        let within = self.within(namespace);
        for ((is_datagram, port), socket) in ports.iter().zip(sockets) {
            if !is_datagram
                && !self.is_own
                && let Ok(Some(at)) = getsockname(&socket).map(|it| SocketAddr::try_from(it).ok())
            {
                led.push((at, *port));
            }
            let target = target.target(*port);
            let added = if *is_datagram {
                self.forwarder.add_udp(owner, UdpSocket::from(socket), target)
            } else {
                self.forwarder.add_tcp(owner, TcpListener::from(socket), target, within.clone())
            };
            added.map_err(InsideError::kernel(format!("publish the container's port {port}")))?;
        }
        let text = self.ports.publish(owner, led, target);
        // Where somebody has flushed the rules, the forwarder carries on everything until they are made again.
        let _ = self.change(&text);
        Ok(())
    }

    /// The short way to a container's ports. Where the bridges are on the host the packet filter leads there by itself, and where the
    /// container's namespace cannot be made ready, the way over the bridge does.
    fn within(&self, namespace: OwnedFd) -> Option<Rc<Within>> {
        if !self.is_own {
            return None;
        }
        let mut theirs = self.in_namespace(&namespace, || {
            let [connections, resets, resets_v6] = ANSWERS.map(|name| set_kernel(name, "1"));
            let _ = resets_v6;
            connections.and(resets).ok().and_then(|()| Socket::open().ok())
        });
        links::take_in_marked(theirs.as_mut().ok()?.as_mut()?, rules::MARK, rules::MARK_TABLE).ok()?;
        Within::new(namespace, rules::MARK).ok().map(Rc::new)
    }

    /// Whoever did this before us may have left ports in the rules whose containers are gone meanwhile. Those that are there are
    /// published again.
    fn forget_ports(&mut self) {
        if !self.is_own {
            // Without rules there is nothing to be forgotten, and nft says no.
            let _ = self.nft(&rules::no_ports());
        }
    }

    /// Leaves the host as it was.
    fn leave(&mut self, networks: &[Link]) -> Result<(), InsideError> {
        for network in networks.iter().filter(|it| is_ours(it)) {
            let _ = self.remove_bridge(&network.interface);
        }
        self.nft(&rules::end())
    }

    /// Has something changed of the rules, if there is anything.
    fn change(&mut self, text: &str) -> Result<(), InsideError> {
        if text.is_empty() { Ok(()) } else { self.nft(text) }
    }

    /// Has the rules changed; what comes to published ports is carried on meanwhile.
    fn nft(&mut self, text: &str) -> Result<(), InsideError> {
        let nft = Nft::begin(text).map_err(InsideError::Rules)?;
        loop {
            let mut waited = [PollFd::new(&nft, PollFlags::IN), PollFd::new(&self.forwarder, PollFlags::IN)];
            let timeout = self.forwarder.next_timeout().map(super::until);
            rustix::io::retry_on_intr(|| poll(&mut waited, timeout.as_ref()))
                .map_err(|err| InsideError::kernel("wait for nft")(err.into()))?;
            let [ended, forwarder] = waited.map(|it| !it.revents().is_empty());
            if forwarder || !ended {
                self.forwarder
                    .turn(Instant::now())
                    .map_err(InsideError::kernel("carry on what comes to published ports"))?;
            }
            if ended {
                return nft.finish().map_err(InsideError::Rules);
            }
        }
    }

    /// A connection to the kernel about another network namespace.
    fn socket_in(&self, namespace: &OwnedFd) -> io::Result<Socket> {
        self.in_namespace(namespace, Socket::open)?
    }

    /// Does something in another network namespace.
    fn in_namespace<T>(&self, namespace: &OwnedFd, deed: impl FnOnce() -> T) -> io::Result<T> {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        let done = deed();
        move_into_link_name_space(self.home.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(done)
    }
}

/// Whether a network is a bridge that we make.
fn is_ours(link: &Link) -> bool {
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

/// Whether the kernel was built without it: links of an unknown kind are `EOPNOTSUPP` (rtnetlink(7)).
fn is_unsupported(err: &io::Error) -> bool {
    err.raw_os_error() == Some(libc::EOPNOTSUPP)
}

fn unsupported(network: &Link, what: &'static str) -> InsideError {
    InsideError::Unsupported { what, network: network.name.clone() }
}

/// What the words of our ports begin with.
pub const ALIAS: &str = "pontoon ";

fn set_kernel(name: &str, value: &str) -> Result<(), InsideError> {
    let path = format!("/proc/sys/{name}");
    if fs::read_to_string(&path).is_ok_and(|it| it.trim() == value) {
        return Ok(());
    }
    fs::write(&path, value).map_err(InsideError::kernel(format!("set {name}")))
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
