//! Descriptors across `execve`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::FdFlags;

/// `int close_range(unsigned first, ~0U, CLOSE_RANGE_CLOEXEC)`
///
/// Marks every descriptor from `first` on close-on-exec. Closes nothing, so every `OwnedFd` stays valid.
///
/// # Errors
/// The kernel's error (`ENOSYS` before Linux 5.9).
pub fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: with CLOSE_RANGE_CLOEXEC the call only sets a flag on descriptors; it closes none and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `int close_range(unsigned first, unsigned last, 0)`, around what is kept
///
/// Closes every descriptor from 3 on but `kept` and the `preserved` ones from 3 on. Only for a process that is about to
/// execute another program and that drops nothing any more: whatever still owns a closed descriptor in its memory must
/// neither use nor close it.
///
/// # Errors
/// The kernel's error (`ENOSYS` before Linux 5.9).
pub fn close_all_but(kept: &[BorrowedFd<'_>], preserved: u32) -> io::Result<()> {
    let mut numbers: Vec<u32> = kept.iter().filter_map(|it| u32::try_from(it.as_raw_fd()).ok()).collect();
    numbers.sort_unstable();
    let mut first = 3u32.saturating_add(preserved);
    let close = |first: u32, last: u32| {
        // SAFETY: closing descriptors touches no memory. That nobody in this process uses them afterwards is the caller's
        // duty, as said above: it executes another program, or ends with `_exit`.
        let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    numbers.retain(|it| *it >= first);
    for number in numbers {
        if number > first {
            close(first, number - 1)?;
        }
        first = number + 1;
    }
    close(first, u32::MAX)
}

/// Takes over a descriptor that the program that started us left open for us, by number, and marks it close-on-exec.
///
/// # Errors
/// `EBADF` if no such descriptor is open, or if it is one of the three standard ones.
pub fn inherited_fd(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD only asks whether the number is an open descriptor.
    if number < 3 || unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the number is an open descriptor (asked above) that was passed to this program by the one that executed it,
    // so nothing in this process owns it yet; every caller takes each number once, while reading its arguments.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    Ok(fd)
}

/// How many descriptors from 3 on the program that started us left open for us, without a gap, at most `most`: ours are all
/// close-on-exec, theirs cannot be.
#[must_use]
pub fn count_inherited(most: u32) -> u32 {
    let is_theirs = |number: &u32| {
        // SAFETY: F_GETFD only asks for the flags of a number, whatever it is.
        let flags = unsafe { libc::fcntl(*number as libc::c_int, libc::F_GETFD) };
        flags >= 0 && flags & libc::FD_CLOEXEC == 0
    };
    let past = (3..3u32.saturating_add(most)).take_while(is_theirs).count();
    u32::try_from(past).unwrap_or(0)
}

/// Lets `fd` survive the next `execve`, and gives the number that the new program will find it under.
///
/// # Errors
/// The kernel's error.
pub fn keep_across_exec(fd: impl AsFd) -> io::Result<i32> {
    let fd = fd.as_fd();
    rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
    Ok(fd.as_raw_fd())
}
