//! Sockets on which one JSON text a packet travels, with descriptors beside it.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest packet; the kernel takes little more (`net.core.wmem_default`).
const MAX_PACKET: usize = 160 << 10;
/// What stands in a packet for a text that does not fit: the text is in a file, the last of the descriptors.
const IN_FILE: &[u8] = b"@";
/// Largest text in a file: more than all arguments that a program can be given (execve(2)), each byte escaped.
const MAX_TEXT: u64 = 16 << 20;
/// Most descriptors that go with a message: three streams, and those that a process is to have besides.
pub const MAX_FDS: usize = 64;
/// Most descriptors in a packet: those, and the file of a text that does not fit.
const MAX_SENT: usize = MAX_FDS + 1;

/// Sends a packet.
///
/// # Errors
/// The kernel's error.
pub fn send(socket: impl AsFd, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() <= MAX_PACKET {
        return send_packet(socket, &bytes, fds);
    }
    let mut file = File::from(memfd_create("pontoon-request", MemfdFlags::CLOEXEC)?);
    file.write_all(&bytes)?;
    let fds: Vec<_> = fds.iter().copied().chain([file.as_fd()]).collect();
    send_packet(socket, IN_FILE, &fds)
}

fn send_packet(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_SENT))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The text that did not fit into a packet.
fn read_text(file: OwnedFd) -> io::Result<Vec<u8>> {
    let file = File::from(file);
    let size = file.metadata()?.len();
    if !file.metadata()?.is_file() || size > MAX_TEXT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; usize::try_from(size).map_err(io::Error::other)?];
    file.read_exact_at(&mut text, 0)?;
    Ok(text)
}

/// Receives a packet; `None` when the other side is closed.
///
/// # Errors
/// The kernel's error, or `InvalidData`.
pub fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut bytes = vec![0u8; MAX_PACKET];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_SENT))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match recvmsg(&socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            // The other side has ended with something of ours unread; the kernel says so once, before what it said last.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            other => break other?,
        }
    };
    let mut fds: Vec<OwnedFd> = control
        .drain()
        .filter_map(|it| match it {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    match bytes.get(..received.bytes).unwrap_or_default() {
        [] => Ok(None),
        IN_FILE => {
            let text = read_text(fds.pop().ok_or(io::ErrorKind::InvalidData)?)?;
            Ok(Some((serde_json::from_slice(&text)?, fds)))
        }
        json => Ok(Some((serde_json::from_slice(json)?, fds))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn a_request_may_be_larger_than_a_packet() {
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (ours, theirs) = pair.unwrap();
        for size in [1, MAX_PACKET - 9, MAX_PACKET, 1 << 20] {
            let name = "x".repeat(size);
            send(&ours, &name, &[ours.as_fd(), ours.as_fd(), ours.as_fd()]).unwrap();
            let (request, fds) = receive::<String>(&theirs).unwrap().unwrap();
            assert_eq!((request, fds.len()), (name, 3), "{size}");
        }
        // The file takes nobody's place.
        for size in [1, MAX_PACKET] {
            let name = "x".repeat(size);
            send(&ours, &name, &[ours.as_fd(); MAX_FDS]).unwrap();
            let (request, fds) = receive::<String>(&theirs).unwrap().unwrap();
            assert_eq!((request, fds.len()), (name, MAX_FDS), "{size}");
        }
        // A file of another kind is not read.
        send_packet(&ours, IN_FILE, &[ours.as_fd()]).unwrap();
        assert!(receive::<String>(&theirs).is_err());
        send_packet(&ours, IN_FILE, &[]).unwrap();
        assert!(receive::<String>(&theirs).is_err());
    }
}
