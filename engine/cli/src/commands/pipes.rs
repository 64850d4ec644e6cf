//! The streams of a process in a container that has no terminal: pipes, and what goes between them and ours.
//!
//! What we had given it of ours it could open anew, with rights that were not meant for it: by a name in `/proc` a file that we
//! only append to can be read, cut off and made executable, out of a directory one comes to all others, and of a terminal it could
//! read what is typed long after we have gone.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use pontoon_lifecycle::exec::Executing;
use pontoon_monitor::outlet::Outlet;
use pontoon_rootless::ready::is_ready;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, read};
use rustix::pipe::{PipeFlags, pipe_with};

use super::shown::{Ours, Unshown};
use pontoon_cli::detach_keys::{Typed, Typing};

/// How often the last of a stream is read: more than a pipe holds, so that somebody who goes on writing into it does not keep us.
const MOST_READS: u32 = 1024;
/// How much is carried at once: what a pipe holds.
const PIECE: usize = 64 << 10;

/// The process's ends of its streams, and ours.
#[derive(Debug)]
pub struct Pipes {
    theirs: [OwnedFd; 3],
    ours: OurEnds,
}

/// Our ends.
#[derive(Debug)]
pub struct OurEnds {
    input: Option<OwnedFd>,
    ways: [Way; 2],
}

/// What the process writes, on its way to one of our streams.
#[derive(Debug)]
struct Way {
    /// `None` when there is no more to come, or nobody to take it.
    from: Option<OwnedFd>,
    ours: Ours,
    to: Outlet,
    /// Read, and not yet taken. One stream that is not read must not keep the other.
    unshown: VecDeque<u8>,
}

/// Why nothing more is carried.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// Our own stream.
    #[error(transparent)]
    Unshown(#[from] Unshown),
    /// The kernel.
    #[error("cannot wait for what the process writes")]
    Poll(#[source] Errno),
}

impl Pipes {
    /// Makes them; without an input the process reads from `/dev/null`.
    pub fn make(with_input: bool) -> io::Result<Self> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC);
        let (stdin, input) = match with_input {
            true => pipe().map(|(read, write)| (read, Some(write)))?,
            false => (rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?, None),
        };
        let ((output, stdout), (errors, stderr)) = (pipe()?, pipe()?);
        let ways = [Way::new(output, Ours::Output)?, Way::new(errors, Ours::Errors)?];
        Ok(Self { theirs: [stdin, stdout, stderr], ours: OurEnds { input, ways } })
    }

    /// Standard input, output and error of the process.
    pub fn theirs(&self) -> [BorrowedFd<'_>; 3] {
        self.theirs.each_ref().map(AsFd::as_fd)
    }

    /// What reads its output and its errors.
    pub fn reads(&self) -> Option<[BorrowedFd<'_>; 2]> {
        let [Some(output), Some(errors)] = self.ours.ways.each_ref().map(|it| it.from.as_ref()) else {
            return None;
        };
        Some([output.as_fd(), errors.as_fd()])
    }

    /// Our ends, when the process has its own.
    pub fn into_ours(self) -> OurEnds {
        self.ours
    }
}

