//! The lock on a container's files: held by whoever has its root file system put together, which is one at a time.
//!
//! A run holds it from its first mount to its end, and so does a command at work on the files of a container that does not run.
//! Each waits for the other, and none is taken for a start or an end of the container's.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

/// Its name in the runtime directory.
const FILE: &str = "files.lock";

/// Takes it, and waits for it.
///
/// # Errors
/// The kernel's error; `NotFound` if there is no such directory, so that nobody can have it.
pub fn take(run_directory: &Path) -> io::Result<OwnedFd> {
    let file = open(run_directory)?;
    take_on(file.as_fd()).map(|()| file)
}

/// Takes it on what [`open`] has given, and waits for it.
///
/// # Errors
/// The kernel's error.
pub fn take_on(file: BorrowedFd<'_>) -> io::Result<()> {
    loop {
        match flock(file, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
}

/// Takes it if nobody has it.
///
/// # Errors
/// As for [`take`].
pub fn try_take(run_directory: &Path) -> io::Result<Option<OwnedFd>> {
    let file = open(run_directory)?;
    Ok(try_on(file.as_fd())?.then_some(file))
}

/// Takes it on what [`open`] has given, if nobody else has it; whether it is had.
///
/// # Errors
/// The kernel's error.
pub fn try_on(file: BorrowedFd<'_>) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(err) => Err(err.into()),
    }
}

/// Opens it, without taking it.
///
/// # Errors
/// The kernel's error; `NotFound` if there is no such directory.
pub fn open(run_directory: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(run_directory.join(FILE), flags, Mode::RUSR | Mode::WUSR)?)
}
