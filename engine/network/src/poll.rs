//! A set of descriptors to wait for, itself a descriptor that an outer set can hold.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

/// How many events are taken at once; what is left is there the next time.
const AT_ONCE: usize = 128;

/// When accepting is tried again after it has failed for want of descriptors or memory that others may give back.
pub(crate) const WANT: Duration = Duration::from_millis(200);

/// Whether others may give back what is wanting (accept(2)).
pub(crate) fn is_want(err: &io::Error) -> bool {
    let wanting = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    err.raw_os_error().is_some_and(|number| wanting.contains(&number))
}

/// The set. A descriptor leaves it when it is closed; one that has copies elsewhere must be taken out ([`Self::remove`]).
#[derive(Debug)]
pub(crate) struct Poll {
    fd: OwnedFd,
    /// Tokens are never used twice, so an event for what has just been closed finds nothing. They are even, so that two
    /// descriptors that belong together can have one and the number after it.
    next: u64,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { fd: epoll::create(CreateFlags::CLOEXEC)?, next: 0 })
    }

    /// A token for [`Self::add_as`].
    pub(crate) fn token(&mut self) -> u64 {
        self.next += 2;
        self.next
    }

    /// Waits for `source`, too, under a new token.
    pub(crate) fn add(&mut self, source: impl AsFd, flags: EventFlags) -> io::Result<u64> {
        let token = self.token();
        self.add_as(token, source, flags)?;
        Ok(token)
    }

    /// Waits for `source`, too; several may have one token.
    pub(crate) fn add_as(&self, token: u64, source: impl AsFd, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::add(&self.fd, source, EventData::new_u64(token), flags)?)
    }

    /// Waits for something else of `source`.
    pub(crate) fn change(&self, token: u64, source: impl AsFd, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::modify(&self.fd, source, EventData::new_u64(token), flags)?)
    }

    /// Waits for `source` no more.
    pub(crate) fn remove(&self, source: impl AsFd) {
        // It can only fail if it was not in the set.
        let _ = epoll::delete(&self.fd, source);
    }

    /// What has happened; waits for nothing.
    pub(crate) fn happened(&self) -> io::Result<Vec<(u64, EventFlags)>> {
        let mut events: Vec<Event> = Vec::with_capacity(AT_ONCE);
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(&self.fd, spare_capacity(&mut events), Some(&now)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Err(err) => return Err(err.into()),
        }
        Ok(events.iter().map(|event| (event.data.u64(), event.flags)).collect())
    }
}

impl AsFd for Poll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
