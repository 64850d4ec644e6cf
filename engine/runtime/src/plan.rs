//! The plan of a container: everything that was decided, as one printable value.
//!
//! Paths of the host are absolute; paths of the container begin with `/` and are resolved inside its root only.

use std::path::PathBuf;

use pontoon_rootless::idmap::IdMaps;
use serde::{Deserialize, Serialize};

use crate::hooks::Hooks;

/// What becomes a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The root file system.
    pub rootfs: Rootfs,
    /// Namespaces.
    pub namespaces: Namespaces,
    /// Host name inside; `None` keeps the host's.
    pub hostname: Option<String>,
    /// Mounts, in the order in which they are made.
    pub mounts: Vec<Mount>,
    /// Paths that are covered, so that nothing can be read there.
    pub masked_paths: Vec<String>,
    /// Paths that are made read-only.
    pub readonly_paths: Vec<String>,
    /// Kernel settings, as `net.ipv4.ping_group_range` and value.
    pub sysctls: Vec<(String, String)>,
    /// The first process.
    pub process: Process,
    /// Programs that run at certain moments.
    #[serde(default)]
    pub hooks: Hooks,
}

impl Plan {
    /// Whether processes of another container see the first process while it is set up, and would look for the host in it.
    /// (A program that serves the root file system has to find it in /proc, seen or not.)
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.namespaces.joined.as_ref().is_some_and(|it| it.pid)
            && !matches!(self.rootfs.source, RootfsSource::Fuse { .. })
    }

    /// What its files are put together from.
    #[must_use]
    pub fn files(&self) -> Files {
        Files {
            rootfs: self.rootfs.clone(),
            user: self.namespaces.user.clone(),
            mounter: self.namespaces.mounter.clone(),
            mounts: self.mounts.clone(),
            owner: self.process.user.clone(),
        }
    }
}

/// What a container's files are put together from, for work on them while it does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The root file system: the kernel's overlayfs.
    pub rootfs: Rootfs,
    /// Maps of a new user namespace; `None` stays in ours (as root).
    pub user: Option<IdMaps>,
    /// Who puts them together, where those ids do not include ours.
    pub mounter: Option<Mounter>,
    /// What is mounted from the host.
    pub mounts: Vec<Mount>,
    /// Who gets a volume that is still empty: the container's user, looked up in the container.
    pub owner: String,
}

/// Where the root file system comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rootfs {
    /// What is mounted.
    pub source: RootfsSource,
    /// An existing directory to mount it on, in the container's own mount namespace.
    pub mount_point: PathBuf,
    /// Whether it is read-only once everything is in place.
    pub read_only: bool,
    /// Whether device nodes in it are devices. What an image brings along never is, unless somebody gives it everything.
    #[serde(default)]
    pub devices: bool,
    /// SELinux context of all files in it.
    #[serde(default)]
    pub label: Option<String>,
}

impl Rootfs {
    /// Whether overlay's own marks are `user.overlay.*` attributes here.
    #[must_use]
    pub fn userxattr(&self) -> bool {
        match self.source {
            RootfsSource::Overlay { userxattr, .. } | RootfsSource::Directory { userxattr, .. } => userxattr,
            RootfsSource::Fuse { .. } => true,
        }
    }
}

/// Ways to make a root file system of layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootfsSource {
    /// The kernel's overlayfs.
    Overlay {
        /// Read-only directories, the topmost first.
        lower: Vec<PathBuf>,
        /// The directory that takes the changes.
        upper: PathBuf,
        /// Its work directory, on the same file system.
        work: PathBuf,
        /// Whether overlay's own marks are `user.overlay.*` attributes (in a user namespace) and not `trusted.overlay.*`.
        userxattr: bool,
        /// Leave out `fsync` on the upper layer: for containers that are removed when they end.
        volatile: bool,
    },
    /// `fuse-overlayfs`, a program that runs beside the container in its user namespace.
    Fuse {
        /// The program.
        program: PathBuf,
        /// As for `Overlay`.
        lower: Vec<PathBuf>,
        /// As for `Overlay`.
        upper: PathBuf,
        /// As for `Overlay`.
        work: PathBuf,
    },
    /// A directory of the host as it is.
    Directory {
        /// The directory.
        path: PathBuf,
        /// Its files are shown with other owners: see [`Mount::ids`].
        ids: Option<IdMaps>,
        /// As for `Overlay`, for what is laid over other directories.
        userxattr: bool,
    },
}

