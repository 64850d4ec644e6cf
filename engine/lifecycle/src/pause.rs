//! Freezing a container's processes, and letting them go on, cgroup-v2 "Core Interface Files": `cgroup.freeze`.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use pontoon_monitor::state::RunState;
use pontoon_rootless::cgroup::{Cgroup, CgroupError};
use pontoon_storage::ContainerHandle;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{small, stop};

const FREEZE: &str = "cgroup.freeze";
const EVENTS: &str = "cgroup.events";

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// The container shares its cgroup.
    #[error("the container has no cgroup of its own")]
    NoCgroup,
    /// The kernel.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
}

impl PauseError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCgroup => Some("it was made with --cgroups=disabled; make it without".to_owned()),
            Self::Cgroup(err) => err.hint(),
        }
    }
}

/// Whether the processes of a run are frozen.
#[must_use]
pub fn is_frozen(state: &RunState) -> bool {
    let file = state.cgroup.as_ref().map(|path| Path::new(path).join(FREEZE));
    file.and_then(small::read).is_some_and(|text| text.starts_with('1'))
}

/// Freezes them, or lets them go on; waits until it is so.
///
/// # Errors
/// See [`PauseError`].
pub fn set(state: &RunState, frozen: bool) -> Result<(), PauseError> {
    let cgroup = state.cgroup.as_ref().map(|path| Cgroup::at(path.into())).ok_or(PauseError::NoCgroup)?;
    cgroup.write(FREEZE, if frozen { "1" } else { "0" })?;
    let wanted = if frozen { "frozen 1" } else { "frozen 0" };
    // The kernel tells of a change by an exceptional condition; one that came before we looked is seen by looking.
    let Ok(events) = File::open(cgroup.path().join(EVENTS)) else { return Ok(()) };
    for _ in 0..100 {
        if cgroup.read(EVENTS)?.lines().any(|line| line == wanted) {
            break;
        }
        let mut fds = [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::PRI)];
        let a_while = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        let _ = poll(&mut fds, Some(&a_while));
    }
    Ok(())
}

/// Freezes them until somebody lets them go on. Whoever is about to join them is refused, and does not wait for that.
///
/// # Errors
/// See [`PauseError`].
pub fn pause(container: &ContainerHandle, state: &RunState) -> Result<(), PauseError> {
    set(state, true)?;
    stop::tell_of_pause(container);
    Ok(())
}

/// Lets a container go on that is about to be stopped: what is frozen hears no signal but the one that kills.
pub fn thaw(state: &RunState) {
    if is_frozen(state) {
        // Whoever is not thawed is killed when its time is up.
        let _ = set(state, false);
    }
}
