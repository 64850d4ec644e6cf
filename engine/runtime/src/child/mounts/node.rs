//! Device nodes of the container's own, like the host's: with their modes and their owners.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use pontoon_rootless::idmap::IdMaps;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Uid, chmodat, chownat, fstat, mknodat, unlinkat};
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change, move_mount, open_tree,
    unmount,
};

use super::at;
use super::attributes::new_tmpfs;
use super::target::Places;
use crate::message::{Failure, Step};
use crate::paths::{Make, open_real_directory};
use crate::plan::{Mount, MountSource, Rootfs};

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
    make(parent.as_fd(), name, like, Some, Some)
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
    if !make(dev.as_fd(), name, &like, Some, Some).map_err(&failed)? {
        return mount(places, like);
    }
    let node = open_tree(&dev, name, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC);
    let mounted = node.map_err(&failed).and_then(|node| mount(places, node));
    // What has no name cannot be mounted, so this comes after it.
    unlinkat(&dev, name, AtFlags::empty()).map_err(&failed)?;
    mounted
}

/// Puts nodes of the container's own in the place of the host's among the sources, for one whose ids these maps tell: in its
/// user namespace nobody may make any. Called last in a mount namespace that nobody else is in.
pub(in crate::child) fn make_own_nodes(
    rootfs: &Rootfs,
    mounts: &[Mount],
    sources: &mut [Option<OwnedFd>],
    maps: &IdMaps,
) -> Result<(), Failure> {
    let is_own = |it: &Mount| matches!(it.source, MountSource::Device { is_own: true, .. });
    let own = mounts.iter().zip(sources).filter(|(mount, _)| is_own(mount));
    let own: Vec<_> = own.filter_map(|(_, source)| source.as_mut()).collect();
    if own.is_empty() {
        return Ok(());
    }
    // Only what is mounted somewhere can be mounted elsewhere (before Linux 6.15), and the host must not see it.
    let failed = at(Step::Mount, "/dev");
    let here = &rootfs.mount_point;
    mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC).map_err(&failed)?;
    let options: Vec<_> = rootfs.label.iter().map(|label| ("context".to_owned(), label.clone())).collect();
    let nodes = new_tmpfs(&options).map_err(&failed)?;
    move_mount(&nodes, "", CWD, here, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(&failed)?;
    let made = own.into_iter().enumerate().try_for_each(|(number, source)| {
        let name = OsString::from(number.to_string());
        if make(nodes.as_fd(), &name, source, |it| maps.host_uid(it), |it| maps.host_gid(it))? {
            let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            *source = open_tree(&nodes, &name, flags)?;
        }
        Ok(())
    });
    unmount(here, UnmountFlags::DETACH).map_err(&failed)?;
    made.map_err(failed)
}

/// `uid` and `gid` tell whose the node is where we are, by ids of the container; who is nobody there is left out.
fn make(
    directory: impl AsFd,
    name: &OsStr,
    like: &OwnedFd,
    uid: impl Fn(u32) -> Option<u32>,
    gid: impl Fn(u32) -> Option<u32>,
) -> Result<bool, Errno> {
    let wanted = fstat(like)?;
    let (kind, mode) =
        (FileType::from_raw_mode(wanted.st_mode), Mode::from_raw_mode(wanted.st_mode & 0o7777));
    match mknodat(&directory, name, kind, mode, wanted.st_rdev) {
        Ok(()) => {}
        // There is something mounted; or nobody may make nodes here, whoever is root.
        Err(Errno::EXIST | Errno::PERM) => return Ok(false),
        Err(err) => return Err(err),
    }
    let (uid, gid) = (uid(wanted.st_uid).map(Uid::from_raw), gid(wanted.st_gid).map(Gid::from_raw));
    chownat(&directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    // The mask took its part.
    chmodat(&directory, name, mode, AtFlags::empty())?;
    Ok(true)
}
