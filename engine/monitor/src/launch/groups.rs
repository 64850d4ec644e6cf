//! The control groups of a container.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use pontoon_monitor::limits::{self, Limit};
use pontoon_monitor::plan::MonitorPlan;
use pontoon_monitor::state;
use pontoon_rootless::cgroup::{Cgroup, CgroupError, Entrance};
use pontoon_rootless::sys;
use pontoon_runtime::devices::{self, DeviceRule};
use pontoon_runtime::plan::Namespaces;

use super::{Begun, LaunchError};
use crate::mapped;

/// Makes the container's groups, if it has any of its own: `payload` with its limits, for its first process, and `supervisor`
/// beside that for us and the network's helper, for a group that has sub-groups with controllers may not hold processes itself
/// (cgroups(7), "no internal processes"). `user_namespace` has the container's ids, and ours.
pub fn place(
    plan: &MonitorPlan,
    limits: &[Limit],
    first: u32,
    company: &[u32],
    user_namespace: Option<BorrowedFd<'_>>,
    begun: &mut Begun,
) -> Result<Option<(Cgroup, Entrance)>, LaunchError> {
    if !plan.cgroup.own {
        return Ok(None);
    }
    let mut base = Cgroup::of(None)?;
    let name = base.path().file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(state::SUPERVISOR_CGROUP) {
        // We were started by somebody who sits there, or this is not our first run.
        base = Cgroup::at(base.path().parent().unwrap_or(Path::new("/")).to_owned());
    }
    let supervisor = base.child(&cgroup_name(plan, state::SUPERVISOR_CGROUP))?;
    supervisor.enter(0)?;
    for pid in company {
        supervisor.enter(*pid)?;
    }
    let payload_name = cgroup_name(plan, state::PAYLOAD_CGROUP);
    if plan.cgroup.devices.is_some() || plan.cgroup.is_given {
        // One that is left over would keep its old program beside the new one, and perhaps not let us in.
        let _ = Cgroup::at(base.path().join(&payload_name)).remove();
    }
    let payload = base.child(&payload_name)?;
    begun.cgroup = Some(payload.clone());
    payload.enter(first)?;
    base.enable_controllers();
    limits::apply(limits, &payload)?;
    let handle = payload.open()?;
    if let Some(rules) = &plan.cgroup.devices {
        filter_devices(rules, &handle).map_err(LaunchError::Devices)?;
    }
    if !plan.cgroup.is_given {
        return Ok(Some((payload, Entrance::by(handle))));
    }
    // While it is ours.
    let entrance = payload.entrance()?;
    give(&plan.container.namespaces, &payload, user_namespace)
        .map_err(LaunchError::io("give the container its cgroup"))?;
    Ok(Some((payload, entrance)))
}

/// Gives the group to the container's root.
fn give(namespaces: &Namespaces, payload: &Cgroup, user_namespace: Option<BorrowedFd<'_>>) -> io::Result<()> {
    // By its number where the giving is done.
    let root = match (&namespaces.mounter, &namespaces.user) {
        (Some(mounter), Some(maps)) => {
            let told = mounter.told(maps);
            told.host_uid(0).zip(told.host_gid(0)).ok_or(io::ErrorKind::InvalidInput)?
        }
        _ => (0, 0),
    };
    let work = || payload.give(root.0, root.1).map_err(CgroupError::into_io);
    user_namespace.map_or_else(work, |it| mapped::within(it, work))
}

/// Named after the container: what is left of a former run in the same unit must not be mistaken for this one.
fn cgroup_name(plan: &MonitorPlan, kind: &str) -> String {
    format!("{kind}-{}", plan.id.get(..12).unwrap_or(&plan.id))
}

/// From here on the kernel asks these rules about every device that a process in the group opens or makes.
fn filter_devices(rules: &[DeviceRule], cgroup: &OwnedFd) -> io::Result<()> {
    let program = sys::load_device_program(&devices::compile(rules))?;
    sys::attach_device_program(cgroup.as_fd(), program.as_fd())
}
