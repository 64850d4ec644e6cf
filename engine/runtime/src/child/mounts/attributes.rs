//! How a mount is made, and what may be done with what is in it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_rootless::sys::{MountAttributes, set_mount_attributes};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen,
};

use crate::plan::{Mount, Propagation};

/// `MS_UNBINDABLE`, `MS_PRIVATE`, `MS_SLAVE` and `MS_SHARED`, from `linux/mount.h`, for `mount_setattr`.
const MS_UNBINDABLE: u64 = 1 << 17;
pub(super) const MS_PRIVATE: u64 = 1 << 18;
const MS_SLAVE: u64 = 1 << 19;
const MS_SHARED: u64 = 1 << 20;

pub(super) fn kernel_error(err: &std::io::Error) -> Errno {
    Errno::from_io_error(err).unwrap_or(Errno::INVAL)
}

fn attributes_of(mount: &Mount) -> MountAttrFlags {
    let mut flags = MountAttrFlags::empty();
    flags.set(MountAttrFlags::MOUNT_ATTR_RDONLY, mount.read_only);
    flags.set(MountAttrFlags::MOUNT_ATTR_NOSUID, mount.nosuid);
    flags.set(MountAttrFlags::MOUNT_ATTR_NODEV, mount.nodev);
    flags.set(MountAttrFlags::MOUNT_ATTR_NOEXEC, mount.noexec);
    flags
}

/// A new instance of a file system, detached. A tmpfs gets its attributes later: a copy may have to be written first.
pub(super) fn new_filesystem(
    name: &str,
    options: &[(String, String)],
    flags: &[&str],
    mount: &Mount,
) -> Result<OwnedFd, Errno> {
    // What `df` and `mount` call it; scripts look for this one by the name that other engines give it.
    let source = if mount.target == "/dev/shm" { "shm" } else { name };
    let attributes = if name == "tmpfs" { MountAttrFlags::empty() } else { attributes_of(mount) };
    create(name, source, options, flags, attributes)
}

/// A new tmpfs, detached.
pub(super) fn new_tmpfs(options: &[(String, String)]) -> Result<OwnedFd, Errno> {
    create("tmpfs", "tmpfs", options, &[], MountAttrFlags::empty())
}

fn create(
    name: &str,
    source: &str,
    options: &[(String, String)],
    flags: &[&str],
    attributes: MountAttrFlags,
) -> Result<OwnedFd, Errno> {
    let context = fsopen(name, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", source)?;
    for (key, value) in options {
        fsconfig_set_string(&context, key.as_str(), value.as_str())?;
    }
    for flag in flags {
        fsconfig_set_flag(&context, *flag)?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

pub(super) fn set_attributes(mounted: &OwnedFd, mount: &Mount, recursive: bool) -> Result<(), Errno> {
    let propagation = match mount.propagation {
        Propagation::Private => MS_PRIVATE,
        Propagation::Slave => MS_SLAVE,
        Propagation::Shared => MS_SHARED,
        Propagation::Unbindable => MS_UNBINDABLE,
    };
    let set = attributes_of(mount);
    let mut clear = MountAttrFlags::empty();
    clear.set(MountAttrFlags::MOUNT_ATTR_NOSUID, mount.allows.suid);
    clear.set(MountAttrFlags::MOUNT_ATTR_NODEV, mount.allows.dev);
    clear.set(MountAttrFlags::MOUNT_ATTR_NOEXEC, mount.allows.exec);
    let (set, clear) = (u64::from(set.bits()), u64::from((clear - set).bits()));
    let attributes = MountAttributes { set, clear, propagation };
    set_mount_attributes(mounted.as_fd(), attributes, recursive).map_err(|err| kernel_error(&err))
}

/// Makes a mount writable, or read-only again; what is mounted on it stays as it is.
pub(super) fn set_read_only(mounted: BorrowedFd<'_>, is_read_only: bool) -> Result<(), Errno> {
    let flag = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
    let (set, clear) = if is_read_only { (flag, 0) } else { (0, flag) };
    let attributes = MountAttributes { set, clear, propagation: 0 };
    set_mount_attributes(mounted, attributes, false).map_err(|err| kernel_error(&err))
}
