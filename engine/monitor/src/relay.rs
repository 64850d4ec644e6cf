//! Bytes between the payload and whoever watches it.
//!
//! The payload's output goes to the log at once and, in the foreground, to our own streams as fast as their reader takes it:
//! a reader that has stopped, or a journal, stops the payload's output, never the supervisor.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::signalfd::SignalFd;
use pontoon_monitor::outlet::{ATOMIC, Outlet, give};
use rustix::event::epoll::EventFlags;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, write};

use crate::output::{Log, Stream};

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
    /// Where a copy goes, if it does: to our own stream of the same kind.
    copy: Option<Outlet>,
    /// Of the copy, what its reader has not taken yet.
    unshown: VecDeque<u8>,
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
    /// Our end of the pipe of a stream, which is copied to our own or not.
    pub fn new(pipe: OwnedFd, stream: Stream, copy: bool) -> Self {
        let ours = match stream {
            Stream::Output => rustix::stdio::stdout(),
            Stream::Error => rustix::stdio::stderr(),
        };
        let mut output = Self { pipe, stream, copy: None, unshown: VecDeque::new(), failure: None };
        if copy {
            output.copy_to(ours);
        }
        output
    }

    fn copy_to(&mut self, target: BorrowedFd<'_>) {
        match Outlet::to(target) {
            Ok(outlet) => self.copy = Some(outlet),
            Err(err) => self.failure = Some(err),
        }
    }

    /// Why the copy could not be written, if nobody was told yet.
    pub fn take_failure(&mut self) -> Option<Errno> {
        self.failure.take()
    }

    /// Where the copy goes.
    pub fn copy_target(&self) -> Option<BorrowedFd<'_>> {
        self.copy.as_ref().map(Outlet::fd)
    }

    /// Nobody wants the copy any more: where it went is closed. Gives whether there was one.
    pub fn end_copy(&mut self) -> bool {
        self.unshown.clear();
        self.copy.take().is_some()
    }

    /// Relays once.
    pub fn relay(&mut self, log: &mut Log, taps: &mut Taps) -> Relayed {
        self.show();
        if !self.unshown.is_empty() {
            return Relayed::Blocked;
        }
        if log.is_behind() {
            return Relayed::Behind;
        }
        let relayed = self.transfer(log, taps).unwrap_or(Relayed::Some);
        // The payload may write no more, and then only the reader would ever tell us.
        if self.unshown.is_empty() { relayed } else { Relayed::Blocked }
    }

    /// Keeps what is left when the payload has ended, and gives what our own stream's reader has not taken of it. An empty
    /// pipe is the end, even if a descriptor that was passed out of the container still holds it open.
    pub fn rest(&mut self, log: &mut Log, taps: &mut Taps) -> Option<Rest> {
        for _ in 0..MOST_READS {
            if !matches!(self.transfer(log, taps), Some(Relayed::Some)) {
                break;
            }
        }
        self.show();
        let bytes = std::mem::take(&mut self.unshown);
        self.copy.take().and_then(|to| Rest::new(to, bytes))
    }

    /// `None` if there is nothing to read now.
    fn transfer(&mut self, log: &mut Log, taps: &mut Taps) -> Option<Relayed> {
        let mut buffer = [0u8; 32 << 10];
        match read(&self.pipe, &mut buffer) {
            Ok(0) => Some(Relayed::End),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                log.take(self.stream, bytes);
                taps.take(self.stream, bytes);
                if self.copy.is_some() {
                    self.unshown.extend(bytes);
                    self.show();
                }
                Some(Relayed::Some)
            }
            Err(Errno::INTR) => Some(Relayed::Some),
            Err(Errno::AGAIN) => None,
            Err(_) => Some(Relayed::End),
        }
    }

    /// Writes of the copy what is taken now. Where that cannot be, the log still takes what comes: the payload has no part in it.
    fn show(&mut self) {
        let Some(copy) = &self.copy else { return };
        if let Err(err) = copy.give(&mut self.unshown) {
            self.end_copy();
            // A reader that has gone away has seen enough. Of a full disk whoever waits must hear.
            self.failure = Some(err).filter(|it| *it != Errno::PIPE);
        }
    }
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
        self.type_in();
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
        self.type_in();
    }

    /// Keeps what is left when the payload has ended, and gives what the client has not taken of it.
    pub fn rest(&mut self, log: &mut Log, taps: &mut Taps) -> Option<Rest> {
        let mut rest = VecDeque::new();
        for _ in 0..MOST_READS {
            rest.extend(self.shown.drain(..));
            if !matches!(self.transfer(log, taps), Some(Relayed::Some)) {
                break;
            }
        }
        rest.extend(self.shown.drain(..));
        Rest::new(Outlet::to(self.client.as_ref()?.as_fd()).ok()?, rest)
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
        let client = self.client.as_ref();
        let is_there = client.is_some_and(|client| give(|it| write(client, it), &mut self.shown).is_ok());
        if !is_there {
            self.client = None;
            self.shown.clear();
        }
    }

    /// Gives the payload what it takes now. One that has gone is seen when its side is read.
    fn type_in(&mut self) {
        let _ = give(|it| write(&self.master, it), &mut self.typed);
    }
}

