//! Where a user's containers are that root starts (`pontoon --user NAME run -d …`) while the user has no manager to ask for a
//! place: in a scope of the system's, which is the user's to divide. In root's own session they would end with that.

use std::path::Path;
use std::time::SystemTime;

use pontoon_monitor::state::SUPERVISOR_CGROUP;
use pontoon_rootless::cgroup::Cgroup;
use pontoon_rootless::dbus::{Bus, ScopeRequest, start_scope};
use pontoon_rootless::names::HostUser;
use rustix::fs::{Gid, Uid, chown};

use crate::commands::Failure;

/// What of a group belongs to those whom it is delegated to, as in systemd (`/sys/kernel/cgroup/delegate` has more, of which we
/// make no use).
const DELEGATED: [&str; 4] = [".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/// Whether the user has a manager, which gives containers their places.
pub fn has_manager(user: &HostUser) -> bool {
    Path::new(&format!("/run/user/{}/bus", user.uid)).exists()
}

/// Goes into a scope of its own, as root. We sit where supervisors do: so the scope itself has no processes, and containers
/// can have limits.
pub fn enter(user: &HostUser) -> Result<(), Failure> {
    let own = std::process::id();
    // A scope lives as long as its containers, and by then the number may be another process's.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let name = format!("pontoon-{}-{own}-{:x}.scope", user.uid, now.as_nanos());
    let description = format!("Containers of {}, started by root", user.name);
    let request = ScopeRequest { name: &name, description: &description, slice: None, delegate: true };
    start_scope(&Bus::system()?, &request, || vec![own])?;
    let scope = Cgroup::of(None).map_err(|err| Failure::new(err, None))?;
    let ours = scope.child(&format!("{SUPERVISOR_CGROUP}-{own}")).map_err(|err| Failure::new(err, None))?;
    ours.enter(0).map_err(|err| Failure::new(err, None))?;
    for group in [&scope, &ours] {
        for file in DELEGATED {
            let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
            chown(group.path().join(file), Some(uid), Some(gid)).map_err(std::io::Error::from)?;
        }
    }
    Ok(())
}
