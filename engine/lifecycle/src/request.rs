//! What was asked for, understood: the border between the words of a command line and the deeds.
//!
//! A request has been parsed but nothing has been looked up yet: no image, no user, no file of the host.
//! It is kept in the container's record, so that `start` and `inspect` can read it again.

use std::net::IpAddr;
use std::path::PathBuf;

pub use pontoon_monitor::health::OnFailure;
pub use pontoon_monitor::restart::RestartPolicy;
use pontoon_network::PortMapping;
pub use pontoon_network::join::MacAddress;
pub use pontoon_rootless::idmap::{Outside, Wish};
pub use pontoon_runtime::devices::DeviceRule;
use serde::{Deserialize, Serialize};

use crate::health::HealthRequest;
use crate::resources::Resources;

/// `--rootfs DIR[:O][:idmap[=MAPS]]`: a directory that is a container's root file system (podman-run(1)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootfsRequest {
    /// The directory, absolute.
    pub path: PathBuf,
    /// `O`: changes go to a directory of the container's own, and this one stays as it is.
    #[serde(default)]
    pub overlay: bool,
    /// `idmap` or `idmap=…`, as written: its files are shown with other owners; see [`crate::mount_ids`].
    #[serde(default)]
    pub idmap: Option<String>,
}

/// Everything `create` and `run` can ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateRequest {
    /// Image as the user wrote it: a name, a name with digest, or an id; empty with `rootfs`.
    pub image: String,
    /// `--rootfs`: a directory of the host in place of an image.
    pub rootfs: Option<RootfsRequest>,
    /// Words after the image; empty means the image's `Cmd`.
    pub command: Vec<String>,
    /// `--entrypoint`: `None` keeps the image's, an empty list clears it.
    pub entrypoint: Option<Vec<String>>,
    /// `--name`; `None` lets us choose one.
    pub name: Option<String>,
    /// `--replace`: remove a container of the same name first.
    pub replace: bool,
    /// `--rm`: remove the container when it ends.
    pub rm: bool,
    /// `--rmi`: remove its image then, too, unless something else uses it.
    pub rmi: bool,
    /// `--timeout`: seconds that it may run; `None` and 0 are for ever.
    pub timeout: Option<u32>,
    /// `--pull`.
    pub pull: PullPolicy,
    /// Environment settings in order of effect (files first, then `--env`), resolved by the face. They override the image's.
    pub env: Vec<(String, String)>,
    /// What comes from the host unasked (proxies; with `--env-host` everything). The image's environment overrides it.
    pub default_env: Vec<(String, String)>,
    /// `--unsetenv`: names taken out of what the image sets.
    pub unset_env: Vec<String>,
    /// `--unsetenv-all`: nothing of what the image and the engine set, but `HOME` and `HOSTNAME`.
    pub unset_env_all: bool,
    /// `--env-merge`, as written: settings made of what the image sets.
    pub env_merge: Vec<String>,
    /// `--user`, as written: `user`, `uid`, `user:group`, …; looked up in the image.
    pub user: Option<String>,
    /// `--group-add`: names or numbers, looked up in the image.
    pub group_add: Vec<String>,
    /// `--group-add keep-groups`: our own supplementary groups are the payload's.
    pub keep_groups: bool,
    /// `--workdir`.
    pub workdir: Option<String>,
    /// `--hostname`.
    pub hostname: Option<String>,
    /// `--label` and label files, in order.
    pub labels: Vec<(String, String)>,
    /// `--annotation`, in order.
    pub annotations: Vec<(String, String)>,
    /// `--interactive`.
    pub interactive: bool,
    /// `--tty`.
    pub tty: bool,
    /// `--init`.
    pub init: bool,
    /// `--init-path`: a program of the host's in place of our own init.
    pub init_path: Option<PathBuf>,
    /// `--hostuser`: users of the host's, by name or number, that are known in the container.
    pub host_users: Vec<String>,
    /// `--personality`, as a number of personality(2).
    pub personality: Option<u32>,
    /// `--chrootdirs`: directories of the container that get its `/etc/hosts` and the like, too.
    pub chroot_dirs: Vec<String>,
    /// `--publish`.
    pub publish: Vec<PortMapping>,
    /// `--publish-all`: publish every exposed port, to a free one of the host.
    pub publish_all: bool,
    /// `--expose`: single ports with protocol, as `80/tcp`; for `inspect` and `ps`, nothing is opened.
    pub expose: Vec<String>,
    /// `--network`; `None` is the default of the host: for a user pasta, else slirp4netns; for root the default network, which a
    /// new container's record names.
    pub network: Option<NetworkMode>,
    /// `--add-host`: `name:address`.
    pub add_host: Vec<(String, String)>,
    /// `--no-hosts`: the container keeps its image's `/etc/hosts`.
    pub no_hosts: bool,
    /// `--hosts-file`: what `/etc/hosts` begins with, in place of the host's.
    pub hosts_file: Option<HostsFile>,
    /// `--no-hostname`: the container keeps its image's `/etc/hostname`.
    pub no_hostname: bool,
    /// `--passwd`: whether a user that the image does not know gets an entry in `/etc/passwd` and `/etc/group`; Podman's
    /// default is true.
    pub passwd: Option<bool>,
    /// `--passwd-entry`: that entry, with `$USERNAME`, `$UID`, `$GID`, `$NAME`, `$HOME`.
    pub passwd_entry: Option<String>,
    /// `--group-entry`: the one in `/etc/group`, with `$GROUPNAME`, `$GID`, `$USERLIST`.
    pub group_entry: Option<String>,
    /// `--dns`, `--dns-search`, `--dns-option`.
    pub dns: Vec<String>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Resolver options.
    pub dns_option: Vec<String>,
    /// `--volume` and `--mount`, in order.
    pub mounts: Vec<MountRequest>,
    /// `--secret`, in order.
    pub secrets: Vec<SecretUse>,
    /// `--volumes-from`: containers whose volumes and binds are mounted here too, with options.
    pub volumes_from: Vec<(String, Vec<String>)>,
    /// `--device`: host path, container path, permissions.
    pub devices: Vec<DeviceRequest>,
    /// `--device` and `--gpus` with names of the Container Device Interface, in order.
    pub cdi_devices: Vec<String>,
    /// Where their specifications are looked for; `None` is the usual places.
    pub cdi_spec_dirs: Option<Vec<PathBuf>>,
    /// Where hooks are looked for; `None` is the usual places.
    pub hooks_dirs: Option<Vec<PathBuf>>,
    /// `--device-cgroup-rule`, in order.
    pub device_cgroup_rules: Vec<DeviceRule>,
    /// `--cap-add`, upper case with `CAP_`, or `ALL`.
    pub cap_add: Vec<String>,
    /// `--cap-drop`, upper case with `CAP_`, or `ALL`.
    pub cap_drop: Vec<String>,
    /// What a container gets in place of the usual eleven, as `cap_add` is written; `None` is those.
    pub default_capabilities: Option<Vec<String>>,
    /// `--privileged`.
    pub privileged: bool,
    /// `--security-opt no-new-privileges`.
    pub no_new_privileges: bool,
    /// `--security-opt seccomp=`.
    pub seccomp: SeccompRequest,
    /// `--security-opt apparmor=`.
    pub apparmor: Option<String>,
    /// `--security-opt label=`, each without `label=`.
    pub label_options: Vec<String>,
    /// `--security-opt mask=`, paths.
    pub mask: Vec<String>,
    /// `--security-opt unmask=`, paths or `ALL`.
    pub unmask: Vec<String>,
    /// `--read-only`.
    pub read_only: bool,
    /// `--read-only-tmpfs`; Podman's default is true.
    pub read_only_tmpfs: Option<bool>,
    /// `--sysctl`.
    pub sysctls: Vec<(String, String)>,
    /// `--ulimit`: name, soft, hard (`None` = unlimited).
    pub ulimits: Vec<(String, Option<u64>, Option<u64>)>,
    /// `--ulimit host`: our own limits, as they are.
    pub host_ulimits: bool,
    /// `--shm-size`, in bytes; Podman's default is 64 MiB.
    pub shm_size: Option<u64>,
    /// Limits of memory, processors, processes and devices.
    pub resources: Resources,
    /// `--cgroups`.
    pub cgroups: CgroupMode,
    /// `--cgroup-parent`: the slice of the service manager's that the container is in.
    pub cgroup_parent: Option<String>,
    /// `--cgroupns host`: the host's groups are seen, all of them.
    pub host_cgroup_namespace: bool,
    /// `--cgroupns` of another container, or by path.
    pub cgroup_namespace: NamespaceMode,
    /// `--systemd`.
    pub systemd: SystemdMode,
    /// `--shm-size-systemd`: how large the file systems are that are made for systemd, in bytes.
    pub shm_size_systemd: Option<u64>,
    /// `--requires`: containers that are started before this one.
    pub requires: Vec<String>,
    /// `--image-volume`.
    pub image_volume: ImageVolumeMode,
    /// `--pod`: the pod that it is in.
    pub pod: Option<PodMember>,
    /// `--init-ctr`: it runs before the other containers of its pod, which wait for its end.
    pub init_container: Option<InitContainer>,
    /// It is a pod's infra container: it runs nothing, and holds the pod's namespaces.
    pub infra: Option<Infra>,
    /// `--pid`.
    pub pid: NamespaceMode,
    /// `--ipc`.
    pub ipc: NamespaceMode,
    /// `--ipc private`: so it was said, and not left to the default, which others may share.
    pub private_ipc: bool,
    /// `--ipc none`: without `/dev/shm`.
    pub no_shm: bool,
    /// `--uts`.
    pub uts: NamespaceMode,
    /// `--userns`.
    pub userns: UserNsMode,
    /// `--health-*`.
    pub health: HealthRequest,
    /// `--restart`.
    pub restart: RestartPolicy,
    /// `--sdnotify`.
    pub sdnotify: SdNotifyMode,
    /// `--log-driver`; `None` is the default (journald where there is one, else k8s-file).
    pub log_driver: Option<LogDriver>,
    /// `--log-opt`, in order.
    pub log_opts: Vec<(String, String)>,
    /// `--stop-signal`, a signal number.
    pub stop_signal: Option<i32>,
    /// `--stop-timeout`, in seconds; Podman's default is 10.
    pub stop_timeout: Option<u32>,
    /// `--tz`: a zone name or `local`.
    pub timezone: Option<String>,
    /// `--umask`, octal, as a number; Podman's default is 0o022.
    pub umask: Option<u32>,
    /// `--oom-score-adj`.
    pub oom_score_adj: Option<i32>,
    /// `--cidfile`.
    pub cidfile: Option<PathBuf>,
    /// `--pidfile`: where the pid of the container's first process is written.
    pub pidfile: Option<PathBuf>,
    /// `--conmon-pidfile`: where the pid of the monitor is written.
    pub conmon_pidfile: Option<PathBuf>,
    /// `PODMAN_SYSTEMD_UNIT` of our environment.
    pub systemd_unit: Option<String>,
    /// The whole command line, for `inspect`'s `CreateCommand`.
    pub create_command: Vec<String>,
}

