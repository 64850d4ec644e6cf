//! The streams of a process in a container that has no terminal: pipes, and what goes between them and ours.
//!
//! What we had given it of ours it could open anew, with rights that were not meant for it: by a name in `/proc` a file that we
//! only append to can be read, cut off and made executable, out of a directory one comes to all others, and of a terminal it could
//! read what is typed long after we have gone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_lifecycle::exec::Executing;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::foreground::is_ready;
use super::shown::{Ours, Unshown, copy};
use pontoon_cli::detach_keys::{Typed, Typing};

/// How often the last of a stream is read: more than a pipe holds, so that somebody who goes on writing into it does not keep us.
const MOST_READS: u32 = 1024;

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
    outlets: [Outlet; 2],
}

/// What the process writes, on its way to one of our streams.
#[derive(Debug)]
struct Outlet {
    /// `None` when there is no more to come, or nobody to take it.
    from: Option<OwnedFd>,
    to: Ours,
    /// Something has come, and our stream takes nothing just now.
    is_held_up: bool,
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
        let outlets = [Outlet::new(output, Ours::Output), Outlet::new(errors, Ours::Errors)];
        Ok(Self { theirs: [stdin, stdout, stderr], ours: OurEnds { input, outlets } })
    }

    /// Standard input, output and error of the process.
    pub fn theirs(&self) -> [BorrowedFd<'_>; 3] {
        self.theirs.each_ref().map(AsFd::as_fd)
    }

    /// What reads its output and its errors.
    pub fn reads(&self) -> Option<[BorrowedFd<'_>; 2]> {
        let [Some(output), Some(errors)] = self.ours.outlets.each_ref().map(|it| it.from.as_ref()) else {
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
                let [first, second] = &self.outlets;
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
            for (outlet, (ready, reader)) in
                self.outlets.iter_mut().zip([(output, reader), (errors, error_reader)])
            {
                let is_read = !reader.intersects(PollFlags::ERR | PollFlags::HUP);
                match outlet.advance(ready.is_empty()) {
                    Ok(()) if is_read => {}
                    Ok(()) => outlet.close(process),
                    Err(err) if err.is_reader_gone() => outlet.close(process),
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
                return Ok(self.outlets.iter_mut().try_for_each(Outlet::finish)?);
            }
        }
    }
}

impl Outlet {
    fn new(from: OwnedFd, to: Ours) -> Self {
        Self { from: Some(from), to, is_held_up: false }
    }

    /// What is to happen next.
    fn awaited(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let from = self.from.as_ref()?;
        Some(if self.is_held_up { (self.to.fd(), PollFlags::OUT) } else { (from.as_fd(), PollFlags::IN) })
    }

    /// Our stream, as long as it is needed.
    fn reader(&self) -> Option<BorrowedFd<'static>> {
        self.from.as_ref().map(|_| self.to.fd())
    }

    /// Carries a piece, unless what was awaited has not come.
    fn advance(&mut self, is_awaited: bool) -> Result<(), Unshown> {
        let Some(from) = self.from.as_ref().filter(|_| !is_awaited) else { return Ok(()) };
        // One stream must not keep the other.
        self.is_held_up = !self.is_held_up && !is_ready(self.to.fd(), PollFlags::OUT);
        if !self.is_held_up && !copy(from.as_fd(), self.to)? {
            self.from = None;
        }
        Ok(())
    }

    /// Nobody takes what comes: whoever writes is to see it.
    fn close(&mut self, process: &Executing) {
        if self.from.take().is_some() {
            process.leave_unread(self.to == Ours::Errors);
        }
    }

    /// Carries what has come by now.
    fn finish(&mut self) -> Result<(), Unshown> {
        for _ in 0..MOST_READS {
            let Some(from) = self.from.as_ref().filter(|it| is_ready(it.as_fd(), PollFlags::IN)) else {
                break;
            };
            match copy(from.as_fd(), self.to) {
                Ok(true) => {}
                Ok(false) => self.from = None,
                Err(err) if err.is_reader_gone() => self.from = None,
                Err(err) => return Err(err),
            }
        }
        Ok(())
    }
}