impl RootfsSource {
    /// The directories that its files come from, the topmost first.
    #[must_use]
    pub fn lower(&self) -> &[PathBuf] {
        match self {
            Self::Overlay { lower, .. } | Self::Fuse { lower, .. } => lower,
            Self::Directory { path, .. } => std::slice::from_ref(path),
        }
    }
}

/// Which namespaces are new. The mount namespace always is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// Maps of a new user namespace; `None` stays in ours (as root).
    pub user: Option<IdMaps>,
    /// Who puts the files together, where those ids do not include ours.
    #[serde(default)]
    pub mounter: Option<Mounter>,
    /// A network namespace of its own, or of a container that it joins; else the host's.
    pub network: bool,
    /// The host's pid namespace.
    #[serde(default)]
    pub host_pid: bool,
    /// The host's ipc namespace.
    #[serde(default)]
    pub host_ipc: bool,
    /// The host's uts namespace.
    #[serde(default)]
    pub host_uts: bool,
    /// Namespaces of a running container, which are joined; with them its user namespace.
    #[serde(default)]
    pub joined: Option<JoinedNamespaces>,
    /// Whether we switch the loopback interface on, because no helper does.
    pub loopback_up: bool,
    /// A cgroup namespace of its own.
    pub cgroup: bool,
}

/// A process that has our own ids and puts a container's files together, because nobody in the container could reach
/// them. The container's user namespace is made below its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mounter {
    /// Maps of its user namespace; `None` stays in ours (as root).
    pub user: Option<IdMaps>,
}

impl Mounter {
    /// A container's maps, told by ids that the process has.
    #[must_use]
    pub fn told(&self, maps: &IdMaps) -> IdMaps {
        self.user.as_ref().map_or_else(|| maps.clone(), |own| maps.within(own))
    }
}

/// Kinds of namespaces that can be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceKind {
    /// Ids of users.
    User,
    /// Network.
    Network,
    /// Process ids.
    Pid,
    /// System V and POSIX interprocess communication.
    Ipc,
    /// Host name.
    Uts,
    /// Control groups.
    Cgroup,
}

/// Namespaces of another container, or by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedNamespaces {
    /// Its first process, as the host sees it; 0 if all are by path.
    pub process: i32,
    /// Its runtime directory, where its supervisor says which process that is by now.
    #[serde(default)]
    pub run_directory: PathBuf,
    /// Its network namespace.
    pub network: bool,
    /// Its pid namespace.
    pub pid: bool,
    /// Its uts namespace.
    pub uts: bool,
    /// Its ipc namespace.
    #[serde(default)]
    pub ipc: bool,
    /// Its cgroup namespace.
    #[serde(default)]
    pub cgroup: bool,
    /// Those of them that are by path, and not the process's.
    #[serde(default)]
    pub paths: Vec<(NamespaceKind, PathBuf)>,
    /// The container has a user namespace of its own all the same: as root, where those joined are the host's.
    #[serde(default)]
    pub own_user: bool,
}

impl JoinedNamespaces {
    /// Whether one of the process's own is joined, and not one by path.
    #[must_use]
    pub fn is_of_process(&self, kind: NamespaceKind) -> bool {
        let is_joined = match kind {
            NamespaceKind::User => !self.own_user,
            NamespaceKind::Network => self.network,
            NamespaceKind::Pid => self.pid,
            NamespaceKind::Ipc => self.ipc,
            NamespaceKind::Uts => self.uts,
            NamespaceKind::Cgroup => self.cgroup,
        };
        is_joined && self.process != 0 && !self.paths.iter().any(|it| it.0 == kind)
    }
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Path in the container; made if it is missing.
    pub target: String,
    /// What is mounted there.
    pub source: MountSource,
    /// No writing.
    #[serde(default)]
    pub read_only: bool,
    /// Set-user-id bits and file capabilities have no effect.
    #[serde(default)]
    pub nosuid: bool,
    /// Device files cannot be opened.
    #[serde(default)]
    pub nodev: bool,
    /// Programs cannot be executed.
    #[serde(default)]
    pub noexec: bool,
    /// How mounts travel between host and container.
    #[serde(default)]
    pub propagation: Propagation,
    /// Everything in it is given to the container's user first (`U`).
    #[serde(default)]
    pub give_to_user: bool,
    /// The file itself is given to this user and group of the container first.
    #[serde(default)]
    pub owner: Option<(u32, u32)>,
    /// Everything in it is shared with this group of the container first (`fsgroup`), as far as it may be written to.
    #[serde(default)]
    pub group: Option<u32>,
    /// If there is nothing in it, it gets first what the root file system has at the target.
    #[serde(default)]
    pub fill: bool,
    /// Its files are shown with other owners: ids of the file system on the container's side, what they become on the host's.
    #[serde(default)]
    pub ids: Option<IdMaps>,
}

