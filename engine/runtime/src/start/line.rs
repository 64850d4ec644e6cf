//! The way between the supervisor and a process that it starts.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use super::StartError;
use crate::message::{self, Report};

/// After how many nanoseconds without a word we look whether a process that others see was stopped.
const LOOK_AFTER: i64 = 10_000_000;
/// How often it is let go on.
const MOST_STOPS: u32 = 500;

/// The way to a first process, and what it says.
#[derive(Debug)]
pub struct Line {
    pub socket: OwnedFd,
    /// The process, if others see it, who may stop it.
    pub watched: Option<OwnedFd>,
}

impl Line {
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket, watched: None }
    }

    pub fn try_clone(&self) -> io::Result<Self> {
        let watched = self.watched.as_ref().map(OwnedFd::try_clone).transpose()?;
        Ok(Self { socket: self.socket.try_clone()?, watched })
    }

    pub fn tell(&self, byte: u8) -> Result<(), StartError> {
        message::tell(&self.socket, byte).map_err(StartError::Socket)
    }

    /// Waits for what the process says next; `None` when it has become the payload.
    ///
    /// The processes of a pid namespace may stop one another, and those of another container would have us wait for ever. So
    /// one that is stopped before it is the payload is let go on, until whoever stops it has shown that he does not let it.
    pub fn hear(&self) -> Result<Option<Report>, StartError> {
        let mut stops = 0;
        while let Some(process) = &self.watched {
            let look = Timespec { tv_sec: 0, tv_nsec: LOOK_AFTER };
            match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&look)) {
                Ok(0) => {}
                Err(Errno::INTR) => continue,
                _ => break,
            }
            let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
            if let Ok(Some(_)) = waitid(WaitId::PidFd(process.as_fd()), options) {
                stops += 1;
                if stops > MOST_STOPS {
                    return Err(StartError::Stopped);
                }
                let _ = pidfd_send_signal(process, Signal::CONT);
            }
        }
        message::receive(&self.socket).map_err(StartError::Socket)
    }
}

/// The two ends of such a way: each message comes whole, and with its descriptors (unix(7), `SOCK_SEQPACKET`).
pub(crate) fn report_socket() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}
