//! File systems that a mount brings along: of the kernel's many types, and those of images.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};

use super::rootfs::Overlay;
use crate::message::{Failure, Step};
use crate::paths;
use crate::tree;

/// Words among the options that are attributes of the mount, and not options of the file system.
fn attribute(word: &str) -> Option<MountAttrFlags> {
    Some(match word {
        "rw" | "suid" | "dev" | "exec" | "atime" | "diratime" | "relatime" | "defaults" | "async" => {
            MountAttrFlags::empty()
        }
        "ro" => MountAttrFlags::MOUNT_ATTR_RDONLY,
        "nosuid" => MountAttrFlags::MOUNT_ATTR_NOSUID,
        "nodev" => MountAttrFlags::MOUNT_ATTR_NODEV,
        "noexec" => MountAttrFlags::MOUNT_ATTR_NOEXEC,
        "noatime" => MountAttrFlags::MOUNT_ATTR_NOATIME,
        "strictatime" => MountAttrFlags::MOUNT_ATTR_STRICTATIME,
        "nodiratime" => MountAttrFlags::MOUNT_ATTR_NODIRATIME,
        _ => return None,
    })
}

/// Makes a file system of a type that the kernel knows, detached.
pub(super) fn create(
    kind: &str,
    device: Option<&str>,
    options: &[(String, Option<String>)],
    userxattr: bool,
) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", device.unwrap_or(kind))?;
    let mut attributes = MountAttrFlags::empty();
    for (key, value) in options {
        match (attribute(key), value) {
            (Some(flag), None) => {
                attributes |= flag;
                // The file system itself must know, or it would ask its device for more than that gives.
                if key == "ro" {
                    fsconfig_set_flag(&context, "ro")?;
                }
            }
            (None, None) => fsconfig_set_flag(&context, key.as_str())?,
            (_, Some(value)) => fsconfig_set_string(&context, key.as_str(), value.as_str())?,
        }
    }
    if kind == "overlay" && userxattr && !options.iter().any(|(key, _)| key == "userxattr") {
        fsconfig_set_flag(&context, "userxattr")?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Puts the layers of an image together, with a fresh directory for changes, detached.
pub(super) fn of_image(layers: &[PathBuf], changes: &Path, userxattr: bool) -> Result<OwnedFd, Errno> {
    let (upper, work) = (changes.join("upper"), changes.join("work"));
    tree::fresh_directory(&work)?;
    let fresh = tree::fresh_directory(&upper)?;
    if let Some(top) = layers.first() {
        let top = rustix::fs::open(
            top,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )?;
        // An owner without an id here stays behind; the mode decides who may come in.
        let _ = tree::copy_owner(&top, &fresh);
    }
    Overlay { lower: layers, upper: &upper, work: &work, userxattr, volatile: true, label: None }.create()
}

/// A part of a file system that has no place: it is given one for the moment, since only what has one can be copied.
///
/// `place` is a directory, made if it is missing; no link leads out of the file system.
pub(super) fn part_of(whole: &OwnedFd, subpath: &str, place: &Path) -> Result<OwnedFd, Errno> {
    match rustix::fs::mkdir(place, rustix::fs::Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(err) => return Err(err),
    }
    move_mount(whole, "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    let part = paths::open(whole, subpath.trim_start_matches('/'), OFlags::PATH).and_then(|part| {
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        open_tree(&part, "", flags)
    });
    unmount(place, UnmountFlags::DETACH)?;
    part
}

/// Puts layers on each other for reading only, and gives them a place.
pub(crate) fn mount_layers_here(layers: &[PathBuf], userxattr: bool, place: &Path) -> Result<(), Failure> {
    let mount = || {
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", "overlay")?;
        for layer in layers {
            fsconfig_set_string(&context, "lowerdir+", layer)?;
        }
        if userxattr {
            fsconfig_set_flag(&context, "userxattr")?;
        }
        fsconfig_create(&context)?;
        let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NODEV;
        let mounted = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        move_mount(&mounted, "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
    };
    mount().map_err(|err| Failure::new(Step::Rootfs, place.display().to_string(), err))
}
