//! File systems that several containers have together: where they are made, and copied from.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use pontoon_rootless::idmap::to_container;
use pontoon_rootless::userns::become_root;
use rustix::fs::{CWD, Gid, Mode, OFlags, Uid, fchown, openat};
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_change, move_mount, open_tree,
};
use rustix::process::{DumpableBehavior, Signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{filesystem, mounts, rootfs};
use crate::message::{self, Failure, MAPPED, Step};
use crate::plan::CommonVolume;

/// A directory of every host, on which it stands until there is nothing else.
const PLACE: &str = "/tmp";

/// Makes the file system of a volume, or takes that which root has mounted, and lets nothing else be in this mount namespace.
/// Gives that, and the user namespace.
pub(crate) fn make_common(
    volume: &CommonVolume,
    is_there: bool,
    owner: Option<(u32, u32)>,
    socket: &OwnedFd,
) -> Result<(OwnedFd, Option<OwnedFd>), Failure> {
    let at = |step: Step| move |err: Errno| Failure::new(step, volume.name.clone(), err);
    let from = |step: Step, err: &io::Error| at(step)(Errno::from_io_error(err).unwrap_or(Errno::IO));
    let failed = at(Step::Volume);
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    message::expect(socket, MAPPED)?;
    if let Some(maps) = &volume.user {
        become_root(maps.is_single()).map_err(|err| from(Step::BecomeRoot, &err))?;
    }
    let namespace = |kind: &str| openat(CWD, format!("/proc/self/ns/{kind}"), OFlags::CLOEXEC, Mode::empty());
    let mounts = namespace("mnt").map_err(&failed)?;
    let user = volume.user.as_ref().map(|_| namespace("user")).transpose().map_err(&failed)?;
    let mounted = if is_there {
        mounts::clone_mount(&volume.data, false)
    } else {
        let (device, is_rootless) = (volume.device.as_deref(), volume.user.is_some());
        filesystem::create(&volume.kind, device, &volume.options, is_rootless)
    };
    let mounted = mounted.map_err(&failed)?;
    if let Some((uid, gid)) = owner.filter(|_| !is_there && volume.is_in_memory()) {
        give(volume, &mounted, uid, gid).map_err(at(Step::Owner))?;
    }
    // The host's mounts go from here, and from here only; what root has mounted goes its own way.
    let private = || mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC);
    private().map_err(&failed)?;
    move_mount(&mounted, "", CWD, PLACE, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(&failed)?;
    private().map_err(&failed)?;
    let root = rootfs::open_directory(Path::new(PLACE)).map_err(&failed)?;
    rootfs::pivot(&root, false, false)?;
    Ok((mounts, user))
}

/// Gives a new file system to whoever is to fill it, but for what its options say.
fn give(volume: &CommonVolume, mounted: &OwnedFd, uid: u32, gid: u32) -> Result<(), Errno> {
    let has = |name: &str| volume.options.iter().any(|(key, _)| key == name);
    let (mut uid, mut gid) = (uid, gid);
    if let Some(maps) = &volume.user {
        // What those ids are here.
        uid = to_container(&maps.uids, uid).ok_or(Errno::INVAL)?;
        gid = to_container(&maps.gids, gid).ok_or(Errno::INVAL)?;
    }
    let directory = openat(mounted, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    fchown(
        &directory,
        (!has("uid")).then_some(Uid::from_raw(uid)),
        (!has("gid")).then_some(Gid::from_raw(gid)),
    )
}

/// Copies the mount that is all there is in a mount namespace.
pub(crate) fn copy_common(mounts: BorrowedFd<'_>, user: Option<BorrowedFd<'_>>) -> Result<OwnedFd, Failure> {
    let failed = |err| Failure::new(Step::Volume, "", err);
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Some(user) = user {
        move_into_link_name_space(user, Some(LinkNameSpaceType::User)).map_err(failed)?;
    }
    move_into_link_name_space(mounts, Some(LinkNameSpaceType::Mount)).map_err(failed)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(CWD, "/", flags).map_err(failed)
}