/// Mount propagation, see mount_namespaces(7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// None.
    #[default]
    Private,
    /// From the host to the container.
    Slave,
    /// Both ways.
    Shared,
    /// None, and nobody can bind it elsewhere.
    Unbindable,
}

/// The source of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountSource {
    /// A new `proc`.
    Proc,
    /// A new `proc` with options that somebody asked for.
    AskedProc {
        /// Options for the file system: `hidepid`, `gid`, `subset`.
        options: Vec<(String, String)>,
    },
    /// A new `sysfs`; needs a network namespace of its own.
    Sysfs,
    /// A new `cgroup2`; needs a cgroup namespace of its own.
    Cgroup,
    /// A new `mqueue`.
    Mqueue,
    /// `/dev/shm` of the container that is joined.
    SharedMemory,
    /// A new `devpts`.
    Devpts {
        /// Group of the terminals, where it is mapped.
        gid: Option<u32>,
        /// Their SELinux context.
        #[serde(default)]
        label: Option<String>,
    },
    /// A new `devpts` that somebody asked for.
    AskedDevpts {
        /// Options for the file system: `uid`, `gid`, `mode`, `max`.
        options: Vec<(String, String)>,
    },
    /// A new `tmpfs`.
    Tmpfs {
        /// Options for the file system: `size`, `mode`, `nr_inodes`, `uid`, `gid`.
        options: Vec<(String, String)>,
        /// Start with a copy of what the root file system has at the target.
        copy_up: bool,
    },
    /// A file or directory of the host.
    Bind {
        /// Its path.
        path: PathBuf,
        /// With what is mounted below it.
        recursive: bool,
        /// Where a first copy is prepared, for a volume that is still empty: it starts with what the root file system has
        /// at the target, or else with its owner set to the container's user. A directory of the same file system.
        first_copy: Option<PathBuf>,
        /// A file or directory in it that is mounted instead; no link leads out of it.
        #[serde(default)]
        subpath: Option<String>,
        /// The first copy leaves the volume's owner as it is.
        #[serde(default)]
        keeps_owner: bool,
    },
    /// A file of the host; where the target is a directory, it is mounted in it.
    File {
        /// Its path.
        path: PathBuf,
        /// What it is called in a directory.
        name: String,
    },
    /// A path of the host that is not followed if it is a link: then the container gets the same link.
    Link {
        /// The path.
        path: PathBuf,
        /// As for `Bind`.
        recursive: bool,
    },
    /// Another file system of the kernel's.
    Filesystem {
        /// Its type.
        kind: String,
        /// What it is on, as the kernel takes it: a device, `server:/path`, or just a word.
        device: Option<String>,
        /// Its options; words without a value that are attributes of mounts (`ro`, `noatime`, …) are taken as such.
        options: Vec<(String, Option<String>)>,
        /// A file or directory in it that is mounted instead.
        subpath: Option<String>,
    },
    /// The files of an image.
    Image {
        /// Its layers, the topmost first.
        layers: Vec<PathBuf>,
        /// A file or directory in it that is mounted instead.
        subpath: Option<String>,
        /// A directory for the changes, which begin anew, and what belongs to them.
        changes: PathBuf,
    },
    /// A directory of the host, with another one that takes the changes.
    Overlay {
        /// The directory.
        lower: PathBuf,
        /// A directory in it that is meant instead.
        subpath: Option<String>,
        /// What takes the changes.
        upper: PathBuf,
        /// Its work directory, on the same file system.
        work: PathBuf,
        /// Begin anew: what is in the last two is deleted.
        is_fresh: bool,
    },
    /// A device node of the host.
    Device {
        /// Its path.
        path: PathBuf,
        /// Expected major and minor number; a node that is another device is refused.
        number: Option<(u32, u32)>,
    },
}

