//! Bytes between the payload and whoever watches it.
//!
//! The payload's output goes to the log at once and, in the foreground, to our own streams as fast as their reader takes it:
//! a reader that has stopped, or a journal, stops the payload's output, never the supervisor.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::signalfd::SignalFd;
use rustix::event::epoll::EventFlags;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, write};

use crate::output::{Log, Stream};

/// What a pipe that is ready for writing takes without blocking, at least (pipe(7)).
const ATOMIC: usize = 4096;
/// How often the last of a stream is read: more than a pipe can hold, so that somebody who goes on writing into it from
/// elsewhere does not keep us.
const MOST_READS: u32 = 1024;
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
    /// Why it does not go there any more, though somebody may wait for it.
    failure: Option<Errno>,
}

/// Somebody who attached: pipes for a copy of what the payload writes.
#[derive(Debug)]
pub struct Tap {
    /// The connection that asked for it.
    pub client: u64,
    /// For its standard output, or its terminal.
    pub stdout: OwnedFd,
    /// For its standard error.
    pub stderr: OwnedFd,
}

/// All who are attached.
#[derive(Debug, Default)]
pub struct Taps {
    all: Vec<Tap>,
    let_go: Vec<u64>,
}

impl Taps {
    /// One more.
    pub fn add(&mut self, tap: Tap) -> Result<(), Errno> {
        for fd in [&tap.stdout, &tap.stderr] {
            rustix::fs::fcntl_setfl(fd, rustix::fs::OFlags::NONBLOCK)?;
        }
        self.all.push(tap);
        Ok(())
    }

    /// Gives everybody a copy. Whoever has gone, or does not read for so long that the pipe is full, is let go: a looker-on
    /// must not hold the payload up.
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let let_go = &mut self.let_go;
        self.all.retain(|tap| {
            let to = if stream == Stream::Output { &tap.stdout } else { &tap.stderr };
            let mut rest = bytes;
            while !rest.is_empty() {
                match write(to, rest) {
                    Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                    Err(Errno::INTR) => {}
                    Err(_) => {
                        let_go.push(tap.client);
                        return false;
                    }
                }
            }
            true
        });
    }

    /// The connections of those who were let go since this was asked last.
    pub fn take_let_go(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.let_go)
    }
}

/// What came of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relayed {
    /// Something, or nothing for now.
    Some,
    /// The copy's reader is not ready: wait for it.
    Blocked,
    /// The log takes nothing now: wait for it.
    Behind,
    /// The end of the stream.
    End,
}

impl OutputPipe {
    /// Our end of the pipe of a stream, which is copied or not.
    pub fn new(pipe: OwnedFd, stream: Stream, copy: bool) -> Self {
        Self { pipe, stream, copy, failure: None }
    }

