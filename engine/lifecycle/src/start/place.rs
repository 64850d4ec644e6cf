//! Where a supervisor and what it makes are counted: which control group is ours to divide, and who gives one that is not.

use pontoon_rootless::cgroup::Cgroup;
use pontoon_rootless::dbus::{Bus, BusError, ManagerError, ScopeRequest, start_scope};
use pontoon_storage::Store;

use super::StartError;
use crate::host::Host;
use crate::pod::{self, PodRecord};
use crate::record::ContainerRecord;
use crate::request::CgroupMode;

/// Where the supervisor's processes are counted.
#[derive(Debug)]
pub(super) enum Place {
    /// Below the group that we are in.
    Here,
    /// In a scope asked from the service manager.
    Scope(Bus),
    /// In the group that we are in, without one of its own.
    Nowhere,
}

/// Whether our own cgroup is ours to divide: we are in a unit with `Delegate=yes`.
fn is_delegated() -> bool {
    Cgroup::of(None).is_ok_and(|it| it.is_delegated())
}

/// Whether our own cgroup is a login's: root may write there, too, but a container would be part of the login.
fn is_of_a_login() -> bool {
    Cgroup::of(None).is_ok_and(|it| it.is_of_a_login())
}

/// Where that is for a container with such a mode, and with a slice that it is to be in.
pub(super) fn place(host: &Host, mode: CgroupMode, slice: Option<&str>) -> Place {
    match mode {
        CgroupMode::Disabled => Place::Nowhere,
        CgroupMode::Split if is_delegated() => Place::Here,
        CgroupMode::NoConmon if slice.is_none() && is_delegated() && !is_of_a_login() => Place::Here,
        // Without a manager to ask the container stays where we are; only a limit makes that an error.
        CgroupMode::Split | CgroupMode::NoConmon | CgroupMode::Enabled => match connect_to_manager(host) {
            Ok(bus) => Place::Scope(bus),
            // Whoever started us has given us one to divide, such as root with `--user`.
            Err(_) if host.is_rootless() && is_delegated() && !is_of_a_login() => Place::Here,
            Err(_) => Place::Nowhere,
        },
    }
}

/// The group below which containers have theirs that are started by hand; none if they have none.
#[must_use]
pub fn group_of_containers(host: &Host) -> Option<Cgroup> {
    match place(host, CgroupMode::Enabled, None) {
        Place::Scope(_) => Some(pod::slice::manager_group(host)),
        Place::Here => Cgroup::of(None).ok(),
        Place::Nowhere => None,
    }
}

/// The user's service manager; for root the system's.
pub(crate) fn connect_to_manager(host: &Host) -> Result<Bus, BusError> {
    match host.runtime_directory() {
        Some(directory) if host.is_rootless() => Bus::user(directory),
        _ => Bus::system(),
    }
}

/// Whether the supervisor is to become us: the service manager started us and watches this very process.
#[must_use]
pub fn is_main_process(host: &Host) -> bool {
    host.variable("SYSTEMD_EXEC_PID").and_then(|it| it.parse().ok()) == Some(std::process::id())
        && is_delegated()
}

/// Whether the service manager watches this very process, while the supervisor is in a scope: in a service without `Delegate=`,
/// as Podman's `generate systemd` writes them, whose group is not ours to divide, or where a slice is asked for. The manager takes
/// no word from there (from root's alone), so it has to go on seeing us.
#[must_use]
pub fn is_watched(host: &Host, slice: Option<&str>) -> bool {
    host.variable("SYSTEMD_EXEC_PID").and_then(|it| it.parse().ok()) == Some(std::process::id())
        && host.variable("NOTIFY_SOCKET").is_some()
        && (slice.is_some() || !is_delegated())
}

/// The slice of the container's pod is there, with the pod's limits, before the first container is in it.
pub(super) fn start_slice(
    host: &Host,
    store: &Store,
    bus: &Bus,
    record: &ContainerRecord,
) -> Result<(), StartError> {
    let in_slice = record.request.pod.as_ref().filter(|_| record.request.cgroup_parent.is_some());
    let pod =
        in_slice.and_then(|it| store.find_pod(&it.id).ok()?.read_entry().ok()?.record::<PodRecord>().ok());
    match pod.filter(|it| it.share_parent) {
        Some(pod) => Ok(pod::slice::start(host, bus, &pod)?),
        None => Ok(()),
    }
}

/// Asks for a scope around the supervisor and what it has made. One of the last run may still be on its way out; then it gets another name.
pub(super) fn scope(
    bus: &Bus,
    record: &ContainerRecord,
    supervisor: u32,
    pids: impl Fn() -> Vec<u32>,
) -> Result<(), StartError> {
    let description = format!("Pontoon container {}", record.name);
    let ask = |name: &str| {
        let slice = record.request.cgroup_parent.as_deref();
        start_scope(bus, &ScopeRequest { name, description: &description, slice, delegate: true }, &pids)
    };
    match ask(&format!("pontoon-{}.scope", record.id)) {
        Err(ManagerError::Exists { .. }) => Ok(ask(&format!("pontoon-{}-{supervisor}.scope", record.id))?),
        other => Ok(other?),
    }
}
