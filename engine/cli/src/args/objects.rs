//! Commands that ask about objects of several kinds: inspect, exists.

use clap::{Args, ValueEnum};

/// `inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Names or ids
    #[arg(value_name = "OBJECT", required_unless_present = "latest")]
    pub names: Vec<String>,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Take the container created last
    #[arg(short, long, conflicts_with = "names")]
    pub latest: bool,
    /// Show sizes
    #[arg(short, long)]
    pub size: bool,
    /// Kind of object
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "all")]
    pub kind: InspectType,
}

/// `inspect --type`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InspectType {
    /// A container, else an image, else a volume, else a network, else a pod.
    All,
    /// A container.
    Container,
    /// An image.
    Image,
    /// A pod.
    Pod,
    /// A volume.
    Volume,
    /// A network.
    Network,
}

/// `container inspect`
#[derive(Debug, Args)]
pub struct InspectContainersArgs {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required_unless_present = "latest")]
    pub containers: Vec<String>,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Take the container created last
    #[arg(short, long, conflicts_with = "containers")]
    pub latest: bool,
    /// Show sizes
    #[arg(short, long)]
    pub size: bool,
}

/// `container exists`, `image exists`, `volume exists`
#[derive(Debug, Args)]
pub struct ExistsArgs {
    /// Name or id
    #[arg(value_name = "NAME", required = true)]
    pub name: String,
}