/// A container's place in a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodMember {
    /// The pod: its id, once the container is made; before, as it was named.
    pub id: String,
    /// The id of the container that holds the pod's namespaces.
    pub infra: Option<String>,
    /// Kernel settings that nobody asked for: they are left to the pod where the namespace is the pod's.
    #[serde(skip)]
    pub usual_sysctls: Vec<String>,
}

/// `--init-ctr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitContainer {
    /// At the pod's first start; then it is removed.
    Once,
    /// At every start of the pod.
    Always,
}

/// What is so of an infra container alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Infra {
    /// It ends when the last member of the pod has (`--exit-policy stop`).
    pub stops_with_last: bool,
}

/// `--hosts-file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostsFile {
    /// A file of the host.
    Path(PathBuf),
    /// The image's own.
    Image,
    /// Nothing.
    None,
}

impl CreateRequest {
    /// The containers that must run before this one, each as it was named.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        self.sharing().into_iter().map(|(_, name)| name).chain(self.requires.iter().map(String::as_str))
    }

    /// The infra container of its pod, if it shares that one's network and so its `/etc/hosts`, in which all members are.
    #[must_use]
    pub fn shares_hosts_of(&self) -> Option<&str> {
        self.shares_network_of().filter(|_| !self.no_hosts)
    }

    /// The infra container whose network it is in, and with that whose resolvers it has.
    #[must_use]
    pub fn shares_network_of(&self) -> Option<&str> {
        let infra = self.pod.as_ref()?.infra.as_deref()?;
        matches!(&self.network, Some(NetworkMode::Container(name)) if name == infra).then_some(infra)
    }

    /// The networks with names that it is on, in order.
    pub fn networks(&self) -> impl Iterator<Item = &str> {
        let uses = match &self.network {
            Some(NetworkMode::Named(uses)) => uses.as_slice(),
            _ => &[],
        };
        uses.iter().map(|it| it.name.as_str())
    }

    /// The containers whose namespaces are shared, each as it was named, and with which option.
    #[must_use]
    pub fn sharing(&self) -> Vec<(&'static str, &str)> {
        let mut found = Vec::new();
        if let Some(NetworkMode::Container(name)) = &self.network {
            found.push(("--network", name.as_str()));
        }
        if let UserNsMode::Container(name) = &self.userns {
            found.push(("--userns", name.as_str()));
        }
        for (option, mode) in [
            ("--pid", &self.pid),
            ("--ipc", &self.ipc),
            ("--uts", &self.uts),
            ("--cgroupns", &self.cgroup_namespace),
        ] {
            if let NamespaceMode::Container(name) = mode {
                found.push((option, name.as_str()));
            }
        }
        found
    }
}

