//! Whether this network namespace has a way out: a default route, rtnetlink(7).

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

/// `RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE`: changes of routes are told.
const ROUTE_GROUPS: u32 = 0x40 | 0x400;
/// The end of the answer to a request.
const NLMSG_DONE: u16 = 3;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
/// `NLM_F_REQUEST | NLM_F_DUMP`
const REQUEST_ALL: u16 = 0x1 | 0x300;
const RTN_UNICAST: u8 = 1;
const RT_TABLE_MAIN: u8 = 254;

/// `struct nlmsghdr` and `struct rtmsg`.
const HEADER: usize = 16;
const ROUTE: usize = 12;

/// Waits until there is a default route, IPv4 or IPv6; returns at once if there is one. `begin` is called if there is
/// none yet.
///
/// # Errors
/// The kernel's error, if it tells nothing of routes.
pub fn wait_for_default(begin: impl FnOnce()) -> io::Result<()> {
    let socket = open()?;
    let mut begin = Some(begin);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = match recv(&socket, &mut buffer, RecvFlags::empty()) {
            Ok((length, _)) => length,
            // Changes came faster than they were read; what there is now is asked for again.
            Err(rustix::io::Errno::NOBUFS) => {
                ask(&socket)?;
                continue;
            }
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let mut all_told = false;
        for message in Messages(buffer.get(..length).unwrap_or(&[])) {
            if is_default(message) {
                return Ok(());
            }
            all_told |= kind(message) == Some(NLMSG_DONE);
        }
        if let Some(begin) = begin.take_if(|_| all_told) {
            begin();
        }
    }
}

/// Listens for changes, then asks for what there is, so that nothing is missed between.
fn open() -> io::Result<OwnedFd> {
    // Without a protocol it is NETLINK_ROUTE, which is 0.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, ROUTE_GROUPS))?;
    ask(&socket)?;
    Ok(socket)
}

fn ask(socket: &OwnedFd) -> io::Result<()> {
    let length = u32::try_from(HEADER + ROUTE).unwrap_or(u32::MAX);
    let mut request = Vec::with_capacity(HEADER + ROUTE);
    request.extend(length.to_ne_bytes());
    request.extend(RTM_GETROUTE.to_ne_bytes());
    request.extend(REQUEST_ALL.to_ne_bytes());
    // Sequence number and port, then a route of any family.
    request.resize(HEADER + ROUTE, 0);
    send(socket, &request, SendFlags::empty())?;
    Ok(())
}

/// The messages in what was received.
struct Messages<'b>(&'b [u8]);

impl<'b> Iterator for Messages<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(u32::from_ne_bytes(*self.0.first_chunk()?)).ok()?;
        let message = self.0.get(..length).filter(|it| it.len() >= HEADER)?;
        // Messages begin at multiples of four.
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(message)
    }
}

fn kind(message: &[u8]) -> Option<u16> {
    message.get(4..6).map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]))
}

/// Whether a message tells of a default route that leads somewhere.
fn is_default(message: &[u8]) -> bool {
    let [_, destination, _, _, table, _, _, route, ..] = message.get(HEADER..).unwrap_or(&[]) else {
        return false;
    };
    kind(message) == Some(RTM_NEWROUTE)
        && *destination == 0
        && *table == RT_TABLE_MAIN
        && *route == RTN_UNICAST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, destination: u8, table: u8, route: u8) -> Vec<u8> {
        let mut bytes = 29_u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend([2, destination, 0, 0, table, 0, 0, route, 0, 0, 0, 0]);
        bytes.resize(32, 0);
        bytes
    }

    fn has_default(bytes: &[u8]) -> bool {
        Messages(bytes).any(is_default)
    }

    #[test]
    fn a_default_route_is_found_among_others() {
        let local = message(RTM_NEWROUTE, 8, RT_TABLE_MAIN, RTN_UNICAST);
        let gone = message(25, 0, RT_TABLE_MAIN, RTN_UNICAST);
        let unreachable = message(RTM_NEWROUTE, 0, RT_TABLE_MAIN, 7);
        let default = message(RTM_NEWROUTE, 0, RT_TABLE_MAIN, RTN_UNICAST);
        assert!(!has_default(&[local.clone(), gone, unreachable].concat()));
        assert!(has_default(&[local, default].concat()));
    }

    #[test]
    fn what_is_cut_short_is_no_route() {
        let default = message(RTM_NEWROUTE, 0, RT_TABLE_MAIN, RTN_UNICAST);
        for end in 0..28 {
            assert!(!has_default(&default[..end]), "{end}");
        }
        assert!(!has_default(&[0; 64]));
        assert!(!has_default(&[0xff; 64]));
    }
}
