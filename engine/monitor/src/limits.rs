//! Limits of a container's control group: which there are, and how they are written.

use pontoon_rootless::cgroup::{Cgroup, CgroupError};
use serde::{Deserialize, Serialize};

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Controller: `memory`, `pids`, ….
    pub controller: Controller,
    /// File of the group.
    pub file: String,
    /// What is written.
    pub value: String,
    /// The option that asks for it; `None` is a default, which is left out where it cannot be applied.
    pub option: Option<String>,
    /// What is written instead where the group has no such file.
    #[serde(default)]
    pub otherwise: Option<Box<Limit>>,
}

/// Controllers of cgroup v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// Memory and swap.
    Memory,
    /// Number of processes.
    Pids,
    /// Processor time.
    Cpu,
    /// Which processors and memory nodes.
    Cpuset,
    /// Block devices.
    Io,
    /// Any other.
    Other,
}

impl Controller {
    /// The kernel's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::Cpuset => "cpuset",
            Self::Io => "io",
            Self::Other => "matching",
        }
    }

    /// The controller that a file of a group belongs to.
    #[must_use]
    pub fn of(file: &str) -> Self {
        match file.split('.').next().unwrap_or(file) {
            "memory" => Self::Memory,
            "pids" => Self::Pids,
            "cpu" => Self::Cpu,
            "cpuset" => Self::Cpuset,
            "io" => Self::Io,
            _ => Self::Other,
        }
    }
}

/// Writes limits, in order. Those that are only defaults are left out where they cannot be applied.
///
/// # Errors
/// See [`CgroupError`].
pub fn apply(limits: &[Limit], cgroup: &Cgroup) -> Result<(), CgroupError> {
    for limit in limits {
        let limit = match &limit.otherwise {
            Some(other) if !cgroup.path().join(&limit.file).exists() => other,
            _ => limit,
        };
        let option = limit.option.as_deref();
        let written =
            cgroup.set_limit(limit.controller.name(), &limit.file, &limit.value, option.unwrap_or_default());
        if option.is_some() {
            written?;
        }
    }
    Ok(())
}
