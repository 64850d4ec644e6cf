//! What a member of a pod has to do with the others: it counts as one, and is found by its name.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use pontoon_monitor::control::{self, Reply, Request};
use pontoon_monitor::plan::{MonitorPlan, PodRole};
use pontoon_runtime::plan::NamespaceKind;

use crate::launch::{LaunchError, files_namespace};
use crate::mapped;

/// Name of the file of names, among those of a container's runtime directory.
pub const HOSTS: &str = "hosts";

/// Keeps the infra container there until we are one of the pod's members. It must be there for us if we join its namespaces.
///
/// # Errors
/// [`LaunchError::PodEnds`].
pub fn come(plan: &MonitorPlan) -> Result<Option<OwnedFd>, LaunchError> {
    let Some(PodRole::Member { infra, .. }) = &plan.pod else { return Ok(None) };
    // Where nobody listens, or somebody who does not know these words, we are told by what is missing.
    let Ok(connection) = control::connect_in(infra) else { return Ok(None) };
    if control::send(&connection, &Request::Place, &[]).is_err() {
        return Ok(None);
    }
    match control::receive::<Reply>(&connection) {
        Ok(Some((Reply::Done, _))) => Ok(Some(connection)),
        Ok(Some(_)) if plan.container.namespaces.joined.is_some() => Err(LaunchError::PodEnds),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// Whether the infra container whose namespaces we join has ended, or is about to: whatever went wrong with us is its end then.
pub fn has_ended(plan: &MonitorPlan) -> bool {
    let is_member = matches!(plan.pod, Some(PodRole::Member { .. }));
    if !is_member || plan.container.namespaces.joined.is_none() {
        return false;
    }
    match come(plan) {
        Ok(Some(_)) => false,
        Err(_) => true,
        // One that is older than these words knows that one.
        Ok(None) => join(plan).is_none(),
    }
}

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
    let written = append().or_else(|err| match err.kind() {
        // It is the infra container's root's, who is nobody here.
        io::ErrorKind::PermissionDenied => within_infra(plan, err, append),
        _ => Err(err),
    });
    written.map_err(LaunchError::io(format!("write to {}", path.display())))
}

/// Has something done where all ids of the infra container have names, if there is such a place.
fn within_infra(plan: &MonitorPlan, err: io::Error, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let namespaces = &plan.container.namespaces;
    let Some(infra) = namespaces.joined.as_ref().filter(|it| it.is_of_process(NamespaceKind::User)) else {
        return Err(err);
    };
    match files_namespace(namespaces, infra.process)? {
        Some(namespace) => mapped::within(namespace.as_fd(), work),
        None => Err(err),
    }
}
