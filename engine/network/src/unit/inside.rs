//! The process inside: root over the namespace in which the bridges are, and does there what it is told.
//!
//! It knows no container and keeps nothing in memory that the kernel does not have as well, so that it can be replaced at any
//! time by another one.

mod bridges;
mod error;
mod plugs;
mod published;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use pontoon_network::forwarder::{Forwarder, Limits};
use pontoon_network::join::Link;
use pontoon_network::lease::Refusal;
use pontoon_rootless::packet;
use pontoon_rootless::sys::{self, CloneFlags};
use pontoon_rootless::userns::become_root;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub use self::error::InsideError;

use self::bridges::is_ours;
use super::links;
use super::netlink::Socket;
use super::nft::Nft;
use super::order::{Answer, Order, Ways};
use super::ports::Ports;
use super::rules;
use super::tables;

/// What the words of our ports begin with.
pub const ALIAS: &str = "pontoon ";

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
            Order::Publish { owner, ports, led, target } => {
                self.publish(&owner, &ports, led, &target, fds).map(done)
            }
            Order::Redirect { owner, target } => self.redirect(&owner, &target).map(done),
            Order::Unpublish(owner) => self.unpublish(&owner).map(done),
            Order::Ways(ways) => self.nft(&rules::ways(&ways)).map(done),
            Order::Uplink { interface, address, router } => {
                self.address_uplink(&interface, address, router).map(done)
            }
            Order::Reload { networks, ways } => self.reload(&networks, &ways).map(done),
            Order::Mend { networks, ways } => self.mend(&networks, &ways).map(done),
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
    fn reload(&mut self, networks: &[Link], ways: &Ways) -> Result<(), InsideError> {
        self.become_router()?;
        let networks = networks.iter().filter(|it| is_ours(it)).map(rules::add);
        let rest = [rules::ways(ways), self.ports.all()];
        let text: String = [rules::base(self.is_own)].into_iter().chain(networks).chain(rest).collect();
        self.nft(&text)
    }

    /// Makes all rules again if the table is not there any more: `nft flush ruleset` is all in a day's work of who has rules of
    /// his own (`systemctl reload nftables`), and nothing can be added to a table that is not there.
    fn mend(&mut self, networks: &[Link], ways: &Ways) -> Result<(), InsideError> {
        if tables::is_gone(rules::TABLE_NAME) { self.reload(networks, ways) } else { Ok(()) }
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

    /// Gives the interface that leads outside an address that whoever made it did not give it. Nothing else is behind it, whatever
    /// the length of the address's subnet is.
    fn address_uplink(&mut self, name: &str, address: IpAddr, router: IpAddr) -> Result<(), InsideError> {
        let mut give = || {
            let uplink = links::find(&mut self.socket, name)?.ok_or(io::ErrorKind::NotFound)?;
            let prefix = if address.is_ipv4() { 32 } else { 128 };
            links::add_address(&mut self.socket, uplink.index, address, prefix)?;
            links::add_default_route(&mut self.socket, uplink.index, router, links::DEFAULT_METRIC)
        };
        give().map_err(InsideError::kernel(format!("give the interface `{name}` the address {address}")))
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

fn set_kernel(name: &str, value: &str) -> Result<(), InsideError> {
    let path = format!("/proc/sys/{name}");
    if fs::read_to_string(&path).is_ok_and(|it| it.trim() == value) {
        return Ok(());
    }
    fs::write(&path, value).map_err(InsideError::kernel(format!("set {name}")))
}