/// `--pull`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// Pull unless a local copy is there.
    #[default]
    Missing,
    /// Pull always, and fail when that fails.
    Always,
    /// Never pull.
    Never,
    /// Pull when the registry's image is another one; a registry that is down is no error if there is a local copy.
    Newer,
}

/// A network with a name that a container is on (podman-run(1), `--network`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkUse {
    /// The network's name.
    pub name: String,
    /// `ip`, `ip6`: addresses that are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// `mac`: the hardware address that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// `alias`: names on this network, beside the container's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// `interface_name`: its interface inside; else the first free of `eth0`, `eth1`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

/// `--network`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// The host's network namespace.
    Host,
    /// A namespace with nothing but loopback.
    None,
    /// pasta, with its own options (the words after `pasta:`, split at commas).
    Pasta(Vec<String>),
    /// slirp4netns, with its options.
    Slirp4netns(Vec<String>),
    /// Networks with names, in order: the first one has the default route.
    Named(Vec<NetworkUse>),
    /// The namespace of another container.
    Container(String),
    /// One by path.
    Path(PathBuf),
    /// A namespace without any set-up at all.
    Private,
}

/// `--volume`, `--mount` and `--tmpfs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRequest {
    /// What is mounted.
    pub source: MountSource,
    /// Absolute path in the container.
    pub target: String,
    /// Options, as written, in order (`ro`, `rw`, `z`, `Z`, `U`, `exec`, `nosuid`, `rshared`, `size=…`, …); checked by the parser.
    pub options: Vec<String>,
}

