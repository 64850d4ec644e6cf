//! Device nodes of the container's own, like the host's: with their modes and their owners.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid, chmodat, chownat, fstat, mknodat, unlinkat};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use super::at;
use super::target::Places;
use crate::message::{Failure, Step};
use crate::paths::{Make, open_real_directory};

/// Makes a node in the container's own `/dev`. False if it cannot be there: nothing has changed then.
pub(super) fn make_node(places: &Places<'_>, target: &str, like: &OwnedFd) -> Result<bool, Errno> {
    let path = Path::new(target);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
    if !path.starts_with("/dev") {
        return Ok(false);
    }
    let parent = places.open_or_make(parent, Make::Directory)?;
    // What else is mounted there, as `/dev/shm`, may have no nodes.
    let dev = open_real_directory(places.root, "/dev")?;
    if fstat(&parent)?.st_dev != fstat(&dev)?.st_dev {
        return Ok(false);
    }
    // Of several for one name the last one counts.
    let _ = unlinkat(&parent, name, AtFlags::empty());
    make(parent.as_fd(), name, like)
}

/// Mounts a node elsewhere; by the time that this is over it has no other place. `mount` is given the host's if nobody may
/// make one.
pub(super) fn with_own_node(
    places: &mut Places<'_>,
    like: OwnedFd,
    mount: impl FnOnce(&mut Places<'_>, OwnedFd) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = at(Step::Mount, "/dev");
    let dev = open_real_directory(places.root, "/dev").map_err(&failed)?;
    let name = OsStr::new(".device");
    if !make(dev.as_fd(), name, &like).map_err(&failed)? {
        return mount(places, like);
    }
    let node = open_tree(&dev, name, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC);
    let mounted = node.map_err(&failed).and_then(|node| mount(places, node));
    // What has no name cannot be mounted, so this comes after it.
    unlinkat(&dev, name, AtFlags::empty()).map_err(&failed)?;
    mounted
}

fn make(directory: impl AsFd, name: &OsStr, like: &OwnedFd) -> Result<bool, Errno> {
    let wanted = fstat(like)?;
    let (kind, mode) =
        (FileType::from_raw_mode(wanted.st_mode), Mode::from_raw_mode(wanted.st_mode & 0o7777));
    match mknodat(&directory, name, kind, mode, wanted.st_rdev) {
        Ok(()) => {}
        // There is something mounted; or nobody may make nodes here, whoever is root.
        Err(Errno::EXIST | Errno::PERM) => return Ok(false),
        Err(err) => return Err(err),
    }
    let (uid, gid) = (Uid::from_raw(wanted.st_uid), Gid::from_raw(wanted.st_gid));
    chownat(&directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    // The mask took its part.
    chmodat(&directory, name, mode, AtFlags::empty())?;
    Ok(true)
}
