//! The forwarder: published ports, connections and flows, and the set of descriptors that drives them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;
use rustix::process::{Resource, getrlimit};

use super::flow::{self, Flow};
use super::load::Loads;
use super::relay::{Going, Relay, Side};
use super::sockets;
use super::target::{Target, Way};
use super::within::{Within, WithinError};
use crate::poll::{Poll, WANT, is_want};

/// Connections that are accepted before others have their turn.
const ACCEPTS_AT_ONCE: usize = 64;
/// Anybody can make up clients of UDP ports: as many as are looked through at once without harm, to find the oldest.
const MOST_FLOWS: usize = 4096;

/// How much is carried at once. At a bound of connections no more are accepted until one ends: clients wait in the
/// listener's queue, as they do for a busy program. At a bound of flows the one that has been silent for longest ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections of all ports together; each takes two descriptors, and two of a pipe while bytes are on their way.
    pub connections: usize,
    /// Connections of one port.
    pub connections_of_port: usize,
    /// Clients of UDP ports, of all together; each takes one descriptor.
    pub flows: usize,
    /// Clients of one UDP port.
    pub flows_of_port: usize,
    /// After so much silence a client of a UDP port is forgotten.
    pub idle: Duration,
}

impl Limits {
    /// As much as the number of open descriptors (`RLIMIT_NOFILE`) allows, of which an eighth is left for others; one port
    /// has at most half of it. Flows end after 90 seconds, as those of Podman's rootlessport.
    #[must_use]
    pub fn of_process() -> Self {
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX).min(1 << 18);
        let connections = (descriptors / 8).max(16);
        let flows = (descriptors / 8).clamp(16, MOST_FLOWS);
        Self {
            connections,
            connections_of_port: connections / 2,
            flows,
            flows_of_port: flows / 2,
            idle: Duration::from_secs(90),
        }
    }
}

