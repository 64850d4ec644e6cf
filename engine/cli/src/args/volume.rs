//! Commands for volumes.

use std::path::PathBuf;

use clap::Args;

/// `volume create`
#[derive(Debug, Args)]
pub struct VolumeCreateArgs {
    /// Name; without one we choose
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Only `local`
    #[arg(short, long, value_name = "DRIVER")]
    pub driver: Option<String>,
    /// A volume of that name is no error
    #[arg(long)]
    pub ignore: bool,
    /// Set a label
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Option of the driver
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub opt: Vec<String>,
    /// Who owns it, by a user id of containers
    #[arg(long, value_name = "UID")]
    pub uid: Option<u32>,
    /// Which group owns it, by a group id of containers
    #[arg(long, value_name = "GID")]
    pub gid: Option<u32>,
}

/// `volume mount`, `volume unmount`
#[derive(Debug, Args)]
pub struct VolumeMountArgs {
    /// Names
    #[arg(value_name = "VOLUME", required = true)]
    pub volumes: Vec<String>,
}

/// `volume reload`
#[derive(Debug, Args)]
pub struct VolumeReloadArgs {}

/// `volume ls`, `secret ls`
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Show only what matches KEY=VALUE
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// No headings
    #[arg(short, long)]
    pub noheading: bool,
    /// Show only names, or ids
    #[arg(short, long)]
    pub quiet: bool,
}

/// `volume inspect`
#[derive(Debug, Args)]
pub struct VolumeInspectArgs {
    /// Names
    #[arg(value_name = "VOLUME", required_unless_present = "all")]
    pub volumes: Vec<String>,
    /// All volumes
    #[arg(short, long, conflicts_with = "volumes")]
    pub all: bool,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// `volume rm`
#[derive(Debug, Args)]
pub struct VolumeRmArgs {
    /// Names
    #[arg(value_name = "VOLUME", required_unless_present = "all")]
    pub volumes: Vec<String>,
    /// Remove all volumes that are not in use
    #[arg(short, long, conflicts_with = "volumes")]
    pub all: bool,
    /// Remove containers that use the volume, too; a volume that does not exist is no error
    #[arg(short, long)]
    pub force: bool,
    /// Seconds until a container that does not stop is killed; -1 waits for ever
    #[arg(
        short,
        long,
        value_name = "SECONDS",
        alias = "timeout",
        allow_hyphen_values = true,
        requires = "force"
    )]
    pub time: Option<i64>,
}

/// `volume prune`
#[derive(Debug, Args)]
pub struct VolumePruneArgs {
    /// All of them, not only those without a name; so it is in any case
    #[arg(short, long)]
    pub all: bool,
    /// Remove only what matches KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub force: bool,
}

/// `volume export`
#[derive(Debug, Args)]
pub struct VolumeExportArgs {
    /// Name
    #[arg(value_name = "VOLUME", required = true)]
    pub volume: String,
    /// Write to a file, not to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `volume import`
#[derive(Debug, Args)]
pub struct VolumeImportArgs {
    /// Name
    #[arg(value_name = "VOLUME", required = true)]
    pub volume: String,
    /// Archive; without one, or with `-`, standard input
    #[arg(value_name = "FILE")]
    pub source: Option<PathBuf>,
}
