//! The namespaces of a container.

use std::path::PathBuf;

use pontoon_rootless::idmap::IdMaps;
use serde::{Deserialize, Serialize};

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

/// A further container some of whose namespaces are joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherContainer {
    /// Its first process, as the host sees it.
    pub process: i32,
    /// Its runtime directory, where its supervisor says which process that is by now.
    pub run_directory: PathBuf,
    /// What is joined.
    pub kinds: Vec<NamespaceKind>,
}

/// Namespaces of other containers, or by path.
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
    /// Those of them that are of further containers, which are in the same user namespace.
    #[serde(default)]
    pub others: Vec<OtherContainer>,
    /// The container has a user namespace of its own all the same: as root, where those joined are the host's.
    #[serde(default)]
    pub own_user: bool,
}

impl JoinedNamespaces {
    /// The process whose namespace of a kind is joined; `None` if none is, or one by path.
    #[must_use]
    pub fn process_with(&self, kind: NamespaceKind) -> Option<i32> {
        let other = self.others.iter().find(|it| it.kinds.contains(&kind)).map(|it| it.process);
        other.or_else(|| self.is_of_process(kind).then_some(self.process))
    }

    /// Whether one of the process's own is joined, and not one by path or of a further container.
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
        let is_elsewhere =
            self.paths.iter().any(|it| it.0 == kind) || self.others.iter().any(|it| it.kinds.contains(&kind));
        is_joined && self.process != 0 && !is_elsewhere
    }
}
