//! The container's terminal: made in its own `devpts`, known by descriptors only.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};

use crate::message::{Failure, Step};
use crate::paths::{self, Make};
use crate::plan::Window;

fn failed(err: Errno) -> Failure {
    Failure::new(Step::Terminal, "", err)
}

/// Opens a new terminal, master and slave, and puts the slave at `/dev/console`. The slave is taken from the master's
/// descriptor and the console from the slave's, so no name can be exchanged in between (CVE-2025-52565).
pub(super) fn open(root: &OwnedFd, window: Option<Window>) -> Result<(OwnedFd, OwnedFd), Failure> {
    let (master, slave) = open_pair(root, window)?;
    let console = paths::open_or_make(root, "/dev/console", Make::File).map_err(failed)?;
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let mounted = open_tree(&slave, "", flags).map_err(failed)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&mounted, "", &console, "", flags).map_err(failed)?;
    Ok((master, slave))
}

/// Opens a new terminal in the `devpts` below `root`, so large that nobody finds it without a size.
pub(super) fn open_pair(root: &OwnedFd, window: Option<Window>) -> Result<(OwnedFd, OwnedFd), Failure> {
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let master = paths::open(root, "/dev/pts/ptmx", flags).map_err(failed)?;
    unlockpt(&master).map_err(failed)?;
    window.map_or(Ok(()), |it| it.set(master.as_fd())).map_err(failed)?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = ioctl_tiocgptpeer(&master, flags).map_err(failed)?;
    Ok((master, slave))
}