/// The source of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountSource {
    /// A path of the host.
    Bind(PathBuf),
    /// A named volume, made if missing.
    Volume(String),
    /// A volume without a name, removed with the container.
    Anonymous,
    /// A tmpfs.
    Tmpfs,
    /// A file system of terminals.
    Devpts,
    /// A file system in memory that is as large as it needs to be.
    Ramfs,
    /// The files of an image, as it was named.
    Image(String),
    /// The files of an artifact, as it was named.
    Artifact(String),
    /// Paths of the host that a pattern matches, each mounted below the target, or where it is without one. It becomes as
    /// many binds when the container is made.
    Glob(String),
}

/// `--secret`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretUse {
    /// Name or id of the secret.
    pub name: String,
    /// Where it is seen.
    pub place: SecretPlace,
}

/// Where a secret is seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretPlace {
    /// In a file.
    Mount {
        /// Path in the container; one that is not absolute is below `/run/secrets`.
        target: String,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its mode.
        mode: u32,
    },
    /// In a variable of the environment.
    Env {
        /// Its name.
        name: String,
    },
}

/// `--device`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// Path on the host.
    pub host: PathBuf,
    /// Path in the container.
    pub container: String,
    /// `r`, `w`, `m`.
    pub permissions: String,
    /// Where the host has no such device, the container does without (`AddDevice=-PATH` of a unit file).
    #[serde(default)]
    pub optional: bool,
}

