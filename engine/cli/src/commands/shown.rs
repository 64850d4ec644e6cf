//! What a container writes, on our own streams, and what becomes of a disk that takes no more of it.

use std::error::Error;
use std::fmt;
use std::os::fd::BorrowedFd;

use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::request::LogDriver;
use pontoon_lifecycle::status;
use pontoon_storage::ContainerHandle;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// One of our own streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ours {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
}

impl Ours {
    /// Its descriptor.
    pub fn fd(self) -> BorrowedFd<'static> {
        match self {
            Self::Output => rustix::stdio::stdout(),
            Self::Errors => rustix::stdio::stderr(),
        }
    }
}

/// What a container writes cannot be written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unshown {
    /// Where.
    pub on: Ours,
    /// Why.
    pub cause: Errno,
}

impl Unshown {
    /// Whether it is only that nobody reads any more, who has seen enough.
    pub fn is_reader_gone(&self) -> bool {
        self.cause == Errno::PIPE
    }
}

impl fmt::Display for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = match self.on {
            Ours::Output => "output",
            Ours::Errors => "error",
        };
        write!(f, "cannot write the container's output to standard {stream}")
    }
}

impl Error for Unshown {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// Where the rest of a container's output is to be had.
pub fn hint(container: &ContainerHandle, record: &ContainerRecord) -> Option<String> {
    let name = &record.name;
    let goes_on = status::of(container).is_alive();
    let unlogged = [LogDriver::None, LogDriver::Passthrough, LogDriver::PassthroughTty];
    let is_logged = record.request.log_driver.is_none_or(|it| !unlogged.contains(&it));
    match goes_on {
        true if is_logged => Some(format!("it goes on, and its log has all of it: pontoon logs {name}")),
        true => Some(format!("it goes on, and ends with: pontoon stop {name}")),
        // One that is removed when it ends takes its log with it.
        false if is_logged && !record.request.rm => {
            Some(format!("its log has all of it: pontoon logs {name}"))
        }
        false => None,
    }
}

/// Copies what is there; false at the end of what is read.
pub fn copy(from: BorrowedFd<'_>, to: Ours) -> Result<bool, Unshown> {
    let mut buffer = [0u8; 4096];
    let count = match rustix::io::read(from, &mut buffer) {
        Ok(0) => return Ok(false),
        Ok(count) => count,
        Err(Errno::INTR | Errno::AGAIN) => return Ok(true),
        Err(_) => return Ok(false),
    };
    write_all(to.fd(), buffer.get(..count).unwrap_or_default()).map_err(|cause| Unshown { on: to, cause })?;
    Ok(true)
}

fn write_all(to: BorrowedFd<'_>, mut rest: &[u8]) -> Result<(), Errno> {
    while !rest.is_empty() {
        match rustix::io::write(to, rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)], None);
            }
            Err(err) => return Err(err),
        }
    }
    Ok(())
}
