//! Listening on published ports, for those whose connections we carry on ourselves.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, listen as start_listening, socket_with, sockopt,
};

use crate::free::{PortError, addresses, fault};
use crate::{PortMapping, Protocol};

/// How many connections may wait to be accepted; the kernel takes no more than `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A socket of a published port.
#[derive(Debug)]
pub struct Listener {
    /// Datagrams or connections.
    pub protocol: Protocol,
    /// The container's port.
    pub container_port: u16,
    /// The socket, which does not block.
    pub socket: OwnedFd,
}

/// Listens on every port of the host that is published; on all of them or on none. Those of SCTP need nobody who listens.
///
/// # Errors
/// [`PortError`] for the first port that cannot be had.
pub fn listen(ports: &[PortMapping]) -> Result<Vec<Listener>, PortError> {
    let mut listeners = Vec::new();
    for mapping in ports.iter().filter(|it| it.protocol != Protocol::Sctp) {
        for place in 0..mapping.range.max(1) {
            let (Some(port), Some(container_port)) =
                (mapping.host_port.checked_add(place), mapping.container_port.checked_add(place))
            else {
                break;
            };
            for address in addresses(mapping.host_ip) {
                match socket_at(mapping.protocol, SocketAddr::new(address, port)) {
                    Ok(socket) => {
                        listeners.push(Listener { protocol: mapping.protocol, container_port, socket });
                    }
                    Err(source) => fault(source, address, port, mapping).map_or(Ok(()), Err)?,
                }
            }
        }
    }
    Ok(listeners)
}

fn socket_at(protocol: Protocol, address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let kind = if protocol == Protocol::Udp { SocketType::DGRAM } else { SocketType::STREAM };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if address.is_ipv6() {
        // The other family has a socket of its own.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if protocol != Protocol::Udp {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &address)?;
    if protocol != Protocol::Udp {
        start_listening(&socket, BACKLOG)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_publish;

    #[test]
    fn every_published_port_has_its_sockets() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let ports = [format!("{free}:80"), format!("127.0.0.1:{free}:53/udp")];
        let ports: Vec<_> = ports.iter().map(|it| parse_publish(it).unwrap()).collect();
        let listeners = listen(&ports).unwrap();
        let has = |protocol, port| {
            listeners.iter().filter(|it| it.protocol == protocol && it.container_port == port).count()
        };
        assert!((1..=2).contains(&has(Protocol::Tcp, 80)));
        assert_eq!(has(Protocol::Udp, 53), 1);
        let error = listen(&ports).unwrap_err();
        assert_eq!(error.to_string(), format!("port {free}/tcp of the host is taken"));
    }
}
