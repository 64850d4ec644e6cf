//! A supervisor that answers nobody: one that was stopped, is frozen, or is stuck in the kernel.

use std::os::fd::AsFd;
use std::time::Duration;

use pontoon_monitor::control::{self, Request};
use pontoon_rootless::ready::is_ready;
use pontoon_storage::ContainerHandle;
use rustix::event::PollFlags;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::status;
use crate::stop::{self, AskError};

/// How long a supervisor may take for what it does at once.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Waits until there is an answer on a connection. One that takes longer than the limit is waited for as long as the supervisor
/// answers other questions: then it only is slow.
pub(crate) fn wait_for_answer(
    container: &ContainerHandle,
    connection: impl AsFd,
    limit: Duration,
) -> Result<(), AskError> {
    let mut limit = limit;
    while !is_ready(&connection, PollFlags::IN, limit) {
        if let Some(pid) = silent(container) {
            return Err(AskError::Silent { pid });
        }
        limit = SOON;
    }
    Ok(())
}

/// The supervisor, if it does not answer a question that is answered at once.
fn silent(container: &ContainerHandle) -> Option<i32> {
    let connection = stop::connect(container).ok()?;
    control::send(&connection, &Request::Sessions, &[]).ok()?;
    if is_ready(&connection, PollFlags::IN, SOON) {
        return None;
    }
    socket_peercred(&connection).ok().map(|it| it.pid.as_raw_nonzero().get())
}

/// Kills a supervisor that answers nobody, and tells whether it is gone. What it leaves is put in order by whoever looks at its
/// container next, as after any that was killed.
pub(crate) fn end(container: &ContainerHandle, pid: i32) -> bool {
    let Some(pid) = Pid::from_raw(pid) else { return false };
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    // Now that it is held: as long as its socket takes connections, the number is its own.
    let listens = stop::connect(container).ok().and_then(|it| socket_peercred(&it).ok());
    let is_noted = |pid: Pid| {
        status::of(container).process().is_none_or(|it| it.monitor_pid == pid.as_raw_nonzero().get())
    };
    listens.is_some_and(|it| it.pid == pid)
        && is_noted(pid)
        && pidfd_send_signal(&process, Signal::KILL).is_ok()
        && is_ready(&process, PollFlags::IN, SOON)
}
