//! Undoing: whatever way a run ends, nothing of it stays but its record.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use pontoon_monitor::event::{Deed, Kind};
use pontoon_monitor::health::{HealthPlan, HealthRecord};
use pontoon_monitor::id_file;
use pontoon_monitor::plan::{FirstUse, MonitorPlan};
use pontoon_monitor::state::{self, ExitRecord};
use pontoon_monitor::told_file;
use pontoon_network::NetworkSession;
use pontoon_rootless::cgroup::{Cgroup, CgroupError};
use pontoon_rootless::userns::become_root;
use pontoon_runtime::hooks::{Stage, Status};
use pontoon_storage::{
    Durability, FindContainerError, Store, StorePaths, VolumeError, VolumeHandle, replace_file,
    write_record_atomically,
};
use rustix::fs::Mode;
use rustix::process::{Signal, pidfd_send_signal};

use crate::mapped;
use crate::tell::Teller;
use pontoon_monitor::outlet::say;

/// Tells what went wrong with something that the container does not depend on.
pub fn warn(failure: &dyn std::error::Error) {
    say(&format!("warning: {}\n", in_words(failure)));
}

/// A failure with its causes.
fn in_words(failure: &dyn std::error::Error) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(failure) = cause {
        text.push_str(&format!(": {failure}"));
        cause = failure.source();
    }
    text
}

/// Runs the hooks for a container that has begun to run, whatever becomes of them.
pub fn run_poststart_hooks(plan: &MonitorPlan, pid: i32) {
    for failure in plan.container.hooks.run_all(Stage::Poststart, Status::Running, Some(pid)) {
        warn(&failure);
    }
}

/// Runs the hooks for a container that is gone. What they do changes nothing any more.
pub fn run_poststop_hooks(plan: &MonitorPlan) {
    for failure in plan.container.hooks.run_all(Stage::Poststop, Status::Stopped, None) {
        warn(&failure);
    }
}

/// Ends the helpers of network and root file system, and removes the cgroup. Tells what could not be undone.
pub fn undo_outside(network: Option<NetworkSession>, rootfs: Option<&OwnedFd>, cgroup: Option<&Cgroup>) {
    if let Some(server) = rootfs {
        let _ = pidfd_send_signal(server, Signal::KILL);
    }
    if let Some(Err(err)) = network.map(NetworkSession::stop) {
        warn(&err);
    }
    if let Some(cgroup) = cgroup
        && let Err(err) = cgroup.kill().and_then(|()| cgroup.remove())
        && !is_busy(&err)
    {
        warn(&err);
    }
}

/// Whether a group could not be removed only because processes that were killed are still ending.
fn is_busy(err: &CgroupError) -> bool {
    matches!(err, CgroupError::File { source, .. } if source.kind() == io::ErrorKind::ResourceBusy)
}

/// Removes the group of a container that has ended, with the groups that it has made there, which may be those of mapped ids.
pub fn remove_cgroup(plan: &MonitorPlan, cgroup: &Cgroup, user_namespace: Option<BorrowedFd<'_>>) {
    let _ = cgroup.kill();
    let remove = || cgroup.remove().map_err(CgroupError::into_io);
    let _ = mapped::here_or_within(user_namespace.filter(|_| plan.cgroup.is_given), remove);
}

/// Whether the kernel killed a process of the group for want of memory.
pub fn was_oom_killed(cgroup: &Cgroup) -> bool {
    let events = cgroup.read("memory.events").unwrap_or_default();
    events.lines().any(|it| it.strip_prefix("oom_kill ").is_some_and(|count| count.trim() != "0"))
}

/// Leaves word for other commands, in a file of the runtime directory.
///
/// # Errors
/// The kernel's: what was there before is there still.
pub fn note(plan: &MonitorPlan, name: &str, what: &impl serde::Serialize) -> io::Result<()> {
    let directory = File::open(&plan.run_directory)?;
    let bytes = serde_json::to_vec(what)?;
    write_record_atomically(directory.as_fd(), name, &bytes, Durability::Volatile)
        .map_err(|err| err.source.into())
}

