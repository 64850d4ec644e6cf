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
/// Closes every descriptor from 3 on but `kept`, the `preserved` ones from 3 on, and those with the numbers `listed`. Only for a process that is about to
/// execute another program and that drops nothing any more: whatever still owns a closed descriptor in its memory must
/// neither use nor close it.
///
/// # Errors
/// The kernel's error (`ENOSYS` before Linux 5.9).
pub fn close_all_but(kept: &[BorrowedFd<'_>], preserved: u32, listed: &[u32]) -> io::Result<()> {
    let mut numbers: Vec<u32> = kept.iter().filter_map(|it| u32::try_from(it.as_raw_fd()).ok()).collect();
    numbers.extend(listed);
    numbers.sort_unstable();
    numbers.dedup();
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

/// Lets descriptors survive the next `execve`, by their numbers; one that is not open is no error.
pub fn survive_exec(numbers: &[u32]) {
    for number in numbers {
        // SAFETY: F_SETFD sets a flag of a number, or fails if that is no open descriptor; nothing is closed.
        unsafe { libc::fcntl(*number as libc::c_int, libc::F_SETFD, 0) };
    }
}

/// Puts copies of descriptors under the given numbers, open across `execve`. What these numbers stood for is closed: only for
/// a process that is about to execute another program, as with [`close_all_but`].
///
/// # Errors
/// The kernel's error.
pub fn place(fds: &[OwnedFd], numbers: &[u32]) -> io::Result<()> {
    let above = above(numbers);
    // First out of the way of all numbers, so that none is overwritten before it is copied.
    let raised: Vec<OwnedFd> =
        fds.iter().map(|fd| Ok(rustix::io::fcntl_dupfd_cloexec(fd, above)?)).collect::<io::Result<_>>()?;
    for (fd, number) in raised.iter().zip(numbers) {
        // SAFETY: dup2 touches no memory. That nobody in this process uses what the number stood for is the caller's duty,
        // as said above.
        if unsafe { libc::dup2(fd.as_raw_fd(), *number as libc::c_int) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The first number above all of these.
#[must_use]
pub fn above(numbers: &[u32]) -> i32 {
    numbers.iter().max().map_or(3, |most| i32::try_from(*most).unwrap_or(i32::MAX - 1).saturating_add(1))
}

/// Copies of descriptors that the program that started us left open for us, by number.
///
/// # Errors
/// `EBADF` if one of them is not open, or was opened by ourselves.
pub fn inherited_copies(numbers: &[u32]) -> io::Result<Vec<OwnedFd>> {
    let copy = |number: &u32| {
        if !is_inherited(*number) {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        // SAFETY: the number is an open descriptor (asked above), which nobody closes while this borrow of it lives.
        let fd = unsafe { BorrowedFd::borrow_raw(*number as libc::c_int) };
        Ok(rustix::io::fcntl_dupfd_cloexec(fd, 3)?)
    };
    numbers.iter().map(copy).collect()
}

/// Whether a descriptor was left open for us: ours are all close-on-exec, theirs cannot be.
#[must_use]
pub fn is_inherited(number: u32) -> bool {
    // SAFETY: F_GETFD only asks for the flags of a number, whatever it is.
    let flags = unsafe { libc::fcntl(number as libc::c_int, libc::F_GETFD) };
    flags >= 0 && flags & libc::FD_CLOEXEC == 0
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

/// How many descriptors from 3 on the program that started us left open for us, without a gap, at most `most`.
#[must_use]
pub fn count_inherited(most: u32) -> u32 {
    let past = (3..3u32.saturating_add(most)).take_while(|it| is_inherited(*it)).count();
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
