//! Owner, mode, times and extended attributes of entries. Owner first: changing it takes set-id bits and capabilities away.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::{UnpackError, Unpacking, error};
use crate::tar::{Entry, Kind};

/// Times to set: both are the archive's one.
pub(super) fn timestamps((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: i64::from(nanoseconds) };
    Timestamps { last_access: time, last_modification: time }
}

/// Whether an attribute of an archive may be set.
///
/// What tells overlayfs or fuse-overlayfs how to merge layers would let an image reach outside its place in the stack;
/// labels of security modules belong to the host. `security.capability` is a right of a file inside its own namespace.
fn may_be_set(name: &[u8], kind: Kind) -> bool {
    const ENGINES: [&[u8]; 3] = [b"user.overlay.", b"user.fuseoverlayfs.", b"user.containers."];
    match name {
        b"security.capability" => kind == Kind::File,
        b"system.posix_acl_access" => true,
        b"system.posix_acl_default" => kind == Kind::Directory,
        _ => name.starts_with(b"user.") && !ENGINES.iter().any(|prefix| name.starts_with(prefix)),
    }
}

impl Unpacking<'_> {
    /// Gives an open file or directory its owner, mode and attributes.
    pub(super) fn open_metadata(&mut self, entry: &Entry, fd: BorrowedFd<'_>) -> Result<(), UnpackError> {
        if let Some((uid, gid)) = self.options.ownership.of(entry) {
            rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .map_err(chown_failed(entry))?;
        }
        rustix::fs::fchmod(fd, Mode::from_raw_mode(entry.mode))
            .map_err(error::failed("set the mode of", entry))?;
        for (name, value) in &entry.xattrs {
            if !may_be_set(name, entry.kind) {
                self.report.skipped_xattrs += 1;
                continue;
            }
            match rustix::fs::fsetxattr(fd, name.as_slice(), value, XattrFlags::empty()) {
                Ok(()) => {}
                // The file system has none, the namespace may not, or the value is none: the file works without it,
                // as in other engines.
                Err(Errno::NOTSUP | Errno::PERM | Errno::INVAL | Errno::ACCESS) => {
                    self.report.skipped_xattrs += 1
                }
                Err(errno) => return Err(error::failed("set an extended attribute of", entry)(errno)),
            }
        }
        Ok(())
    }

    /// The same for a directory; its times come last of all, when nothing is made in it any more.
    pub(super) fn directory_metadata(
        &mut self,
        entry: &Entry,
        fd: BorrowedFd<'_>,
    ) -> Result<(), UnpackError> {
        self.open_metadata(entry, fd)
    }

    /// Gives something that cannot be opened (a link, a pipe, a device) its owner, mode and times.
    pub(super) fn named_metadata(&mut self, entry: &Entry, name: &[u8]) -> Result<(), UnpackError> {
        let here = self.tree.here();
        if let Some((uid, gid)) = self.options.ownership.of(entry) {
            let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            rustix::fs::chownat(here, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(chown_failed(entry))?;
        }
        if entry.kind != Kind::Symlink {
            crate::dir::chmod_no_link(here, name, Mode::from_raw_mode(entry.mode))
                .map_err(error::failed("set the mode of", entry))?;
        }
        self.report.skipped_xattrs += crate::record::length(entry.xattrs.len());
        rustix::fs::utimensat(here, name, &timestamps(entry.mtime), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(error::failed("set the time of", entry))
    }
}

/// Says in words what EINVAL of chown means: the namespace has no such id.
fn chown_failed(entry: &Entry) -> impl FnOnce(Errno) -> UnpackError {
    move |errno| match errno {
        Errno::INVAL => {
            UnpackError::UnmappedId { entry: error::shown(&entry.path), uid: entry.uid, gid: entry.gid }
        }
        other => error::failed("set the owner of", entry)(other),
    }
}
