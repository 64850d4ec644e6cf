//! Whether the payload answers yet, and where.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use pontoon_network::forwarder::Target;

/// How soon a payload that does not answer yet is tried again: the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Of `net/tcp_states.h`: what a socket for datagrams is in that takes them from everybody.
const UNCONNECTED: &str = "07";

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

    /// Where the payload answers, if it does. Loopback tells at once.
    pub fn target(&self) -> Option<Target> {
        let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        let target = Target { port: self.port, ..Target::default() };
        match self.socket {
            Outer::Connections(_) => {
                let answers = |address: SocketAddr| TcpStream::connect(address).is_ok();
                // Each for clients of its family; one alone is for all.
                let v4 = Some(v4).filter(|it| answers((*it, self.port).into()));
                let v6 = Some(v6).filter(|it| answers((*it, self.port).into()));
                let target = Target { v4, v6, on_link: self.nameless.clone(), ..target };
                (v4.is_some() || v6.is_some()).then_some(target)
            }
            Outer::Datagrams(_) => {
                let everybody = ["0.0.0.0/0", "::/0"].iter().filter_map(|it| it.parse().ok()).collect();
                let target = Target { on_link: everybody, ..target };
                // There is no datagram to try it with that would mean nothing to the payload.
                let takes = |file: &str, addresses: &[&str]| {
                    fs::read_to_string(file).is_ok_and(|text| is_taken(&text, addresses, self.port))
                };
                if takes("/proc/thread-self/net/udp", &ANY_V4) {
                    return Some(Target { v4: Some(v4), ..target });
                }
                takes("/proc/thread-self/net/udp6", &ANY_V6).then_some(Target { v6: Some(v6), ..target })
            }
        }
    }
}

/// All addresses, and loopback, as proc_net(5) has them: words of four bytes, each a number of this machine's byte order.
const ANY_V4: [&str; 2] = ["00000000", if cfg!(target_endian = "little") { "0100007F" } else { "7F000001" }];
const ANY_V6: [&str; 2] = [
    "00000000000000000000000000000000",
    if cfg!(target_endian = "little") {
        "00000000000000000000000001000000"
    } else {
        "00000000000000000000000000000001"
    },
];

/// Whether in a list of sockets as `/proc/net/udp` is one there is one for everybody's datagrams to that port of one of these
/// addresses.
fn is_taken(list: &str, addresses: &[&str], port: u16) -> bool {
    let port = format!("{port:04X}");
    list.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let local = words.next().and_then(|it| it.split_once(':'));
        let state = words.nth(1);
        state == Some(UNCONNECTED) && local.is_some_and(|(at, on)| on == port && addresses.contains(&at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
         1: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n\
         2: 0A00000A:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n\
         3: 0100007F:0045 0200007F:1000 01 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n";

    #[test]
    fn a_port_is_taken_by_a_socket_that_takes_everybodys_datagrams_there() {
        assert!(is_taken(LIST, &["00000000"], 0x35));
        assert!(!is_taken(LIST, &["0100007F"], 0x35));
        // Of another address, and one that talks to one peer alone.
        assert!(!is_taken(LIST, &["00000000", "0100007F"], 0x43));
        assert!(!is_taken(LIST, &["00000000", "0100007F"], 0x45));
        assert!(!is_taken("", &["00000000"], 0x35));
    }

    #[test]
    fn what_the_kernel_lists_is_understood() {
        let (four, six) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("[::1]:0").unwrap());
        for (socket, file, addresses) in
            [(&four, "/proc/thread-self/net/udp", &ANY_V4), (&six, "/proc/thread-self/net/udp6", &ANY_V6)]
        {
            let port = socket.local_addr().unwrap().port();
            assert!(is_taken(&fs::read_to_string(file).unwrap(), addresses, port), "{file}");
        }
    }
}
