//! The facts that a decision is made from: read here, once, and passed as values.

mod asked;
mod error;
mod host;
mod ids;
mod rootfs;

use std::ffi::OsStr;
use std::path::Path;

use pontoon_image::ImageConfig;
use pontoon_monitor::event::JOURNAL;
use pontoon_monitor::plan::StreamPlan;
use pontoon_network::HostFacts;
use pontoon_runtime::capabilities::CapSet;
use pontoon_runtime::plan::{Files, Labels, Rootfs, RootfsSource};
use pontoon_storage::{ImageRecord, Store};

pub use self::error::PlanError;
pub(crate) use self::host::own_capabilities;

use self::host as host_facts;
use crate::annotated;
use crate::artifact;
use crate::cdi::CdiError;
use crate::create::{self, CREDENTIALS};
use crate::decide::{self, Caller, Decided, Facts};
use crate::default_mounts::DefaultMount;
use crate::devices;
use crate::host::Host;
use crate::labels::apparmor::{self, AppArmorError, AppArmorHost};
use crate::record::{ContainerRecord, VolumeRecord, VolumeUse};
use crate::resources::block_device;
use crate::secret;
use crate::sharing;

/// What the caller of [`plan`] knows already.
#[derive(Debug)]
pub struct Known<'a> {
    /// The container's record.
    pub record: &'a ContainerRecord,
    /// Its image; `None` if it has a directory.
    pub image: Option<&'a ImageRecord>,
    /// Its image's configuration.
    pub config: &'a ImageConfig,
    /// Its directory.
    pub directory: &'a Path,
    /// Its runtime directory.
    pub run_directory: &'a Path,
    /// Whether it can have a cgroup of its own.
    pub own_cgroup: bool,
    /// Its streams.
    pub streams: StreamPlan,
    /// What of the host it has copies of.
    pub default_mounts: Vec<DefaultMount>,
}

/// Reads the facts and decides.
///
/// # Errors
/// See [`PlanError`].
pub fn plan(host: &Host, store: &Store, known: &Known<'_>) -> Result<Decided, PlanError> {
    let (rootfs, ids) = rootfs::root(host, store, known)?;
    let shared = sharing::find(host, store, &known.record.request, ids.maps.as_ref())?;
    let told = shared.as_ref().and_then(|it| it.told(known.record));
    let record = told.as_ref().unwrap_or(known.record);
    let request = &record.request;
    let mut network = HostFacts::read(known.run_directory)?;
    network.uplink = host.networks.uplink;
    network.host_name = host.networks.host_name;
    if let Some(file) = &request.hosts_file {
        network.hosts = host_facts::hosts_file(file, rootfs.lower())?;
    }
    let cdi = asked::cdi_edits(host, request)?;
    let mut asked_devices = devices::find(&request.devices)?;
    let named_devices = devices::find(&cdi.devices).map_err(CdiError::Node)?;
    asked_devices
        .retain(|it| !named_devices.iter().any(|named| named.request.container == it.request.container));
    asked_devices.extend(named_devices);
    let facts = Facts {
        record,
        image: known.config,
        maps: ids.maps.clone(),
        stored: &ids.stored,
        caller: caller(host),
        rootfs,
        mount_point: known.directory.join("rootfs"),
        store: store.paths(),
        directory: known.directory,
        run_directory: known.run_directory,
        network: &network,
        attachments: crate::network::attachments(host, store, request)?,
        fresh_volumes: fresh_volumes(store, known.record),
        kept_volumes: kept_volumes(store, known.record),
        images: rootfs::image_layers(host, store, known.record, ids.shift().as_ref())?,
        artifacts: artifact::mounted(store, &known.record.request)?,
        seccomp_profile: host_facts::seccomp_profile(&request.seccomp)?,
        has_journal: Path::new(JOURNAL).exists(),
        has_manager: host.variable("NOTIFY_SOCKET").is_some(),
        own_cgroup: known.own_cgroup,
        hard_limits: host_facts::hard_limits(),
        oom_score_adj: request.oom_score_adj.map(|_| host_facts::oom_score_adj()),
        own_capabilities: if ids.maps.is_some() { CapSet::ALL } else { host_facts::own_capabilities() },
        hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        shared,
        listen_names: host.variable("LISTEN_FDNAMES").map(str::to_owned),
        host_users: host_facts::host_users(host, request)?,
        namesake: host_facts::namesake(host, &decide::user(record, known.config, caller(host))),
        secret_env: secret::provide(
            store,
            known.record,
            secret::Places { directory: known.directory, run_directory: known.run_directory },
            host.variable(CREDENTIALS).map(OsStr::new),
        )?,
        limits: request.resources.limits(block_device)?,
        devices: if request.privileged { host_facts::host_devices() } else { Vec::new() },
        asked_devices,
        cdi,
        labels: labels(host, known.record)?,
        device_filter: devices::filter(host, known.own_cgroup),
        thermal: host_facts::thermal_directories(),
        streams: known.streams.clone(),
        default_mounts: &known.default_mounts,
        events: host.events.clone(),
        health_events: host.health_events,
        trial: crate::unit::trial(store, request),
        prober: host.network_program(),
    };
    let mut decided = decide::decide(facts)?;
    asked::add_hooks(host, known, &mut decided)?;
    Ok(decided)
}