    /// Why the copy could not be written, if nobody was told yet.
    pub fn take_failure(&mut self) -> Option<Errno> {
        self.failure.take()
    }

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
        if log.is_behind() {
            return Relayed::Behind;
        }
        self.transfer(log, taps).unwrap_or(Relayed::Some)
    }

    /// Keeps what is left when the payload has ended, and gives what our own stream's reader has not taken of it. An empty
    /// pipe is the end, even if a descriptor that was passed out of the container still holds it open.
    pub fn rest(&mut self, log: &mut Log, taps: &mut Taps) -> Vec<u8> {
        let mut rest = Vec::new();
        let mut buffer = [0u8; ATOMIC];
        for _ in 0..MOST_READS {
            let count = match read(&self.pipe, &mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(_) => break,
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            log.take(self.stream, bytes);
            taps.take(self.stream, bytes);
            // As long as its reader keeps up, nothing has to be remembered.
            if self.copy && rest.is_empty() && is_writable(self.copy_target()) {
                self.copy_to(self.copy_target(), bytes);
            } else if self.copy {
                rest.extend_from_slice(bytes);
            }
        }
        rest
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
                if self.copy {
                    self.copy_to(self.copy_target(), bytes);
                }
                Some(Relayed::Some)
            }
            Err(Errno::INTR) => Some(Relayed::Some),
            Err(Errno::AGAIN) => None,
            Err(_) => Some(Relayed::End),
        }
    }

    /// Writes the copy. Where that cannot be, the log still takes what comes: the payload has no part in it.
    fn copy_to(&mut self, target: BorrowedFd<'_>, bytes: &[u8]) {
        if let Err(err) = write_all(target, bytes) {
            self.copy = false;
            // A reader that has gone away has seen enough. Of a full disk whoever waits must hear.
            self.failure = Some(err).filter(|it| *it != Errno::PIPE);
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

/// The payload's terminal, and the client that is attached to it. Neither side is ever waited for.
#[derive(Debug)]
pub struct Terminal {
    /// Master side.
    pub master: OwnedFd,
    /// The client's byte stream.
    pub client: Option<OwnedFd>,
    /// Typed, and not yet taken by the payload.
    typed: VecDeque<u8>,
    /// Written by the payload, and not yet taken by the client.
    shown: VecDeque<u8>,
    /// Nobody has the other side open any more.
    is_over: bool,
}

impl Terminal {
    /// A terminal with its client, if there is one. Both must be non-blocking.
    pub fn new(master: OwnedFd, client: Option<OwnedFd>) -> Self {
        Self { master, client, typed: VecDeque::new(), shown: VecDeque::new(), is_over: false }
    }

    /// What the master side is to be watched for: while the client or the log does not take what was written, nothing more
    /// is read.
    pub fn master_events(&self, log: &Log) -> EventFlags {
        let mut wanted = EventFlags::empty();
        wanted.set(EventFlags::IN, self.shown.is_empty() && !log.is_behind() && !self.is_over);
        wanted.set(EventFlags::OUT, !self.typed.is_empty() && !self.is_over);
        wanted
    }

    /// What the client is to be watched for.
    pub fn client_events(&self) -> EventFlags {
        let mut wanted = EventFlags::empty();
        wanted.set(EventFlags::IN, self.client.is_some() && self.typed.len() < MAX_PENDING);
        wanted.set(EventFlags::OUT, self.client.is_some() && !self.shown.is_empty());
        wanted
    }

    /// The master side is ready.
    pub fn relay(&mut self, log: &mut Log, taps: &mut Taps) {
        give(&self.master, &mut self.typed);
        let is_taken = self.shown.is_empty() && !log.is_behind();
        if is_taken && self.transfer(log, taps) == Some(Relayed::End) {
            self.is_over = true;
        }
    }

    /// The client is ready.
    pub fn attend_client(&mut self) {
        self.show();
        let Some(client) = &self.client else { return };
        if self.typed.len() < MAX_PENDING {
            let mut buffer = [0u8; ATOMIC];
            match read(client, &mut buffer) {
                Ok(0) => self.client = None,
                Ok(count) => self.typed.extend(buffer.get(..count).unwrap_or_default()),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => self.client = None,
            }
        }
        give(&self.master, &mut self.typed);
    }

    /// Keeps what is left when the payload has ended, and gives what the client has not taken of it.
    pub fn rest(&mut self, log: &mut Log, taps: &mut Taps) -> Vec<u8> {
        let mut rest = Vec::new();
        for _ in 0..MOST_READS {
            rest.extend(self.shown.drain(..));
            if !matches!(self.transfer(log, taps), Some(Relayed::Some)) {
                break;
            }
        }
        rest.extend(self.shown.drain(..));
        rest
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
                self.shown.extend(bytes);
                self.show();
                Some(Relayed::Some)
            }
            Err(Errno::INTR) => Some(Relayed::Some),
            Err(Errno::AGAIN) => None,
            // EIO: nobody has the slave side open.
            Err(_) => Some(Relayed::End),
        }
    }

    /// Gives the client what it takes now; without one nobody wants to see it.
    fn show(&mut self) {
        let is_there = self.client.as_ref().is_some_and(|client| give(client, &mut self.shown));
        if !is_there {
            self.client = None;
            self.shown.clear();
        }
    }
}

/// Writes what is taken without waiting; false when nobody will ever take more.
fn give(to: &OwnedFd, bytes: &mut VecDeque<u8>) -> bool {
    while !bytes.is_empty() {
        let (first, _) = bytes.as_slices();
        match write(to, first) {
            Ok(count) => drop(bytes.drain(..count)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return true,
            Err(_) => return false,
        }
    }
    true
}

/// What a payload wrote last, for a reader who has not taken it yet.
#[derive(Debug)]
pub struct Rest {
    to: OwnedFd,
    bytes: Vec<u8>,
}

impl Rest {
    /// For our own stream, or for a client.
    pub fn new(to: BorrowedFd<'_>, bytes: Vec<u8>) -> Option<Self> {
        let to = to.try_clone_to_owned().ok()?;
        (!bytes.is_empty()).then_some(Self { to, bytes })
    }

    /// Writes it, waiting for its reader until somebody wants us to end. Only what has a reader keeps us waiting, and only its
    /// going away is an error: a file takes all at once, or has refused it before.
    pub fn give(self, signals: &SignalFd) {
        let mut rest = self.bytes.as_slice();
        while !rest.is_empty() {
            let mut fds = [
                PollFd::from_borrowed_fd(self.to.as_fd(), PollFlags::OUT),
                PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
            ];
            if !matches!(poll(&mut fds, None), Ok(_) | Err(Errno::INTR)) {
                return;
            }
            while let Ok(Some(signal)) = signals.read_signal() {
                let wanted = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];
                if wanted.contains(&signal.ssi_signo.cast_signed()) {
                    return;
                }
            }
            if !is_writable(self.to.as_fd()) {
                continue;
            }
            let piece = rest.get(..ATOMIC).unwrap_or(rest);
            match write(&self.to, piece) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a copy that goes to `target`.
    fn copied_to(target: impl AsFd) -> (bool, Option<Errno>) {
        let (pipe, _theirs) = rustix::pipe::pipe().unwrap();
        let mut output = OutputPipe::new(pipe, Stream::Output, true);
        output.copy_to(target.as_fd(), b"said\n");
        (output.copy, output.take_failure())
    }

    #[test]
    fn a_full_disk_is_kept_as_a_failure_and_a_reader_that_has_gone_is_not() {
        assert_eq!(copied_to(std::fs::File::create("/dev/null").unwrap()), (true, None));
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(copied_to(full), (false, Some(Errno::NOSPC)));
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        drop(reader);
        assert_eq!(copied_to(writer), (false, None));
    }
}
