//! What a container's files are to be: its root file system, mounts, secrets, devices.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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

/// `--security-opt proc-opts=`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcOptions {
    /// Options of the file system, each a name with a value: `hidepid`, `gid`, `subset` (proc(5)).
    pub of_filesystem: Vec<(String, String)>,
    /// `ro`.
    pub read_only: bool,
}

impl ProcOptions {
    /// Whether nothing was asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
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
