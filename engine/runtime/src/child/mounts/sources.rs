//! What is mounted from the host: taken hold of while its mounts are still as the host has them.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use pontoon_rootless::sys::map_mount_ids;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, major, minor, openat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::mount::{OpenTreeFlags, open_tree};

use super::at;
use super::attributes::kernel_error;
use crate::common::{self, Given};
use crate::mapped::IdSpaces;
use crate::message::{Failure, Step};
use crate::paths;
use crate::plan::{Mount, MountSource};

/// A detached copy of a mount of the host.
pub(in crate::child) fn clone_mount(path: &Path, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    open_tree(CWD, path, flags)
}

/// The same of a file or directory of the host, or of what lies in it, where no link leads out.
pub(super) fn clone_part(path: &Path, subpath: Option<&str>, recursive: bool) -> Result<OwnedFd, Failure> {
    let shown = subpath.map_or_else(|| path.to_owned(), |it| path.join(it));
    let failed = |err| Failure::new(Step::MountSource, shown.to_string_lossy(), err);
    let Some(subpath) = subpath else { return clone_mount(path, recursive).map_err(failed) };
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let clone = || {
        let whole = openat(CWD, path, directory, Mode::empty())?;
        let part = paths::open_part(&whole, subpath, OFlags::PATH)?;
        let mut flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
        open_tree(&part, "", flags)
    };
    clone().map_err(failed)
}

/// Takes hold of everything that comes from the host, while its mounts are still as the host has them.
/// Volumes that may need a first copy are left for later: the copy decides which directory is mounted. So is what only the
/// container's ids lead to.
pub(in crate::child) fn open_sources(
    mounts: &[Mount],
    spaces: &IdSpaces,
    common: &[Given],
) -> Result<Vec<Option<OwnedFd>>, Failure> {
    let open = |(number, mount): (usize, &Mount)| match &mount.source {
        MountSource::Bind { path, recursive, first_copy: None, subpath, .. } => {
            let mounted = match clone_part(path, subpath.as_deref(), *recursive) {
                // The way may lead through what belongs to ids that are not ours yet.
                Err(failure) if failure.errno == Errno::ACCESS.raw_os_error() => return Ok(None),
                other => other?,
            };
            show_with_ids(&mounted, path, *recursive, spaces, number)?;
            Ok(Some(mounted))
        }
        MountSource::File { path, .. } => clone_part(path, None, false).map(Some),
        MountSource::Link { path, recursive } => open_unfollowed(path, *recursive).map(Some),
        MountSource::Common { .. } => {
            let own = common::given(common, number).map(|(it, _)| fcntl_dupfd_cloexec(it, 0));
            own.transpose().map_err(at(Step::Mount, &mount.target))
        }
        MountSource::Device { path, number, .. } => open_device(path, *number).map(Some),
        _ => Ok(None),
    };
    mounts.iter().enumerate().map(open).collect()
}

/// Shows the files of a mount that has no place yet with other owners, if that is asked for.
pub(super) fn show_with_ids(
    mounted: &OwnedFd,
    path: &Path,
    recursive: bool,
    spaces: &IdSpaces,
    number: usize,
) -> Result<(), Failure> {
    let Some(space) = spaces.mount(number) else { return Ok(()) };
    map_mount_ids(mounted.as_fd(), space, recursive)
        .map_err(|err| Failure::new(Step::MountIds, path.to_string_lossy(), kernel_error(&err)))
}

/// What a path names, a handle of the link if it is one.
fn open_unfollowed(path: &Path, recursive: bool) -> Result<OwnedFd, Failure> {
    let open = || {
        let handle = openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        if paths::kind(&handle)? == FileType::Symlink {
            return Ok(handle);
        }
        let mut flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
        open_tree(&handle, "", flags)
    };
    open().map_err(at(Step::MountSource, &path.to_string_lossy()))
}

/// A node of the host's `/dev`, checked by its handle to be the device that it is named after (CVE-2025-31133).
pub(super) fn open_device(path: &Path, number: Option<(u32, u32)>) -> Result<OwnedFd, Failure> {
    let name = path.to_string_lossy();
    let node = clone_mount(path, false).map_err(at(Step::MountSource, &name))?;
    let stat = fstat(&node).map_err(at(Step::MountSource, &name))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let fits = match number {
        Some(number) => {
            kind == FileType::CharacterDevice && (major(stat.st_rdev), minor(stat.st_rdev)) == number
        }
        None => matches!(kind, FileType::CharacterDevice | FileType::BlockDevice),
    };
    if fits { Ok(node) } else { Err(Failure { step: Step::Device, subject: name.into_owned(), errno: 0 }) }
}
