//! What is known of a container, before it has a form.

use std::collections::BTreeMap;
use std::time::SystemTime;

use pontoon_image::HealthConfig;
use pontoon_lifecycle::labels::Contexts;
use pontoon_lifecycle::request::CreateRequest;
use pontoon_monitor::health::HealthRecord;
use pontoon_rootless::idmap::IdMaps;
use serde::Serialize;

use crate::format::{NullIfEmpty, OmitEmpty};
use crate::view::network_settings::{NetworkFacts, NetworkHolder};
use crate::view::ps;

/// What is known of a container.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Id, whole.
    pub id: &'a str,
    /// Name.
    pub name: &'a str,
    /// When it was created.
    pub created: SystemTime,
    /// Image's id, whole, without `sha256:`.
    pub image_id: &'a str,
    /// Digest of the image's manifest.
    pub image_digest: String,
    /// Image's name.
    pub image_name: &'a str,
    /// SELinux contexts of its processes and files, where there are any.
    pub contexts: Option<&'a Contexts>,
    /// What was asked for.
    pub request: &'a CreateRequest,
    /// The command that runs: entry point and words.
    pub command: Vec<String>,
    /// The entry point alone.
    pub entrypoint: Option<Vec<String>>,
    /// The words behind the entry point.
    pub words: Option<Vec<String>>,
    /// Environment of the payload, `NAME=value`.
    pub env: Vec<String>,
    /// Secrets that it sees in files.
    pub secrets: Vec<Secret>,
    /// Working directory of the payload.
    pub workdir: String,
    /// User of the payload, as it was asked for or as the image has it.
    pub user: String,
    /// Host name inside.
    pub hostname: String,
    /// Labels of the image and the container together.
    pub labels: BTreeMap<String, String>,
    /// Ports that the image and `--expose` name.
    pub exposed: Vec<String>,
    /// The signal that stops it.
    pub stop_signal: i32,
    /// Seconds until it is killed.
    pub stop_timeout: u32,
    /// Its health check, with every default filled in.
    pub healthcheck: Option<HealthConfig>,
    /// What it is doing.
    pub state: StateFacts,
    /// Its id maps, told by the user's default map, if it has others.
    pub id_maps: Option<IdMaps>,
    /// Containers that it needs: each as it was named, and its id.
    pub needed: Vec<(String, String)>,
    /// Whether it is made ready for systemd.
    pub systemd: bool,
    /// Its mounts.
    pub mounts: Vec<Mount>,
    /// Capabilities in effect and at most, by the kernel's names.
    pub effective_caps: Vec<String>,
    /// Capabilities it could ever get.
    pub bounding_caps: Vec<String>,
    /// `pasta`, `host`, …
    pub network_mode: &'a str,
    /// The networks with names that it is on, or whoever has its network namespace.
    pub networks: Vec<NetworkFacts>,
    /// The container that has its network namespace, if that is another one.
    pub network_holder: Option<NetworkHolder>,
    /// Directory of the container on disk.
    pub directory: String,
    /// Files that are made for it at its start.
    pub files: MadeFiles,
    /// Where the log goes: `journald`, …
    pub log_driver: &'a str,
    /// The log's file; empty if there is none.
    pub log_path: String,
    /// Directories of its root file system.
    pub graph: GraphDriver,
    /// `systemd` or `cgroupfs`.
    pub cgroup_manager: &'a str,
    /// Sizes, where they were asked for.
    pub size: Option<ps::Size>,
}

/// Paths of the files of `/etc` that are made for a container; empty where there is none.
#[derive(Debug, Clone, Default)]
pub struct MadeFiles {
    /// `/etc/resolv.conf`
    pub resolv_conf: String,
    /// `/etc/hostname`
    pub hostname: String,
    /// `/etc/hosts`
    pub hosts: String,
}

/// What a container is doing.
#[derive(Debug, Clone)]
pub struct StateFacts {
    /// In one word.
    pub state: ps::State,
    /// Its first process; 0 if there is none.
    pub pid: i32,
    /// Its monitor; 0 if there is none.
    pub monitor_pid: i32,
    /// How it ended last.
    pub exit_code: i32,
    /// Whether it was killed for want of memory.
    pub oom_killed: bool,
    /// Why it could not be started last; empty if it could.
    pub error: String,
    /// When it was started last.
    pub started_at: Option<SystemTime>,
    /// When it ended last.
    pub finished_at: Option<SystemTime>,
    /// What health checks have said in its last run.
    pub health: Option<HealthRecord>,
    /// How often its supervisor has started it anew.
    pub restarts: u32,
    /// Whether somebody stopped it.
    pub stopped: bool,
    /// Ids of the sessions of `exec` that go on.
    pub sessions: Vec<String>,
    /// Its cgroup, from the root of cgroups on; empty if it does not run.
    pub cgroup_path: String,
}

/// A mount, as Podman tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    /// `bind`, `volume` or `image`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Name of the volume; empty for others.
    pub name: OmitEmpty<String>,
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// `local` for volumes; empty for others.
    pub driver: String,
    /// `z` or `Z`, if that was asked for.
    pub mode: String,
    /// Options; images have none.
    pub options: NullIfEmpty<Option<Vec<String>>>,
    /// Whether it can be written to.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// `rprivate`, …
    pub propagation: String,
    /// What of it is mounted, if not all.
    pub sub_path: OmitEmpty<String>,
    /// How `HostConfig.Binds` tells of it, if it does.
    #[serde(skip)]
    pub bind: Option<String>,
}

/// A secret that a container sees in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Owner of the file.
    #[serde(rename = "UID")]
    pub uid: u32,
    /// Group of the file.
    #[serde(rename = "GID")]
    pub gid: u32,
    /// Mode of the file.
    pub mode: u32,
}

/// How a root file system is put together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GraphDriver {
    /// `overlay` or `vfs`.
    pub name: String,
    /// `LowerDir`, `UpperDir`, …
    pub data: BTreeMap<String, String>,
}
