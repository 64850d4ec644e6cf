//! The server: sockets around [`decide`].

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::process::{Resource, getrlimit};

use super::connection::{Connection, Gone};
use super::decide::{Transport, Verdict, decide};
use super::exchange::{Exchange, Progress};
use super::forward::{Forward, Resolvers};
use super::names::{Names, NetworkNames};
use super::resolv_conf::ResolvConf;
use crate::poll::{Poll, WANT, is_want};

/// Where name servers listen.
const PORT: u16 = 53;
/// Packets that are taken from one socket before others have their turn.
const PACKETS_AT_ONCE: usize = 64;
/// Connections of clients, of all and of one address.
const MOST_CONNECTIONS: usize = 128;
const MOST_CONNECTIONS_OF_ONE: usize = 32;
/// Questions on their way to resolvers, of all; fewer where fewer descriptors may be open. Of one address: a quarter.
const MOST_EXCHANGES: usize = 1024;
const LEAST_EXCHANGES: usize = 64;
/// A resolver that did not answer in time is asked after the others for so long.
const SICKNESS: Duration = Duration::from_secs(10);
/// No packet that comes is longer.
const LONGEST_PACKET: usize = 4096;

/// A name server for any number of networks, for the loop of whoever owns it.
///
/// It is a descriptor ([`AsFd`]) that becomes readable when there is something to do: then, and when [`Self::next_timeout`]
/// has passed, [`Self::turn`] does it. Nothing here ever blocks, and all memory is bounded: by the names that it is given,
/// by the number of open descriptors (`RLIMIT_NOFILE`) for questions on their way, by constants for connections.
#[derive(Debug)]
pub struct DnsServer {
    poll: Poll,
    names: Names,
    resolv_conf: ResolvConf,
    resolv_conf_token: u64,
    resolver_port: u16,
    most_exchanges: usize,
    udp: HashMap<u64, (Arc<str>, UdpSocket)>,
    tcp: HashMap<u64, (Arc<str>, TcpListener)>,
    connections: HashMap<u64, Connection>,
    exchanges: HashMap<u64, (Asker, Exchange)>,
    /// Exchanges by the time at which something is to be done about them.
    due: BTreeSet<(Instant, u64)>,
    /// Exchanges by who asked under which id, since clients repeat themselves.
    asked: HashMap<(Asker, u16), u64>,
    sick: HashMap<SocketAddr, Instant>,
    /// Connections that have got an answer and may have waited for it with the next question.
    relieved: Vec<u64>,
    /// When listeners that wait for descriptors are tried again.
    want: Option<Instant>,
}

/// Where an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asker {
    /// From this socket to this address.
    Udp(u64, SocketAddr),
    /// To this connection.
    Tcp(u64, IpAddr),
}

impl Asker {
    fn address(self) -> IpAddr {
        match self {
            Self::Udp(_, address) => address.ip(),
            Self::Tcp(_, address) => address,
        }
    }
}

impl DnsServer {
    /// A server that knows no network yet, and asks the resolvers that `resolv_conf` (`/etc/resolv.conf`) names.
    ///
    /// # Errors
    /// The kernel's: too many descriptors or inotify instances.
    pub fn new(resolv_conf: &Path) -> io::Result<Self> {
        Self::with_resolver_port(resolv_conf, PORT)
    }

    pub(super) fn with_resolver_port(resolv_conf: &Path, resolver_port: u16) -> io::Result<Self> {
        let mut poll = Poll::new()?;
        let resolv_conf = ResolvConf::follow(resolv_conf, resolver_port)?;
        let resolv_conf_token = poll.add(resolv_conf.fd(), EventFlags::IN)?;
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = usize::try_from(descriptors / 2).unwrap_or(usize::MAX);
        Ok(Self {
            poll,
            names: Names::default(),
            resolv_conf,
            resolv_conf_token,
            resolver_port,
            most_exchanges: most.clamp(LEAST_EXCHANGES, MOST_EXCHANGES),
            udp: HashMap::new(),
            tcp: HashMap::new(),
            connections: HashMap::new(),
            exchanges: HashMap::new(),
            due: BTreeSet::new(),
            asked: HashMap::new(),
            sick: HashMap::new(),
            relieved: Vec::new(),
            want: None,
        })
    }

    /// Says what is on `network` from now on. What is on its way is not disturbed.
    pub fn set_names(&mut self, network: &str, names: &NetworkNames) {
        self.names.set(network, names);
    }

    /// Answers on these sockets for `network`, on each gateway of its one pair. They may be of any network namespace.
    ///
    /// # Errors
    /// The kernel's.
    pub fn add_listener(&mut self, network: &str, udp: UdpSocket, tcp: TcpListener) -> io::Result<()> {
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        // Bursts of many containers; the kernel cuts it to what it allows.
        rustix::net::sockopt::set_socket_recv_buffer_size(&udp, 1 << 20)?;
        let name: Arc<str> = Arc::from(network);
        let udp_token = self.poll.add(&udp, EventFlags::IN)?;
        let tcp_token = self.poll.add(&tcp, EventFlags::IN)?;
        self.udp.insert(udp_token, (Arc::clone(&name), udp));
        self.tcp.insert(tcp_token, (name, tcp));
        Ok(())
    }

