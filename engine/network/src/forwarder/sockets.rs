//! Sockets in the name of others, and datagrams with the address they came to.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt as options};

use super::target::Way;
use super::within::{Within, WithinError};

/// A connection to where the way leads, begun but not made yet; `within` the container's namespace where that is given.
pub(super) fn begin_connection(way: Way, within: Option<&Within>) -> Result<TcpStream, WithinError> {
    let new = |family, flags| -> Result<OwnedFd, WithinError> {
        let socket = match within {
            Some(within) => within.socket(family, flags)?,
            None => socket_with(family, SocketType::STREAM, flags, None).map_err(io::Error::from)?,
        };
        do_not_pace(&socket);
        Ok(socket)
    };
    let socket = open(way, new)?;
    // Bytes have been gathered by the one who sent them.
    options::set_tcp_nodelay(&socket, true).map_err(io::Error::from)?;
    Ok(TcpStream::from(socket))
}

/// Readies a connection of a client's that has been accepted: a client on this host is sent to as the container is.
pub(super) fn welcome(client: &TcpStream, from: SocketAddr) {
    // Who connects to an address of its own host does that from the same one.
    if client.local_addr().is_ok_and(|to| to.ip() == from.ip()) {
        do_not_pace(client);
    }
}

/// Where both ends are on this host, nothing is lost on the way. What a host has for the world outside (bbr) may send by a timer,
/// which takes longer than the sending; where this is not to be had, that is all.
fn do_not_pace(socket: impl AsFd) {
    let _ = options::set_tcp_congestion(socket, "reno");
}

/// A socket for datagrams to where the way leads and from there.
pub(super) fn open_datagrams(way: Way) -> io::Result<UdpSocket> {
    let new =
        |family, flags| -> io::Result<OwnedFd> { Ok(socket_with(family, SocketType::DGRAM, flags, None)?) };
    Ok(UdpSocket::from(open(way, new)?))
}

/// Whether sockets may be opened in the name of others here.
pub(super) fn may_be_transparent() -> bool {
    let opened = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
    opened.is_ok_and(|socket| make_transparent(&socket).is_ok())
}

/// A socket of the kind that `new` makes.
fn open<E: From<io::Error>>(
    way: Way,
    new: impl Fn(AddressFamily, SocketFlags) -> Result<OwnedFd, E>,
) -> Result<OwnedFd, E> {
    let family = if way.to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = || new(family, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
    let opened = socket()?;
    match connect_as(&opened, way.to, way.name) {
        Ok(()) => return Ok(opened),
        Err(err) if is_taken(&err) && way.name.is_some() => {}
        Err(err) => return Err(err.into()),
    }
    // The client's port leads there already: another port of the host leads to the same, or the last connection has just
    // ended. Its address matters more than its port.
    let opened = socket()?;
    connect_as(&opened, way.to, way.name.map(|name| SocketAddr::new(name.ip(), 0)))?;
    Ok(opened)
}

fn connect_as(socket: &OwnedFd, to: SocketAddr, name: Option<SocketAddr>) -> io::Result<()> {
    if let Some(name) = name {
        make_transparent(socket)?;
        // One client may talk to several containers from one port.
        options::set_socket_reuseaddr(socket, true)?;
        bind(socket, &name)?;
    }
    match connect(socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

/// One option for both families: the kernel hands that of IPv4 on to it (`ipv6_setsockopt`).
fn make_transparent(socket: impl AsFd) -> io::Result<()> {
    Ok(setsockopt(&socket, sockopt::IpTransparent, &true)?)
}

fn is_taken(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable)
}

/// Has [`receive`] tell to which address datagrams came.
pub(super) fn tell_destinations(socket: &UdpSocket) -> io::Result<()> {
    match socket.local_addr()? {
        SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

/// Which of our addresses a datagram came to, from which the answers go: a socket may have many.
#[derive(Debug, Clone, Copy)]
pub(super) enum Destination {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

/// A datagram: its length, who sent it, and to which address.
pub(super) fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
) -> io::Result<(usize, SocketAddr, Option<Destination>)> {
    let mut parts = [IoSliceMut::new(buffer)];
    let mut control = nix::cmsg_space!(libc::in6_pktinfo);
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let from = message.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?;
    let destination = message.cmsgs()?.find_map(|it| match it {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            // Answers take whichever interface leads to the client.
            Some(Destination::V4(libc::in_pktinfo { ipi_ifindex: 0, ..info }))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            // Only to a link-local address nothing else leads.
            let is_local = matches!(from.ip(), IpAddr::V6(from) if from.is_unicast_link_local());
            let index = if is_local { info.ipi6_ifindex } else { 0 };
            Some(Destination::V6(libc::in6_pktinfo { ipi6_ifindex: index, ..info }))
        }
        _ => None,
    });
    Ok((message.bytes, from, destination))
}

/// Sends a datagram to a client, from the address that it has written to.
pub(super) fn send(
    socket: &UdpSocket,
    datagram: &[u8],
    to: SocketAddr,
    from: Option<&Destination>,
) -> io::Result<()> {
    let control = from.map(|destination| match destination {
        Destination::V4(info) => ControlMessage::Ipv4PacketInfo(info),
        Destination::V6(info) => ControlMessage::Ipv6PacketInfo(info),
    });
    let parts = [IoSlice::new(datagram)];
    let to = SockaddrStorage::from(to);
    sendmsg(socket.as_raw_fd(), &parts, control.as_slice(), MsgFlags::MSG_DONTWAIT, Some(&to))?;
    Ok(())
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|it| SocketAddr::V4((*it).into()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|it| SocketAddr::V6((*it).into())))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn only_a_client_on_this_host_is_sent_to_without_a_pause() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _calling = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (called, from) = listener.accept().unwrap();
        let before = options::tcp_congestion(&called).unwrap();
        welcome(&called, "192.0.2.7:4000".parse().unwrap());
        assert_eq!(options::tcp_congestion(&called).unwrap(), before);
        welcome(&called, from);
        assert_eq!(options::tcp_congestion(&called).unwrap(), "reno");
    }
}
