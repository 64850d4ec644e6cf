//! Namespaces by their handles.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// `_IO(0xb7, 0x2)` of `linux/nsfs.h`.
const NS_GET_PARENT: libc::Ioctl = 0xb702;
/// `_IO(0xb7, 0x1)`.
const NS_GET_USERNS: libc::Ioctl = 0xb701;
/// `_IO(0xb7, 0x3)`.
const NS_GET_NSTYPE: libc::Ioctl = 0xb703;

/// The parent of a user (or pid) namespace, see ioctl_ns(2).
///
/// # Errors
/// `EPERM` if it lies outside of the caller's own.
pub fn parent_namespace(namespace: impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open for the length of the call, and the request takes no argument.
    let number = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_PARENT) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given this descriptor (close-on-exec) to us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// The user namespace that a namespace belongs to, see ioctl_ns(2).
///
/// # Errors
/// `EPERM` if it lies outside of the caller's own.
pub fn owner_namespace(namespace: impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open for the length of the call, and the request takes no argument.
    let number = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_USERNS) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given this descriptor (close-on-exec) to us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Which kind of namespace a descriptor is of, as its `CLONE_NEW*` bit; see ioctl_ns(2).
///
/// # Errors
/// `ENOTTY` if it is of none.
pub fn namespace_kind(namespace: impl AsFd) -> io::Result<i32> {
    // SAFETY: the descriptor is open for the length of the call, and the request takes no argument.
    let kind = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_NSTYPE) };
    if kind < 0 { Err(io::Error::last_os_error()) } else { Ok(kind) }
}