/// Reads what a container's files are put together from.
///
/// # Errors
/// See [`PlanError`].
pub fn files(host: &Host, store: &Store, known: &Known<'_>) -> Result<Files, PlanError> {
    let (source, ids) = rootfs::root(host, store, known)?;
    let rootfs = plain_rootfs(source, known);
    let fresh = fresh_volumes(store, known.record);
    let files = decide::files(
        store.paths(),
        known.record,
        known.config,
        caller(host),
        rootfs,
        (ids.maps, &ids.stored),
        &fresh,
    )?;
    // One that the host does not know any more is missed only by who is nobody else.
    let users = host_facts::host_users(host, &known.record.request).unwrap_or_default();
    Ok(Files { hosts: users.iter().map(decide::ownership).collect(), ..files })
}

/// Reads what a container's root file system is made of.
///
/// # Errors
/// See [`PlanError`].
pub fn rootfs(host: &Host, store: &Store, known: &Known<'_>) -> Result<Rootfs, PlanError> {
    let (source, _) = rootfs::root(host, store, known)?;
    Ok(plain_rootfs(source, known))
}

fn plain_rootfs(source: RootfsSource, known: &Known<'_>) -> Rootfs {
    Rootfs {
        source,
        mount_point: known.directory.join("rootfs"),
        read_only: false,
        devices: false,
        label: None,
    }
}

/// The labels that the payload is executed with.
fn labels(host: &Host, record: &ContainerRecord) -> Result<Labels, AppArmorError> {
    let request = &record.request;
    let mut modules = AppArmorHost::read(host.is_rootless());
    if request.apparmor.is_none() && !request.privileged {
        apparmor::provide_default(&mut modules);
    }
    Ok(Labels {
        apparmor: apparmor::decide(request.apparmor.as_deref(), request.privileged, &modules)?,
        selinux: record.contexts.as_ref().map(|it| it.process.clone()),
    })
}

/// Who asks.
pub(crate) fn caller(host: &Host) -> Caller<'_> {
    Caller { user: host.user.as_ref(), uid: host.uid, gid: host.gid }
}

/// The volumes that a pod's infra container has for the others: those that the pod was given, and those that were made for it.
fn kept_volumes(store: &Store, record: &ContainerRecord) -> Vec<VolumeUse> {
    if record.request.infra.is_none() {
        return Vec::new();
    }
    let mut kept = record.volumes.clone();
    let of_pod = |labels: &[(String, String)]| {
        labels.iter().find(|it| it.0 == annotated::OF_POD).map(|it| it.1.clone())
    };
    if let Some(pod) = of_pod(&record.request.labels)
        && let Ok(all) = store.list_volumes()
    {
        let is_its = |it: &VolumeRecord| it.is_common() && of_pod(&it.labels).as_ref() == Some(&pod);
        let its = all.volumes.iter().filter(|it| it.record().is_ok_and(|it| is_its(&it)));
        kept.extend(
            its.filter_map(|it| store.find_volume(&it.name).ok()).map(|it| create::used(&it, "", &[])),
        );
    }
    kept
}

fn fresh_volumes(store: &Store, record: &ContainerRecord) -> Vec<String> {
    // It mounts none of them: its pod's containers do.
    if record.request.infra.is_some() {
        return Vec::new();
    }
    let is_fresh =
        |used: &VolumeUse| store.find_volume(&used.name).is_ok_and(|it| it.needs_copy_up().unwrap_or(false));
    record.volumes.iter().filter(|it| is_fresh(it)).map(|it| it.name.clone()).collect()
}
