//! What the decision is made from.

use std::path::{Path, PathBuf};

use pontoon_image::ImageConfig;
use pontoon_monitor::event::EventLog;
use pontoon_monitor::limits::Limit;
use pontoon_monitor::plan::StreamPlan;
use pontoon_network::HostFacts;
use pontoon_network::join::Attachment;
use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::names::HostUser;
use pontoon_runtime::capabilities::CapSet;
use pontoon_runtime::plan::{Labels, RootfsSource};
use pontoon_runtime::seccomp::Profile;
use pontoon_storage::StorePaths;

use crate::artifact::BlobFile;
use crate::cdi::Edits;
use crate::default_mounts::DefaultMount;
use crate::devices::{FoundDevice, NoFilter};
use crate::record::{ContainerRecord, VolumeUse};
use crate::sharing::Shared;

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
    /// The networks with names that it is put on.
    pub attachments: Vec<Attachment>,
    /// Volumes that were never used before, by name.
    pub fresh_volumes: Vec<String>,
    /// Volumes whose file systems are kept for others.
    pub kept_volumes: Vec<VolumeUse>,
    /// The layers of images that are mounted, the topmost first: by the numbers of the mounts that ask for them.
    pub images: Vec<(usize, Vec<PathBuf>)>,
    /// The files of artifacts that are mounted: by the numbers of the mounts that ask for them.
    pub artifacts: Vec<(usize, Vec<BlobFile>)>,
    /// The profile of the default filter, if the host has one of its own.
    pub seccomp_profile: Option<Profile>,
    /// Whether a journal runs.
    pub has_journal: bool,
    /// Whether a service manager wants to hear from us.
    pub has_manager: bool,
    /// Whether the container can have a cgroup of its own.
    pub own_cgroup: bool,
    /// Our own hard limits, by the numbers of the resources; `None` is unlimited.
    pub hard_limits: [Option<u64>; 16],
    /// How soon the kernel ends us where memory is short, if it matters.
    pub oom_score_adj: Option<i32>,
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
    /// Who has the number on the host that it is run by; an image that knows nobody of that number gets that name, as by Podman.
    pub namesake: Option<HostUser>,
    /// Variables with secrets in them.
    pub secret_env: Vec<(String, String)>,
    /// Limits of its resources.
    pub limits: Vec<Limit>,
    /// Directories of the processors' thermal counters, which tell one container what another does.
    pub thermal: Vec<String>,
    /// What of the host it has copies of.
    pub default_mounts: &'a [DefaultMount],
    /// What the payload's streams are.
    pub streams: StreamPlan,
    /// Whether outcomes of health checks are events.
    pub health_events: bool,
    /// Where events go.
    pub events: EventLog,
    /// Where whoever tries an update with it wants to hear of its end.
    pub trial: Option<PathBuf>,
    /// The program that probes.
    pub prober: PathBuf,
}

/// The calling user.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The entry in the user database, if there is one.
    pub user: Option<&'a HostUser>,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}
