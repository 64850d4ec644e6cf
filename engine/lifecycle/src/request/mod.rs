//! What was asked for, understood: the border between the words of a command line and the deeds.
//!
//! A request has been parsed but nothing has been looked up yet: no image, no user, no file of the host.
//! It is kept in the container's record, so that `start` and `inspect` can read it again.

mod files;
mod namespaces;
mod pod;
mod running;

use std::path::PathBuf;

pub use pontoon_monitor::health::OnFailure;
pub use pontoon_monitor::restart::RestartPolicy;
use pontoon_network::PortMapping;
pub use pontoon_network::join::MacAddress;
pub use pontoon_rootless::idmap::{Outside, Wish};
pub use pontoon_runtime::devices::DeviceRule;
use serde::{Deserialize, Serialize};

pub use self::files::{
    DeviceRequest, ImageVolumeMode, MountRequest, MountSource, ProcOptions, RootfsRequest, SeccompRequest,
    SecretPlace, SecretUse,
};
pub use self::namespaces::{AutoUserNs, HostsFile, NamespaceMode, NetworkMode, NetworkUse, UserNsMode};
pub use self::pod::{Infra, InitContainer, PodMember};
pub use self::running::{CgroupMode, LogDriver, PullPolicy, SdNotifyMode, SystemdMode};
use crate::health::HealthRequest;
use crate::pod::Shared;
use crate::resources::Resources;

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
    /// `--security-opt proc-opts=`: of the container's `/proc`.
    pub proc_options: ProcOptions,
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
    /// Namespaces of which the default was asked for by name (`--uts private`, `--userns host`): it is had instead of the pod's.
    pub by_name: Vec<Shared>,
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

    /// The first option that is given and needs a network of the container's own: it cannot be had with another one's.
    #[must_use]
    pub fn own_network_option(&self) -> Option<&'static str> {
        [
            ("--publish", !self.publish.is_empty() || self.publish_all),
            ("--dns", !self.dns.is_empty()),
            ("--dns-search", !self.dns_search.is_empty()),
            ("--dns-option", !self.dns_option.is_empty()),
            ("--add-host", !self.add_host.is_empty()),
        ]
        .into_iter()
        .find_map(|(option, is_set)| is_set.then_some(option))
    }

    /// Takes back what is said of name servers by these options.
    pub fn forget_name_servers(&mut self, options: &[&str]) {
        for (option, words) in [
            ("--dns", &mut self.dns),
            ("--dns-search", &mut self.dns_search),
            ("--dns-option", &mut self.dns_option),
        ] {
            if options.contains(&option) {
                words.clear();
            }
        }
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
        if let UserNsMode::Container(name) = &self.userns {
            found.push(("--userns", name.as_str()));
        }
        if let Some(NetworkMode::Container(name)) = &self.network {
            found.push(("--network", name.as_str()));
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
