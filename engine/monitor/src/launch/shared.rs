//! What a container has of another one's namespaces.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use pontoon_monitor::plan::MonitorPlan;
use pontoon_rootless::sys;
use pontoon_runtime::plan::{MountSource, NamespaceKind, Namespaces};
use pontoon_runtime::visit;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::LaunchError;

/// `/dev/shm` of the container whose ipc namespace is shared, if this one is to see it.
pub fn shared_memory(plan: &MonitorPlan) -> Result<Option<OwnedFd>, LaunchError> {
    let namespaces = &plan.container.namespaces;
    let is_wanted = plan.container.mounts.iter().any(|it| it.source == MountSource::SharedMemory);
    let Some(joined) = namespaces.joined.as_ref().filter(|_| is_wanted) else { return Ok(None) };
    let pid =
        joined.process_with(NamespaceKind::Ipc).and_then(Pid::from_raw).ok_or(LaunchError::NotRunning)?;
    let process = pidfd_open(pid, PidfdFlags::empty())
        .map_err(|err| LaunchError::io("find the container whose namespaces are shared")(err.into()))?;
    let found = visit::shared_memory(process.as_fd(), namespaces.user.is_some())?;
    found.map(Some).ok_or(LaunchError::NoSharedMemory)
}

/// The user namespace that has all ids of the container's files, and ours: its own, or the one above it.
pub fn files_namespace(namespaces: &Namespaces, pid: i32) -> io::Result<Option<OwnedFd>> {
    if namespaces.user.is_none() || namespaces.mounter.as_ref().is_some_and(|it| it.user.is_none()) {
        return Ok(None);
    }
    let own =
        rustix::fs::open(format!("/proc/{pid}/ns/user"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(Some(if namespaces.mounter.is_some() { sys::parent_namespace(&own)? } else { own }))
}
