//! Commands for the files of containers: cp, diff, export, commit.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// `cp`
#[derive(Debug, Args)]
pub struct CpArgs {
    /// What is copied: CONTAINER:PATH, a path of the host, or `-` for an archive on standard input
    #[arg(value_name = "SOURCE", required = true)]
    pub source: String,
    /// Where to: CONTAINER:PATH, a path of the host, or `-` for an archive on standard output
    #[arg(value_name = "TARGET", required = true)]
    pub target: String,
    /// Give what comes into a container to its user; the default is true
    #[arg(short, long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub archive: Option<bool>,
    /// Let a directory take the place of a file, and the other way round
    #[arg(long)]
    pub overwrite: bool,
    /// Docker's; nothing is said anyhow
    #[arg(short, long, hide = true)]
    pub quiet: bool,
    /// Podman's, which does nothing with it
    #[arg(long, hide = true)]
    pub extract: bool,
    /// Podman's, which does nothing with it
    #[arg(long, hide = true)]
    pub pause: bool,
}

/// `mount`
#[derive(Debug, Args)]
pub struct MountArgs {
    /// Names or ids; without any, what is mounted is listed
    #[arg(value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// Mount all containers
    #[arg(short, long, conflicts_with_all = ["containers", "latest"])]
    pub all: bool,
    /// Mount the container created last
    #[arg(short, long, conflicts_with = "containers")]
    pub latest: bool,
    /// `json`
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// List whole ids
    #[arg(long, alias = "notruncate")]
    pub no_trunc: bool,
}

/// `unmount`
#[derive(Debug, Args)]
pub struct UnmountArgs {
    /// Names or ids
    #[arg(value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// Unmount all containers
    #[arg(short, long, conflicts_with_all = ["containers", "latest"])]
    pub all: bool,
    /// Unmount what was mounted more than once as often
    #[arg(short, long)]
    pub force: bool,
    /// Unmount the container created last
    #[arg(short, long, conflicts_with = "containers")]
    pub latest: bool,
}

/// `image mount`
#[derive(Debug, Args)]
pub struct ImageMountArgs {
    /// Names or ids; without any, what is mounted is listed
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Mount all images
    #[arg(short, long, conflicts_with = "images")]
    pub all: bool,
    /// `json`
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// `image unmount`
#[derive(Debug, Args)]
pub struct ImageUnmountArgs {
    /// Names or ids
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Unmount all images
    #[arg(short, long, conflicts_with = "images")]
    pub all: bool,
    /// Unmount what was mounted more than once as often
    #[arg(short, long)]
    pub force: bool,
}

/// `export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    pub container: Option<String>,
    /// Take the container created last
    #[arg(short, long, conflicts_with = "container")]
    pub latest: bool,
    /// Write to a file, not to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Name or id of a container or image
    #[arg(value_name = "CONTAINER|IMAGE")]
    pub object: Option<String>,
    /// Podman's second object, to be refused by name.
    #[arg(hide = true)]
    pub other: Option<String>,
    /// `json`
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Take the container created last
    #[arg(short, long, conflicts_with = "object")]
    pub latest: bool,
}

/// `commit`
#[derive(Debug, Args)]
pub struct CommitArgs {
    /// Name or id
    #[arg(value_name = "CONTAINER", required = true)]
    pub container: String,
    /// Name of the new image
    #[arg(value_name = "IMAGE")]
    pub image: Option<String>,
    /// Who made the image
    #[arg(short, long, value_name = "NAME")]
    pub author: Option<String>,
    /// Instruction of a Containerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,
    /// Take what this file says over into the image's configuration, which is JSON as in an image
    #[arg(id = "config-file", long = "config", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Only `oci`
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Write the image's id to a file
    #[arg(long, value_name = "FILE")]
    pub iidfile: Option<PathBuf>,
    /// Note the container's volumes in the image
    #[arg(long)]
    pub include_volumes: bool,
    /// Comment in the image's history
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Let the container's processes stand still meanwhile
    #[arg(short, long)]
    pub pause: bool,
    /// Say nothing but the image's id
    #[arg(short, long)]
    pub quiet: bool,
    /// Make one layer of everything
    #[arg(short, long)]
    pub squash: bool,
}
