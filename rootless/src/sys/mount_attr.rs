//! Attributes of mounts that are already there.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What `mount_setattr` sets and clears: `MOUNT_ATTR_*` bits, and the propagation (`MS_PRIVATE` and so on, or 0 to leave it).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MountAttributes {
    /// Bits to set.
    pub set: u64,
    /// Bits to clear.
    pub clear: u64,
    /// Propagation, `MS_*`.
    pub propagation: u64,
}

/// `int mount_setattr(int dirfd, "", AT_EMPTY_PATH [| AT_RECURSIVE], struct mount_attr *attr, size_t size)`
///
/// # Errors
/// The kernel's error (`ENOSYS` before Linux 5.12).
///
/// See <https://man7.org/linux/man-pages/man2/mount_setattr.2.html>.
pub fn set_mount_attributes(
    mount: BorrowedFd<'_>,
    attributes: MountAttributes,
    recursive: bool,
) -> io::Result<()> {
    let attr = libc::mount_attr {
        attr_set: attributes.set,
        attr_clr: attributes.clear,
        propagation: attributes.propagation,
        userns_fd: 0,
    };
    set(mount, attr, recursive)
}

/// Shows the files of a mount that has no place yet with other owners: by the maps of a user namespace, an id of the file
/// system is what an id inside is, and shown as what that is outside.
///
/// # Errors
/// The kernel's error: `EPERM` to all who are not root over the file system, `EINVAL` where the file system cannot do it.
///
/// See <https://man7.org/linux/man-pages/man2/mount_setattr.2.html>, ID-mapped mounts.
pub fn map_mount_ids(
    mount: BorrowedFd<'_>,
    user_namespace: BorrowedFd<'_>,
    recursive: bool,
) -> io::Result<()> {
    let number = u64::try_from(user_namespace.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let attr =
        libc::mount_attr { attr_set: libc::MOUNT_ATTR_IDMAP, attr_clr: 0, propagation: 0, userns_fd: number };
    set(mount, attr, recursive)
}

fn set(mount: BorrowedFd<'_>, mut attr: libc::mount_attr, recursive: bool) -> io::Result<()> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a null-terminated literal, `attr` is a valid `mount_attr` of the size passed; the kernel reads it only.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw mut attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
