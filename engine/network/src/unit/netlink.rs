//! Messages to the kernel's routing tables, as rtnetlink(7) has them: written by hand, since the few that are needed are
//! shorter than what any library brings along.

use std::io;
use std::mem::size_of;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

/// Of `linux/netlink.h`.
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
pub const NLM_F_REPLACE: u16 = 0x100;
pub const NLM_F_EXCL: u16 = 0x200;
pub const NLM_F_CREATE: u16 = 0x400;
/// An attribute that holds attributes.
const NLA_F_NESTED: u16 = 0x8000;
/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// What the kernel says of many things at once; it takes no more for one packet (`NLMSG_GOODSIZE`).
const BUFFER: usize = 64 << 10;

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// One of that kind (`RTM_…`) and with these flags besides the usual ones, whose fixed part `head` is.
    pub fn new(kind: u16, flags: u16, head: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend([0; size_of::<u32>()]);
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        // Sequence number and port.
        bytes.extend([0; 8]);
        bytes.extend(head);
        Self { bytes }
    }

    /// Appends an attribute.
    pub fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.push(kind, value);
        self
    }

    /// Appends an attribute that is a number.
    pub fn with_number(self, kind: u16, value: u32) -> Self {
        self.with(kind, &value.to_ne_bytes())
    }

    /// Appends an attribute that is a text, which ends with a zero.
    pub fn with_text(self, kind: u16, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        self.with(kind, &value)
    }

    /// Appends an attribute that holds what `fill` appends.
    pub fn with_nested(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        self.push(kind | NLA_F_NESTED, &[]);
        let mut whole = fill(self);
        whole.close(start);
        whole
    }

    /// Appends bytes as they are, such as the fixed part of something nested.
    pub fn with_bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    /// What stands behind the header.
    #[cfg(test)]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    fn push(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Writes the length of the attribute that began at `start`.
    fn close(&mut self, start: usize) {
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        if let Some(place) = self.bytes.get_mut(start..start + 2) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
    }

    fn finish(mut self, sequence: u32, more_flags: u16) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let mut put = |at: usize, value: &[u8]| {
            if let Some(place) = self.bytes.get_mut(at..at + value.len()) {
                place.copy_from_slice(value);
            }
        };
        put(0, &length.to_ne_bytes());
        put(8, &sequence.to_ne_bytes());
        if more_flags != 0 {
            put(6, &(NLM_F_REQUEST | more_flags).to_ne_bytes());
        }
        self.bytes
    }
}

/// A connection to the kernel, in the network namespace in which it was opened.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens one.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn open() -> io::Result<Self> {
        // Without a protocol it is NETLINK_ROUTE, which is 0.
        Self::open_for(None)
    }

    /// Opens one to another part of the kernel than its routing tables.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn open_for(protocol: Option<Protocol>) -> io::Result<Self> {
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        Ok(Self { fd, sequence: 0, buffer: vec![0; BUFFER] })
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn ask(&mut self, message: Message) -> io::Result<()> {
        self.exchange(message, 0, |_| ())
    }

    /// Asks for one thing, and gives what the kernel says of it to `each`.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn get(&mut self, message: Message, each: impl FnMut(&[u8])) -> io::Result<()> {
        self.exchange(message, 0, each)
    }

    /// Asks for all things of a kind.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn dump(&mut self, message: Message, each: impl FnMut(&[u8])) -> io::Result<()> {
        self.exchange(message, NLM_F_DUMP, each)
    }

    /// `each` is given what stands behind the header: the fixed part, and the attributes.
    fn exchange(&mut self, message: Message, flags: u16, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        send(&self.fd, &message.finish(sequence, flags), SendFlags::empty())?;
        loop {
            let (length, _) =
                rustix::io::retry_on_intr(|| recv(&self.fd, &mut self.buffer[..], RecvFlags::empty()))?;
            for (kind, number, body) in Messages(self.buffer.get(..length).unwrap_or_default()) {
                if number != sequence {
                    continue;
                }
                match kind {
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => {
                        let code = body.first_chunk().map_or(0, |it| i32::from_ne_bytes(*it));
                        return if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) };
                    }
                    _ => each(body),
                }
            }
        }
    }
}

/// Kind, sequence number and body of each message in what was received.
struct Messages<'b>(&'b [u8]);

impl<'b> Iterator for Messages<'b> {
    type Item = (u16, u32, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::try_from(u32::from_ne_bytes(*self.0.first_chunk()?)).ok()?;
        let message = self.0.get(..length)?;
        let kind = u16::from_ne_bytes(*message.get(4..)?.first_chunk()?);
        let sequence = u32::from_ne_bytes(*message.get(8..)?.first_chunk()?);
        let body = message.get(HEADER..)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, sequence, body))
    }
}

/// Kind and value of each attribute.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'b>(pub &'b [u8]);

impl<'b> Iterator for Attributes<'b> {
    type Item = (u16, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16::from_ne_bytes(*self.0.first_chunk()?));
        let attribute = self.0.get(..length)?;
        let kind = u16::from_ne_bytes(*attribute.get(2..)?.first_chunk()?) & !NLA_F_NESTED;
        let value = attribute.get(4..)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

impl<'b> Attributes<'b> {
    /// The value of the first one of that kind.
    pub fn find(self, kind: u16) -> Option<&'b [u8]> {
        { self }.find_map(|(it, value)| (it == kind).then_some(value))
    }

    /// The same as a text.
    pub fn text(self, kind: u16) -> Option<&'b str> {
        let value = self.find(kind)?;
        std::str::from_utf8(value.strip_suffix(&[0]).unwrap_or(value)).ok()
    }

    /// The same as a number.
    pub fn number(self, kind: u16) -> Option<u32> {
        Some(u32::from_ne_bytes(*self.find(kind)?.first_chunk()?))
    }
}

/// The bytes of an address, as attributes have them.
pub fn bytes_of(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(it) => it.octets().to_vec(),
        IpAddr::V6(it) => it.octets().to_vec(),
    }
}

/// `AF_INET` or `AF_INET6`.
pub fn family_of(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    u8::try_from(family.as_raw()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_written_as_they_are_read() {
        let message = Message::new(16, NLM_F_CREATE, &[1; 16]).with_text(3, "eth0").with_nested(18, |it| {
            it.with_text(1, "veth").with_nested(2, |it| it.with_bytes(&[7; 4]).with_number(4, 1500))
        });
        let bytes = message.finish(9, 0);
        let all: Vec<_> = Messages(&bytes).collect();
        let [(16, 9, body)] = all[..] else { panic!("{all:?}") };
        let attributes = Attributes(&body[16..]);
        assert_eq!(attributes.text(3), Some("eth0"));
        let nested = Attributes(attributes.find(18).unwrap());
        assert_eq!(nested.text(1), Some("veth"));
        let peer = nested.find(2).unwrap();
        assert_eq!(Attributes(&peer[4..]).number(4), Some(1500));
        assert_eq!(attributes.number(5), None);
    }

    #[test]
    fn what_is_cut_short_is_passed_over() {
        let bytes = Message::new(16, 0, &[1; 16]).with_text(3, "eth0").finish(1, 0);
        for end in 0..bytes.len() {
            for (_, _, body) in Messages(&bytes[..end]) {
                assert!(Attributes(body).count() < 9);
            }
        }
        assert_eq!(Messages(&[0xff; 64]).count(), 0);
        assert_eq!(Attributes(&[0; 8]).count(), 0);
    }
}
