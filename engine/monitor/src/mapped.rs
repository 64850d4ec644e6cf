//! Work on what belongs to a container's ids, which are not ours.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Has work done by a child in a user namespace which has those ids and ours: it may do there what root may, and what it makes
/// is ours. It may use what is open here.
///
/// # Errors
/// What the work says, or why it could not be begun.
pub fn within(namespace: BorrowedFd<'_>, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match sys::clone(CloneFlags::default(), None)? {
        Cloned::Child => {
            // Whoever enters has all capabilities there, whatever the own ids are.
            let done = move_into_link_name_space(namespace, Some(LinkNameSpaceType::User))
                .map_err(io::Error::from)
                .and_then(|()| work());
            // An errno fits into an exit status.
            sys::exit_now(done.map_or_else(|err| err.raw_os_error().unwrap_or(libc::EIO), |()| 0))
        }
        Cloned::Parent { pidfd, .. } => {
            let ended = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
            match ended.and_then(|it| it.exit_status()) {
                Some(0) => Ok(()),
                Some(errno) => Err(io::Error::from_raw_os_error(errno)),
                None => Err(Errno::INTR.into()),
            }
        }
    }
}

/// Has work done here if that can be, else [`within`] the namespace, where there is one.
///
/// # Errors
/// The same.
pub fn here_or_within(
    namespace: Option<BorrowedFd<'_>>,
    work: impl Fn() -> io::Result<()>,
) -> io::Result<()> {
    work().or_else(|err| namespace.map_or(Err(err), |it| within(it, &work)))
}
