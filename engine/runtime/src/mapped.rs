//! User namespaces that nobody lives in: their maps say how the files of a mount are shown (mount_setattr(2), ID-mapped mounts).
//!
//! They are made before the process that mounts: their maps can be written only by who sees its child in `/proc`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns;
use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use crate::plan::{Mount, Rootfs, RootfsSource};
use crate::start::StartError;

/// The namespaces that a container's mounts need; most need none.
#[derive(Debug, Default)]
pub(crate) struct IdSpaces {
    rootfs: Option<OwnedFd>,
    mounts: Vec<Option<OwnedFd>>,
}

impl IdSpaces {
    /// Makes them. Called with a single thread only.
    pub(crate) fn make(rootfs: &Rootfs, mounts: &[Mount]) -> Result<Self, StartError> {
        let rootfs = match &rootfs.source {
            RootfsSource::Directory { ids: Some(ids), .. } => Some(namespace_of(ids)?),
            _ => None,
        };
        if mounts.iter().all(|it| it.ids.is_none()) {
            return Ok(Self { rootfs, mounts: Vec::new() });
        }
        let mounts: Result<_, StartError> =
            mounts.iter().map(|it| it.ids.as_ref().map(namespace_of).transpose()).collect();
        Ok(Self { rootfs, mounts: mounts? })
    }

    /// That of the root file system.
    pub(crate) fn rootfs(&self) -> Option<BorrowedFd<'_>> {
        self.rootfs.as_ref().map(AsFd::as_fd)
    }

    /// That of the mount with this number.
    pub(crate) fn mount(&self, number: usize) -> Option<BorrowedFd<'_>> {
        self.mounts.get(number)?.as_ref().map(AsFd::as_fd)
    }
}

/// A user namespace with these maps.
fn namespace_of(maps: &IdMaps) -> Result<OwnedFd, StartError> {
    let (wait, hold) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| StartError::Clone(err.into()))?;
    match sys::clone(CloneFlags::USER, None).map_err(StartError::Clone)? {
        Cloned::Child => {
            drop(hold);
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            let _ = rustix::io::read(&wait, &mut [0u8]);
            sys::exit_now(0)
        }
        Cloned::Parent { pid, pidfd } => {
            drop(wait);
            let made = mapped(pid, maps);
            drop(hold);
            let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
            made
        }
    }
}

fn mapped(pid: Pid, maps: &IdMaps) -> Result<OwnedFd, StartError> {
    userns::write_maps(pid, maps)?;
    let path = format!("/proc/{}/ns/user", pid.as_raw_nonzero());
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|err| StartError::Clone(io::Error::from(err)))
}
