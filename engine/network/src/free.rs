//! Whether host ports can be had: tried by binding them, since only that is the truth.
//!
//! A port may be taken between the trial and the helper's start; then the helper's own words tell.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

use crate::{PortMapping, Protocol};

/// Why a host port cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Somebody else listens there.
    #[error("port {port}/{protocol} of the host is taken", protocol = protocol.name())]
    Taken {
        /// Port.
        port: u16,
        /// Protocol.
        protocol: Protocol,
    },
    /// Only root may listen there.
    #[error("port {port}/{protocol} of the host is for root only", protocol = protocol.name())]
    Privileged {
        /// Port.
        port: u16,
        /// Protocol.
        protocol: Protocol,
    },
    /// The host has no such address.
    #[error("the host has no address {address}")]
    NoSuchAddress {
        /// The address.
        address: IpAddr,
    },
    /// No free ports beside each other.
    #[error("cannot find {range} free {protocol} ports of the host beside each other", protocol = protocol.name())]
    NoneFree {
        /// How many were wanted.
        range: u16,
        /// Protocol.
        protocol: Protocol,
    },
    /// Something else went wrong.
    #[error("cannot listen on port {port}/{protocol} of the host", protocol = protocol.name())]
    Bind {
        /// Port.
        port: u16,
        /// Protocol.
        protocol: Protocol,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl PortError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Taken { protocol: Protocol::Sctp, .. } => {
                "`pontoon ps` shows the container that has it; choose another host port".to_owned()
            }
            Self::Taken { port, protocol } => {
                let option = if *protocol == Protocol::Udp { 'u' } else { 't' };
                format!("`ss -ln{option}p 'sport = {port}'` shows who has it; choose another host port")
            }
            Self::Privileged { port, .. } => format!(
                "publish a port from {} on, or let users have it: sysctl -w net.ipv4.ip_unprivileged_port_start={port} \
                 (and a line in /etc/sysctl.d/ to keep it); or let a .socket unit of the system's listen there, whose service takes \
                 the socket over from systemd",
                unprivileged_start()
            ),
            Self::NoSuchAddress { .. } => "`ip addr` lists the host's addresses".to_owned(),
            Self::NoneFree { .. } | Self::Bind { .. } => return None,
        })
    }
}

/// How often a free range is looked for; ranges are short and most ports free.
const ATTEMPTS: usize = 64;

/// Chooses free ports where the host port is 0, apart from those that the other mappings want.
///
/// # Errors
/// [`PortError::NoneFree`].
pub fn resolve_random(ports: &mut [PortMapping]) -> Result<(), PortError> {
    for place in 0..ports.len() {
        let Some(wanted) = ports.get(place).filter(|it| it.host_port == 0).cloned() else { continue };
        let chosen = choose(&wanted, ports)?;
        if let Some(mapping) = ports.get_mut(place) {
            mapping.host_port = chosen;
        }
    }
    Ok(())
}

/// The kernel may have no sockets of SCTP; a port of it is chosen as those of TCP are.
fn choose(wanted: &PortMapping, others: &[PortMapping]) -> Result<u16, PortError> {
    for _ in 0..ATTEMPTS {
        // The kernel proposes the first one.
        let first = bind(
            wanted.protocol,
            SocketAddr::new(wanted.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), 0),
        )
        .map_err(|source| PortError::Bind { port: 0, protocol: wanted.protocol, source })?;
        let candidate = PortMapping { host_port: first, ..wanted.clone() };
        let fits = u32::from(first) + u32::from(wanted.range.max(1)) <= 65536;
        let apart = others
            .iter()
            .filter(|it| it.host_port != 0)
            .all(|other| other.protocol != candidate.protocol || candidate.common_host_port(other).is_none());
        if fits && apart && check_free(std::slice::from_ref(&candidate)).is_ok() {
            return Ok(first);
        }
    }
    Err(PortError::NoneFree { range: wanted.range, protocol: wanted.protocol })
}

/// Tries every host port once, so that a taken or privileged one is told before anything is made.
///
/// Of SCTP only the address is tried: nobody listens there, since the packet filter leads them (and where none does, they are refused:
/// [`crate::PlanError::Sctp`]). The network unit knows which containers have them.
///
/// # Errors
/// [`PortError`] for the first port that cannot be had.
pub fn check_free(ports: &[PortMapping]) -> Result<(), PortError> {
    for mapping in ports.iter().filter(|it| it.host_port != 0) {
        if mapping.protocol == Protocol::Sctp {
            if let Some(address) = mapping.host_ip
                && let Err(source) = UdpSocket::bind((address, 0))
            {
                fault(source, address, mapping.host_port, mapping).map_or(Ok(()), Err)?;
            }
            continue;
        }
        for port in (mapping.host_port..=u16::MAX).take(usize::from(mapping.range.max(1))) {
            for address in addresses(mapping.host_ip) {
                try_port(address, port, mapping)?;
            }
        }
    }
    Ok(())
}

