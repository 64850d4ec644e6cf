//! The plan of a container: everything that was decided, as one printable value.
//!
//! Paths of the host are absolute; paths of the container begin with `/` and are resolved inside its root only.

mod mount;
mod namespaces;
mod process;

use std::path::PathBuf;

use pontoon_rootless::idmap::IdMaps;
use serde::{Deserialize, Serialize};

pub use self::mount::{Allows, CommonVolume, FirstCopy, Mount, MountSource, Propagation};
pub use self::namespaces::{JoinedNamespaces, Mounter, NamespaceKind, Namespaces, OtherContainer};
pub use self::process::{Capabilities, Entry, HostEntry, Labels, Process, Rlimit, Window};
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
            hosts: self.process.host_entries().to_vec(),
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
    /// Users of the host's that the container may not know yet.
    pub hosts: Vec<HostEntry>,
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
