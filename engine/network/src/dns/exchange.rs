//! A forwarded question on its way: who is asked when, and what came back.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use super::forward::{Forward, LONGEST_ANSWER, Reply};
use crate::poll::Poll;

/// The next resolver is asked, or the same one again, when none has answered for so long.
const PATIENCE: Duration = Duration::from_secs(1);
/// So often; then the client, which waits five seconds as a rule (resolv.conf(5), `timeout`), hears of the failure.
const STEPS: usize = 5;
/// Resolvers of one question, as in resolv.conf(5).
const MOST_SERVERS: usize = 3;

/// The question, and all that is known about it.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) forward: Forward,
    /// When something is to be done if nothing comes.
    pub(super) due: Instant,
    servers: Vec<SocketAddr>,
    steps: usize,
    attempts: Vec<Attempt>,
    /// What goes to the client if no resolver can do better.
    fallback: Option<Vec<u8>>,
}

/// One resolver that is being asked. It may answer late, while others are asked already.
#[derive(Debug)]
struct Attempt {
    server: SocketAddr,
    id: u16,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// From a port and under an id that the kernel has thrown the dice for, over a socket that hears this resolver only.
    Udp(UdpSocket),
    Tcp(Box<Stream>),
    /// It cannot be reached, or has said that it cannot.
    Failed,
}

/// The question over TCP: two bytes of length, the message (RFC 1035, 4.2.2).
#[derive(Debug)]
struct Stream {
    stream: TcpStream,
    token: u64,
    unsent: Vec<u8>,
    received: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Progress {
    /// It goes on.
    Waiting,
    /// This goes to the client.
    Done(Vec<u8>),
}

impl Exchange {
    /// Asks the first of `servers`. Every socket is waited for under `token`.
    pub(super) fn begin(
        forward: Forward,
        servers: &[SocketAddr],
        token: u64,
        poll: &Poll,
        now: Instant,
    ) -> (Self, Progress) {
        let mut exchange = Self {
            forward,
            due: now,
            servers: servers.iter().take(MOST_SERVERS).copied().collect(),
            steps: 0,
            attempts: Vec::new(),
            fallback: None,
        };
        let progress = exchange.step(token, poll, now);
        (exchange, progress)
    }

    /// Who has been asked last.
    pub(super) fn asked_last(&self) -> Option<SocketAddr> {
        let step = self.steps.checked_sub(1)?.checked_rem(self.servers.len())?;
        self.servers.get(step).copied()
    }

    /// Nobody has answered in time.
    pub(super) fn step(&mut self, token: u64, poll: &Poll, now: Instant) -> Progress {
        self.due = now + PATIENCE;
        while self.steps < STEPS {
            let Some(server) = self.servers.get(self.steps % self.servers.len().max(1)).copied() else {
                break;
            };
            self.steps += 1;
            if self.ask(server, token, poll) {
                return Progress::Waiting;
            }
            if self.all_failed() {
                break;
            }
        }
        Progress::Done(self.last_word())
    }

    /// There are other resolvers now: they are asked at once, in place of those that are no more.
    pub(super) fn change_servers(
        &mut self,
        servers: &[SocketAddr],
        token: u64,
        poll: &Poll,
        now: Instant,
    ) -> Progress {
        self.servers = servers.iter().take(MOST_SERVERS).copied().collect();
        self.attempts.retain(|attempt| servers.contains(&attempt.server));
        self.steps = 0;
        self.step(token, poll, now)
    }

    /// Something has happened to one of the sockets.
    pub(super) fn happened(&mut self, token: u64, poll: &Poll, now: Instant) -> Progress {
        let mut failed = false;
        for attempt in &mut self.attempts {
            let reply = match &mut attempt.way {
                Way::Failed => continue,
                Way::Udp(socket) => receive(socket, &self.forward, attempt.id),
                Way::Tcp(stream) => {
                    let answer = stream.go_on(poll);
                    answer.map(|answer| answer.map(|it| self.forward.read(&it, attempt.id, true)))
                }
            };
            match reply {
                Ok(None) => {}
                Ok(Some(Reply::Answer(answer))) => return Progress::Done(answer),
                Ok(Some(Reply::AskByTcp(answer))) => {
                    self.fallback = Some(answer);
                    let query = self.forward.query(attempt.id);
                    match Stream::open(attempt.server, &query, token, poll) {
                        Ok(stream) => attempt.way = Way::Tcp(Box::new(stream)),
                        Err(_) => {
                            attempt.way = Way::Failed;
                            failed = true;
                        }
                    }
                }
                Ok(Some(Reply::Unable(answer))) => {
                    self.fallback.get_or_insert(answer);
                    attempt.way = Way::Failed;
                    failed = true;
                }
                // Over TCP, where nobody else can write, a foreign answer is a broken resolver.
                Ok(Some(Reply::Foreign)) | Err(_) => {
                    attempt.way = Way::Failed;
                    failed = true;
                }
            }
        }
        match failed {
            false => Progress::Waiting,
            true if self.all_failed() => Progress::Done(self.last_word()),
            // Another one is being asked already, or is asked now.
            true if self.attempts.iter().any(|attempt| !attempt.has_failed()) => Progress::Waiting,
            true => self.step(token, poll, now),
        }
    }

