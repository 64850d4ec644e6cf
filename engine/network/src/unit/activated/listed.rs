//! The sockets of a network namespace, as the kernel lists them: so it is seen who takes connections and datagrams, without any.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::net::{AddressFamily, netlink::SOCK_DIAG};

use crate::unit::netlink::{Attributes, Message, Socket};

/// Which of loopback's two addresses lead to a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// 127.0.0.1.
    pub v4: bool,
    /// ::1.
    pub v6: bool,
}

/// Of `net/tcp_states.h`: what a socket is in that takes connections.
const LISTENS: u8 = 0x0a;
/// And one for datagrams that takes them from everybody.
const UNCONNECTED: u8 = 0x07;

/// Where connections to that port are taken, in the network namespace of the thread.
pub fn connections(port: u16) -> Taken {
    taken(&list("tcp"), &list("tcp6"), LISTENS, port, || is_v6_alone(port))
}

/// The same for everybody's datagrams.
pub fn datagrams(port: u16) -> Taken {
    // There one for both families is asked by IPv6, so it does not matter what else it takes.
    taken(&list("udp"), &list("udp6"), UNCONNECTED, port, || true)
}

/// A list that is not there is of a family that the kernel is without.
fn list(name: &str) -> String {
    fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default()
}

/// What two lists of proc_net(5) say, of IPv4's and IPv6's sockets; `is_v6_alone` says of one for all addresses of IPv6 that it
/// is not one for those of IPv4 as well, which no list tells.
fn taken(v4: &str, v6: &str, state: u8, port: u16, is_v6_alone: impl FnOnce() -> bool) -> Taken {
    let both = || sockets(v4).chain(sockets(v6)).filter(|it| it.state == state && it.port == port);
    // One of IPv6 may have an address of IPv4.
    let has = |addresses: [IpAddr; 2]| both().any(|it| addresses.contains(&it.address.to_canonical()));
    let four = has([Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into()]);
    let six = has([Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into()]);
    let is_everywhere = || both().any(|it| it.address == Ipv6Addr::UNSPECIFIED);
    Taken { v4: four || (is_everywhere() && !is_v6_alone()), v6: six }
}

/// A line of a list.
#[derive(Debug)]
struct Listed {
    address: IpAddr,
    port: u16,
    state: u8,
}

fn sockets(list: &str) -> impl Iterator<Item = Listed> {
    list.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (address, port) = words.next()?.split_once(':')?;
        let (port, state) =
            (u16::from_str_radix(port, 16).ok()?, u8::from_str_radix(words.nth(1)?, 16).ok()?);
        Some(Listed { address: read_address(address)?, port, state })
    })
}

/// An address is written as words of four bytes, each as a number of this machine's byte order.
fn read_address(text: &str) -> Option<IpAddr> {
    let word = |it| Some(u32::from_str_radix(text.get(it..it + 8)?, 16).ok()?.to_ne_bytes());
    if text.len() == 8 {
        return word(0).map(IpAddr::from);
    }
    let words: Vec<u8> = [0, 8, 16, 24].into_iter().filter_map(word).flatten().collect();
    <[u8; 16]>::try_from(words).ok().map(IpAddr::from)
}

/// Whether what listens there for all addresses of IPv6 is for nobody else (`IPV6_V6ONLY` of ipv6(7)). Where the kernel does
/// not tell, it is for everybody, as it would be without being told otherwise.
fn is_v6_alone(port: u16) -> bool {
    ask_v6_alone(port).ok().flatten().unwrap_or(false)
}

