//! Why a container could not be made.

use std::io;
use std::path::PathBuf;

use pontoon_image::ConfigError;
use pontoon_network::{PortError, PublishError};
use pontoon_storage::{
    CreateError as StoreError, FindContainerError, FindImageError, FindVolumeError, OpenError, RecordError,
    VolumeError,
};

use crate::artifact::UseArtifactError;
use crate::health::HealthError;
use crate::id_maps::IdMapsError;
use crate::labels::relabel::RelabelError;
use crate::labels::{AppArmorError, SelinuxError};
use crate::namespace_path::NamespacePathError;
use crate::network::AttachError;
use crate::pod::JoinPodError;
use crate::remove::RemoveError;
use crate::resources::NoDevice;
use crate::secret::UseError;
use crate::volume::VolumeDeedError;
use crate::volume_options::VolumeOptionError;

/// Why a container could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store's runtime directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The image's files.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// The image's configuration.
    #[error("cannot understand the configuration of image `{image}`")]
    Config {
        /// The image.
        image: String,
        /// The cause.
        #[source]
        source: ConfigError,
    },
    /// Its secrets.
    #[error(transparent)]
    Secret(#[from] UseError),
    /// Its health check.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// A random port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A volume.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A volume that is made for the container.
    #[error(transparent)]
    VolumeDeed(#[from] VolumeDeedError),
    /// What is said of a volume.
    #[error(transparent)]
    VolumeOption(#[from] VolumeOptionError),
    /// A volume that is there.
    #[error(transparent)]
    FindVolume(#[from] FindVolumeError),
    /// The container to be replaced.
    #[error("cannot replace the container `{name}`")]
    Replace {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: Box<RemoveError>,
    },
    /// No randomness for an id.
    #[error("cannot draw a random id")]
    Random(#[source] io::Error),
    /// The file for the id.
    #[error("cannot write the id to `{}`", path.display())]
    Cidfile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A source of a bind mount.
    #[error("cannot mount `{}`", path.display())]
    BindSource {
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A device whose use is to be limited.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// A pattern of paths that are to be mounted.
    #[error("nothing matches the pattern `{pattern}`")]
    NothingMatches {
        /// The pattern.
        pattern: String,
    },
    /// An image that is to be mounted.
    #[error("cannot mount the image `{name}`")]
    MountedImage {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: FindImageError,
    },
    /// An artifact that is to be mounted.
    #[error(transparent)]
    MountedArtifact(#[from] UseArtifactError),
    /// A signal of the image that is none.
    #[error("the image's stop signal `{signal}` is not a signal")]
    StopSignal {
        /// As written.
        signal: String,
    },
    /// A time zone that the host does not know.
    #[error("there is no time zone `{zone}` in /usr/share/zoneinfo")]
    TimeZone {
        /// Its name.
        zone: String,
    },
    /// An exposed port that cannot be published.
    #[error("cannot publish the exposed port `{port}`")]
    Expose {
        /// As it is written in the image or the request.
        port: String,
        /// The cause.
        #[source]
        source: PublishError,
    },
    /// A container whose namespaces are wanted.
    #[error("{option} container:{name} cannot be had")]
    Sharing {
        /// The option.
        option: &'static str,
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: FindContainerError,
    },
    /// A device, or a file that says what the container may do.
    #[error("cannot use `{}`", path.display())]
    Source {
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A namespace by path.
    #[error(transparent)]
    NamespacePath(#[from] NamespacePathError),
    /// Its AppArmor profile.
    #[error(transparent)]
    AppArmor(#[from] AppArmorError),
    /// Its SELinux contexts.
    #[error(transparent)]
    Selinux(#[from] SelinuxError),
    /// What is to be labelled for it.
    #[error(transparent)]
    Relabel(#[from] RelabelError),
    /// Its networks.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// A container that is needed.
    #[error("--requires {name} cannot be had")]
    Requires {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: FindContainerError,
    },
    /// A container whose volumes are wanted.
    #[error("cannot take over the volumes of another container")]
    VolumesFrom(#[from] FindContainerError),
    /// Its record.
    #[error("cannot take over the volumes of another container")]
    VolumesFromRecord(#[from] RecordError),
    /// Its ids.
    #[error(transparent)]
    Ids(#[from] IdMapsError),
    /// Its pod.
    #[error(transparent)]
    Pod(#[from] JoinPodError),
    /// The lock of the new container.
    #[error("cannot lock the new container")]
    Lock(#[source] io::Error),
}

impl CreateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(err) => err.hint(),
            Self::StopSignal { .. } => Some("name one with --stop-signal".to_owned()),
            Self::Open(err) => err.hint(),
            Self::Port(err) => err.hint(),
            Self::Health(err) => err.hint(),
            Self::Secret(err) => err.hint(),
            Self::Ids(err) => err.hint(),
            Self::NamespacePath(err) => err.hint(),
            Self::AppArmor(err) => err.hint(),
            Self::Selinux(err) => err.hint(),
            Self::Relabel(err) => err.hint(),
            Self::Attach(err) => err.hint(),
            Self::Replace { source, .. } => source.hint(),
            Self::BindSource { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("make it first, or use a named volume, which is made for you".to_owned())
            }
            Self::MountedImage { source: FindImageError::NotFound { .. }, name } => {
                Some(format!("pull it first: pontoon pull {name}"))
            }
            Self::MountedArtifact(err) => err.hint(),
            Self::Pod(err) => err.hint(),
            Self::VolumeDeed(err) => err.hint(),
            Self::VolumeOption(err) => err.hint(),
            Self::TimeZone { .. } => Some(
                "use a name like Europe/Berlin or `local`; the zones are in Debian's package tzdata"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
