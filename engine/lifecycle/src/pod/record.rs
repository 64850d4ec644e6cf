//! What is remembered of a pod.

use pontoon_runtime::plan::NamespaceKind;
use serde::{Deserialize, Serialize};

use crate::request::RestartPolicy;
use crate::resources::Resources;

/// A pod. Which containers are in it is said by their own records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodRecord {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made, nanoseconds since 1970.
    pub created: u64,
    /// Whether its infra container is made as well, or it has none. A pod that is not finished and that nobody holds the lock
    /// of is what a killed command left.
    pub finished: bool,
    /// The id of the container that holds its namespaces.
    pub infra: Option<String>,
    /// `--hostname`.
    pub hostname: Option<String>,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// `--share`, in Podman's order.
    pub shared: Vec<Shared>,
    /// `--share-parent`: its containers are in a slice of its own.
    pub share_parent: bool,
    /// `--cgroup-parent`: the slice that the pod's own is in.
    pub cgroup_parent: Option<String>,
    /// What all containers together may use.
    pub resources: Resources,
    /// `--exit-policy`.
    pub exit_policy: ExitPolicy,
    /// `--restart`: of containers that say nothing else.
    pub restart: RestartPolicy,
    /// `--security-opt`, as written.
    pub security_options: Vec<String>,
    /// The whole command line.
    pub create_command: Vec<String>,
    /// `PODMAN_SYSTEMD_UNIT` of our environment.
    pub systemd_unit: Option<String>,
}

impl PodRecord {
    /// Whether its containers share such a namespace.
    #[must_use]
    pub fn shares(&self, what: Shared) -> bool {
        self.infra.is_some() && self.shared.contains(&what)
    }
}

/// A namespace that the containers of a pod share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shared {
    /// Process ids.
    Pid,
    /// Ids of users.
    User,
    /// Host name.
    Uts,
    /// Interprocess communication.
    Ipc,
    /// Network.
    Net,
    /// Control groups.
    Cgroup,
}

impl Shared {
    /// All, in the order in which Podman lists them.
    pub const ALL: [Self; 6] = [Self::Pid, Self::User, Self::Uts, Self::Ipc, Self::Net, Self::Cgroup];
    /// Those of a pod for which nothing else is said.
    pub const USUAL: [Self; 3] = [Self::Uts, Self::Ipc, Self::Net];

    /// Podman's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::User => "user",
            Self::Uts => "uts",
            Self::Ipc => "ipc",
            Self::Net => "net",
            Self::Cgroup => "cgroup",
        }
    }

    /// What the kernel has for it.
    #[must_use]
    pub fn kind(self) -> NamespaceKind {
        match self {
            Self::Pid => NamespaceKind::Pid,
            Self::User => NamespaceKind::User,
            Self::Uts => NamespaceKind::Uts,
            Self::Ipc => NamespaceKind::Ipc,
            Self::Net => NamespaceKind::Network,
            Self::Cgroup => NamespaceKind::Cgroup,
        }
    }
}

/// What becomes of a pod whose last container has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExitPolicy {
    /// Its infra container goes on.
    #[default]
    Continue,
    /// It is stopped.
    Stop,
}

impl ExitPolicy {
    /// Podman's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Stop => "stop",
        }
    }
}