/// As sock_diag(7) has it, of `linux/sock_diag.h` and `linux/inet_diag.h`.
fn ask_v6_alone(port: u16) -> io::Result<Option<bool>> {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const IPPROTO_TCP: u8 = 6;
    const INET_DIAG_SKV6ONLY: u16 = 11;
    /// `struct inet_diag_sockid`, in the request from byte 8, in the answer from byte 4: the port in network order, …
    const ID: usize = 48;
    /// `struct inet_diag_msg`.
    const ANSWER: usize = 72;
    let family = u8::try_from(AddressFamily::INET6.as_raw()).unwrap_or_default();
    let mut request = vec![family, IPPROTO_TCP, 0, 0];
    request.extend((1u32 << LISTENS).to_ne_bytes());
    request.extend([0; ID]);
    let mut alone = None;
    Socket::open_for(Some(SOCK_DIAG))?.dump(Message::new(SOCK_DIAG_BY_FAMILY, 0, &request), |body| {
        let id = body.get(4..).unwrap_or_default();
        // … the other side's, and the address.
        let is_it = id.get(..2) == Some(&port.to_be_bytes()) && id.get(4..20) == Some(&[0; 16]);
        if let Some(only) = Attributes(body.get(ANSWER..).unwrap_or_default()).find(INET_DIAG_SKV6ONLY)
            && is_it
        {
            // Of several on one port, one is enough.
            alone = Some(alone.unwrap_or(true) && only == [1]);
        }
    })?;
    Ok(alone)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::OwnedFd;

    use rustix::net::{SocketAddrV6, SocketType, bind, listen, socket, sockopt};

    use super::*;

    const LIST: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
         1: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n\
         2: 0A00000A:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n\
         3: 0100007F:0045 0200007F:1000 01 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n";

    #[test]
    fn a_port_is_taken_by_a_socket_that_takes_from_everybody_there() {
        let taken = |port| taken(LIST, "", UNCONNECTED, port, || true);
        assert_eq!(taken(0x35), Taken { v4: true, v6: false });
        // Of another address, and one that talks to one peer alone.
        for other in [0x43, 0x45] {
            assert_eq!(taken(other), Taken::default());
        }
    }

    #[test]
    fn what_is_no_list_says_nothing() {
        for text in ["", "\n", "\n1:", "\n1: 0:0 0 7", "\n1: é0000000000:0035 0 07", "\n1: 00000000:0035"] {
            assert_eq!(taken(text, text, UNCONNECTED, 0x35, || true), Taken::default(), "{text}");
        }
    }

    /// A listener of IPv6.
    fn six(address: Ipv6Addr, only: bool) -> TcpListener {
        let socket: OwnedFd = socket(AddressFamily::INET6, SocketType::STREAM, None).unwrap();
        sockopt::set_ipv6_v6only(&socket, only).unwrap();
        bind(&socket, &SocketAddrV6::new(address, 0, 0, 0)).unwrap();
        listen(&socket, 8).unwrap();
        socket.into()
    }

    #[test]
    fn where_connections_are_taken_is_seen_as_a_connection_would_find_it() {
        let mapped = |it: Ipv4Addr| it.to_ipv6_mapped();
        let make: [&dyn Fn() -> TcpListener; 8] = [
            &|| TcpListener::bind("127.0.0.1:0").unwrap(),
            &|| TcpListener::bind("0.0.0.0:0").unwrap(),
            &|| TcpListener::bind("127.0.0.7:0").unwrap(),
            &|| six(Ipv6Addr::LOCALHOST, false),
            &|| six(Ipv6Addr::UNSPECIFIED, false),
            &|| six(Ipv6Addr::UNSPECIFIED, true),
            &|| six(mapped(Ipv4Addr::LOCALHOST), false),
            &|| six(mapped(Ipv4Addr::UNSPECIFIED), false),
        ];
        for make in make {
            let compare = |_| {
                let listener = make();
                let address = listener.local_addr().unwrap();
                let seen = connections(address.port());
                let answers = |it: IpAddr| TcpStream::connect((it, address.port())).is_ok();
                let v4 = answers(Ipv4Addr::LOCALHOST.into());
                (address, seen, Taken { v4, v6: answers(Ipv6Addr::LOCALHOST.into()) })
            };
            // Meanwhile somebody else may come or go on that port, by another address; not on three in turn.
            let compared: Vec<_> = (0..3).map(compare).collect();
            assert!(compared.iter().any(|(_, seen, found)| seen == found), "{compared:?}");
        }
    }

    #[test]
    fn where_datagrams_are_taken_is_seen() {
        let (four, six) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("[::1]:0").unwrap());
        let taken = |it: &UdpSocket| datagrams(it.local_addr().unwrap().port());
        assert!(taken(&four).v4 && taken(&six).v6);
    }
}