/// Carries on what comes to published ports, for the loop of whoever owns it.
///
/// It is a descriptor ([`AsFd`]) that becomes readable when there is something to do: then, and when [`Self::next_timeout`]
/// has passed, [`Self::turn`] does it. Nothing here ever blocks. `SIGPIPE` must be ignored, as it is in Rust's programs.
#[derive(Debug)]
pub struct Forwarder {
    poll: Poll,
    limits: Limits,
    keeps_addresses: bool,
    tcp: HashMap<u64, TcpPort>,
    udp: HashMap<u64, UdpPort>,
    relays: HashMap<u64, (u64, Relay)>,
    /// Relays that could go on at once.
    busy: Vec<u64>,
    loads: Loads,
    /// When ports that wait for descriptors are tried again.
    want: Option<Instant>,
    flows: HashMap<u64, Flow>,
    /// Flows by client and port.
    clients: HashMap<(u64, SocketAddr), u64>,
    /// How many ports a client uses.
    ports_of: HashMap<SocketAddr, usize>,
    /// Flows by the time at which they are looked at.
    due: BTreeSet<(Instant, u64)>,
    /// When the last datagram came, from either side.
    last_datagram: Option<Instant>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct TcpPort {
    owner: String,
    listener: TcpListener,
    target: Target,
    within: Option<Rc<Within>>,
    connections: usize,
    is_paused: bool,
}

#[derive(Debug)]
struct UdpPort {
    owner: String,
    socket: UdpSocket,
    target: Target,
    flows: usize,
}

impl Forwarder {
    /// One without ports, for the network namespace of the calling process.
    ///
    /// # Errors
    /// The kernel's: too many descriptors.
    pub fn new(limits: Limits) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            limits,
            keeps_addresses: sockets::may_be_transparent(),
            tcp: HashMap::new(),
            udp: HashMap::new(),
            relays: HashMap::new(),
            busy: Vec::new(),
            loads: Loads::default(),
            want: None,
            flows: HashMap::new(),
            clients: HashMap::new(),
            ports_of: HashMap::new(),
            due: BTreeSet::new(),
            last_datagram: None,
            buffer: vec![0; flow::LONGEST],
        })
    }

    /// Whether clients keep their addresses; not without `CAP_NET_ADMIN` in the user namespace that the network namespace belongs to.
    #[must_use]
    pub fn keeps_addresses(&self) -> bool {
        self.keeps_addresses
    }

    /// Leads connections that come to `listener` to `target`, until `owner` (a container's id) is removed; by the short way
    /// where the container's namespace is given.
    ///
    /// # Errors
    /// The kernel's.
    pub fn add_tcp(
        &mut self,
        owner: &str,
        listener: TcpListener,
        target: Target,
        within: Option<Rc<Within>>,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let token = self.poll.add(&listener, EventFlags::IN)?;
        let owner = owner.to_owned();
        self.tcp.insert(token, TcpPort { owner, listener, target, within, connections: 0, is_paused: false });
        Ok(())
    }

    /// Leads datagrams that come to `socket` to `target`, and the answers back, until `owner` (a container's id) is removed.
    ///
    /// # Errors
    /// The kernel's.
    pub fn add_udp(&mut self, owner: &str, socket: UdpSocket, target: Target) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        sockets::tell_destinations(&socket)?;
        // Bursts of many clients; the kernel cuts it to what it allows.
        sockopt::set_socket_recv_buffer_size(&socket, 1 << 20)?;
        let token = self.poll.add(&socket, EventFlags::IN)?;
        self.udp.insert(token, UdpPort { owner: owner.to_owned(), socket, target, flows: 0 });
        Ok(())
    }

    /// Gives `owner`'s ports another target, such as when it has joined or left a network. What is being carried goes on as it is.
    pub fn set_target(&mut self, owner: &str, target: impl Fn(&Target) -> Target) {
        for port in self.tcp.values_mut().filter(|port| port.owner == owner) {
            port.target = target(&port.target);
        }
        for port in self.udp.values_mut().filter(|port| port.owner == owner) {
            port.target = target(&port.target);
        }
    }

    /// Closes `owner`'s ports, and breaks off what is being carried for them.
    pub fn remove(&mut self, owner: &str) {
        // Whoever made the listeners may have kept copies of them.
        let mut gone = Vec::new();
        for (token, port) in self.tcp.extract_if(|_, port| port.owner == owner) {
            self.poll.remove(&port.listener);
            gone.push(token);
        }
        for (token, port) in self.udp.extract_if(|_, port| port.owner == owner) {
            self.poll.remove(&port.socket);
            gone.push(token);
        }
        for (_, (_, mut relay)) in self.relays.extract_if(|_, (port, _)| gone.contains(port)) {
            relay.break_off(&mut self.loads);
        }
        let flows: Vec<u64> = self
            .flows
            .iter()
            .filter(|(_, flow)| gone.contains(&flow.port))
            .map(|(token, _)| *token)
            .collect();
        for token in flows {
            self.end_flow(token);
        }
        self.resume();
    }

    /// Whether any connection is being carried.
    #[must_use]
    pub fn carries(&self) -> bool {
        !self.relays.is_empty()
    }

    /// When the last datagram came, from a client or from a container.
    #[must_use]
    pub fn last_datagram(&self) -> Option<Instant> {
        self.last_datagram
    }

    /// When [`Self::turn`] is to be called even if nothing has come.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        if !self.busy.is_empty() {
            return Some(Instant::now());
        }
        self.due.first().map(|(due, _)| *due).into_iter().chain(self.want).min()
    }

    /// Does what is to be done now.
    ///
    /// # Errors
    /// The kernel's, about the set of descriptors and the namespace that we are in; the faults of connections stay with them.
    pub fn turn(&mut self, now: Instant) -> io::Result<()> {
        let before = std::mem::take(&mut self.busy);
        for (token, flags) in self.poll.happened()? {
            let side = if token & 1 == 0 { Side::Client } else { Side::Container };
            if let Some((_, relay)) = self.relays.get_mut(&(token & !1)) {
                let going = relay.happened(side, flags, &mut self.loads);
                self.note(token & !1, going);
            } else if self.tcp.contains_key(&token) {
                self.accept(token, now)?;
            } else if self.udp.contains_key(&token) {
                self.last_datagram = Some(now);
                self.carry_up(token, now);
            } else if let Some(flow) = self.flows.get_mut(&token)
                && let Some(port) = self.udp.get(&flow.port)
            {
                self.last_datagram = Some(now);
                flow.carry_down(&port.socket, &mut self.buffer, now);
            }
        }
        for token in before {
            if let Some((_, relay)) = self.relays.get_mut(&token) {
                let going = relay.go_on(&mut self.loads);
                self.note(token, going);
            }
        }
        if self.want.is_some_and(|want| want <= now) {
            self.want = None;
            self.resume();
        }
        self.forget_idle(now);
        Ok(())
    }

    /// Takes nothing new, and hands on to clients what the containers, which have ended, had still said: until that is done, or
    /// that moment has come, for there may be a client that takes nothing.
    ///
    /// # Errors
    /// The kernel's, as of [`Self::turn`].
    pub fn finish(mut self, until: Instant) -> io::Result<()> {
        for port in self.tcp.values() {
            self.poll.remove(&port.listener);
        }
        self.tcp.clear();
        loop {
            let now = Instant::now();
            self.turn(now)?;
            if now >= until || !self.relays.values().any(|(_, relay)| relay.owes()) {
                return Ok(());
            }
            let next = self.next_timeout().map_or(until, |it| it.min(until)).saturating_duration_since(now);
            let next = Timespec::try_from(next).map_err(io::Error::other)?;
            let mut polled = [PollFd::new(&self, PollFlags::IN)];
            rustix::io::retry_on_intr(|| poll(&mut polled, Some(&next)))?;
        }
    }

    fn note(&mut self, token: u64, going: Going) {
        match going {
            Going::Waiting => {}
            Going::More if self.busy.contains(&token) => {}
            Going::More => self.busy.push(token),
            Going::Ended | Going::Broken => {
                if let Some((port, _)) = self.relays.remove(&token)
                    && let Some(port) = self.tcp.get_mut(&port)
                {
                    port.connections = port.connections.saturating_sub(1);
                }
                self.resume();
            }
        }
    }

    fn accept(&mut self, token: u64, now: Instant) -> io::Result<()> {
        for _ in 0..ACCEPTS_AT_ONCE {
            let full = self.relays.len() >= self.limits.connections;
            let Some(port) = self.tcp.get_mut(&token) else { return Ok(()) };
            if full || port.connections >= self.limits.connections_of_port {
                self.pause(token);
                return Ok(());
            }
            let (client, from) = match port.listener.accept() {
                Ok(it) => it,
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The client is gone already, or its network told of a fault (accept(2)).
                Err(err) if !is_want(&err) => continue,
                Err(_) => {
                    self.want = Some(now + WANT);
                    self.pause(token);
                    return Ok(());
                }
            };
            // If it cannot be begun, the client hears what it would without us: that nobody is there.
            let _ = sockopt::set_socket_linger(&client, Some(Duration::ZERO));
            sockets::welcome(&client, from);
            let relay_token = self.poll.token();
            let relay = match begin(port, from, self.keeps_addresses) {
                Ok(container) => Relay::new(client, container, relay_token, &self.poll),
                Err(WithinError::Refused(_)) => continue,
                Err(lost) => return Err(io::Error::other(lost)),
            };
            if let Ok(relay) = relay {
                port.connections += 1;
                self.relays.insert(relay_token, (token, relay));
            }
        }
        Ok(())
    }

    /// Accepts no more for a port; clients wait in the kernel's queue.
    fn pause(&mut self, token: u64) {
        if let Some(port) = self.tcp.get_mut(&token)
            && self.poll.change(token, &port.listener, EventFlags::empty()).is_ok()
        {
            port.is_paused = true;
        }
    }

    /// Accepts again where there is room.
    fn resume(&mut self) {
        if self.want.is_some() || self.relays.len() >= self.limits.connections {
            return;
        }
        for (token, port) in &mut self.tcp {
            let has_room = port.connections < self.limits.connections_of_port;
            if port.is_paused && has_room && self.poll.change(*token, &port.listener, EventFlags::IN).is_ok()
            {
                port.is_paused = false;
            }
        }
    }

    fn carry_up(&mut self, token: u64, now: Instant) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..flow::AT_ONCE {
            let Some(port) = self.udp.get(&token) else { break };
            let (length, client, destination) = match sockets::receive(&port.socket, &mut buffer) {
                Ok(it) => it,
                // An error is what an earlier answer met (nobody there), and is gone with being told.
                Err(err) if err.kind() != io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            let flow = self.clients.get(&(token, client)).copied();
            let Some(flow) = flow.or_else(|| self.begin_flow(token, client, now)) else { continue };
            if let Some(flow) = self.flows.get_mut(&flow) {
                flow.carry_up(buffer.get(..length).unwrap_or_default(), destination, now);
            }
        }
        self.buffer = buffer;
    }

    fn begin_flow(&mut self, port_token: u64, client: SocketAddr, now: Instant) -> Option<u64> {
        let of_port = self.udp.get(&port_token)?.flows >= self.limits.flows_of_port;
        if of_port || self.flows.len() >= self.limits.flows {
            let others = self.flows.iter().filter(|(_, flow)| !of_port || flow.port == port_token);
            let oldest = others.min_by_key(|(token, flow)| (flow.last, **token)).map(|(token, _)| *token)?;
            self.end_flow(oldest);
        }
        let port = self.udp.get_mut(&port_token)?;
        let mut way = way(&port.target, client, self.keeps_addresses).ok()?;
        // The same client by another port of the host to the same port of the container: datagrams could not be told apart.
        if self.ports_of.contains_key(&client)
            && let Some(name) = &mut way.name
        {
            name.set_port(0);
        }
        let socket = sockets::open_datagrams(way).ok()?;
        let token = self.poll.add(&socket, EventFlags::IN).ok()?;
        let flow = Flow::new(port_token, client, socket, self.limits.idle, now);
        port.flows += 1;
        self.due.insert((flow.due, token));
        self.clients.insert((port_token, client), token);
        *self.ports_of.entry(client).or_default() += 1;
        self.flows.insert(token, flow);
        Some(token)
    }

    fn end_flow(&mut self, token: u64) {
        let Some(flow) = self.flows.remove(&token) else { return };
        self.due.remove(&(flow.due, token));
        self.clients.remove(&(flow.port, flow.client));
        if let Entry::Occupied(mut ports) = self.ports_of.entry(flow.client) {
            *ports.get_mut() -= 1;
            if *ports.get() == 0 {
                ports.remove();
            }
        }
        if let Some(port) = self.udp.get_mut(&flow.port) {
            port.flows = port.flows.saturating_sub(1);
        }
    }

    fn forget_idle(&mut self, now: Instant) {
        while let Some((due, token)) = self.due.first().copied() {
            if due > now {
                break;
            }
            self.due.remove(&(due, token));
            let Some(flow) = self.flows.get_mut(&token) else { continue };
            flow.due = flow.last + self.limits.idle;
            if flow.due <= now {
                self.end_flow(token);
            } else {
                self.due.insert((flow.due, token));
            }
        }
    }
}

/// A connection to the container for a client.
fn begin(port: &TcpPort, client: SocketAddr, keeps_addresses: bool) -> Result<TcpStream, WithinError> {
    let way = way(&port.target, client, keeps_addresses)?;
    let within = port.within.as_ref().filter(|_| keeps_addresses);
    let short = within.and_then(|within| Some((port.target.way_within(way)?, within)));
    match short {
        Some((way, within)) => sockets::begin_connection(way, Some(within)),
        None => sockets::begin_connection(way, None),
    }
}

fn way(target: &Target, client: SocketAddr, keeps_addresses: bool) -> io::Result<Way> {
    let mut way = target.way(client).ok_or(io::ErrorKind::AddrNotAvailable)?;
    if !keeps_addresses {
        way.name = None;
    }
    Ok(way)
}

impl AsFd for Forwarder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}