/// What a payload wrote last, for a reader who has not taken it yet.
#[derive(Debug)]
pub struct Rest {
    to: Outlet,
    bytes: VecDeque<u8>,
}

impl Rest {
    /// For our own stream, or for a client; `None` if there is nothing left.
    pub fn new(to: Outlet, bytes: VecDeque<u8>) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self { to, bytes })
    }

    /// Writes it, waiting for its reader until somebody wants us to end. Only what has a reader keeps us waiting, and only its
    /// going away is an error: a file takes all at once, or has refused it before.
    pub fn give(mut self, signals: &SignalFd) {
        while !self.bytes.is_empty() {
            let mut fds = [
                PollFd::from_borrowed_fd(self.to.fd(), PollFlags::OUT),
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
            if self.to.give(&mut self.bytes).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

    use super::*;

    /// A payload's output that is copied to `target`, and the payload's end of it.
    fn output_to(target: impl AsFd) -> (OutputPipe, OwnedFd) {
        let (pipe, theirs) = rustix::pipe::pipe().unwrap();
        fcntl_setfl(&pipe, OFlags::NONBLOCK).unwrap();
        let mut output = OutputPipe::new(pipe, Stream::Output, false);
        output.copy_to(target.as_fd());
        (output, theirs)
    }

    /// What becomes of a copy that goes to `target`.
    fn copied_to(target: impl AsFd) -> (bool, Option<Errno>) {
        let (mut output, theirs) = output_to(target);
        write(&theirs, b"said\n").unwrap();
        output.relay(&mut Log::nothing(), &mut Taps::default());
        (output.copy.is_some(), output.take_failure())
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

    /// A terminal: the side that shows what is written to the other one.
    fn terminal() -> (OwnedFd, OwnedFd) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty()).unwrap();
        let mut raw = tcgetattr(&slave).unwrap();
        raw.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &raw).unwrap();
        (master, slave)
    }

    #[test]
    fn who_does_not_read_blocks_the_payload_and_not_us_and_misses_nothing() {
        let (stream, far_stream) = std::os::unix::net::UnixStream::pair().unwrap();
        let (pipe_end, pipe) = rustix::pipe::pipe().unwrap();
        let (shown, screen) = terminal();
        for (target, reader) in
            [(screen, shown), (pipe, pipe_end), (OwnedFd::from(stream), OwnedFd::from(far_stream))]
        {
            let (mut output, theirs) = output_to(&target);
            let (mut log, mut taps) = (Log::nothing(), Taps::default());
            let flags = fcntl_getfl(&target).unwrap();
            let mut said = Vec::new();
            // Nobody reads: some time it takes no more. Pieces of an odd size leave room for a part of one.
            let mut number = 0u32;
            loop {
                let piece: Vec<u8> = (0..999).map(|at| (number + at).to_le_bytes()[0]).collect();
                number += 1;
                write(&theirs, &piece).unwrap();
                said.extend(piece);
                if output.relay(&mut log, &mut taps) == Relayed::Blocked {
                    break;
                }
            }
            assert_eq!(output.relay(&mut log, &mut taps), Relayed::Blocked);
            assert_eq!(fcntl_getfl(&target).unwrap(), flags, "what is shared is as it was");
            drop(theirs);
            let mut reader = File::from(reader);
            let mut seen = Vec::new();
            while output.relay(&mut log, &mut taps) != Relayed::End {
                let mut buffer = [0; 500];
                let count = reader.read(&mut buffer).unwrap();
                seen.extend(&buffer[..count]);
            }
            drop((output.rest(&mut log, &mut taps), output, target));
            // A terminal's end is an error.
            let _ = reader.read_to_end(&mut seen);
            assert!(seen == said, "{} of {}", seen.len(), said.len());
        }
    }
}
