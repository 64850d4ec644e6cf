//! New processes and new namespaces.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::Pid;

/// `CLONE_NEW*` flags, as for `clone3` and `unshare`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CloneFlags(pub u64);

impl CloneFlags {
    /// A user namespace.
    pub const USER: Self = Self(libc::CLONE_NEWUSER as u64);
    /// A mount namespace.
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS as u64);
    /// A pid namespace.
    pub const PID: Self = Self(libc::CLONE_NEWPID as u64);
    /// A System V IPC and message queue namespace.
    pub const IPC: Self = Self(libc::CLONE_NEWIPC as u64);
    /// A host name namespace.
    pub const UTS: Self = Self(libc::CLONE_NEWUTS as u64);
    /// A network namespace.
    pub const NETWORK: Self = Self(libc::CLONE_NEWNET as u64);
    /// A cgroup namespace.
    pub const CGROUP: Self = Self(libc::CLONE_NEWCGROUP as u64);

    /// The child becomes a child of our own parent.
    pub const PARENT: Self = Self(libc::CLONE_PARENT as u64);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// From `linux/sched.h`; the libc crate's constant does not fit its type.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Which of the two processes we are.
#[derive(Debug)]
pub enum Cloned {
    /// The new process.
    Child,
    /// The caller.
    Parent {
        /// Pid of the child, as the caller sees it.
        pid: Pid,
        /// The child itself: it stays the same process, whatever happens to the number.
        pidfd: OwnedFd,
    },
}

/// `long clone3(struct clone_args *args, size_t size)`
///
/// Makes a child with a copy of our memory, in new namespaces and, if given, in another cgroup.
/// Must only be called while the process has a single thread: the child goes on running ordinary code, and a lock held by
/// another thread would stay locked in it for ever. Checked, since a mistake here hangs once in a hundred times.
///
/// # Errors
/// The kernel's error; `EBUSY` if the process has more than one thread.
///
/// See <https://man7.org/linux/man-pages/man2/clone3.2.html>.
pub fn clone(flags: CloneFlags, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    wait_for_single_thread()?;
    let mut pidfd: libc::c_int = -1;
    // SAFETY: `clone_args` is plain old data for which all-zero is the documented default of every field.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags.0 | libc::CLONE_PIDFD as u64;
    args.pidfd = &raw mut pidfd as u64;
    // A child of our parent ends with the signal that we end with, and may not name another.
    args.exit_signal = if flags.0 & CloneFlags::PARENT.0 == 0 { libc::SIGCHLD as u64 } else { 0 };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: `args` is a valid `clone_args` of the size passed; neither CLONE_VM nor a stack is asked for, so the child
    // runs on its own copy of this stack; the process is single-threaded (checked above), so no lock is held elsewhere.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match result {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Cloned::Child),
        pid => {
            // SAFETY: the kernel has just put a new descriptor into `pidfd`; nobody else owns it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
            Ok(Cloned::Parent { pid, pidfd })
        }
    }
}

/// Waits for threads that have been joined already: a join is over when the thread has left its program, and the kernel
/// takes the thread away a little later, on a busy machine when others had their turn.
fn wait_for_single_thread() -> io::Result<()> {
    for _ in 0..1000 {
        // Where there is no /proc, nobody has made a thread yet.
        if !rustix::fs::stat("/proc/self/task").is_ok_and(|it| it.st_nlink > 3) {
            return Ok(());
        }
        let moment = rustix::event::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        let _ = rustix::event::poll(&mut [], Some(&moment));
    }
    Err(io::Error::from_raw_os_error(libc::EBUSY))
}

/// `int unshare(int flags)`
///
/// Moves the calling process into new namespaces. `CLONE_FILES` and the like cannot be said with [`CloneFlags`]' constants.
///
/// # Errors
/// The kernel's error.
pub fn unshare(flags: CloneFlags) -> io::Result<()> {
    // SAFETY: `unshare` takes no pointers; namespace flags change no memory and no descriptor of ours.
    match unsafe { libc::unshare(flags.0 as libc::c_int) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// `void _exit(int status)`
///
/// Ends a cloned child at once, without running what its parent registered for its own end.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` has no preconditions and does not return.
    unsafe { libc::_exit(status) }
}
