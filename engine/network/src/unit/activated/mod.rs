//! Connections and datagrams to sockets that the service manager listens on for one container: a helper of that container's
//! supervisor.
//!
//! It goes into the container's network namespace, where loopback leads to the payload, which need not know of any of this. A
//! connection or datagram that started the service waits until the payload answers. When there has been none for as long as was
//! said, it ends, which tells the supervisor that the container may. It ends as well when the container or the supervisor does:
//! that one holds the other end of its standard input. What the container has said by then still goes to its clients.
//!
//! The payload sees connections from their clients' own addresses, where that can be (see [`keep_addresses`]). Datagrams
//! come from loopback: what a payload answers, by a socket for all addresses, is sent wherever the container's routes lead, not
//! the way that the question came.

mod listed;
mod payload;

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use pontoon_network::forwarder::{Forwarder, Limits};
use pontoon_rootless::sys::inherited_fd;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketType, sockopt};

use super::links;
use super::namespace::enter;
use super::netlink::Socket;
use payload::{Outer, Waiting};

/// The table of routes by which the container answers its clients.
const TABLE: u8 = 112;

/// How long clients have to take what the container said before it ended. The supervisor waits for that, and a bit longer.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the supervisor's words say.
#[derive(Debug)]
struct Asked {
    network: OwnedFd,
    /// The service manager's sockets, with the payload's port for each.
    ports: Vec<(Outer, u16)>,
    idle: Option<Duration>,
}

fn read_words(mut words: impl Iterator<Item = String>) -> io::Result<Asked> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let (mut network, mut ports, mut idle) = (None, Vec::new(), None);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|it| it.parse::<u32>().ok()).ok_or_else(invalid);
        let fd = |number: u32| inherited_fd(i32::try_from(number).map_err(|_| invalid())?);
        match word.as_str() {
            "--network" => network = Some(fd(number()?)?),
            "--listen" => {
                let socket = fd(number()?)?;
                let socket = match sockopt::socket_type(&socket)? {
                    SocketType::DGRAM => Outer::Datagrams(socket.into()),
                    _ => Outer::Connections(socket.into()),
                };
                ports.push((socket, u16::try_from(number()?).map_err(|_| invalid())?));
            }
            "--idle" => idle = Some(Duration::from_secs(number()?.into())),
            _ => return Err(invalid()),
        }
    }
    Ok(Asked { network: network.ok_or_else(invalid)?, ports, idle })
}

/// Does it until there is nothing more to do.
///
/// # Errors
/// The kernel's.
pub fn run(words: impl Iterator<Item = String>) -> io::Result<()> {
    let Asked { network, ports, idle } = read_words(words)?;
    let nameless = if enter(&network)? { keep_addresses() } else { everybody(&FAMILIES) };
    let mut waiting: Vec<Waiting> =
        ports.into_iter().map(|(socket, port)| Waiting::new(socket, port, &nameless)).collect();
    let mut forwarder = Forwarder::new(Limits::of_process())?;
    let mut idle_since = Instant::now();
    loop {
        let now = Instant::now();
        if forwarder.carries() {
            idle_since = now;
        }
        idle_since = forwarder.last_datagram().map_or(idle_since, |it| it.max(idle_since));
        let gives_up = idle.filter(|_| !forwarder.carries()).map(|it| idle_since + it);
        if gives_up.is_some_and(|it| it <= now) {
            return Ok(());
        }
        let times = forwarder
            .next_timeout()
            .into_iter()
            .chain(waiting.iter().filter_map(|it| it.again))
            .chain(gives_up);
        let timeout = times.min().map(super::until);
        let stdin = rustix::stdio::stdin();
        let mut polled = vec![PollFd::new(&stdin, PollFlags::IN), PollFd::new(&forwarder, PollFlags::IN)];
        // One that is to be tried at a time has somebody waiting already.
        let quiet = waiting.iter().filter(|it| it.again.is_none());
        polled.extend(quiet.map(|it| PollFd::new(&it.socket, PollFlags::IN)));
        rustix::io::retry_on_intr(|| poll(&mut polled, timeout.as_ref()))?;
        let mut came = polled.iter().map(|it| !it.revents().is_empty());
        if came.next() == Some(true) {
            return forwarder.finish(Instant::now() + LAST_WORDS);
        }
        let _ = came.next();
        let came: Vec<bool> = came.collect();
        let mut came = came.into_iter();
        let now = Instant::now();
        let mut left = Vec::new();
        for mut port in waiting {
            let is_due = match port.again {
                Some(at) => at <= now,
                None => came.next() == Some(true),
            };
            if is_due {
                idle_since = now;
            }
            match is_due.then(|| port.target()).flatten() {
                Some(target) => match port.socket {
                    Outer::Connections(listener) => forwarder.add_tcp("", listener, target, None)?,
                    Outer::Datagrams(socket) => forwarder.add_udp("", socket, target)?,
                },
                None => {
                    if is_due {
                        port.try_later(now);
                    }
                    left.push(port);
                }
            }
        }
        waiting = left;
        forwarder.turn(Instant::now())?;
    }
}

const FAMILIES: [AddressFamily; 2] = [AddressFamily::INET, AddressFamily::INET6];

/// Sees to it that the container may answer whomever we stand for: what goes from its loopback, to any address, is for us. Returns
/// whose names we cannot take, which is those of a family for which the kernel takes no such rule.
///
/// Connections of ours begin at the client's address and end at the container's loopback, all on its interface `lo`; without such
/// a rule the container's answers would go to the real client, if anywhere. It was told in the same way by mmproxy,
/// <https://blog.cloudflare.com/mmproxy-creative-way-of-preserving-client-ips-in-spectrum/>. The namespace is the container's, and
/// the rule goes with it; it concerns no packet that is worth anything else, as loopback's addresses lead nowhere outside.
fn keep_addresses() -> Vec<IpNet> {
    let Ok(mut socket) = Socket::open() else { return everybody(&FAMILIES) };
    let failed: Vec<AddressFamily> = FAMILIES
        .into_iter()
        .filter(|family| links::take_in_answers(&mut socket, *family, TABLE).is_err())
        .collect();
    everybody(&failed)
}

fn everybody(of: &[AddressFamily]) -> Vec<IpNet> {
    let word = |family: &AddressFamily| if *family == AddressFamily::INET { "0.0.0.0/0" } else { "::/0" };
    of.iter().filter_map(|family| word(family).parse().ok()).collect()
}
