//! The decision: from a record, its image and the facts about the host to the plan of one run.
//!
//! Pure: nothing is opened, made or asked here, so every decision can be tested without a kernel and printed by `--dry-run`.

mod asked;
mod confinement;
mod devices;
mod environment;
mod mounts;
mod process;

use std::path::{Path, PathBuf};

use pontoon_image::ImageConfig;
use pontoon_monitor::event::EventLog;
use pontoon_monitor::limits::Limit;
use pontoon_monitor::plan::{
    CgroupPlan, EventPlan, FirstUse, LogPlan, MonitorPlan, NotifyPlan, RunFile, StreamPlan,
};
use pontoon_network::{HostFacts, Mode, NetworkPlan, NetworkRequest, PlanError};
use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::names::HostUser;
use pontoon_rootless::sys::SockFilter;
use pontoon_runtime::capabilities::{CapError, CapSet};
use pontoon_runtime::devices::DeviceRule;
use pontoon_runtime::hooks::Hooks;
use pontoon_runtime::plan::{Files, Labels, Mounter, Namespaces, Plan, Rootfs, RootfsSource};
use pontoon_runtime::seccomp::{CompileError, Profile};
use pontoon_storage::StorePaths;

use crate::cdi::Edits;
use crate::devices::{FoundDevice, NoFilter};
use crate::event;
use crate::health::HealthError;
use crate::mount_ids::MountIdsError;
use crate::record::ContainerRecord;
use crate::request::{CreateRequest, LogDriver, NamespaceMode, NetworkMode, SdNotifyMode};
use crate::sharing::Shared;

pub(crate) use asked::{OVERLAYS, image_changes};
pub use confinement::default_capabilities;
pub use process::{is_systemd, known_environment, signal_number};

/// What a user can do who cannot mount a file system.
pub(crate) const VOLUME_HINT: &str = "let root mount it (a line in /etc/fstab does it at boot), and make a volume with \
                                      type=none, o=bind and device=MOUNT_POINT; bind, tmpfs, ramfs and overlay need no root";

/// Podman's default time between the stop signal and the kill, in seconds.
pub const DEFAULT_STOP_TIMEOUT: u32 = 10;

/// `SIGRTMIN+3`: systemd(1) halts at it.
const STOP_OF_SYSTEMD: i32 = 37;

/// What the decision is made from.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The container.
    pub record: &'a ContainerRecord,
    /// Its image's configuration.
    pub image: &'a ImageConfig,
    /// Id maps of its user namespace; `None` as root.
    pub maps: Option<IdMaps>,
    /// The map in which image layers are stored.
    pub stored: &'a IdMaps,
    /// Our own name and ids, for `keep-id`.
    pub caller: Caller<'a>,
    /// Its root file system.
    pub rootfs: RootfsSource,
    /// Where that is mounted.
    pub mount_point: PathBuf,
    /// The store.
    pub store: &'a StorePaths,
    /// Its directory.
    pub directory: &'a Path,
    /// Its runtime directory.
    pub run_directory: &'a Path,
    /// What the network must know.
    pub network: &'a HostFacts,
    /// Volumes that were never used before, by name.
    pub fresh_volumes: Vec<String>,
    /// The layers of images that are mounted, the topmost first: by the numbers of the mounts that ask for them.
    pub images: Vec<(usize, Vec<PathBuf>)>,
    /// The profile of the default filter, if the host has one of its own.
    pub seccomp_profile: Option<Profile>,
    /// Whether a journal runs.
    pub has_journal: bool,
    /// Whether a service manager wants to hear from us.
    pub has_manager: bool,
    /// Whether the container can have a cgroup of its own.
    pub own_cgroup: bool,
    /// Our own hard limits on open files and processes; `None` is unlimited.
    pub hard_limits: (Option<u64>, Option<u64>),
    /// What a process of the container can have at most: all, unless we are root without some.
    pub own_capabilities: CapSet,
    /// Host name of the host.
    pub hostname: String,
    /// Device nodes of the host, for `--privileged`.
    pub devices: Vec<PathBuf>,
    /// Devices that were asked for and are there.
    pub asked_devices: Vec<FoundDevice>,
    /// Labels of the payload.
    pub labels: Labels,
    /// What devices that are named want.
    pub cdi: Edits,
    /// Whether the kernel lets us say which devices a control group may use, or why not.
    pub device_filter: Result<(), NoFilter>,
    /// `$LISTEN_FDNAMES` of our environment.
    pub listen_names: Option<String>,
    /// What is shared with another container.
    pub shared: Option<Shared>,
    /// Users of the host's that are to be known in the container.
    pub host_users: Vec<HostUser>,
    /// Variables with secrets in them.
    pub secret_env: Vec<(String, String)>,
    /// Limits of its resources.
    pub limits: Vec<Limit>,
    /// Directories of the processors' thermal counters, which tell one container what another does.
    pub thermal: Vec<String>,
    /// What the payload's streams are.
    pub streams: StreamPlan,
    /// Where events go.
    pub events: EventLog,
}