/// Where a mapping without an address listens.
pub(crate) fn addresses(host_ip: Option<IpAddr>) -> Vec<IpAddr> {
    host_ip.map_or_else(
        || vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
        |address| vec![address],
    )
}

fn try_port(address: IpAddr, port: u16, mapping: &PortMapping) -> Result<(), PortError> {
    let Err(source) = bind(mapping.protocol, SocketAddr::new(address, port)) else { return Ok(()) };
    fault(source, address, port, mapping).map_or(Ok(()), Err)
}

/// What is wrong with a port that cannot be had, if that is anything.
pub(crate) fn fault(
    source: io::Error,
    address: IpAddr,
    port: u16,
    mapping: &PortMapping,
) -> Option<PortError> {
    let protocol = mapping.protocol;
    match source.kind() {
        ErrorKind::AddrInUse => Some(PortError::Taken { port, protocol }),
        ErrorKind::PermissionDenied => Some(PortError::Privileged { port, protocol }),
        // A host without IPv6, where it was not asked for by name.
        _ if mapping.host_ip.is_none() && address.is_ipv6() => None,
        ErrorKind::AddrNotAvailable => Some(PortError::NoSuchAddress { address }),
        _ => Some(PortError::Bind { port, protocol, source }),
    }
}

/// Binds and lets go again; says which port it was.
fn bind(protocol: Protocol, address: SocketAddr) -> io::Result<u16> {
    match protocol {
        Protocol::Udp => Ok(UdpSocket::bind(address)?.local_addr()?.port()),
        Protocol::Tcp | Protocol::Sctp => bind_tcp(address),
    }
}

/// Binds without listening. A port that somebody listens on cannot be had that way either (`SO_REUSEADDR`, socket(7)); but nobody
/// is connected to a socket that is let go at once, and one that a process being started still has is in nobody's way.
fn bind_tcp(address: SocketAddr) -> io::Result<u16> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    Ok(TcpListener::from(socket).local_addr()?.port())
}

/// The first port that everybody may listen on; the kernel's default where it cannot be read.
fn unprivileged_start() -> u16 {
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    setting.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_publish;

    fn mapping(text: &str) -> PortMapping {
        parse_publish(text).unwrap()
    }

    #[test]
    fn a_taken_port_is_told_with_the_command_that_shows_who_has_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for text in [format!("127.0.0.1:{port}:80"), format!("{port}:80"), format!("0.0.0.0:{port}:80")] {
            let error = check_free(&[mapping(&text)]).unwrap_err();
            assert_eq!(error.to_string(), format!("port {port}/tcp of the host is taken"), "{text}");
            assert!(error.hint().unwrap().starts_with("`ss -lntp"));
        }
        check_free(&[mapping(&format!("{port}:80/udp"))]).unwrap();
        check_free(&[mapping(&format!("127.0.0.2:{port}:80"))]).unwrap();
    }

    /// A process that is being started has, until it becomes its program, what was open the moment before.
    #[test]
    fn processes_that_are_started_meanwhile_do_not_take_a_port() {
        let ports = [mapping("18486:80")];
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let started = std::thread::spawn(move || {
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                std::process::Command::new("true").status().unwrap();
            }
        });
        for _ in 0..2000 {
            check_free(&ports).unwrap();
        }
        drop(stop);
        started.join().unwrap();
    }

    #[test]
    fn a_taken_port_inside_a_range_is_told() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let text = format!("127.0.0.1:{}-{port}:1-2/udp", port - 1);
        let error = check_free(&[mapping(&text)]).unwrap_err();
        assert_eq!(error.to_string(), format!("port {port}/udp of the host is taken"));
    }

    #[test]
    fn an_address_that_is_not_the_hosts_is_told() {
        for word in ["203.0.113.77:8080:80", "203.0.113.77:8080:80/sctp"] {
            let error = check_free(&[mapping(word)]).unwrap_err();
            assert_eq!(error.to_string(), "the host has no address 203.0.113.77");
        }
    }

    #[test]
    fn random_ports_are_free_and_different() {
        let words = ["80", "81", "82-84", "127.0.0.1::85/udp", "8099:86"];
        let mut ports: Vec<PortMapping> = words.iter().map(|word| mapping(word)).collect();
        resolve_random(&mut ports).unwrap();
        assert!(ports.iter().all(|it| it.host_port != 0));
        assert_eq!(ports[4].host_port, 8099);
        assert_eq!(ports[2].range, 3);
        crate::check_conflicts(&ports).unwrap();
        check_free(&ports[..4]).unwrap();
    }
}
