//! Commands for images: pull, images, rmi, inspect, import, load, tag, untag.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::run::{PlatformOptions, RegistryOptions};

/// `pull`
#[derive(Debug, Args)]
pub struct PullArgs {
    /// Names
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// When to pull: always, missing, never or newer
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// Say nothing but the image's id
    #[arg(short, long)]
    pub quiet: bool,
    /// Which platform of the image.
    #[command(flatten)]
    pub platform: PlatformOptions,
    /// How to speak to the registry.
    #[command(flatten)]
    pub registry: RegistryOptions,
}

/// `images`
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// Only this image, or all of this name
    #[arg(value_name = "IMAGE")]
    pub image: Option<String>,
    /// Podman's; we have no intermediate images
    #[arg(short, long)]
    pub all: bool,
    /// Show digests
    #[arg(long)]
    pub digests: bool,
    /// Show all names an image has
    #[arg(long)]
    pub history: bool,
    /// Show only images that match KEY=VALUE
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show whole ids
    #[arg(long, alias = "notruncate")]
    pub no_trunc: bool,
    /// No headings
    #[arg(short, long)]
    pub noheading: bool,
    /// Show only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Order of the list
    #[arg(long, value_name = "FIELD", default_value = "created")]
    pub sort: ImageSort,
}

/// `images --sort`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageSort {
    /// Newest first.
    Created,
    /// By id.
    Id,
    /// By name without tag.
    Repository,
    /// By size.
    Size,
    /// By tag.
    Tag,
}

/// `rmi`
#[derive(Debug, Args)]
pub struct RmiArgs {
    /// Names or ids
    #[arg(value_name = "IMAGE", required_unless_present = "all")]
    pub images: Vec<String>,
    /// Remove all images
    #[arg(short, long, conflicts_with = "images")]
    pub all: bool,
    /// Remove containers that use the image, too; an image that does not exist is no error
    #[arg(short, long)]
    pub force: bool,
    /// An image that does not exist is no error
    #[arg(short, long)]
    pub ignore: bool,
    /// Podman's; we have no dangling parents
    #[arg(long, hide = true)]
    pub no_prune: bool,
}

/// `image inspect`
#[derive(Debug, Args)]
pub struct InspectImagesArgs {
    /// Names or ids
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// `history`
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Name or id of an image; what ends with `.service` is a unit
    #[arg(value_name = "IMAGE", required = true)]
    pub image: String,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show sizes and times in words; the default is true
    #[arg(short = 'H', long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub human: Option<bool>,
    /// Show whole ids and commands
    #[arg(long, alias = "notruncate")]
    pub no_trunc: bool,
    /// Show only ids
    #[arg(short, long)]
    pub quiet: bool,
}

/// `image tree`
#[derive(Debug, Args)]
pub struct ImageTreeArgs {
    /// Name or id
    #[arg(value_name = "IMAGE", required = true)]
    pub image: String,
    /// Show what lies on top of the image instead
    #[arg(long)]
    pub whatrequires: bool,
}

/// `import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Tar of a root file system; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    pub path: String,
    /// Name of the new image
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Instruction of a Containerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,
    /// Comment in the image's history
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Say nothing but the image's id
    #[arg(short, long)]
    pub quiet: bool,
    /// Architecture of the image
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<String>,
    /// Operating system of the image
    #[arg(long, value_name = "OS")]
    pub os: Option<String>,
    /// Variant of the architecture
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
}

/// `load`
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Archive; the default is standard input
    #[arg(short, long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Say nothing but the images' names
    #[arg(short, long)]
    pub quiet: bool,
}

/// `tag`
#[derive(Debug, Args)]
pub struct TagArgs {
    /// Name or id
    #[arg(value_name = "IMAGE", required = true)]
    pub image: String,
    /// More names
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
}

/// `untag`
#[derive(Debug, Args)]
pub struct UntagArgs {
    /// Name or id
    #[arg(value_name = "IMAGE", required = true)]
    pub image: String,
    /// Names to take away; none is all of them
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}
