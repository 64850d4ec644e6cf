//! The decision: from a record, its image and the facts about the host to the plan of one run.
//!
//! Pure: nothing is opened, made or asked here, so every decision can be tested without a kernel and printed by `--dry-run`.

mod asked;
mod confinement;
mod devices;
mod environment;
mod error;
mod facts;
mod log;
mod mounts;
mod network;
mod process;
mod run_files;

use std::path::Path;

use pontoon_image::ImageConfig;
use pontoon_monitor::plan::{CgroupPlan, EventPlan, FirstUse, MonitorPlan, NotifyPlan, PodRole};
use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::SockFilter;
use pontoon_runtime::devices::DeviceRule;
use pontoon_runtime::hooks::{Hook, Hooks};
use pontoon_runtime::plan::{CommonVolume, Files, Mount, Mounter, Namespaces, Plan, Rootfs, RootfsSource};
use pontoon_storage::{MountPoints, StorePaths};

use crate::event;
use crate::record::ContainerRecord;
use crate::request::{CreateRequest, Infra, NamespaceMode, SdNotifyMode};

pub(crate) use asked::{OVERLAYS, check_target, image_changes, of_specification};
pub use confinement::default_capabilities;
pub use error::DecideError;
pub use facts::{Caller, Facts};
use log::log;
pub use log::{default_log_driver, log_path};
pub(crate) use mounts::asked_device as device;
use network::{hostname, network_plan};
pub use process::{
    is_systemd, known_environment, ownership, signal_number, user, user_id, working_directory,
};
use run_files::{mount_points, run_files};

/// What a user can do who cannot mount a file system.
pub(crate) const VOLUME_HINT: &str = "let root mount it (a line in /etc/fstab does it at boot), and make a volume with \
                                      type=none, o=bind and device=MOUNT_POINT; bind, tmpfs, ramfs and overlay need no root";

/// Podman's default time between the stop signal and the kill, in seconds.
pub const DEFAULT_STOP_TIMEOUT: u32 = 10;

/// `SIGRTMIN+3`: systemd(1) halts at it.
const STOP_OF_SYSTEMD: i32 = 37;

/// The decision.
#[derive(Debug)]
pub struct Decided {
    /// The plan.
    pub plan: MonitorPlan,
    /// The system call filter that goes with it.
    pub filter: Vec<SockFilter>,
    /// What has to be there of the store's own before it is carried out.
    pub mount_points: Option<MountPoints>,
    /// What the user should know about it.
    pub warnings: Vec<String>,
    /// Hooks that have a word in the plan, before it is carried out.
    pub precreate: Vec<Hook>,
}

