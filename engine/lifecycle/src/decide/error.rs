//! Why no plan can be made.

use std::path::PathBuf;

use pontoon_network::PlanError;
use pontoon_runtime::capabilities::CapError;
use pontoon_runtime::seccomp::CompileError;

use super::VOLUME_HINT;
use crate::devices::NoFilter;
use crate::health::HealthError;
use crate::mount_ids::MountIdsError;

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// Nothing to run.
    #[error("no command is given, and the image `{image}` has none")]
    NoCommand {
        /// The image.
        image: String,
    },
    /// Nothing to run in a directory.
    #[error("no command is given, and the directory `{}` names none", rootfs.display())]
    NoCommandFor {
        /// The directory.
        rootfs: PathBuf,
    },
    /// A mount where none may be.
    #[error("cannot mount at `{target}`: {reason}")]
    Target {
        /// Path in the container.
        target: String,
        /// Why not.
        reason: &'static str,
    },
    /// Owners of what is mounted.
    #[error("cannot mount at `{target}`")]
    MountIds {
        /// Path in the container.
        target: String,
        /// Why not.
        #[source]
        reason: MountIdsError,
    },
    /// A volume that only root can mount.
    #[error("the volume `{name}` is a file system of type {kind}, which only root can mount")]
    VolumeFilesystem {
        /// Its name.
        name: String,
        /// The type.
        kind: String,
    },
    /// An image that is mounted needs the kernel's overlayfs.
    #[error(
        "the image `{image}` cannot be mounted: that needs the kernel's overlayfs, and fuse-overlayfs is used here"
    )]
    FuseImage {
        /// Its name.
        image: String,
    },
    /// Capabilities.
    #[error(transparent)]
    Capability(#[from] CapError),
    /// A capability that we do not have ourselves.
    #[error("{capability} cannot be added: this process does not have it itself")]
    NotOurs {
        /// Its name.
        capability: String,
    },
    /// The filter.
    #[error("cannot make the system call filter")]
    Seccomp(#[from] CompileError),
    /// A profile that asks somebody at every call.
    #[error("seccomp profiles with SCMP_ACT_NOTIFY or flags are not supported")]
    SeccompListener,
    /// The network.
    #[error(transparent)]
    Network(#[from] PlanError),
    /// A signal that is none.
    #[error("the image's stop signal `{signal}` is not a signal")]
    StopSignal {
        /// As written.
        signal: String,
    },
    /// A limit without a group to apply it to.
    #[error("{option} cannot be applied: the container has no cgroup of its own here")]
    NoCgroup {
        /// The option.
        option: String,
    },
    /// Rules for devices that nobody keeps.
    #[error("--device-cgroup-rule cannot be applied: {0}")]
    NoDeviceFilter(NoFilter),
    /// Ids that need the kernel's overlayfs.
    #[error(
        "a container without the user's own id needs the kernel's overlayfs, and fuse-overlayfs is used here"
    )]
    FuseMaps,
    /// A health check.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// A kernel setting that would change the host's.
    #[error("the kernel setting `{name}` belongs to the host's {what}, which the container shares")]
    HostSysctl {
        /// Its name.
        name: String,
        /// The namespace that it is a setting of.
        what: &'static str,
        /// What gives the container its own.
        instead: &'static str,
    },
}

impl DecideError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCommand { .. } | Self::NoCommandFor { .. } => {
                Some("give a command after it (Exec= in a unit), or --entrypoint".to_owned())
            }
            Self::Capability(err) => err.hint(),
            Self::NotOurs { .. } => {
                Some("somebody above us has taken it away: see CapabilityBoundingSet= of the unit".to_owned())
            }
            Self::Network(err) => err.hint(),
            Self::Health(err) => err.hint(),
            Self::NoCgroup { .. } => Some(
                "run it from a session with a systemd user manager (`loginctl enable-linger`, then log in through ssh or a \
                 console), or in a unit with Delegate=yes"
                    .to_owned(),
            ),
            Self::FuseMaps => {
                Some("`pontoon info` says why; or use --userns keep-id".to_owned())
            }
            Self::MountIds { reason, .. } => reason.hint(),
            Self::VolumeFilesystem { .. } => Some(VOLUME_HINT.to_owned()),
            Self::FuseImage { .. } => Some("`pontoon info` says why".to_owned()),
            Self::HostSysctl { instead, .. } => Some(format!("use {instead}, or set it on the host")),
            Self::NoDeviceFilter(why) => why.hint(),
            Self::Target { .. } | Self::Seccomp(_) | Self::SeccompListener | Self::StopSignal { .. } => None,
        }
    }

    /// The exit code it gives.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::NoCommand { .. } | Self::NoCommandFor { .. } => 127,
            _ => 125,
        }
    }
}
