//! Why the facts of a container could not be read.

use std::io;
use std::path::PathBuf;

use pontoon_network::FactsError;
use pontoon_rootless::helper::MissingHelper;
use pontoon_storage::{FileError, FindImageError, ShiftError};

use crate::artifact::UseArtifactError;
use crate::cdi::CdiError;
use crate::decide::DecideError;
use crate::devices::DeviceError;
use crate::hooks::HooksError;
use crate::id_maps::IdMapsError;
use crate::labels::apparmor::AppArmorError;
use crate::mount_ids::MountIdsError;
use crate::network::AttachError;
use crate::overlay::OverlayError;
use crate::resources::NoDevice;
use crate::secret::UseError;
use crate::sharing::SharingError;
use crate::user_namespace::EnterError;

/// Why the facts could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The container's ids.
    #[error(transparent)]
    Ids(#[from] IdMapsError),
    /// The image.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// An artifact that is mounted.
    #[error(transparent)]
    Artifact(#[from] UseArtifactError),
    /// The store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The network.
    #[error(transparent)]
    Network(#[from] FactsError),
    /// A profile for the filter.
    #[error("cannot use the seccomp profile `{}`", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Root file systems.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A program for them.
    #[error("cannot mount root file systems")]
    Helper(#[from] MissingHelper),
    /// Layers with other owners.
    #[error("cannot give the image's files the owners that the container's ids need")]
    Shift(#[from] EnterError),
    /// No copy can be made.
    #[error("cannot give the image's files the owners that the container's ids need")]
    CannotShift(#[from] ShiftError),
    /// The copy failed.
    #[error("cannot give the image's files the owners that the container's ids need: {0}")]
    ShiftFailed(String),
    /// Another container's namespaces.
    #[error(transparent)]
    Sharing(#[from] SharingError),
    /// A secret.
    #[error(transparent)]
    Secret(#[from] UseError),
    /// A user of the host's.
    #[error("--hostuser {name}: there is no such user on this host")]
    NoHostUser {
        /// By name or number.
        name: String,
    },
    /// A device of a limit.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// A device that was asked for by name.
    #[error(transparent)]
    Cdi(#[from] CdiError),
    /// Its AppArmor profile.
    #[error(transparent)]
    AppArmor(#[from] AppArmorError),
    /// Hooks.
    #[error("cannot tell which hooks the container has")]
    Hooks(#[from] HooksError),
    /// A device that was asked for.
    #[error(transparent)]
    AskedDevice(#[from] DeviceError),
    /// The file that `/etc/hosts` is to begin with.
    #[error("cannot read `{}`, named by --hosts-file", path.display())]
    HostsFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The directory that is its root file system.
    #[error("cannot use `{}` as a root file system", path.display())]
    Rootfs {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Owners that the directory's files cannot be shown with.
    #[error("cannot show the files of --rootfs with other owners")]
    RootfsIds(#[source] MountIdsError),
    /// Its networks.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The decision.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

impl PlanError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ids(err) => err.hint(),
            Self::Artifact(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Overlay(err) => err.hint(),
            Self::Helper(err) => Some(err.hint()),
            Self::Shift(err) => err.hint(),
            Self::CannotShift(err) => err.hint(),
            Self::Decide(err) => err.hint(),
            Self::Secret(err) => err.hint(),
            Self::Sharing(err) => err.hint(),
            Self::Attach(err) => err.hint(),
            Self::Cdi(err) => err.hint(),
            Self::AppArmor(err) => err.hint(),
            Self::RootfsIds(err) => err.hint(),
            _ => None,
        }
    }

    /// The exit code it gives.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Decide(err) => err.exit_code(),
            // As in Podman, to which these are matters of its runtime.
            Self::Cdi(_) | Self::Hooks(_) => 126,
            _ => 125,
        }
    }
}