/// Remembers how a run ended that another one follows. If we are killed before that, this is what is known.
pub fn note_end(plan: &MonitorPlan, exit: &ExitRecord) {
    let _ = open_store(plan).and_then(|store| {
        let container = store.find_container(&plan.id).map_err(|err| err.to_string())?;
        container.write_exit(exit, Durability::Volatile).map_err(|err| err.to_string())
    });
    let _ = std::fs::remove_file(plan.run_directory.join(state::STATE_FILE));
}

/// How the last run ended is history now.
pub fn forget_last_end(plan: &MonitorPlan) {
    if plan.has_run {
        let _ = open_store(plan).and_then(|store| {
            let container = store.find_container(&plan.id).map_err(|err| err.to_string())?;
            container.clear_exit().map_err(|err| err.to_string())
        });
    }
}

/// How a start ended that came to nothing: what is known of the run before stays.
#[must_use]
pub fn end_of_start(plan: &MonitorPlan, failed: ExitRecord) -> ExitRecord {
    let last_end = || open_store(plan).ok()?.find_container(&plan.id).ok()?.read_exit::<ExitRecord>().ok()?;
    match plan.has_run.then(last_end).flatten() {
        // As long as this start was not noted.
        Some(last) if last.start_follows => ExitRecord { error: failed.error, start_follows: false, ..last },
        _ => failed,
    }
}