/// `--security-opt seccomp=`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeccompRequest {
    /// `/usr/share/containers/seccomp.json` where present, else ours.
    #[default]
    Default,
    /// No filter.
    Unconfined,
    /// A profile in a file.
    Profile(PathBuf),
}

/// `--cgroups`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CgroupMode {
    /// A transient scope (by hand).
    #[default]
    Enabled,
    /// Below the cgroup that we were started in (in a unit).
    Split,
    /// A group for the container, and none that is made for the supervisor: below the cgroup that we were started in, where
    /// that is ours to divide, else in a transient scope, in which the supervisor has to sit as well.
    NoConmon,
    /// No cgroup of its own.
    Disabled,
}

/// `--systemd`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemdMode {
    /// If the command is systemd, or an init, the container is made ready for it.
    #[default]
    True,
    /// It is not.
    False,
    /// Whatever the command is.
    Always,
}

/// `--image-volume`: what becomes of the places that an image calls volumes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageVolumeMode {
    /// Each is a volume without a name.
    #[default]
    Anonymous,
    /// Each is a tmpfs.
    Tmpfs,
    /// They are directories like others.
    Ignore,
}

/// Whose a namespace is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceMode {
    /// The container's own.
    #[default]
    Private,
    /// The host's.
    Host,
    /// Another container's.
    Container(String),
    /// One by path.
    Path(PathBuf),
}

/// `--userns`, `--uidmap`, `--gidmap`, `--subuidname`, `--subgidname`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserNsMode {
    /// The user's default map (rootless: our user is root inside); as root: no user namespace.
    #[default]
    Host,
    /// The calling user keeps its id inside, or gets the one given.
    KeepId {
        /// Container user id that stands for the caller.
        uid: Option<u32>,
        /// Container group id that stands for the caller's group.
        gid: Option<u32>,
        /// How many ids in all.
        size: Option<u32>,
    },
    /// The subordinate ids alone, without the calling user's own.
    NoMap,
    /// Ids that no other container has.
    Auto(AutoUserNs),
    /// Ids one by one; without any the user's default map.
    Mapped {
        /// User ids.
        uids: Vec<Wish>,
        /// Group ids.
        gids: Vec<Wish>,
    },
    /// What `/etc/subuid` and `/etc/subgid` grant to somebody.
    Granted {
        /// Whose user ids.
        user: String,
        /// Whose group ids.
        group: String,
    },
    /// The user namespace of another container.
    Container(String),
    /// One by path.
    Path(PathBuf),
}

/// `--userns auto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoUserNs {
    /// How many ids; `None` is as many as the image's users need.
    pub size: Option<u32>,
    /// User ids that are to be certain ones.
    pub uids: Vec<Wish>,
    /// Group ids that are to be certain ones.
    pub gids: Vec<Wish>,
}

impl UserNsMode {
    /// The word for it, without what follows the colon.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::KeepId { .. } => "keep-id",
            Self::NoMap => "nomap",
            Self::Auto(_) => "auto",
            Self::Mapped { .. } | Self::Granted { .. } => "private",
            Self::Container(_) => "container",
            Self::Path(_) => "ns",
        }
    }
}

/// `--sdnotify`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SdNotifyMode {
    /// The payload notifies, through a filtered socket. Podman's default for `run`.
    #[default]
    Container,
    /// We notify as soon as the payload runs.
    Conmon,
    /// We notify when a health check has passed.
    Healthy,
    /// Nobody notifies.
    Ignore,
}

/// `--log-driver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDriver {
    /// The journal, under the user's own id.
    Journald,
    /// A file in the container's directory, in Kubernetes' log format.
    K8sFile,
    /// The same as `k8s-file` (as in Podman, where `json-file` is its alias).
    JsonFile,
    /// The payload gets our own standard streams.
    Passthrough,
    /// The same, where they may be a terminal.
    PassthroughTty,
    /// Nothing is kept.
    None,
}
