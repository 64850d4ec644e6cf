//! File systems that several containers have together.
//!
//! Each is in a mount namespace of its own, where there is nothing else, in a user namespace that has all ids of its users. No
//! process lives there: whoever holds the two namespaces has the file system, and can make copies of its mount, which can be
//! given any place. It is gone when nobody holds them, and no copy has a place any more.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::child;
use crate::message::{self, MAPPED, Report};
use crate::plan::CommonVolume;
use crate::start::{StartError, report_socket};
use crate::visit::mount_of_child;

/// One of them, as long as this is held.
#[derive(Debug)]
pub struct Common {
    mounts: OwnedFd,
    user: Option<OwnedFd>,
}

/// A copy of a mount, without a place, for a container that is about to start.
#[derive(Debug)]
pub struct Given {
    /// The number of the container's mount that it is for.
    pub number: usize,
    /// The copy.
    pub mount: OwnedFd,
    /// Whether nobody had it before.
    pub is_fresh: bool,
}

impl Common {
    /// Makes a volume's file system, and says whether nothing is in it yet. `owner` gets it, by ids of the host. Called with a
    /// single thread only.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn make(volume: &CommonVolume, owner: Option<(u32, u32)>) -> Result<(Self, bool), StartError> {
        let (ours, theirs) = report_socket().map_err(StartError::Clone)?;
        let user = volume.user.as_ref();
        let is_there = user.is_none() && is_mounted(&volume.data);
        let flags = if user.is_some() { CloneFlags::MOUNT.with(CloneFlags::USER) } else { CloneFlags::MOUNT };
        match sys::clone(flags, None).map_err(StartError::Clone)? {
            Cloned::Child => {
                drop(ours);
                let made = child::make_common(volume, is_there, owner, &theirs);
                let code = i32::from(made.is_err());
                match made {
                    Ok((mounts, user)) => {
                        for report in [Report::Root(mounts)].into_iter().chain(user.map(Report::Joined)) {
                            message::send(&theirs, &report);
                        }
                    }
                    Err(failure) => message::send(&theirs, &Report::Failed(failure)),
                }
                sys::exit_now(code)
            }
            Cloned::Parent { pid, pidfd } => {
                drop(theirs);
                let mapped = user.map_or(Ok(()), |maps| userns::write_maps(pid, maps));
                let heard = mapped.map_err(StartError::from).and_then(|()| {
                    message::tell(&ours, MAPPED).map_err(StartError::Socket)?;
                    hear(&ours)
                });
                drop(ours);
                let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
                Ok((heard?, !is_there))
            }
        }
    }

    /// One that somebody else holds.
    #[must_use]
    pub fn of(mounts: OwnedFd, user: Option<OwnedFd>) -> Self {
        Self { mounts, user }
    }

    /// The numbers of what is held: the mount namespace, and the user namespace.
    #[must_use]
    pub fn numbers(&self) -> (i32, Option<i32>) {
        (self.mounts.as_raw_fd(), self.user.as_ref().map(AsRawFd::as_raw_fd))
    }

    /// A copy of its mount, without a place. Called with a single thread only.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn copy(&self) -> Result<OwnedFd, StartError> {
        mount_of_child(|| child::copy_common(self.mounts.as_fd(), self.user.as_ref().map(AsFd::as_fd)))
    }
}

/// Whether something is mounted on a directory.
fn is_mounted(directory: &Path) -> bool {
    let device = |path: &Path| rustix::fs::stat(path).map(|it| it.st_dev);
    match (device(directory), directory.parent().map(device)) {
        (Ok(own), Some(Ok(around))) => own != around,
        _ => false,
    }
}

/// What the process says that has made one.
fn hear(socket: &OwnedFd) -> Result<Common, StartError> {
    let next = || message::receive(socket).map_err(StartError::Socket);
    let mounts = match next()? {
        Some(Report::Root(mounts)) => mounts,
        Some(Report::Failed(failure)) => return Err(StartError::child(failure)),
        _ => return Err(StartError::Vanished),
    };
    let user = match next()? {
        Some(Report::Joined(user)) => Some(user),
        _ => None,
    };
    Ok(Common { mounts, user })
}

/// The copy for the mount with this number.
pub(crate) fn given(all: &[Given], number: usize) -> Option<(BorrowedFd<'_>, bool)> {
    all.iter().find(|it| it.number == number).map(|it| (it.mount.as_fd(), it.is_fresh))
}
