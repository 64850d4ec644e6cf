//! The places of mounts: handles, found or made inside the root.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, move_mount};

use super::at;
use super::attributes::set_read_only;
use crate::message::{Failure, Step};
use crate::paths::{self, Make, open_or_make, open_real_directory};

/// From `linux/magic.h`.
const PROC_SUPER_MAGIC: i64 = 0x9fa0;

/// Where the mounts of a container go.
pub(super) struct Places<'a> {
    /// The container's root.
    pub root: &'a OwnedFd,
    /// What was mounted in it for reading only, so far.
    read_only: Vec<OwnedFd>,
}

/// A mount point of a kernel file system that could not be opened: only some errors say that the image is at fault.
fn unfit(path: &str, errno: Errno) -> Failure {
    let step = match errno {
        Errno::NOTDIR | Errno::LOOP | Errno::XDEV => Step::SymlinkTarget,
        _ => Step::MountTarget,
    };
    Failure::new(step, path, errno)
}

impl<'a> Places<'a> {
    pub(super) fn new(root: &'a OwnedFd) -> Self {
        Self { root, read_only: Vec::new() }
    }

    /// A place that somebody asks for.
    pub(super) fn asked(&self, path: &str, make: Make) -> Result<OwnedFd, Failure> {
        let target = self.open_or_make(path, make).map_err(at(Step::MountTarget, path))?;
        if is_shown_by_proc(&target).map_err(at(Step::MountTarget, path))? {
            return Err(Failure { step: Step::ProcTarget, subject: path.to_owned(), errno: 0 });
        }
        Ok(target)
    }

    /// The mount point of a kernel file system: a real directory. An image that has a link there wants to lead us (or the
    /// programs that trust `/proc`) elsewhere (CVE-2019-16884, CVE-2023-27561).
    pub(super) fn kernel(&self, path: &str) -> Result<OwnedFd, Failure> {
        match open_real_directory(self.root, path) {
            Ok(target) => Ok(target),
            Err(Errno::NOENT) => {
                self.open_or_make(path, Make::Directory).map_err(at(Step::MountTarget, path))?;
                open_real_directory(self.root, path).map_err(|err| unfit(path, err))
            }
            Err(err) => Err(unfit(path, err)),
        }
    }

    /// Finds a place, or makes it. Into what is mounted for reading only, too: that is a word to the container, and what
    /// lies on it may have no place there yet, as `/etc/hosts` in a directory that somebody shows as `/etc` (crun has it so).
    pub(super) fn open_or_make(&self, path: impl AsRef<Path>, make: Make) -> Result<OwnedFd, Errno> {
        let found = open_or_make(self.root, path.as_ref(), make);
        if found.as_ref().err() != Some(&Errno::ROFS) || self.read_only.is_empty() {
            return found;
        }
        // What the host itself mounts so stays so.
        let opened: Vec<_> =
            self.read_only.iter().filter(|it| set_read_only(it.as_fd(), false).is_ok()).collect();
        let found = open_or_make(self.root, path.as_ref(), make);
        opened.into_iter().try_for_each(|it| set_read_only(it.as_fd(), true))?;
        found
    }

    /// Puts a mount on its place.
    pub(super) fn attach(
        &mut self,
        mounted: OwnedFd,
        target: &OwnedFd,
        is_read_only: bool,
    ) -> Result<(), Errno> {
        attach(&mounted, target)?;
        if is_read_only {
            self.read_only.push(mounted);
        }
        Ok(())
    }
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

pub(super) fn existing(root: &OwnedFd, path: &str) -> Result<Option<OwnedFd>, Errno> {
    match paths::open(root, path, OFlags::PATH) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(None),
        Err(err) => Err(err),
    }
}
