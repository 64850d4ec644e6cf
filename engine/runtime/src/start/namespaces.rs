//! What of a plan's namespaces is new, and what follows from that for the first process.

use pontoon_rootless::sys::CloneFlags;

use crate::plan::{JoinedNamespaces, Namespaces, Plan, RootfsSource};

/// Whether the first process can be made anywhere, and be moved later to where it belongs: one that is made in another
/// container, or has others put its files together, is somebody else's from the start, or has company.
#[must_use]
pub fn can_be_moved(plan: &Plan) -> bool {
    let Namespaces { mounter, joined, .. } = &plan.namespaces;
    joined.is_none() && mounter.is_none() && !matches!(plan.rootfs.source, RootfsSource::Fuse { .. })
}

/// Whether the first process is still that of the user who starts it when it has its own ids: only such ones does the service
/// manager move for a user.
#[must_use]
pub fn keeps_owner(namespaces: &Namespaces) -> bool {
    let own = rustix::process::geteuid();
    own.is_root() || namespaces.user.as_ref().is_none_or(|it| it.host_uid(0) == Some(own.as_raw()))
}

/// Whether the first process has a network namespace of its own.
pub fn has_network(namespaces: &Namespaces) -> bool {
    namespaces.network && !namespaces.joined.as_ref().is_some_and(|it| it.network)
}

/// What the first process does not share with the host or with another container, but for the network.
pub fn new_namespaces(namespaces: &Namespaces, with_user: bool) -> CloneFlags {
    let joined = namespaces.joined.as_ref();
    let shares = |which: fn(&JoinedNamespaces) -> bool| joined.is_some_and(which);
    let mut flags = CloneFlags::MOUNT;
    let mut add = |wanted: bool, flag| {
        if wanted {
            flags = flags.with(flag);
        }
    };
    add(with_user && namespaces.user.is_some() && joined.is_none_or(|it| it.own_user), CloneFlags::USER);
    add(!namespaces.host_pid && !shares(|it| it.pid), CloneFlags::PID);
    add(!namespaces.host_uts && !shares(|it| it.uts), CloneFlags::UTS);
    // Who makes it owns its message queues: with a user namespace that is the process itself, once it has its ids.
    add(namespaces.user.is_none() && has_own_ipc(namespaces), CloneFlags::IPC);
    flags
}

/// Whether the first process has an ipc namespace of its own.
pub fn has_own_ipc(namespaces: &Namespaces) -> bool {
    !namespaces.host_ipc && !namespaces.joined.as_ref().is_some_and(|it| it.ipc)
}
