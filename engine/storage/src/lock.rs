//! Locks held by descriptors: they end with the process that holds them, whatever way it ends.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::dir::DIRECTORY;

macro_rules! lock_owner {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[must_use = "the lock is given back when this value is dropped"]
        pub struct $name {
            _held: OwnedFd,
        }

        impl $name {
            pub(crate) fn new(held: OwnedFd) -> Self {
                Self { _held: held }
            }
        }
    };
}

lock_owner! {
    /// Says that this process is changing what is remembered of one unit, and what it runs; others wait.
    UnitLock
}
lock_owner! {
    /// Says that this process is pulling what the key names; others who ask for the same key wait.
    PullLock
}
lock_owner! {
    /// Says that layers are in use although no image names them yet, so none is deleted.
    LayerLease
}
lock_owner! {
    /// Says that this process is changing one pod, or adding a container to it.
    PodLock
}
lock_owner! {
    /// Says that this process is changing one container.
    ContainerLock
}
lock_owner! {
    /// Says that this process is changing one volume, or, shared, that it is about to use it.
    VolumeLock
}
lock_owner! {
    /// Guards an index (names of images, containers, pods) or one layer during one call.
    IndexLock
}

/// Opens a directory once more, for a lock of its own (a lock belongs to the open file, not to the process).
pub(crate) fn reopen(dir: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(dir, ".", DIRECTORY, Mode::empty())
}

/// Takes a lock, waiting for it.
pub(crate) fn take(fd: BorrowedFd<'_>, operation: FlockOperation) -> rustix::io::Result<()> {
    loop {
        match rustix::fs::flock(fd, operation) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Takes a lock alone if nobody holds it.
pub(crate) fn try_alone(fd: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    match rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Locks a whole directory for one call.
pub(crate) fn index(dir: BorrowedFd<'_>, operation: FlockOperation) -> rustix::io::Result<IndexLock> {
    let held = reopen(dir)?;
    take(held.as_fd(), operation)?;
    Ok(IndexLock::new(held))
}

/// Opens and locks a file made for the lock alone.
pub(crate) fn file(parent: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)?;
    take(held.as_fd(), FlockOperation::LockExclusive)?;
    Ok(held)
}
