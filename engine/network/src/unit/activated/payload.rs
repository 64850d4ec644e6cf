//! Whether the payload answers yet, and where.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use pontoon_network::forwarder::Target;

use super::listed::{self, Taken};

/// How soon a payload that does not answer yet is tried again: the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What the service manager listens on.
#[derive(Debug)]
pub enum Outer {
    /// TCP.
    Connections(TcpListener),
    /// UDP.
    Datagrams(UdpSocket),
}

impl AsFd for Outer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Connections(socket) => socket.as_fd(),
            Self::Datagrams(socket) => socket.as_fd(),
        }
    }
}

/// A port whose payload has not answered yet.
#[derive(Debug)]
pub struct Waiting {
    /// Where clients come to.
    pub socket: Outer,
    port: u16,
    nameless: Vec<IpNet>,
    /// When it is tried again, once somebody has come.
    pub again: Option<Instant>,
    pause: Duration,
}

impl Waiting {
    /// A socket that leads to that port; `nameless` are the clients whose names connections cannot have.
    pub fn new(socket: Outer, port: u16, nameless: &[IpNet]) -> Self {
        Self { socket, port, nameless: nameless.to_vec(), again: None, pause: FIRST_PAUSE }
    }

    /// Notes that it was tried in vain.
    pub fn try_later(&mut self, now: Instant) {
        self.again = Some(now + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Where the payload answers, if it does. The kernel is asked, not the payload: to that one a connection without a word would be
    /// a client, and may be the only one it ever takes.
    pub fn target(&self) -> Option<Target> {
        let target = |taken: Taken| Target {
            port: self.port,
            v4: taken.v4.then_some(Ipv4Addr::LOCALHOST),
            v6: taken.v6.then_some(Ipv6Addr::LOCALHOST),
            ..Target::default()
        };
        let target = match self.socket {
            // Each for clients of its family; one alone is for all.
            Outer::Connections(_) => {
                Target { on_link: self.nameless.clone(), ..target(listed::connections(self.port)) }
            }
            // One for all.
            Outer::Datagrams(_) => {
                let taken = listed::datagrams(self.port);
                let everybody = ["0.0.0.0/0", "::/0"].iter().filter_map(|it| it.parse().ok()).collect();
                Target { on_link: everybody, ..target(Taken { v6: taken.v6 && !taken.v4, ..taken }) }
            }
        };
        (target.v4.is_some() || target.v6.is_some()).then_some(target)
    }
}