/// Decides.
///
/// # Errors
/// See [`DecideError`].
pub fn decide(facts: Facts<'_>) -> Result<Decided, DecideError> {
    let request = &facts.record.request;
    let mounter = mounter(facts.maps.as_ref(), facts.caller, facts.stored);
    check_mounter(mounter.as_ref(), &facts.rootfs)?;
    let network = network_plan(&facts)?;
    let hostname = hostname(&facts, &network);
    let confinement = confinement::decide(&facts, &network)?;
    let process = process::decide(&facts, &hostname, &confinement)?;
    let notify = notify(&facts);
    let files = run_files(&facts, &network, &hostname);
    let is_systemd = process::is_systemd(request, &process.args);
    let device_rules = devices::decide(&facts)?;
    let mounts = mounts::decide(&facts, &network, &files, notify, is_systemd, device_rules.is_some())?;
    let stop_signal = stop_signal(&facts, &process.args)?;
    let raised = match (request.oom_score_adj, process.oom_score_adj) {
        (Some(asked), Some(had)) if asked < had => {
            Some(format!("--oom-score-adj {asked} is for root, who may go below our own; it is {had} here"))
        }
        _ => None,
    };
    let mount_points = mount_points(&facts, &files, &mounts);
    let mut source = facts.rootfs.clone();
    if let (RootfsSource::Overlay { lower, .. }, Some(points)) = (&mut source, &mount_points) {
        lower.push(points.path(facts.store));
    }
    let container = Plan {
        rootfs: Rootfs {
            label: facts.record.contexts.as_ref().map(|it| it.mount.clone()),
            source,
            mount_point: facts.mount_point.clone(),
            read_only: request.read_only,
            // Where the kernel asks rules, nodes need not be told apart by where they are.
            devices: request.privileged || device_rules.is_some(),
        },
        namespaces: Namespaces {
            user: facts.maps.clone(),
            mounter,
            network: network.own_namespace,
            host_pid: request.pid == NamespaceMode::Host,
            host_ipc: request.ipc == NamespaceMode::Host,
            host_uts: request.uts == NamespaceMode::Host,
            joined: facts.shared.as_ref().map(|it| it.namespaces.clone()),
            loopback_up: network.loopback_up,
            cgroup: !request.host_cgroup_namespace,
        },
        hostname: (request.uts == NamespaceMode::Private).then_some(hostname),
        mounts,
        masked_paths: confinement.masked,
        readonly_paths: confinement.readonly,
        sysctls: confinement.sysctls,
        process,
        hooks: hooks(&facts),
    };
    let cgroup = cgroup(&facts, device_rules, &container.mounts)?;
    let kept_volumes = kept_volumes(&facts);
    let plan = MonitorPlan {
        id: facts.record.id.clone(),
        name: facts.record.name.clone(),
        image: facts.record.image_name.clone(),
        store: (facts.store.root.clone(), facts.store.run.clone()),
        run_directory: facts.run_directory.to_owned(),
        files,
        container,
        filter_length: confinement.filter.len(),
        network,
        cgroup,
        log: log(&facts),
        events: EventPlan {
            log: facts.events.clone(),
            pod: request.pod.as_ref().map(|it| it.id.clone()).unwrap_or_default(),
            labels: event::labels(facts.record, Some(facts.image)),
            without_health: !facts.health_events,
        },
        notify,
        streams: facts.streams,
        stop_signal,
        stop_timeout: request.stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT),
        remove: request.rm.then(|| facts.record.volumes_to_go()),
        remove_image: request
            .rmi
            .then(|| (facts.record.image_id.clone(), facts.record.image_name_to_go().to_owned())),
        has_run: false,
        health: crate::health::plan(&request.health, &request.annotations, facts.image)?,
        handlers: crate::annotated::handlers(&request.annotations)?,
        prober: facts.prober.clone(),
        restart: request.restart,
        holds: false,
        pod: pod_role(request, &facts.store.run),
        timeout: request.timeout.filter(|it| *it > 0),
        kept_volumes,
        first_used_volumes: first_uses(facts.record, &facts.fresh_volumes),
        pidfile: request.pidfile.clone(),
        monitor_pidfile: request.conmon_pidfile.clone(),
        trial: facts.trial,
        id_file: request.cidfile.clone().filter(|_| request.rm),
    };
    let warnings = plan.network.warnings.iter().chain(&facts.cdi.warnings).cloned().chain(raised).collect();
    Ok(Decided { plan, filter: confinement.filter, mount_points, warnings, precreate: Vec::new() })
}

/// What the container is in its pod. One that only prepares the pod is none of those whose end is the pod's.
fn pod_role(request: &CreateRequest, run: &Path) -> Option<PodRole> {
    if let Some(Infra { stops_with_last }) = request.infra {
        return Some(PodRole::Infra { stops_with_last });
    }
    let infra = request.pod.as_ref().filter(|_| request.init_container.is_none())?.infra.as_ref()?;
    let shares_hosts = request.shares_hosts_of().is_some();
    let is_sidecar = crate::annotated::is_sidecar(&request.annotations);
    Some(PodRole::Member { infra: run.join("containers").join(infra), shares_hosts, is_sidecar })
}

/// Decides what a container's files are put together from; the rest of its plan plays no part, nor do users of the host's yet.
///
/// # Errors
/// [`DecideError::Target`].
pub fn files(
    store: &StorePaths,
    record: &ContainerRecord,
    image: &ImageConfig,
    caller: Caller<'_>,
    rootfs: Rootfs,
    (maps, stored): (Option<IdMaps>, &IdMaps),
    fresh_volumes: &[String],
) -> Result<Files, DecideError> {
    let asked = asked::Asked {
        record,
        directory: Path::new(""),
        store,
        fresh_volumes,
        maps: maps.as_ref(),
        stored,
        is_rootless: caller.uid != 0,
        images: &[],
        artifacts: &[],
        is_served: false,
        has_device_rules: false,
    };
    // What is laid over another directory is so for a run only, and nowhere to be found without one.
    let mounts = mounts::from_host(&asked)?;
    let owner = process::user(record, image, caller);
    let mounter = mounter(maps.as_ref(), caller, stored);
    check_mounter(mounter.as_ref(), &rootfs.source)?;
    Ok(Files { rootfs, user: maps, mounter, mounts, owner, hosts: Vec::new() })
}