/// The calling user.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Login name.
    pub name: Option<&'a str>,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// The decision.
#[derive(Debug)]
pub struct Decided {
    /// The plan.
    pub plan: MonitorPlan,
    /// The system call filter that goes with it.
    pub filter: Vec<SockFilter>,
    /// What the user should know about it.
    pub warnings: Vec<String>,
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// Nothing to run.
    #[error("no command is given, and the image `{image}` has none")]
    NoCommand {
        /// The image.
        image: String,
    },
    /// Nothing to run in a directory.
    #[error("no command is given, and the directory `{}` names none", rootfs.display())]
    NoCommandFor {
        /// The directory.
        rootfs: PathBuf,
    },
    /// A mount where none may be.
    #[error("cannot mount at `{target}`: {reason}")]
    Target {
        /// Path in the container.
        target: String,
        /// Why not.
        reason: &'static str,
    },
    /// Owners of what is mounted.
    #[error("cannot mount at `{target}`")]
    MountIds {
        /// Path in the container.
        target: String,
        /// Why not.
        #[source]
        reason: MountIdsError,
    },
    /// A volume that only root can mount.
    #[error("the volume `{name}` is a file system of type {kind}, which only root can mount")]
    VolumeFilesystem {
        /// Its name.
        name: String,
        /// The type.
        kind: String,
    },
    /// An image that is mounted needs the kernel's overlayfs.
    #[error(
        "the image `{image}` cannot be mounted: that needs the kernel's overlayfs, and fuse-overlayfs is used here"
    )]
    FuseImage {
        /// Its name.
        image: String,
    },
    /// Capabilities.
    #[error(transparent)]
    Capability(#[from] CapError),
    /// A capability that we do not have ourselves.
    #[error("{capability} cannot be added: this process does not have it itself")]
    NotOurs {
        /// Its name.
        capability: String,
    },
    /// The filter.
    #[error("cannot make the system call filter")]
    Seccomp(#[from] CompileError),
    /// A profile that asks somebody at every call.
    #[error("seccomp profiles with SCMP_ACT_NOTIFY or flags are not supported yet")]
    SeccompListener,
    /// The network.
    #[error(transparent)]
    Network(#[from] PlanError),
    /// A signal that is none.
    #[error("the image's stop signal `{signal}` is not a signal")]
    StopSignal {
        /// As written.
        signal: String,
    },
    /// A limit without a group to apply it to.
    #[error("{option} cannot be applied: the container has no cgroup of its own here")]
    NoCgroup {
        /// The option.
        option: String,
    },
    /// Rules for devices that nobody keeps.
    #[error("--device-cgroup-rule cannot be applied: {0}")]
    NoDeviceFilter(NoFilter),
    /// Ids that need the kernel's overlayfs.
    #[error(
        "a container without the user's own id needs the kernel's overlayfs, and fuse-overlayfs is used here"
    )]
    FuseMaps,
    /// A health check.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// A kernel setting that would change the host's.
    #[error("the kernel setting `{name}` belongs to the host's network, which the container shares")]
    HostSysctl {
        /// Its name.
        name: String,
    },
}

