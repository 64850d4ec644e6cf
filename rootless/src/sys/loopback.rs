//! The loopback interface of a new network namespace.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// `int ioctl(int sockfd, SIOCSIFFLAGS, struct ifreq *ifr)`
///
/// Switches `lo` of the network namespace that `socket` was made in on; a new namespace has it, switched off.
///
/// # Errors
/// The kernel's error.
///
/// See <https://man7.org/linux/man-pages/man7/netdevice.7.html>.
pub fn bring_loopback_up(socket: impl AsFd) -> io::Result<()> {
    // SAFETY: `ifreq` is plain old data for which all-zero is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, letter) in request.ifr_name.iter_mut().zip(*b"lo") {
        *place = letter.cast_signed();
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq` with name and flags, both set above; the descriptor is open for the call.
    match unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
