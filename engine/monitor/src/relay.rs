//! Bytes between the payload and whoever watches it.
//!
//! The payload's output goes to the log at once and, in the foreground, to our own streams as fast as their reader takes it:
//! a reader that has stopped stops the payload's output, never the supervisor.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, write};

use crate::output::{Log, Stream};

/// What a pipe that is ready for writing takes without blocking, at least (pipe(7)).
const ATOMIC: usize = 4096;
/// Input kept for a terminal whose payload does not read.
const MAX_PENDING: usize = 64 << 10;

/// One of the payload's output pipes.
#[derive(Debug)]
pub struct OutputPipe {
    /// Our end.
    pub pipe: OwnedFd,
    /// Which stream it is.
    pub stream: Stream,
    /// Whether a copy goes to our own stream of the same kind.
    pub copy: bool,
}

/// Somebody who attached: pipes for a copy of what the payload writes.
#[derive(Debug)]
pub struct Tap {
    /// For its standard output, or its terminal.
    pub stdout: OwnedFd,
    /// For its standard error.
    pub stderr: OwnedFd,
}

/// All who are attached.
#[derive(Debug, Default)]
pub struct Taps(Vec<Tap>);

impl Taps {
    /// One more.
    pub fn add(&mut self, tap: Tap) -> Result<(), Errno> {
        for fd in [&tap.stdout, &tap.stderr] {
            rustix::fs::fcntl_setfl(fd, rustix::fs::OFlags::NONBLOCK)?;
        }
        self.0.push(tap);
        Ok(())
    }

    /// Gives everybody a copy. Whoever has gone, or does not read for so long that the pipe is full, is let go: a looker-on
    /// must not hold the payload up.
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        self.0.retain(|tap| {
            let to = if stream == Stream::Output { &tap.stdout } else { &tap.stderr };
            let mut rest = bytes;
            while !rest.is_empty() {
                match write(to, rest) {
                    Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                    Err(Errno::INTR) => {}
                    Err(_) => return false,
                }
            }
            true
        });
    }
}

/// What came of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relayed {
    /// Something, or nothing for now.
    Some,
    /// The copy's reader is not ready: wait for it.
    Blocked,
    /// The end of the stream.
    End,
}

impl OutputPipe {
    /// Our own stream that the copy goes to.
    pub fn copy_target(&self) -> BorrowedFd<'static> {
        match self.stream {
            Stream::Output => rustix::stdio::stdout(),
            Stream::Error => rustix::stdio::stderr(),
        }
    }

    /// Relays once.
    pub fn relay(&mut self, log: &mut Log, taps: &mut Taps) -> Relayed {
        if self.copy && !is_writable(self.copy_target()) {
            return Relayed::Blocked;
        }
        self.transfer(log, taps).unwrap_or(Relayed::Some)
    }

    /// Relays what is left when the payload has ended, waiting for the copy's reader. An empty pipe is the end, even if a
    /// descriptor that was passed out of the container still holds it open.
    pub fn relay_rest(&mut self, log: &mut Log, taps: &mut Taps) {
        while matches!(self.transfer(log, taps), Some(Relayed::Some)) {}
    }

    /// `None` if there is nothing to read now.
    fn transfer(&mut self, log: &mut Log, taps: &mut Taps) -> Option<Relayed> {
        let mut buffer = [0u8; 16 << 10];
        let room = if self.copy { ATOMIC } else { buffer.len() };
        let buffer = buffer.get_mut(..room)?;
        match read(&self.pipe, &mut *buffer) {
            Ok(0) => Some(Relayed::End),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                log.take(self.stream, bytes);
                taps.take(self.stream, bytes);
                if self.copy && write_all(self.copy_target(), bytes).is_err() {
                    // Nobody reads any more; the log still does.
                    self.copy = false;
                }
                Some(Relayed::Some)
            }
            Err(Errno::INTR) => Some(Relayed::Some),
            Err(Errno::AGAIN) => None,
            Err(_) => Some(Relayed::End),
        }
    }
}

fn is_writable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds.iter().any(|it| !it.revents().is_empty())
}

fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // Somebody else made the descriptor non-blocking.
                let mut fds = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
                poll(&mut fds, None)?;
            }
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// The payload's terminal, and the client that is attached to it.
#[derive(Debug)]
pub struct Terminal {
    /// Master side.
    pub master: OwnedFd,
    /// The client's byte stream.
    pub client: Option<OwnedFd>,
    /// Typed, and not yet taken by the payload.
    pending: VecDeque<u8>,
}

impl Terminal {
    /// A terminal with its client, if there is one.
    pub fn new(master: OwnedFd, client: Option<OwnedFd>) -> Self {
        Self { master, client, pending: VecDeque::new() }
    }

    /// Whether there is input that the payload has not taken.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// From the payload to the log and the client.
    pub fn output(&mut self, log: &mut Log, taps: &mut Taps) -> Relayed {
        self.transfer(log, taps).unwrap_or(Relayed::Some)
    }

    /// What is left when the payload has ended.
    pub fn output_rest(&mut self, log: &mut Log, taps: &mut Taps) {
        while matches!(self.transfer(log, taps), Some(Relayed::Some)) {}
    }

    /// `None` if there is nothing to read now.
    fn transfer(&mut self, log: &mut Log, taps: &mut Taps) -> Option<Relayed> {
        let mut buffer = [0u8; ATOMIC];
        match read(&self.master, &mut buffer) {
            Ok(0) => Some(Relayed::End),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                log.take(Stream::Output, bytes);
                taps.take(Stream::Output, bytes);
                if self.client.as_ref().is_some_and(|client| write_all(client.as_fd(), bytes).is_err()) {
                    self.client = None;
                }
                Some(Relayed::Some)
            }
            Err(Errno::INTR) => Some(Relayed::Some),
            Err(Errno::AGAIN) => None,
            // EIO: nobody has the slave side open.
            Err(_) => Some(Relayed::End),
        }
    }

    /// From the client towards the payload. Gives false when the client has gone.
    pub fn input(&mut self) -> bool {
        let Some(client) = &self.client else { return false };
        if self.pending.len() < MAX_PENDING {
            let mut buffer = [0u8; ATOMIC];
            match read(client, &mut buffer) {
                Ok(0) => self.client = None,
                Ok(count) => self.pending.extend(buffer.get(..count).unwrap_or_default()),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => self.client = None,
            }
        }
        self.flush();
        self.client.is_some()
    }

    /// Gives the payload what it takes now.
    pub fn flush(&mut self) {
        while !self.pending.is_empty() {
            let (bytes, _) = self.pending.as_slices();
            match write(&self.master, bytes) {
                Ok(count) => {
                    self.pending.drain(..count);
                }
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}