impl DecideError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCommand { .. } | Self::NoCommandFor { .. } => {
                Some("give a command after it (Exec= in a unit), or --entrypoint".to_owned())
            }
            Self::Capability(err) => err.hint(),
            Self::NotOurs { .. } => {
                Some("somebody above us has taken it away: see CapabilityBoundingSet= of the unit".to_owned())
            }
            Self::Network(err) => err.hint(),
            Self::Health(err) => err.hint(),
            Self::NoCgroup { .. } => Some(
                "run it from a session with a systemd user manager (`loginctl enable-linger`, then log in through ssh or a \
                 console), or in a unit with Delegate=yes"
                    .to_owned(),
            ),
            Self::FuseMaps => {
                Some("`pontoon info` says why; or use --userns keep-id".to_owned())
            }
            Self::MountIds { reason, .. } => reason.hint(),
            Self::VolumeFilesystem { .. } => Some(VOLUME_HINT.to_owned()),
            Self::FuseImage { .. } => Some("`pontoon info` says why".to_owned()),
            Self::HostSysctl { .. } => Some("use --network pasta or none, or set it on the host".to_owned()),
            Self::NoDeviceFilter(why) => why.hint(),
            Self::Target { .. } | Self::Seccomp(_) | Self::SeccompListener | Self::StopSignal { .. } => None,
        }
    }

    /// The exit code it gives.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::NoCommand { .. } | Self::NoCommandFor { .. } => 127,
            _ => 125,
        }
    }
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
    let container = Plan {
        rootfs: Rootfs {
            label: facts.record.contexts.as_ref().map(|it| it.mount.clone()),
            source: facts.rootfs.clone(),
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
            host_ipc: has_host_ipc(&facts),
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
        cgroup: cgroup(&facts, device_rules)?,
        log: log(&facts),
        events: EventPlan {
            log: facts.events.clone(),
            labels: event::labels(facts.record, Some(facts.image)),
        },
        notify,
        streams: facts.streams,
        stop_signal,
        stop_timeout: request.stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT),
        remove: request.rm.then(|| facts.record.anonymous_volumes.clone()),
        remove_image: request.rmi.then(|| facts.record.image_id.clone()),
        health: crate::health::plan(&request.health, facts.image)?,
        restart: request.restart,
        holds: false,
        timeout: request.timeout.filter(|it| *it > 0),
        first_used_volumes: first_uses(facts.record, &facts.fresh_volumes),
        pidfile: request.pidfile.clone(),
        monitor_pidfile: request.conmon_pidfile.clone(),
    };
    let warnings = plan.network.warnings.iter().chain(&facts.cdi.warnings).cloned().collect();
    Ok(Decided { plan, filter: confinement.filter, warnings })
}