    /// Whether there is nobody left who may answer.
    fn all_failed(&self) -> bool {
        let failed =
            |server: &SocketAddr| self.attempts.iter().any(|it| it.server == *server && it.has_failed());
        self.servers.iter().all(failed)
    }

    fn last_word(&mut self) -> Vec<u8> {
        self.fallback.take().unwrap_or_else(|| self.forward.failure())
    }

    /// Asks `server`, again if it has been asked before. Says whether an answer may come.
    fn ask(&mut self, server: SocketAddr, token: u64, poll: &Poll) -> bool {
        if let Some(before) = self.attempts.iter_mut().find(|attempt| attempt.server == server) {
            return match &before.way {
                Way::Udp(socket) => {
                    let asked = socket.send(&self.forward.query(before.id)).is_ok();
                    if !asked {
                        before.way = Way::Failed;
                    }
                    asked
                }
                Way::Tcp(_) => true,
                Way::Failed => false,
            };
        }
        let asked = ask_by_udp(server, &self.forward, token, poll);
        let asked = asked.map_or((0, Way::Failed), |(id, socket)| (id, Way::Udp(socket)));
        let attempt = Attempt { server, id: asked.0, way: asked.1 };
        let may_answer = !attempt.has_failed();
        self.attempts.push(attempt);
        may_answer
    }
}

impl Attempt {
    fn has_failed(&self) -> bool {
        matches!(self.way, Way::Failed)
    }
}

fn ask_by_udp(
    server: SocketAddr,
    forward: &Forward,
    token: u64,
    poll: &Poll,
) -> io::Result<(u16, UdpSocket)> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    let id = random_id()?;
    socket.send(&forward.query(id))?;
    poll.add_as(token, &socket, EventFlags::IN)?;
    Ok((id, socket))
}

/// The answer among what came, if there is one; an error if the resolver cannot be reached.
fn receive(socket: &UdpSocket, forward: &Forward, id: u16) -> io::Result<Option<Reply>> {
    let mut packet = [0; LONGEST_ANSWER];
    loop {
        let length = match socket.recv(&mut packet) {
            Ok(length) => length,
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(err) => return Err(err),
        };
        match forward.read(packet.get(..length).unwrap_or_default(), id, false) {
            Reply::Foreign => {}
            reply => return Ok(Some(reply)),
        }
    }
}

impl Stream {
    fn open(server: SocketAddr, query: &[u8], token: u64, poll: &Poll) -> io::Result<Self> {
        let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        match connect(&socket, &server) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(err) => return Err(err.into()),
        }
        poll.add_as(token, &socket, EventFlags::IN | EventFlags::OUT)?;
        Ok(Self { stream: TcpStream::from(socket), token, unsent: with_length(query), received: Vec::new() })
    }

    /// Sends and receives what is possible; the answer, when it is whole.
    fn go_on(&mut self, poll: &Poll) -> io::Result<Option<Vec<u8>>> {
        if !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                // Not connected yet is one of them.
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(err) if err.kind() == io::ErrorKind::NotConnected => return Ok(None),
                Err(err) => return Err(err),
            }
            if self.unsent.is_empty() {
                poll.change(self.token, &self.stream, EventFlags::IN)?;
            }
        }
        let mut part = [0; 4096];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.received.extend_from_slice(part.get(..length).unwrap_or_default()),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(err) => return Err(err),
            }
            if let Some(message) = take_message(&mut self.received) {
                return Ok(Some(message));
            }
        }
    }
}

/// A message as it goes over TCP.
pub(super) fn with_length(message: &[u8]) -> Vec<u8> {
    // No message is longer: they are read from packets, or built within that limit.
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), message.get(..usize::from(length)).unwrap_or_default()].concat()
}

/// The first message of what came over TCP, if it is whole.
pub(super) fn take_message(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let [first, second] = received.first_chunk().copied()?;
    let end = 2 + usize::from(u16::from_be_bytes([first, second]));
    let message = received.get(2..end)?.to_vec();
    received.drain(..end);
    Some(message)
}

fn random_id() -> io::Result<u16> {
    let mut bytes = [0; 2];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(u16::from_be_bytes(bytes))
}
