//! What is made and decided before a supervisor can be given its plan.

use std::path::Path;

use pontoon_monitor::plan::{MonitorPlan, StreamPlan};
use pontoon_monitor::state::ExitRecord;
use pontoon_rootless::sys::SockFilter;
use pontoon_storage::{ContainerHandle, Durability, Store};

use super::{StartError, Startable};
use crate::base;
use crate::decide::{OVERLAYS, image_changes};
use crate::default_mounts;
use crate::facts::{self, Known};
use crate::hooks::precreate;
use crate::host::Host;
use crate::labels::{self, relabel};
use crate::list;
use crate::network_unit;
use crate::record::ContainerRecord;
use crate::request::MountSource;
use crate::secret::Places;

/// Makes the container's directories and its plan.
pub(super) fn plan_for(
    host: &Host,
    store: &Store,
    startable: &Startable,
    own_cgroup: bool,
    streams: StreamPlan,
    warn: &dyn Fn(&str),
) -> Result<(MonitorPlan, Vec<SockFilter>), StartError> {
    let record = &startable.record;
    let image = base::image(store, record)?;
    startable.container.make_overlay_dirs(base::root_mode(&record.request, image.as_ref())?)?;
    make_volume_overlays(&startable.record, startable.container.path())?;
    labels::relabel_mounts(
        record,
        Places { directory: startable.container.path(), run_directory: startable.container.run_path() },
        host.user.as_ref().map(|it| Path::new(&it.home)),
    )?;
    let mut default_mounts = default_mounts::find(host, startable.container.path(), warn);
    default_mounts::provide(&mut default_mounts, warn);
    for mount in default_mounts.iter().filter(|it| it.is_fresh) {
        if let Some(contexts) = &record.contexts {
            relabel::relabel(&mount.copy, None, &contexts.mount)?;
        }
    }
    let known = Known {
        record,
        image: image.as_ref(),
        config: &startable.config,
        directory: startable.container.path(),
        run_directory: startable.container.run_path(),
        own_cgroup,
        streams,
        default_mounts,
    };
    let mut decided = facts::plan(host, store, &known)?;
    if let Some(points) = &decided.mount_points {
        store.make_mount_points(points)?;
    }
    precreate::run(&mut decided.plan, &decided.precreate)?;
    // Of the plan: where the mode publishes nothing there is nothing to be taken.
    let ports = &decided.plan.network.ports;
    if pontoon_network::check_free(ports).is_err() {
        // Perhaps the helper of a container has them whose supervisor was killed: who looks at all of them ends it.
        let _ = list::list(store);
        pontoon_network::check_free(ports)?;
    }
    if decided.plan.network.join.is_some() {
        network_unit::ensure(host).map_err(StartError::NetworkUnit)?;
    }
    for warning in &decided.warnings {
        warn(warning);
    }
    decided.plan.has_run = startable.has_run;
    Ok((decided.plan, decided.filter))
}

/// Notes that a start has begun: called with the supervisor's lock, and before the record is read by which it is started, so that
/// whoever changes that waits for the run to come. How the container ended stays known while it is started, for that may fail, or
/// be cut off. Gives whether it has ended before.
///
/// # Errors
/// If that cannot be written.
pub fn note_start(container: &ContainerHandle) -> Result<bool, StartError> {
    let Ok(Some(exit)) = container.read_exit::<ExitRecord>() else {
        container.clear_exit()?;
        return Ok(false);
    };
    // Whoever starts it wants it to run.
    let exit = ExitRecord { start_follows: true, another_follows: false, stopped: false, ..exit };
    container.write_exit(&exit, Durability::Volatile)?;
    Ok(true)
}

/// Makes the places for changes to what is mounted with the option `O`, and to images.
fn make_volume_overlays(record: &ContainerRecord, directory: &Path) -> Result<(), StartError> {
    let mounts = record.request.mounts.iter().enumerate();
    let images = mounts.filter(|(_, it)| matches!(it.source, MountSource::Image(_)));
    let mut names: Vec<String> = images.map(|(number, _)| image_changes(number)).collect();
    let options = record.request.mounts.iter().map(|it| &it.options);
    let options = options.chain(record.volumes.iter().map(|it| &it.options));
    if options.clone().any(|it| it.iter().any(|word| word == "O")) {
        names.extend((0..options.count()).map(|number| number.to_string()));
    }
    for name in names {
        let path = directory.join(OVERLAYS).join(name);
        std::fs::create_dir_all(&path).map_err(|source| StartError::Overlay { path, source })?;
    }
    Ok(())
}
