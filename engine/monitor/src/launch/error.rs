//! Why a container does not run.

use std::io;

use pontoon_network::NetworkError;
use pontoon_network::lease::LeaseError;
use pontoon_rootless::cgroup::CgroupError;
use pontoon_runtime::fuse;
use pontoon_runtime::hooks::HookFailure;
use pontoon_runtime::start::StartError;

/// Why the container does not run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The process.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The cgroup.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The network.
    #[error("cannot connect the container to the network")]
    Network(#[from] NetworkError),
    /// Its networks with names.
    #[error("cannot connect the container to its networks")]
    Lease(#[from] LeaseError),
    /// The root file system by its helper.
    #[error(transparent)]
    Fuse(#[from] fuse::FuseError),
    /// The container whose ipc namespace it shares was made without `/dev/shm`.
    #[error("the container whose ipc namespace is shared has no /dev/shm")]
    NoSharedMemory,
    /// The container whose namespaces it shares.
    #[error("the container whose namespaces are shared does not run")]
    NotRunning,
    /// The infra container of its pod.
    #[error("the infra container of its pod is being stopped")]
    PodEnds,
    /// The file system of a volume.
    #[error("cannot have the volume `{name}` together with the containers that use it")]
    Volume {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A hook.
    #[error(transparent)]
    Hook(#[from] HookFailure),
    /// The program that decides about devices.
    #[error("cannot limit the container to its devices")]
    Devices(#[source] io::Error),
    /// Who started us does not want it any more: nothing is to be told, nor to be put in order.
    #[error("nobody waits for the container any more")]
    Unwanted,
    /// Somebody does not want it to run after all.
    #[error("the container was stopped before it was started")]
    Stopped,
    /// Anything around them.
    #[error("cannot {deed}")]
    Io {
        /// What was tried.
        deed: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl LaunchError {
    pub(crate) fn io(deed: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { deed: deed.into(), source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Start(err) => err.hint(),
            Self::Cgroup(err) => err.hint(),
            Self::Network(err) => err.hint(),
            Self::Lease(err) => err.hint(),
            Self::Fuse(err) => err.hint(),
            Self::Hook(_) => None,
            Self::NotRunning => Some("start that one first".to_owned()),
            Self::PodEnds => Some("start it again when that has ended, which starts both".to_owned()),
            Self::Devices(_) => Some(
                "the kernel needs CONFIG_CGROUP_BPF, and whoever starts us must leave us CAP_BPF or CAP_SYS_ADMIN".to_owned(),
            ),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("the file system of the runtime directory (`pontoon info` names it) is full: make room there".to_owned())
            }
            Self::Volume { .. } => Some("stop those first, or start this one where they were started".to_owned()),
            Self::NoSharedMemory | Self::Unwanted | Self::Stopped | Self::Io { .. } => None,
        }
    }

    /// The exit code it gives.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Start(err) => err.exit_code(),
            Self::Hook(_) => 126,
            _ => 125,
        }
    }
}