    /// Forgets `network` with its names, listeners and connections.
    pub fn remove_network(&mut self, network: &str) {
        self.names.remove(network);
        // Whoever made the listeners may have kept copies of them.
        for (_, socket) in self.udp.extract_if(|_, (name, _)| &**name == network) {
            self.poll.remove(socket.1);
        }
        for (_, listener) in self.tcp.extract_if(|_, (name, _)| &**name == network) {
            self.poll.remove(listener.1);
        }
        self.connections.retain(|_, connection| &*connection.network != network);
    }

    /// The host's resolvers as they are now.
    #[must_use]
    pub fn host_resolvers(&self) -> &[SocketAddr] {
        self.resolv_conf.servers()
    }

    /// When [`Self::turn`] is to be called even if nothing has come.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let exchange = self.due.first().map(|(due, _)| *due);
        let connection = self.connections.values().map(|connection| connection.due).min();
        exchange.into_iter().chain(connection).chain(self.want).min()
    }

    /// Does what is to be done now.
    ///
    /// # Errors
    /// The kernel's, about what the server cannot be without; the faults of clients and resolvers stay with them.
    pub fn turn(&mut self, now: Instant) -> io::Result<()> {
        for (token, flags) in self.poll.happened()? {
            if token == self.resolv_conf_token {
                self.look_at_resolv_conf(now);
            } else if self.udp.contains_key(&token) {
                self.take_packets(token, now);
            } else if self.tcp.contains_key(&token) {
                self.accept(token, now);
            } else if self.connections.contains_key(&token) {
                self.serve(token, flags.intersects(EventFlags::HUP | EventFlags::ERR), now);
            } else if let Some((_, exchange)) = self.exchanges.get_mut(&token) {
                let was_due = exchange.due;
                let progress = exchange.happened(token, &self.poll, now);
                self.go_on(token, was_due, progress, now);
            }
        }
        self.mind_the_time(now);
        self.resume(now);
        while let Some(token) = self.relieved.pop() {
            self.serve(token, false, now);
        }
        Ok(())
    }

    fn look_at_resolv_conf(&mut self, now: Instant) {
        let before = self.resolv_conf.servers().to_vec();
        if !self.resolv_conf.look() {
            return;
        }
        let servers = self.resolv_conf.servers().to_vec();
        if servers == before || servers.is_empty() {
            return;
        }
        self.sick.clear();
        let concerned: Vec<u64> = self
            .exchanges
            .iter()
            .filter(|(_, (_, exchange))| exchange.forward.resolvers == Resolvers::Host)
            .map(|(token, _)| *token)
            .collect();
        for token in concerned {
            let Some((_, exchange)) = self.exchanges.get_mut(&token) else { continue };
            let was_due = exchange.due;
            let progress = exchange.change_servers(&servers, token, &self.poll, now);
            self.go_on(token, was_due, progress, now);
        }
    }

    fn take_packets(&mut self, token: u64, now: Instant) {
        let mut packet = [0; LONGEST_PACKET];
        for _ in 0..PACKETS_AT_ONCE {
            let Some((network, socket)) = self.udp.get(&token) else { return };
            let (length, from) = match socket.recv_from(&mut packet) {
                Ok(it) => it,
                // An error is what an earlier answer met (nobody there), and is gone with being told.
                Err(err) if err.kind() != io::ErrorKind::WouldBlock => continue,
                Err(_) => return,
            };
            let packet = packet.get(..length).unwrap_or_default();
            match decide(packet, Transport::Udp, from.ip(), network, &self.names) {
                Verdict::Ignore => {}
                // What does not fit into the socket's buffer is lost, as on any network; the client asks again.
                Verdict::Answer(answer) => drop(socket.send_to(&answer, from)),
                Verdict::Forward(forward) => self.forward(Asker::Udp(token, from), forward, now),
            }
        }
    }

    fn accept(&mut self, token: u64, now: Instant) {
        for _ in 0..PACKETS_AT_ONCE {
            let Some((network, listener)) = self.tcp.get(&token) else { return };
            let (stream, from) = match listener.accept() {
                Ok(it) => it,
                // The client has gone again.
                Err(err) if err.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(err) if is_want(&err) => {
                    // It would be told of again at once. Connections here are short, and may soon give theirs back.
                    self.want = Some(now + WANT);
                    let _ = self.poll.change(token, listener, EventFlags::empty());
                    return;
                }
                Err(_) => return,
            };
            let network = Arc::clone(network);
            self.make_room(from.ip());
            // On an error it is closed.
            if let Ok((token, connection)) = Connection::new(stream, from.ip(), network, &mut self.poll, now)
            {
                self.connections.insert(token, connection);
            }
        }
    }

    /// Accepts again what was left for want of descriptors.
    fn resume(&mut self, now: Instant) {
        if self.want.is_some_and(|want| want <= now) {
            self.want = None;
            for (token, (_, listener)) in &self.tcp {
                let _ = self.poll.change(*token, listener, EventFlags::IN);
            }
        }
    }

    /// Lets the connection go that has been silent for longest, if there are too many.
    fn make_room(&mut self, from: IpAddr) {
        let of_one = self.connections.values().filter(|connection| connection.peer == from).count();
        let only_this = of_one >= MOST_CONNECTIONS_OF_ONE;
        if !only_this && self.connections.len() < MOST_CONNECTIONS {
            return;
        }
        let candidates = self.connections.iter().filter(|(_, it)| !only_this || it.peer == from);
        if let Some(token) = candidates.min_by_key(|(_, it)| it.due).map(|(token, _)| *token) {
            self.connections.remove(&token);
        }
    }

    fn serve(&mut self, token: u64, broken: bool, now: Instant) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let mut went = if broken { Err(Gone) } else { connection.go_on(&self.poll, now) };
        if went.is_ok() {
            went = self.take_questions(token, now);
        }
        if went.is_err() {
            self.connections.remove(&token);
        }
    }

    fn take_questions(&mut self, token: u64, now: Instant) -> Result<(), Gone> {
        loop {
            let Some(connection) = self.connections.get_mut(&token) else { return Ok(()) };
            let Some(packet) = connection.question()? else { return Ok(()) };
            let peer = connection.peer;
            match decide(&packet, Transport::Tcp, peer, &connection.network, &self.names) {
                Verdict::Ignore => return Err(Gone),
                Verdict::Answer(answer) => connection.answer(&answer, &self.poll, now)?,
                Verdict::Forward(forward) => {
                    connection.forwarded();
                    self.forward(Asker::Tcp(token, peer), forward, now);
                }
            }
        }
    }

    fn forward(&mut self, asker: Asker, forward: Forward, now: Instant) {
        let key = (asker, forward.id());
        // Over UDP clients repeat what is not answered soon.
        if let Some((_, before)) = self.asked.get(&key).and_then(|token| self.exchanges.get(token))
            && matches!(asker, Asker::Udp(..))
            && before.forward.asks_the_same(&forward)
        {
            return;
        }
        let of_one = self.exchanges.values().filter(|(other, _)| other.address() == asker.address());
        let full = self.exchanges.len() >= self.most_exchanges
            || (self.exchanges.len() >= self.most_exchanges / 4 && of_one.count() >= self.most_exchanges / 4);
        if full {
            return self.answer(asker, &forward.failure(), now);
        }
        let mut servers = match &forward.resolvers {
            Resolvers::Host => self.resolv_conf.servers().to_vec(),
            Resolvers::These(these) => {
                these.iter().map(|address| SocketAddr::new(*address, self.resolver_port)).collect()
            }
        };
        servers.sort_by_key(|server| self.sick.get(server).is_some_and(|until| *until > now));
        let token = self.poll.token();
        let (exchange, progress) = Exchange::begin(forward, &servers, token, &self.poll, now);
        match progress {
            Progress::Done(answer) => self.answer(asker, &answer, now),
            Progress::Waiting => {
                self.due.insert((exchange.due, token));
                self.asked.insert(key, token);
                self.exchanges.insert(token, (asker, exchange));
            }
        }
    }

    /// Takes note of what came of an exchange.
    fn go_on(&mut self, token: u64, was_due: Instant, progress: Progress, now: Instant) {
        self.due.remove(&(was_due, token));
        match progress {
            Progress::Waiting => {
                let due = self.exchanges.get(&token).map(|(_, exchange)| (exchange.due, token));
                self.due.extend(due);
            }
            Progress::Done(answer) => {
                let Some((asker, exchange)) = self.exchanges.remove(&token) else { return };
                let key = (asker, exchange.forward.id());
                if self.asked.get(&key) == Some(&token) {
                    self.asked.remove(&key);
                }
                self.answer(asker, &answer, now);
            }
        }
    }

    /// Sends the answer to a question that was forwarded, or could not be.
    fn answer(&mut self, asker: Asker, answer: &[u8], now: Instant) {
        match asker {
            Asker::Udp(token, to) => {
                if let Some((_, socket)) = self.udp.get(&token) {
                    let _ = socket.send_to(answer, to);
                }
            }
            Asker::Tcp(token, _) => {
                let Some(connection) = self.connections.get_mut(&token) else { return };
                match connection.answer_forwarded(answer, &self.poll, now) {
                    Ok(()) => self.relieved.push(token),
                    Err(Gone) => drop(self.connections.remove(&token)),
                }
            }
        }
    }

    fn mind_the_time(&mut self, now: Instant) {
        while let Some((due, token)) = self.due.first().copied() {
            if due > now {
                break;
            }
            let Some((_, exchange)) = self.exchanges.get_mut(&token) else {
                self.due.remove(&(due, token));
                continue;
            };
            if let Some(server) = exchange.asked_last() {
                self.sick.insert(server, now + SICKNESS);
            }
            let progress = exchange.step(token, &self.poll, now);
            self.go_on(token, due, progress, now);
        }
        self.sick.retain(|_, until| *until > now);
        self.connections.retain(|_, connection| connection.due > now);
    }
}

impl AsFd for DnsServer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}
