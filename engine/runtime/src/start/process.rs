//! Processes that are known by their descriptors.

use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

/// The number of a process, as seen from here.
pub fn pid_of(pidfd: &OwnedFd) -> Option<Pid> {
    use std::os::fd::AsRawFd;
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let number = text.lines().find_map(|it| it.strip_prefix("Pid:"))?.trim().parse().ok()?;
    Pid::from_raw(number)
}

/// Ends a child of ours, whatever it does, and waits for that.
pub fn kill_and_reap(process: &OwnedFd) {
    let _ = pidfd_send_signal(process, Signal::KILL);
    let _ = waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED);
}
