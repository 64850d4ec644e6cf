//! The file systems of volumes that containers have which run, for commands that look at them.

use std::io;
use std::os::fd::OwnedFd;

use pontoon_monitor::control::{self, Reply, Request};
use pontoon_runtime::common::Given;
use pontoon_runtime::plan::{Mount, MountSource};
use pontoon_storage::Store;

use crate::record::ContainerRecord;
use crate::status;

/// A copy of the mount of a volume's file system, which has no place; `None` if no container has it.
///
/// # Errors
/// What one says that has it and cannot give it.
pub fn of_volume(store: &Store, name: &str) -> io::Result<Option<OwnedFd>> {
    let mut refusal = None;
    for entry in store.list_containers().map_err(io::Error::other)?.containers {
        let uses = |it: ContainerRecord| it.volumes.iter().any(|it| it.name == name);
        if !entry.record().is_ok_and(uses) {
            continue;
        }
        let Ok(container) = store.container(&entry.id) else { continue };
        if status::of(&container).run().is_none() {
            continue;
        }
        // One that has just ended has nothing.
        let asked = control::connect_in(container.run_path())
            .and_then(|it| control::send(&it, &Request::Volume(name.to_owned()), &[]).map(|()| it))
            .and_then(|it| control::receive::<Reply>(&it));
        match asked {
            Ok(Some((Reply::Done, fds))) => return Ok(fds.into_iter().next()),
            Ok(Some((Reply::Failed(report), _))) => refusal = Some(report.chain.join(": ")),
            _ => {}
        }
    }
    refusal.map_or(Ok(None), |it| Err(io::Error::other(it)))
}

/// The file systems that a container at rest would have together with others which run. What would be in memory, and nobody
/// has, is left out of its mounts: it would be gone with whoever looks.
///
/// # Errors
/// As for [`of_volume`].
pub(crate) fn at_rest(store: &Store, mounts: &mut Vec<Mount>) -> io::Result<Vec<Given>> {
    let mut all = Vec::new();
    let mut kept = Vec::new();
    for mount in mounts.drain(..) {
        if let MountSource::Common { volume, .. } = &mount.source {
            match of_volume(store, &volume.name)? {
                Some(mount) => all.push(Given { number: kept.len(), mount, is_fresh: false }),
                None if volume.is_in_memory() => continue,
                None => {}
            }
        }
        kept.push(mount);
    }
    *mounts = kept;
    Ok(all)
}
