//! System call filters.

use std::io;

/// One instruction of a classic BPF program: the kernel's `struct sock_filter`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SockFilter {
    /// Operation.
    pub code: u16,
    /// Jump if true, in instructions.
    pub jt: u8,
    /// Jump if false, in instructions.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

#[repr(C)]
struct SockFprog {
    len: u16,
    filter: *const SockFilter,
}

/// `int seccomp(SECCOMP_SET_MODE_FILTER, 0, struct sock_fprog *args)`
///
/// Needs `no_new_privs` or `CAP_SYS_ADMIN` in the caller's user namespace. Cannot be undone.
///
/// # Errors
/// The kernel's error; `EINVAL` if the program is empty, longer than 4096 instructions or malformed.
pub fn load_filter(program: &[SockFilter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let program = SockFprog { len: length, filter: program.as_ptr() };
    // SAFETY: `program` points to `len` initialised instructions that outlive the call; the kernel copies and checks them.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