/// Decides what a container's files are put together from; the rest of its plan plays no part.
///
/// # Errors
/// [`DecideError::Target`].
pub fn files(
    record: &ContainerRecord,
    image: &ImageConfig,
    caller: Caller<'_>,
    rootfs: Rootfs,
    maps: Option<IdMaps>,
    stored: &IdMaps,
    fresh_volumes: &[String],
) -> Result<Files, DecideError> {
    let asked = asked::Asked {
        record,
        directory: Path::new(""),
        fresh_volumes,
        maps: maps.as_ref(),
        stored,
        is_rootless: caller.uid != 0,
        images: &[],
        is_served: false,
        has_device_rules: false,
    };
    // What is laid over another directory is so for a run only, and nowhere to be found without one.
    let mounts = mounts::from_host(&asked)?;
    let owner = process::user(record, image, maps.is_some(), caller);
    let mounter = mounter(maps.as_ref(), caller, stored);
    check_mounter(mounter.as_ref(), &rootfs.source)?;
    Ok(Files { rootfs, user: maps, mounter, mounts, owner })
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

fn network_plan(facts: &Facts<'_>) -> Result<NetworkPlan, DecideError> {
    let request = &facts.record.request;
    let mode = match &request.network {
        None => Mode::Default,
        Some(NetworkMode::Host) => Mode::Host,
        Some(NetworkMode::None) => Mode::None,
        // Whose it is has set it up.
        Some(NetworkMode::Private | NetworkMode::Container(_) | NetworkMode::Path(_)) => Mode::Private,
        Some(NetworkMode::Pasta(options)) => Mode::Pasta(options.clone()),
        Some(NetworkMode::Slirp4netns(options)) => Mode::Slirp4netns(options.clone()),
    };
    let wanted = NetworkRequest {
        mode,
        ports: request.publish.clone(),
        hostname: request.hostname.clone().unwrap_or_else(|| short(&facts.record.id)),
        container_name: facts.record.name.clone(),
        add_host: request.add_host.clone(),
        dns: request.dns.clone(),
        dns_search: request.dns_search.clone(),
        dns_option: request.dns_option.clone(),
        user_namespace: facts.maps.is_some(),
        foreign_root: facts.maps.as_ref().is_some_and(|it| it.host_uid(0) != Some(facts.caller.uid)),
    };
    Ok(pontoon_network::plan(&wanted, facts.network)?)
}

fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

fn hostname(facts: &Facts<'_>, network: &NetworkPlan) -> String {
    match &facts.record.request.hostname {
        Some(name) => name.clone(),
        None if !network.own_namespace || facts.record.request.uts == NamespaceMode::Host => {
            facts.hostname.clone()
        }
        None => short(&facts.record.id),
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

/// The files that every container finds in place of the image's.
fn run_files(facts: &Facts<'_>, network: &NetworkPlan, hostname: &str) -> Vec<RunFile> {
    let file = |name: &str, text: String| RunFile { name: name.to_owned(), text };
    let request = &facts.record.request;
    let mut files = vec![file(".containerenv", container_environment(facts))];
    let shared = facts.shared.as_ref();
    if !request.no_hosts {
        let theirs = shared.and_then(|it| it.hosts.clone());
        files.push(file("hosts", theirs.unwrap_or_else(|| network.hosts.clone())));
    }
    if !request.no_hostname {
        files.push(file("hostname", format!("{hostname}\n")));
    }
    let theirs = shared.and_then(|it| it.resolv_conf.as_ref());
    files.extend(theirs.or(network.resolv_conf.as_ref()).map(|text| file("resolv.conf", text.clone())));
    files
}

/// `/run/.containerenv`: empty, but for privileged containers, as Podman has it.
fn container_environment(facts: &Facts<'_>) -> String {
    if !facts.record.request.privileged {
        return String::new();
    }
    let record = facts.record;
    format!(
        "engine=\"pontoon-{}\"\nname=\"{}\"\nid=\"{}\"\nimage=\"{}\"\nimageid=\"{}\"\nrootless={}\n",
        env!("CARGO_PKG_VERSION"),
        record.name,
        record.id,
        record.image_name,
        record.image_id,
        u8::from(facts.maps.is_some()),
    )
}

/// Whether the ipc namespace is the host's, directly or by the container that it is shared with.
fn has_host_ipc(facts: &Facts<'_>) -> bool {
    let shared = facts.shared.as_ref().and_then(|it| it.ipc);
    facts.record.request.ipc == NamespaceMode::Host || shared.is_some_and(|it| it.is_host)
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

fn log(facts: &Facts<'_>) -> LogPlan {
    let request = &facts.record.request;
    let option = |name: &str| {
        request.log_opts.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    match request.log_driver.unwrap_or(default_log_driver(facts.has_journal)) {
        LogDriver::Journald => LogPlan::Journald { tag: option("tag"), labels: log_labels(request) },
        LogDriver::K8sFile | LogDriver::JsonFile => LogPlan::File {
            path: log_path(request, facts.directory),
            max_size: option("max-size").and_then(|it| it.parse().ok()),
        },
        LogDriver::Passthrough | LogDriver::PassthroughTty => LogPlan::Passthrough,
        LogDriver::None => LogPlan::None,
    }
}

/// `--log-opt label=NAME=VALUE`.
fn log_labels(request: &CreateRequest) -> Vec<(String, String)> {
    let labels = request.log_opts.iter().filter(|(key, _)| key == "label");
    labels
        .filter_map(|(_, text)| text.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The driver where none is asked for.
#[must_use]
pub fn default_log_driver(has_journal: bool) -> LogDriver {
    if has_journal { LogDriver::Journald } else { LogDriver::K8sFile }
}

/// Where a container's log file is.
#[must_use]
pub fn log_path(request: &CreateRequest, directory: &Path) -> PathBuf {
    let path =
        request.log_opts.iter().rev().find(|(key, _)| key == "path").map(|(_, value)| PathBuf::from(value));
    path.unwrap_or_else(|| directory.join("ctr.log"))
}

fn cgroup(facts: &Facts<'_>, devices: Option<Vec<DeviceRule>>) -> Result<CgroupPlan, DecideError> {
    if facts.own_cgroup {
        return Ok(CgroupPlan { own: true, limits: facts.limits.clone(), devices });
    }
    match facts.limits.iter().find_map(|it| it.option.clone()) {
        Some(option) => Err(DecideError::NoCgroup { option }),
        None => Ok(CgroupPlan { own: false, limits: Vec::new(), devices: None }),
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
