//! Kernel key rings.

use std::io;

/// `long keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)`
///
/// Gives the process a new, empty, anonymous session key ring, so that it cannot read the keys of whoever started it.
///
/// # Errors
/// The kernel's error; `ENOSYS` where key rings are not built in, `EDQUOT` where the user has too many.
pub fn join_new_session_keyring() -> io::Result<()> {
    let name: *const libc::c_char = std::ptr::null();
    // SAFETY: KEYCTL_JOIN_SESSION_KEYRING takes one name, for which null means an anonymous ring.
    let result = unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, name) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
