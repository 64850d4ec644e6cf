//! Work on what belongs to a container's ids, which are not ours.

use std::io;
use std::os::fd::BorrowedFd;

use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns::become_root;
use pontoon_runtime::plan::Namespaces;
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Has work done by a child that is root in a user namespace which has those ids and ours. It may use what is open here.
///
/// # Errors
/// What the work says, or why it could not be begun.
pub fn within(
    namespace: BorrowedFd<'_>,
    namespaces: &Namespaces,
    work: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let maps = namespaces.mounter.as_ref().map_or(namespaces.user.as_ref(), |it| it.user.as_ref());
    let single = maps.is_some_and(pontoon_rootless::idmap::IdMaps::is_single);
    match sys::clone(CloneFlags::default(), None)? {
        Cloned::Child => {
            let done = move_into_link_name_space(namespace, Some(LinkNameSpaceType::User))
                .map_err(io::Error::from)
                .and_then(|()| become_root(single))
                .and_then(|()| work());
            // An errno fits into an exit status.
            sys::exit_now(done.map_or_else(|err| err.raw_os_error().unwrap_or(libc::EIO), |()| 0))
        }
        Cloned::Parent { pidfd, .. } => {
            let ended = waitid(WaitId::PidFd(std::os::fd::AsFd::as_fd(&pidfd)), WaitIdOptions::EXITED)?;
            match ended.and_then(|it| it.exit_status()) {
                Some(0) => Ok(()),
                Some(errno) => Err(io::Error::from_raw_os_error(errno)),
                None => Err(Errno::INTR.into()),
            }
        }
    }
}
