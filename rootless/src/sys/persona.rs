//! Execution domains, personality(2).

use std::io;

/// `int personality(unsigned long persona)`
///
/// What programs that this process executes take the kernel for.
///
/// # Errors
/// The kernel's error.
pub fn set_personality(persona: u32) -> io::Result<()> {
    // SAFETY: the call takes a number and touches no memory.
    match unsafe { libc::personality(persona.into()) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