/// A process to run in a container: the first one, or one that joins later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Program and arguments.
    pub args: Vec<String>,
    /// Environment, `NAME=value`; `HOME` is added from the container's user database where it is missing.
    pub env: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// Whether a missing working directory is made (the image asks for it) or an error (a person asked for it).
    pub create_cwd: bool,
    /// Who runs it: `user`, `uid`, `user:group`, …; looked up in the container.
    pub user: String,
    /// More groups, names or numbers.
    pub groups: Vec<String>,
    /// Our own supplementary groups stay, in place of those of the user database.
    #[serde(default)]
    pub keep_groups: bool,
    /// The entry that `/etc/passwd` gets if it has none for the user; `None` makes no entry.
    pub entry: Option<Entry>,
    /// Capabilities if the user is root inside.
    pub root_capabilities: Capabilities,
    /// Capabilities for any other user.
    pub user_capabilities: Capabilities,
    /// `no_new_privs`.
    pub no_new_privileges: bool,
    /// Resource limits: `RLIMIT_*` number, soft, hard; `None` is unlimited.
    pub rlimits: Vec<Rlimit>,
    /// File mode creation mask.
    pub umask: u32,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
    /// A terminal of its own.
    pub terminal: bool,
    /// So many descriptors from 3 on stay open.
    #[serde(default)]
    pub preserve_fds: u32,
    /// Labels of security modules.
    #[serde(default)]
    pub labels: Labels,
    /// Descriptors with these numbers stay open.
    #[serde(default)]
    pub preserved: Vec<u32>,
    /// What the kernel says it is (personality(2)); `None` leaves our own.
    #[serde(default)]
    pub personality: Option<u32>,
    /// Nobody holds its terminal: the supervisor reads what is written there, and forgets it.
    #[serde(default)]
    pub unattended: bool,
    /// Put a small init before it, which reaps orphans and forwards signals.
    pub init: bool,
    /// Nothing is executed: that init stands alone, until it is asked to end. For containers that only hold namespaces.
    #[serde(default)]
    pub pauses: bool,
}

/// Labels that a program is executed with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// Its AppArmor profile.
    pub apparmor: Option<String>,
    /// Its SELinux context.
    pub selinux: Option<String>,
}

/// What a user that the image does not know is called in its user database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Login name.
    pub name: String,
    /// The line of `/etc/passwd`, with `$USERNAME`, `$UID`, `$GID`, `$NAME` and `$HOME`; `None` is the usual one.
    #[serde(default)]
    pub passwd: Option<String>,
    /// Lines of `/etc/passwd` for users of the host's, each with the name and the number that it is about: where the image
    /// knows one of them it gets none.
    #[serde(default)]
    pub hosts: Vec<HostEntry>,
    /// The line of `/etc/group`, with `$GROUPNAME`, `$GID` and `$USERLIST`; `None` is the usual one.
    #[serde(default)]
    pub group: Option<String>,
}

/// A user of the host's who is to be known in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// The line.
    pub line: String,
}

/// One resource limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// `RLIMIT_*`.
    pub resource: u32,
    /// Soft limit; `None` is unlimited.
    pub soft: Option<u64>,
    /// Hard limit; `None` is unlimited.
    pub hard: Option<u64>,
}

/// The capability sets of a process, bit `n` for capability number `n` (capabilities(7)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// What can ever be gained.
    pub bounding: u64,
    /// What counts now.
    pub effective: u64,
    /// What can be switched on.
    pub permitted: u64,
    /// What survives `execve` of files that inherit.
    pub inheritable: u64,
    /// What survives `execve` of any file.
    pub ambient: u64,
}

impl From<crate::capabilities::ProcessCaps> for Capabilities {
    fn from(caps: crate::capabilities::ProcessCaps) -> Self {
        Self {
            bounding: caps.bounding.bits(),
            effective: caps.effective.bits(),
            permitted: caps.permitted.bits(),
            inheritable: caps.inheritable.bits(),
            ambient: caps.ambient.bits(),
        }
    }
}
