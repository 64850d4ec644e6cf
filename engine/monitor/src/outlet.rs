//! Where bytes go to that we must never wait for.
//!
//! Our own streams are shared with others, who expect a write of theirs to wait: so the flags of what is open there are left
//! alone, and terminals and pipes are opened anew. Asking beforehand is not enough: a terminal is ready for writing as soon as it
//! takes one byte, and somebody else may fill a pipe between the question and the write.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use pontoon_rootless::ready::is_ready;
use rustix::event::PollFlags;
use rustix::fs::{FileType, Mode, OFlags, fstat, major};
use rustix::io::{Errno, fcntl_dupfd_cloexec, write};
use rustix::net::{SendFlags, send};
use rustix::termios::isatty;

/// What a pipe that is ready for writing takes without blocking, at least (pipe(7)).
pub const ATOMIC: usize = 4096;
/// The major number of `/dev/null` and its like.
const MEMORY: u32 = 1;
/// The major number of `/dev/tty`, `/dev/console` and `/dev/ptmx`, which lead to another terminal when they are opened anew.
const INDIRECT: u32 = 5;

/// Somebody who takes bytes, or does not.
#[derive(Debug)]
pub struct Outlet {
    to: OwnedFd,
    way: Way,
}

/// How it is written to without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It was opened anew, and does not block; or it is a file, which takes all at once.
    Free,
    /// A socket is told so with every message.
    Socket,
    /// It is asked beforehand, and given little: the best that can be had of one that may not be opened anew.
    Asked,
}

impl Outlet {
    /// A way of our own to where `fd` leads.
    ///
    /// # Errors
    /// The kernel's error: it is closed, or no descriptor is left.
    pub fn to(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        let stat = fstat(fd)?;
        let is_terminal = || major(stat.st_rdev) != INDIRECT && isatty(fd);
        let free = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => return Ok(Self { to: fcntl_dupfd_cloexec(fd, 0)?, way: Way::Socket }),
            FileType::RegularFile => fcntl_dupfd_cloexec(fd, 0).ok(),
            FileType::CharacterDevice if major(stat.st_rdev) == MEMORY => fcntl_dupfd_cloexec(fd, 0).ok(),
            FileType::Fifo => open_anew(fd).ok(),
            FileType::CharacterDevice if is_terminal() => open_anew(fd).ok(),
            _ => None,
        };
        match free {
            Some(to) => Ok(Self { to, way: Way::Free }),
            None => Ok(Self { to: fcntl_dupfd_cloexec(fd, 0)?, way: Way::Asked }),
        }
    }

    /// Becomes writable when more is taken.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.to.as_fd()
    }

    /// Gives what is taken now; the rest stays.
    ///
    /// # Errors
    /// No more will be taken.
    pub fn give(&self, bytes: &mut VecDeque<u8>) -> Result<(), Errno> {
        give(|piece| self.write(piece), bytes)
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        // A socket of messages does not take one of any size, and a pipe that was asked promises no more.
        let piece = bytes.get(..ATOMIC).unwrap_or(bytes);
        match self.way {
            Way::Free => write(&self.to, bytes),
            Way::Socket => send(&self.to, piece, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            Way::Asked if !is_ready(self.fd(), PollFlags::OUT, Duration::ZERO) => Err(Errno::AGAIN),
            Way::Asked => write(&self.to, piece),
        }
    }
}

/// Writes what is taken without waiting; the rest stays.
///
/// # Errors
/// No more will be taken.
pub fn give(write: impl Fn(&[u8]) -> Result<usize, Errno>, bytes: &mut VecDeque<u8>) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let (first, _) = bytes.as_slices();
        match write(first) {
            Ok(count) => drop(bytes.drain(..count)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(()),
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// Says something on our standard error, if whoever reads it takes it now: a terminal that stands still must not hold us.
pub fn say(text: &str) {
    if let Ok(errors) = Outlet::to(rustix::stdio::stderr()) {
        // Nobody could be told of what goes wrong here.
        let _ = errors.give(&mut text.bytes().collect());
    }
}

fn open_anew(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}
