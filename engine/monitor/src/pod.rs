//! What a member of a pod has to do with the others: it counts as one, and is found by its name.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;

use pontoon_monitor::control::{self, Reply, Request};
use pontoon_monitor::plan::{MonitorPlan, PodRole};

use crate::launch::LaunchError;

/// Name of the file of names, among those of a container's runtime directory.
const HOSTS: &str = "hosts";

/// Says that we are one of a pod's members, as long as the connection stands.
pub fn join(plan: &MonitorPlan) -> Option<OwnedFd> {
    let Some(PodRole::Member { infra, is_sidecar, .. }) = &plan.pod else { return None };
    // Where nobody listens the infra container has ended, and nobody counts members.
    let connection = control::connect_in(infra).ok()?;
    let request = if *is_sidecar { Request::Sidecar } else { Request::Member };
    control::send(&connection, &request, &[]).ok()?;
    // Answered, so that it counts from now on: the end of the connection of the run before is not the end of the last member,
    // nor is that of whoever starts the pod, who is a member as well until we run.
    control::receive::<Reply>(&connection).ok()??;
    Some(connection)
}

/// The infra container's supervisor says something: true if it is that those whom we are there for have ended, `None` if it will
/// say no more.
pub fn is_dismissed(connection: &OwnedFd) -> Option<bool> {
    match control::receive::<Reply>(connection) {
        Ok(Some((reply, _))) => Some(matches!(reply, Reply::Exited { .. })),
        Ok(None) | Err(_) => None,
    }
}

/// Members of a pod reach each other by name: all are in the one `/etc/hosts`, which is the infra container's and begins anew
/// with every run of that one, each with the address that they share.
pub fn be_known(plan: &MonitorPlan) -> Result<(), LaunchError> {
    let Some(PodRole::Member { infra, shares_hosts: true, .. }) = &plan.pod else { return Ok(()) };
    let path = infra.join(HOSTS);
    let line = format!("127.0.0.1\t{}\n", plan.name);
    let known = fs::read_to_string(&path).unwrap_or_default();
    if known.lines().any(|it| it == line.trim_end()) {
        return Ok(());
    }
    let append = || OpenOptions::new().append(true).open(&path)?.write_all(line.as_bytes());
    append().map_err(LaunchError::io(format!("write to {}", path.display())))
}
