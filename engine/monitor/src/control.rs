//! The control socket of a supervisor: one JSON text a packet, with descriptors beside it.
//!
//! It lies in a directory that only the user can enter. Whoever can connect may do to the container what its owner may.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use pontoon_runtime::plan::Process;
use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, recvmsg,
    sendmsg, socket_with,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::health::HealthPlan;
use crate::limits::Limit;
use crate::restart::RestartPolicy;
use crate::state::FailureReport;

/// Largest packet; the kernel takes little more (`net.core.wmem_default`).
const MAX_PACKET: usize = 160 << 10;
/// What stands in a packet for a text that does not fit: the text is in a file, the last of the descriptors.
const IN_FILE: &[u8] = b"@";
/// Largest text in a file: more than all arguments that a program can be given (execve(2)), each byte escaped.
const MAX_TEXT: u64 = 16 << 20;
/// Most descriptors in a packet: three streams, those that a process is to have besides, and a file.
pub const MAX_FDS: usize = 64;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Let the first process, which waits, become the payload; answered by [`Reply::Started`].
    Start,
    /// Send the stop signal, kill after the timeout; answered by [`Reply::Exited`].
    Stop {
        /// Seconds; `None` is the container's own.
        timeout: Option<u32>,
    },
    /// Send a signal to the first process; answered by [`Reply::Done`].
    Kill {
        /// Signal number.
        signal: i32,
    },
    /// Answered by [`Reply::Exited`] when the container has ended.
    Wait,
    /// Run a process in the container. Three descriptors come with it unless it has a terminal, and behind them those that
    /// it preserves. Answered by
    /// [`Reply::Started`] (with the terminal's master side, if it has one), then by [`Reply::Exited`].
    Exec(Box<Process>),
    /// Run the health check that is due, or wait for the one that runs; answered by [`Reply::Exited`] with its exit code.
    Check,
    /// Get a copy of what the payload writes: two pipes come with it, for output and errors. Answered by [`Reply::Done`], with
    /// a descriptor that leads to its input if it has one, then by [`Reply::Exited`].
    Attach,
    /// Nobody writes to the payload's input any more; answered by [`Reply::Done`].
    EndInput,
    /// Use another restart policy from now on; answered by [`Reply::Done`].
    Policy(RestartPolicy),
    /// Use these limits when it is started anew: those of the run that goes on are set already; answered by [`Reply::Done`].
    Limits(Vec<Limit>),
    /// Check its health in another way from now on, or not at all; answered by [`Reply::Done`].
    Health(Option<Box<HealthPlan>>),
    /// Use this environment, `NAME=value`, when it is started anew; answered by [`Reply::Done`].
    Environment(Vec<String>),
    /// Stop it as [`Request::Stop`] does, and start it anew at once; answered by [`Reply::Started`] when it runs again.
    Restart {
        /// Seconds; `None` is the container's own.
        timeout: Option<u32>,
    },
    /// The container has another name; answered by [`Reply::Done`].
    Renamed(String),
    /// Get the root of the container's files, without what is mounted in it: answered by [`Reply::Done`], with a handle of a
    /// mount that has no place.
    Root,
    /// Set the size of the container's terminal.
    Resize {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
}

/// What the supervisor answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// It was done.
    Done,
    /// A process was started.
    Started {
        /// Its pid.
        pid: i32,
    },
    /// A process, or the container, has ended.
    Exited {
        /// Exit code.
        code: i32,
    },
    /// It could not be done.
    Failed(FailureReport),
}

/// The address of the socket in `directory`, whatever the length of its path: it goes through a handle of the directory.
fn address(directory: BorrowedFd<'_>) -> io::Result<SocketAddrUnix> {
    use std::os::fd::AsRawFd;
    Ok(SocketAddrUnix::new(format!(
        "/proc/self/fd/{}/{}",
        directory.as_raw_fd(),
        crate::state::CONTROL_SOCKET
    ))?)
}

fn open_directory(directory: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Listens in a runtime directory; a socket that is left there is replaced.
///
/// # Errors
/// The kernel's error.
pub fn listen_in(directory: &Path) -> io::Result<OwnedFd> {
    let directory = open_directory(directory)?;
    match rustix::fs::unlinkat(&directory, crate::state::CONTROL_SOCKET, rustix::fs::AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(err) => return Err(err.into()),
    }
    let socket = seqpacket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    bind(&socket, &address(directory.as_fd())?)?;
    listen(&socket, 64)?;
    Ok(socket)
}

/// Connects to the supervisor of a container.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` if there is none, else the kernel's error.
pub fn connect_in(directory: &Path) -> io::Result<OwnedFd> {
    let directory = open_directory(directory)?;
    let socket = seqpacket(SocketFlags::CLOEXEC)?;
    connect(&socket, &address(directory.as_fd())?)?;
    Ok(socket)
}

fn seqpacket(flags: SocketFlags) -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

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
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
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
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
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
    use rustix::net::socketpair;

    #[test]
    fn a_request_may_be_larger_than_a_packet() {
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (ours, theirs) = pair.unwrap();
        for size in [1, MAX_PACKET - 9, MAX_PACKET, 1 << 20] {
            let name = "x".repeat(size);
            send(&ours, &Request::Renamed(name.clone()), &[ours.as_fd(), ours.as_fd(), ours.as_fd()])
                .unwrap();
            let (request, fds) = receive::<Request>(&theirs).unwrap().unwrap();
            assert_eq!((request, fds.len()), (Request::Renamed(name), 3), "{size}");
        }
        // A file of another kind is not read.
        send_packet(&ours, IN_FILE, &[ours.as_fd()]).unwrap();
        assert!(receive::<Request>(&theirs).is_err());
        send_packet(&ours, IN_FILE, &[]).unwrap();
        assert!(receive::<Request>(&theirs).is_err());
    }
}
