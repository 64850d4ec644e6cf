//! How a container is to be run and looked after.

use serde::{Deserialize, Serialize};

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
