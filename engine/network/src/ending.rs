//! Processes by descriptor: opening, waiting, ending.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::NetworkError;

/// How long the kernel may take to end a helper; taking its tap device away takes some hundredths of a second.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// The pid in a pid file.
pub(crate) fn pid_of_file(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok().filter(|pid| *pid > 1)
}

/// A descriptor of a process.
pub(crate) fn open_process(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Kills a process. Helpers have nothing to put in order: they hold sockets and a tap device, which the kernel closes.
pub(crate) fn kill(pid: u32, process: &OwnedFd) -> Result<(), NetworkError> {
    match pidfd_send_signal(process, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(err) => Err(NetworkError::End { pid, source: err.into() }),
    }
}

/// Kills a process and waits until it has ended.
pub(crate) fn end(pid: u32, process: &OwnedFd) -> Result<(), NetworkError> {
    kill(pid, process)?;
    let mut waited = [PollFd::new(process, PollFlags::IN)];
    let ready = rustix::io::retry_on_intr(|| poll(&mut waited, Some(&PATIENCE)));
    if ready.map_err(|err| NetworkError::End { pid, source: err.into() })? > 0 {
        reap(process);
        return Ok(());
    }
    Err(NetworkError::End { pid, source: io::Error::from(io::ErrorKind::TimedOut) })
}

/// Takes the status of an ended process where it became our child, as pasta does below a subreaper.
fn reap(process: &OwnedFd) {
    // ECHILD where it is somebody else's child, which is as well.
    let _ = waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
}