/// Remembers how the run ended, or removes the container if it is not to stay. What is slow (deleting the files) is left
/// for [`delete_files`]. Tells what could not be done.
pub fn settle(plan: &MonitorPlan, teller: &Teller<'_>, exit: &ExitRecord) {
    let _ = std::fs::remove_file(plan.run_directory.join(state::CONTROL_SOCKET));
    for path in plan.pidfiles() {
        told_file::remove(path);
    }
    let outcome = open_store(plan).and_then(|store| {
        let container = match store.find_container(&plan.id) {
            // Somebody else has removed it.
            Err(FindContainerError::NotFound { .. }) => return Ok(()),
            found => found.map_err(|err| in_words(&err))?,
        };
        let Some(volumes) = &plan.remove else {
            container.write_exit(exit, Durability::Durable).map_err(|err| in_words(&err))?;
            teller.tell(Deed::Cleanup);
            return Ok(());
        };
        if store.remove_container(container).map_err(|err| in_words(&err))? {
            teller.ended(Deed::Remove, exit.code);
            if let Some(path) = &plan.id_file {
                id_file::forget(path, &plan.id);
            }
        }
        for name in volumes {
            if let Ok(volume) = store.find_volume(name) {
                // Another container may have come to use it; then it stays.
                if store.remove_volume(volume, || users(&store, name)).is_ok() {
                    teller.removed_with_it(Kind::Volume, Deed::Remove, "", name);
                }
            }
        }
        if let Some((image, name)) = &plan.remove_image {
            remove_image(&store, teller, image, name);
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        let deed = if plan.remove.is_some() { "remove" } else { "note the end of" };
        say(&format!("warning: cannot {deed} container `{}`: {failure}\n", plan.name));
    }
    // Last: as long as it is there, nobody takes a container that has ended for one that was never started.
    let _ = std::fs::remove_file(plan.run_directory.join(state::STATE_FILE));
}

/// Takes away the name that the container was made with; the image goes with its last one, unless a container has come to
/// use it.
fn remove_image(store: &Store, teller: &Teller<'_>, id: &str, name: &str) {
    let Ok(image) = store.find_image(id) else { return };
    let untagged = |name: &str| teller.removed_with_it(Kind::Image, Deed::Untag, image.id.hex(), name);
    match store.remove_image_name(&image.id, name) {
        Ok(Some(removed)) => {
            removed.untagged.iter().for_each(|it| untagged(it));
            let name = removed.untagged.first().map_or("", String::as_str);
            teller.removed_with_it(Kind::Image, Deed::Remove, image.id.hex(), name);
        }
        Ok(None) => untagged(name),
        // It is needed, or has other names than the one that is meant.
        Err(_) => {}
    }
}

/// Ids of the containers whose records name a volume.
fn users(store: &Store, name: &str) -> Result<Vec<String>, VolumeError> {
    let names = |record: &serde_json::Value| {
        let volumes = record.get("volumes").and_then(serde_json::Value::as_array);
        volumes
            .is_some_and(|it| it.iter().any(|used| used.get("name").and_then(|it| it.as_str()) == Some(name)))
    };
    let all = store.list_containers()?.containers;
    Ok(all
        .into_iter()
        .filter(|it| it.record().is_ok_and(|record| names(&record)))
        .map(|it| it.id.to_string())
        .collect())
}

/// The volumes that have got something from the image: asked before the payload can change them. One that got nothing is
/// filled by the next container whose image has something for it, as with Podman.
#[must_use]
pub fn filled_volumes(plan: &MonitorPlan) -> Vec<VolumeHandle> {
    if plan.first_used_volumes.is_empty() {
        return Vec::new();
    }
    let Ok(store) = open_store(plan) else { return Vec::new() };
    // What cannot be seen from here is taken for filled.
    let has_something = |data: &PathBuf| std::fs::read_dir(data).map_or(true, |mut it| it.next().is_some());
    let is_filled = |it: &&FirstUse| it.data.as_ref().is_none_or(has_something);
    plan.first_used_volumes
        .iter()
        .filter(is_filled)
        .filter_map(|it| store.find_volume(&it.name).ok())
        .collect()
}

/// Notes that volumes were filled, so that they are not again.
pub fn note_first_use(filled: Vec<VolumeHandle>) {
    for volume in filled {
        let _ = volume.mark_used();
    }
}

fn open_store(plan: &MonitorPlan) -> Result<Store, String> {
    let (root, run) = plan.store.clone();
    Store::open(StorePaths { root, run }).map_err(|err| in_words(&err))
}

/// Deletes the files of removed containers. They belong to mapped ids, so it is done by a child in the container's user
/// namespace, which is still there as long as we hold it.
pub fn delete_files(plan: &MonitorPlan, user_namespace: Option<BorrowedFd<'_>>) {
    if plan.remove.is_none() {
        return;
    }
    let Some(namespace) = user_namespace else {
        if let Ok(store) = open_store(plan) {
            let _ = store.empty_trash();
        }
        return;
    };
    let namespaces = &plan.container.namespaces;
    let maps = namespaces.mounter.as_ref().map_or(namespaces.user.as_ref(), |it| it.user.as_ref());
    let single = maps.is_some_and(pontoon_rootless::idmap::IdMaps::is_single);
    let _ = mapped::within(namespace, || {
        become_root(single)?;
        if let Ok(store) = open_store(plan) {
            let _ = store.empty_trash();
        }
        Ok(())
    });
}

/// Writes what health checks have said: to a directory of the user's, or beside the other runtime files.
pub fn note_health(plan: &MonitorPlan, health: &HealthPlan, record: &HealthRecord) {
    let Ok(bytes) = serde_json::to_vec(record) else { return };
    if let Ok(directory) = File::open(&plan.run_directory) {
        let _ = write_record_atomically(directory.as_fd(), state::HEALTH_FILE, &bytes, Durability::Volatile);
    }
    // This one may be shared with the container.
    if let Some(directory) = health.log_directory.as_ref().and_then(|it| File::open(it).ok()) {
        let name = format!("{}-{}", plan.id, state::HEALTH_FILE);
        let _ = replace_file(directory.as_fd(), OsStr::new(&name), &bytes, Mode::RUSR | Mode::WUSR);
    }
}
