//! Commands for artifacts.

use std::path::PathBuf;

use clap::Args;

use super::RegistryOptions;

/// `artifact add`
#[derive(Debug, Args)]
pub struct ArtifactAddArgs {
    /// Name
    #[arg(value_name = "ARTIFACT", required = true)]
    pub name: String,
    /// Files
    #[arg(value_name = "PATH", required = true)]
    pub files: Vec<PathBuf>,
    /// Set a note for each file
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,
    /// Add to an artifact that is there
    #[arg(short, long, conflicts_with = "artifact_type")]
    pub append: bool,
    /// Media type of the files, in place of what they seem to be
    #[arg(long, value_name = "TYPE")]
    pub file_type: Option<String>,
    /// Take the place of an artifact of the same name
    #[arg(long, conflicts_with = "append")]
    pub replace: bool,
    /// Type of the artifact
    #[arg(long = "type", value_name = "TYPE", id = "artifact_type")]
    pub artifact_type: Option<String>,
}

/// `artifact extract`
#[derive(Debug, Args)]
pub struct ArtifactExtractArgs {
    /// Name or digest
    #[arg(value_name = "ARTIFACT", required = true)]
    pub name: String,
    /// A directory, or for one file its path
    #[arg(value_name = "PATH", required = true)]
    pub target: PathBuf,
    /// Only the file with this digest, which is its name then
    #[arg(long, value_name = "DIGEST", conflicts_with = "title")]
    pub digest: Option<String>,
    /// Only the file with this title
    #[arg(long, value_name = "TITLE")]
    pub title: Option<String>,
}

/// `artifact inspect`
#[derive(Debug, Args)]
pub struct ArtifactInspectArgs {
    /// Name or digest
    #[arg(value_name = "ARTIFACT", required = true)]
    pub name: String,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// `artifact ls`
#[derive(Debug, Args)]
pub struct ArtifactLsArgs {
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show whole digests
    #[arg(long, alias = "notruncate")]
    pub no_trunc: bool,
    /// No headings
    #[arg(short, long)]
    pub noheading: bool,
}

/// `artifact pull`
#[derive(Debug, Args)]
pub struct ArtifactPullArgs {
    /// Name
    #[arg(value_name = "ARTIFACT", required = true)]
    pub name: String,
    /// Say nothing but the artifact's digest
    #[arg(short, long)]
    pub quiet: bool,
    /// How to speak to the registry.
    #[command(flatten)]
    pub registry: RegistryOptions,
}

/// `artifact rm`
#[derive(Debug, Args)]
pub struct ArtifactRmArgs {
    /// Names or digests
    #[arg(value_name = "ARTIFACT", required_unless_present = "all")]
    pub names: Vec<String>,
    /// Remove all artifacts
    #[arg(short, long, conflicts_with = "names")]
    pub all: bool,
    /// An artifact that does not exist is no error
    #[arg(short, long)]
    pub ignore: bool,
}
