//! The places of mounts: handles, found or made inside the root.

use std::os::fd::OwnedFd;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, move_mount};

use super::at;
use crate::message::{Failure, Step};
use crate::paths::{self, Make, open_or_make, open_real_directory};

/// From `linux/magic.h`.
const PROC_SUPER_MAGIC: i64 = 0x9fa0;

/// A place that somebody asks for.
pub(super) fn asked_target(root: &OwnedFd, path: &str, make: Make) -> Result<OwnedFd, Failure> {
    let target = open_or_make(root, path, make).map_err(at(Step::MountTarget, path))?;
    if is_shown_by_proc(&target).map_err(at(Step::MountTarget, path))? {
        return Err(Failure { step: Step::ProcTarget, subject: path.to_owned(), errno: 0 });
    }
    Ok(target)
}

/// Whether a place lies in a `proc` file system: a link of the image has led there, and what programs believe about
/// processes must not be replaced (CVE-2019-16884).
pub(super) fn is_shown_by_proc(place: &OwnedFd) -> Result<bool, Errno> {
    Ok(rustix::fs::fstatfs(place)?.f_type == PROC_SUPER_MAGIC)
}

pub(super) fn attach(mounted: &OwnedFd, target: &OwnedFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mounted, "", target, "", flags)
}

/// The mount point of a kernel file system: a real directory. An image that has a link there wants to lead us (or the
/// programs that trust `/proc`) elsewhere (CVE-2019-16884, CVE-2023-27561).
pub(super) fn kernel_target(root: &OwnedFd, path: &str) -> Result<OwnedFd, Failure> {
    match open_real_directory(root, path) {
        Ok(target) => Ok(target),
        Err(Errno::NOENT) => {
            open_or_make(root, path, Make::Directory).map_err(at(Step::MountTarget, path))?;
            open_real_directory(root, path).map_err(at(Step::SymlinkTarget, path))
        }
        Err(err) => Err(Failure::new(Step::SymlinkTarget, path, err)),
    }
}

pub(super) fn existing(root: &OwnedFd, path: &str) -> Result<Option<OwnedFd>, Errno> {
    match paths::open(root, path, OFlags::PATH) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(None),
        Err(err) => Err(err),
    }
}
