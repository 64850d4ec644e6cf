//! What the kernel remembers of connections that it leads to containers (`linux/netfilter/nfnetlink_conntrack.h`).
//!
//! A client of SCTP often has a port of its own as well, and begins anew from the same one when nobody answers. As long as it tries,
//! the kernel goes on leading it to where the container was.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::net::netlink::NETFILTER;

use super::netlink::{Attributes, Message, Socket};

/// `NFNL_SUBSYS_CTNETLINK << 8`, and `IPCTNL_MSG_CT_GET`, `IPCTNL_MSG_CT_DELETE`.
const GET: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
/// `struct nfgenmsg`.
const HEAD: usize = 4;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_PROTO_NUM: u16 = 1;
const SCTP: u8 = 132;

/// Has the kernel forget which associations it led to an address.
///
/// # Errors
/// The kernel's error.
pub fn forget_sctp(address: IpAddr) -> io::Result<()> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let head = [u8::try_from(family).unwrap_or_default(), 0, 0, 0];
    let mut socket = Socket::open_for(Some(NETFILTER))?;
    let mut led = Vec::new();
    socket.dump(Message::new(GET, 0, &head), |body| {
        led.extend(body.get(HEAD..).filter(|it| is_led(it, address)).map(|it| deletion(it, &head)));
    })?;
    for deletion in led.into_iter().flatten() {
        match socket.ask(deletion) {
            // It has ended by itself meanwhile.
            Err(err) if err.raw_os_error() == Some(libc::ENOENT) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Whether what answers is at that address.
fn is_led(connection: &[u8], address: IpAddr) -> bool {
    let answers = || -> Option<IpAddr> {
        let tuple = Attributes(Attributes(connection).find(CTA_TUPLE_REPLY)?);
        if Attributes(tuple.find(CTA_TUPLE_PROTO)?).find(CTA_PROTO_NUM)? != [SCTP] {
            return None;
        }
        let addresses = Attributes(tuple.find(CTA_TUPLE_IP)?);
        let v4 = addresses.find(CTA_IP_V4_SRC).and_then(|it| it.first_chunk::<4>());
        let v6 = addresses.find(CTA_IP_V6_SRC).and_then(|it| it.first_chunk::<16>());
        v4.map(|it| Ipv4Addr::from(*it).into()).or_else(|| v6.map(|it| Ipv6Addr::from(*it).into()))
    };
    answers() == Some(address)
}

/// What has it forgotten: that one, and none that has taken its place.
fn deletion(connection: &[u8], head: &[u8]) -> Option<Message> {
    let attributes = Attributes(connection);
    let asked = attributes.find(CTA_TUPLE_ORIG)?;
    let message = Message::new(DELETE, 0, head).with_nested(CTA_TUPLE_ORIG, |it| it.with_bytes(asked));
    let message = message.with(CTA_ID, attributes.find(CTA_ID)?);
    Some(match attributes.find(CTA_ZONE) {
        Some(zone) => message.with(CTA_ZONE, zone),
        None => message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection, as the kernel tells it.
    fn connection(protocol: u8, from: u16, answers: &[u8]) -> Vec<u8> {
        let message = Message::new(GET, 0, &[])
            .with_nested(CTA_TUPLE_ORIG, |it| it.with(CTA_TUPLE_IP, &[7; 4]))
            .with_nested(CTA_TUPLE_REPLY, |it| {
                it.with_nested(CTA_TUPLE_IP, |it| it.with(from, answers))
                    .with_nested(CTA_TUPLE_PROTO, |it| it.with(CTA_PROTO_NUM, &[protocol]))
            })
            .with(CTA_ID, &[1, 2, 3, 4]);
        message.body().to_vec()
    }

    #[test]
    fn only_associations_with_the_address_are_forgotten() {
        let (v4, v6) = ("10.88.0.2".parse().unwrap(), "fd00::2".parse().unwrap());
        let six = Ipv6Addr::octets(&"fd00::2".parse().unwrap());
        for (connection, address, expected) in [
            (connection(SCTP, CTA_IP_V4_SRC, &[10, 88, 0, 2]), v4, true),
            (connection(SCTP, CTA_IP_V6_SRC, &six), v6, true),
            (connection(SCTP, CTA_IP_V4_SRC, &[10, 88, 0, 3]), v4, false),
            (connection(6, CTA_IP_V4_SRC, &[10, 88, 0, 2]), v4, false),
            (connection(SCTP, CTA_IP_V4_SRC, &[10]), v4, false),
            (Vec::new(), v4, false),
        ] {
            assert_eq!(is_led(&connection, address), expected, "{connection:?}");
            let deletion = deletion(&connection, &[2, 0, 0, 0]);
            assert_eq!(deletion.is_some(), !connection.is_empty());
        }
    }
}
