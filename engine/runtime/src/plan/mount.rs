//! What is mounted in a container.

use std::path::PathBuf;

use pontoon_rootless::idmap::IdMaps;
use serde::{Deserialize, Serialize};

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
    /// What of this is allowed, also where the host's mount forbids it.
    #[serde(default)]
    pub allows: Allows,
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

/// What the host's own mounts of what is shown forbid, and somebody asks for all the same. Only whoever is root of the host
/// can have it (mount_namespaces(7), locked flags).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allows {
    /// Set-user-id bits.
    pub suid: bool,
    /// Device files.
    pub dev: bool,
    /// Programs.
    pub exec: bool,
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

/// How a volume begins that is still empty: with what the root file system has at the target, or else with its owner set to
/// the container's user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstCopy {
    /// Where the copy is prepared: beside the volume, on the same file system.
    pub staging: PathBuf,
    /// The volume's owner and mode stay as they are.
    #[serde(default)]
    pub keeps_owner: bool,
    /// Only owner and mode are taken over, and nothing is copied.
    #[serde(default)]
    pub only_owner: bool,
}

/// A volume that is a file system. It is made when the first container starts that uses it, and is gone when the last has
/// ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonVolume {
    /// Its name.
    pub name: String,
    /// Where those are known that have it: a directory of the runtime directory's.
    pub place: PathBuf,
    /// Its directory in the store, where root may have mounted it.
    pub data: PathBuf,
    /// Its type, as the kernel calls it.
    pub kind: String,
    /// What it is on; just a word for most.
    pub device: Option<String>,
    /// Its options, as for [`MountSource::Filesystem`].
    pub options: Vec<(String, Option<String>)>,
    /// Maps of the user namespace that it is made in: all ids that its users can have. `None` as root.
    pub user: Option<IdMaps>,
    /// It begins with what the root file system has at the target.
    pub copies: bool,
}

impl CommonVolume {
    /// Whether what it holds is gone when it is.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        matches!(self.kind.as_str(), "tmpfs" | "ramfs")
    }
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
        /// A volume that is still empty begins with this.
        first_copy: Option<FirstCopy>,
        /// A file or directory in it that is mounted instead; no link leads out of it.
        #[serde(default)]
        subpath: Option<String>,
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
    /// The file system of a volume, which all containers that use it at the same time have together.
    Common {
        /// What it is, and where it is found.
        volume: CommonVolume,
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
        /// As for `Bind`: the directory gets what it begins with, before anything is laid over it.
        #[serde(default)]
        first_copy: Option<FirstCopy>,
    },
    /// A device node of the host.
    Device {
        /// Its path.
        path: PathBuf,
        /// Expected major and minor number; a node that is another device is refused.
        number: Option<(u32, u32)>,
        /// The container gets a node of its own like it, if whoever makes it may make nodes (mknod(2)): one whose root is the
        /// host's would else change the host's.
        #[serde(default)]
        is_own: bool,
    },
}