impl OurEnds {
    /// Carries what goes between the process and us until it has ended. Where nobody reads what it writes, it sees that.
    ///
    /// # Errors
    /// What it writes cannot be written on our side: then it goes on.
    pub fn carry(mut self, process: &Executing) -> Result<(), CarryError> {
        let ended = process.ending.fd();
        let mut typing = self.input.as_ref().and_then(|to| Typing::of_bytes(to.as_fd()).ok());
        loop {
            let [over, output, errors, input, reader, error_reader] = {
                let [first, second] = &self.ways;
                let nothing = PollFlags::empty();
                let input = match (&typing, &self.input) {
                    (Some(typing), Some(to)) if typing.is_pending() => (to.as_fd(), PollFlags::OUT),
                    (Some(_), Some(_)) => (rustix::stdio::stdin(), PollFlags::IN),
                    // What is not wanted is filled with what ends it all: a hang-up is told whether asked for or not.
                    _ => (ended, nothing),
                };
                let fds = [
                    (ended, PollFlags::IN),
                    first.awaited().unwrap_or((ended, nothing)),
                    second.awaited().unwrap_or((ended, nothing)),
                    input,
                    // Asks for nothing, and is told when the reading end of a pipe is closed.
                    (first.reader().unwrap_or(ended), nothing),
                    (second.reader().unwrap_or(ended), nothing),
                ];
                let mut fds = fds.map(|(fd, events)| PollFd::from_borrowed_fd(fd, events));
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => fds.map(|it| it.revents()),
                    Err(err) => return Err(CarryError::Poll(err)),
                }
            };
            for (way, (ready, reader)) in self.ways.iter_mut().zip([(output, reader), (errors, error_reader)])
            {
                let is_read = !reader.intersects(PollFlags::ERR | PollFlags::HUP);
                let carried = if ready.is_empty() { Ok(()) } else { way.advance() };
                match carried {
                    Ok(()) if is_read => {}
                    Ok(()) => way.close(process),
                    Err(err) if err.is_reader_gone() => way.close(process),
                    Err(err) => return Err(err.into()),
                }
            }
            let typed = match (&mut typing, &self.input) {
                (Some(typing), Some(to)) if !input.is_empty() && typing.is_pending() => {
                    typing.hand_on(to.as_fd())
                }
                (Some(typing), Some(to)) if !input.is_empty() => {
                    typing.read(rustix::stdio::stdin(), to.as_fd())
                }
                _ => Typed::More,
            };
            if typed != Typed::More {
                // The process sees the end.
                (typing, self.input) = (None, None);
            }
            if !over.is_empty() {
                for way in &mut self.ways {
                    match way.finish() {
                        Err(err) if !err.is_reader_gone() => return Err(err.into()),
                        _ => {}
                    }
                }
                return Ok(());
            }
        }
    }
}

impl Way {
    fn new(from: OwnedFd, ours: Ours) -> Result<Self, Errno> {
        Ok(Self { from: Some(from), ours, to: Outlet::to(ours.fd())?, unshown: VecDeque::new() })
    }

    /// What is to happen next.
    fn awaited(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let from = self.from.as_ref()?;
        Some(match self.unshown.is_empty() {
            true => (from.as_fd(), PollFlags::IN),
            false => (self.to.fd(), PollFlags::OUT),
        })
    }

    /// Our stream, as long as it is needed.
    fn reader(&self) -> Option<BorrowedFd<'_>> {
        self.from.as_ref().map(|_| self.to.fd())
    }

    /// Carries a piece. With an error nothing more is carried.
    fn advance(&mut self) -> Result<(), Unshown> {
        let Some(from) = &self.from else { return Ok(()) };
        if self.unshown.is_empty() {
            let mut buffer = [0u8; PIECE];
            match read(from, &mut buffer) {
                Ok(count @ 1..) => self.unshown.extend(buffer.get(..count).unwrap_or_default()),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Ok(0) | Err(_) => self.from = None,
            }
        }
        self.to.give(&mut self.unshown).map_err(|cause| Unshown { on: self.ours, cause })
    }

    /// Nobody takes what comes: whoever writes is to see it.
    fn close(&mut self, process: &Executing) {
        if self.from.take().is_some() {
            process.leave_unread(self.ours == Ours::Errors);
        }
    }

    /// Carries what has come by now, however long that takes.
    fn finish(&mut self) -> Result<(), Unshown> {
        for _ in 0..MOST_READS {
            while !self.unshown.is_empty() {
                // What is wrong with it is told by writing.
                let _ = poll(&mut [PollFd::from_borrowed_fd(self.to.fd(), PollFlags::OUT)], None);
                let given = self.to.give(&mut self.unshown);
                given.map_err(|cause| Unshown { on: self.ours, cause })?;
            }
            let is_more = |from: &OwnedFd| is_ready(from, PollFlags::IN, Duration::ZERO);
            if !self.from.as_ref().is_some_and(is_more) {
                break;
            }
            self.advance()?;
        }
        Ok(())
    }
}