/// The file systems that a pod's infra container has for the others, so that they last as long as the pod does.
fn kept_volumes(facts: &Facts<'_>) -> Vec<CommonVolume> {
    let user = (facts.caller.uid != 0).then_some(facts.stored);
    facts.kept_volumes.iter().filter_map(|it| asked::common_volume(it, facts.store, user)).collect()
}

/// What is filled when it is first used, and where that can be seen.
fn first_uses(record: &ContainerRecord, fresh_volumes: &[String]) -> Vec<FirstUse> {
    let data = |name: &String| {
        let used = record.volumes.iter().find(|it| it.name == *name)?;
        (used.is_bound || used.filesystem.is_none()).then(|| used.data.clone())
    };
    fresh_volumes.iter().map(|name| FirstUse { name: name.clone(), data: data(name) }).collect()
}

/// A program that serves the files would have to be started where they are put together.
fn check_mounter(mounter: Option<&Mounter>, source: &RootfsSource) -> Result<(), DecideError> {
    match (mounter, source) {
        (Some(_), RootfsSource::Fuse { .. }) => Err(DecideError::FuseMaps),
        _ => Ok(()),
    }
}

fn notify(facts: &Facts<'_>) -> NotifyPlan {
    match facts.record.request.sdnotify {
        _ if !facts.has_manager => NotifyPlan::Ignore,
        SdNotifyMode::Container => NotifyPlan::Container,
        SdNotifyMode::Healthy => NotifyPlan::Healthy,
        SdNotifyMode::Conmon => NotifyPlan::Monitor,
        SdNotifyMode::Ignore => NotifyPlan::Ignore,
    }
}

/// The hooks that are wanted by devices, and what all of them are told.
fn hooks(facts: &Facts<'_>) -> Hooks {
    Hooks {
        all: facts.cdi.hooks.clone(),
        id: facts.record.id.clone(),
        bundle: facts.run_directory.to_owned(),
        annotations: facts.record.request.annotations.iter().cloned().collect(),
    }
}

/// The signal that stops a container for which nobody, not even its image, names one.
#[must_use]
pub fn usual_stop_signal(request: &CreateRequest, args: &[String]) -> i32 {
    if process::is_systemd(request, args) { STOP_OF_SYSTEMD } else { libc::SIGTERM }
}

fn stop_signal(facts: &Facts<'_>, args: &[String]) -> Result<i32, DecideError> {
    if let Some(signal) = facts.record.request.stop_signal {
        return Ok(signal);
    }
    match facts.image.config.stop_signal.as_deref().filter(|it| !it.is_empty()) {
        Some(name) => signal_number(name).ok_or_else(|| DecideError::StopSignal { signal: name.to_owned() }),
        None => Ok(usual_stop_signal(&facts.record.request, args)),
    }
}

/// Whether the container's root is somebody else than the caller, who makes its files and its group.
fn has_foreign_root(facts: &Facts<'_>) -> bool {
    let Caller { uid, gid, .. } = facts.caller;
    let is_foreign = |maps: &IdMaps| (maps.host_uid(0), maps.host_gid(0)) != (Some(uid), Some(gid));
    facts.maps.as_ref().is_some_and(is_foreign)
}

fn cgroup(
    facts: &Facts<'_>,
    devices: Option<Vec<DeviceRule>>,
    mounts: &[Mount],
) -> Result<CgroupPlan, DecideError> {
    // Where it is read-only nobody can do anything there, and it stays ours, with what is simpler then.
    let is_writable = |it: &Mount| it.target == "/sys/fs/cgroup" && !it.read_only;
    let is_given = has_foreign_root(facts) && mounts.iter().any(is_writable);
    if facts.own_cgroup {
        return Ok(CgroupPlan { own: true, limits: facts.limits.clone(), devices, is_given });
    }
    match facts.limits.iter().find_map(|it| it.option.clone()) {
        Some(option) => Err(DecideError::NoCgroup { option }),
        None => Ok(CgroupPlan { own: false, limits: Vec::new(), devices: None, is_given: false }),
    }
}

/// Who puts the files of a container with these maps together, if its own ids are not fit for it: ours must be among them,
/// and as root the kernel marks files for root alone.
fn mounter(maps: Option<&IdMaps>, caller: Caller<'_>, stored: &IdMaps) -> Option<Mounter> {
    let maps = maps?;
    if caller.uid == 0 {
        return Some(Mounter { user: None });
    }
    (!maps.knows(caller.uid, caller.gid)).then(|| Mounter { user: Some(stored.clone()) })
}
