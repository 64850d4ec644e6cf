//! Freezing a container's processes, and letting them go on, cgroup-v2 "Core Interface Files": `cgroup.freeze`.

use std::io;
use std::path::Path;
use std::time::Duration;

use pontoon_monitor::state::RunState;
use pontoon_rootless::cgroup::{Cgroup, CgroupError};
use pontoon_storage::ContainerHandle;

use crate::{small, stop};

const FREEZE: &str = "cgroup.freeze";

/// How long the kernel may take: a process that waits for a disk stands still only when it has what it waits for.
const LIMIT: Duration = Duration::from_secs(10);

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// The container shares its cgroup.
    #[error("the container has no cgroup of its own")]
    NoCgroup,
    /// Some went on for too long.
    #[error("not all processes of the container could be brought to a halt within {} seconds", LIMIT.as_secs())]
    TooSlow,
    /// The child that lets them go on should we be killed.
    #[error("cannot make a child process")]
    Child(#[source] io::Error),
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
            Self::TooSlow => {
                Some("it goes on as before; one of them may wait for a disk that does not answer".to_owned())
            }
            Self::Child(_) => None,
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

/// Whether the group of a run's processes is still there.
pub(crate) fn has_group(state: &RunState) -> bool {
    state.cgroup.as_ref().is_some_and(|path| Path::new(path).exists())
}

/// Freezes them, or lets them go on; waits until it is so. If they do not all stand still within some time, they go on.
///
/// # Errors
/// See [`PauseError`].
pub fn set(state: &RunState, frozen: bool) -> Result<(), PauseError> {
    let cgroup = state.cgroup.as_ref().map(|path| Cgroup::at(path.into())).ok_or(PauseError::NoCgroup)?;
    if !frozen {
        cgroup.write(FREEZE, "0")?;
        // They go on as soon as the kernel comes to it, or with the group above, which is frozen by somebody else.
        cgroup.wait_for("frozen 0", LIMIT)?;
        return Ok(());
    }
    cgroup.write(FREEZE, "1")?;
    let outcome = cgroup.wait_for("frozen 1", LIMIT);
    if !matches!(outcome, Ok(true)) {
        // Why it failed is what there is to tell.
        let _ = cgroup.write(FREEZE, "0");
    }
    match outcome? {
        true => Ok(()),
        false => Err(PauseError::TooSlow),
    }
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
