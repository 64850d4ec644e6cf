//! The nine types of unit file.
//!
//! Knows their names and how the original ranks them, nothing of their keys.

/// A type of unit file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitKind {
    /// One container, `.container`.
    Container,
    /// Several containers sharing namespaces, `.pod`.
    Pod,
    /// Kubernetes YAML, `.kube`.
    Kube,
    /// A named volume, `.volume`.
    Volume,
    /// A user-defined network, `.network`.
    Network,
    /// An image to pull, `.image`.
    Image,
    /// An image to build, `.build`.
    Build,
    /// An OCI artifact to pull, `.artifact`.
    Artifact,
    /// A secret to make and renew, `.secret`; Podman has none.
    Secret,
}

impl UnitKind {
    /// All types.
    pub const ALL: [Self; 9] = [
        Self::Container,
        Self::Pod,
        Self::Kube,
        Self::Volume,
        Self::Network,
        Self::Image,
        Self::Build,
        Self::Artifact,
        Self::Secret,
    ];

    /// The file name extension, without its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Kube => "kube",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Image => "image",
            Self::Build => "build",
            Self::Artifact => "artifact",
            Self::Secret => "secret",
        }
    }

    /// The section that holds the type's own keys.
    pub fn section(self) -> &'static str {
        match self {
            Self::Container => "Container",
            Self::Pod => "Pod",
            Self::Kube => "Kube",
            Self::Volume => "Volume",
            Self::Network => "Network",
            Self::Image => "Image",
            Self::Build => "Build",
            Self::Artifact => "Artifact",
            Self::Secret => "Secret",
        }
    }

    /// What the service's name gets after the stem.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Container | Self::Kube => "",
            Self::Pod => "-pod",
            Self::Volume => "-volume",
            Self::Network => "-network",
            Self::Image => "-image",
            Self::Build => "-build",
            Self::Artifact => "-artifact",
            Self::Secret => "-secret",
        }
    }

    /// In which order types are converted: what others refer to comes first.
    pub fn rank(self) -> u8 {
        match self {
            Self::Image | Self::Artifact => 1,
            Self::Volume | Self::Network | Self::Secret => 2,
            Self::Build => 3,
            Self::Container | Self::Kube => 4,
            Self::Pod => 5,
        }
    }

    /// The type of a file by its name: what follows the last dot.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Self::ALL.into_iter().find(|kind| kind.extension() == extension)
    }
}
