//! Resource limits and signal dispositions.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `int setrlimit(int resource, const struct rlimit *rlim)`
///
/// `None` is unlimited.
///
/// # Errors
/// The kernel's error; `EINVAL` for a number that it does not know.
pub fn set_resource_limit(resource: u32, soft: Option<u64>, hard: Option<u64>) -> io::Result<()> {
    let limit = libc::rlimit64 {
        rlim_cur: soft.unwrap_or(libc::RLIM64_INFINITY),
        rlim_max: hard.unwrap_or(libc::RLIM64_INFINITY),
    };
    let previous: *mut libc::rlimit64 = std::ptr::null_mut();
    // SAFETY: `limit` is a valid `rlimit64` that the kernel reads; a null pointer says that the old value is not wanted.
    let result = unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, previous) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `int sigaction(int signum, SIG_DFL, NULL)` for all signals, and `int sigprocmask(SIG_SETMASK, {}, NULL)`
///
/// What a program expects to start with. Signals that cannot be changed (SIGKILL, SIGSTOP) are passed over.
pub fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: `signal` with SIG_DFL installs no handler of ours; an invalid number is refused with EINVAL.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: all-zero is a valid `sigset_t`; sigemptyset makes sure of it on the next line.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `none` is a valid place for a `sigset_t`.
    unsafe { libc::sigemptyset(&raw mut none) };
    // SAFETY: `none` is an initialised `sigset_t`; the old mask is not wanted.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) };
}

/// `int pidfd_send_signal(int pidfd, int sig, NULL, 0)`
///
/// For real-time signals, which rustix has no names for.
///
/// # Errors
/// The kernel's error; `EINVAL` for a number that is no signal.
pub fn pidfd_send_any_signal(process: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let info: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: a null `info` asks for the values that kill(2) would give; the descriptor is open for the length of the call.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, info, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `int sigaction(SIGCHLD, SIG_DFL, NULL)`
///
/// Whoever started us may have ignored the signal, which is inherited: then nobody could wait for a child (wait(2)).
pub fn hear_of_children() {
    // SAFETY: SIG_DFL installs no handler of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// `int sigaction(SIGXFSZ, SIG_IGN, NULL)`, or back to `SIG_DFL`
///
/// Ignored, a write beyond the limit of a file's size fails with `EFBIG`, of which we can tell; else it would kill us without a
/// word. What is started for others begins with the default, as everywhere ([`reset_signals`], [`begin_with_signals`]).
pub fn survive_file_limit(survives: bool) {
    let disposition = if survives { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: neither of the two installs a handler of ours.
    unsafe { libc::signal(libc::SIGXFSZ, disposition) };
}

/// Lets a program begin as every program expects to, whatever signals we block: what is started inherits that (signal(7)).
pub fn begin_with_signals(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let begin = || {
        reset_signals();
        Ok(())
    };
    // SAFETY: what it calls may be called between fork and exec (signal-safety(7)), and allocates nothing.
    unsafe { command.pre_exec(begin) };
}
