//! Commands that write unit files for what is there.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `generate systemd`
#[derive(Debug, Args)]
pub struct GenerateSystemdArgs {
    /// Container or pod, by name or id
    #[arg(value_name = "CONTAINER|POD", required = true)]
    pub name: String,
    /// Units that are started before these
    #[arg(long, value_name = "UNIT")]
    pub after: Vec<String>,
    /// What names of containers' services begin with
    #[arg(long, value_name = "PREFIX", default_value = "container")]
    pub container_prefix: String,
    /// Set a variable of the services' environment, or take our own
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Write files into the current directory and print their names
    #[arg(short, long)]
    pub files: bool,
    /// `json`
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<GenerateFormat>,
    /// Use names instead of ids
    #[arg(short = 'n', long = "name")]
    pub names: bool,
    /// The services make their containers and remove them, in place of starting those that are there
    #[arg(long)]
    pub new: bool,
    /// Leave out the version and the time
    #[arg(long)]
    pub no_header: bool,
    /// What names of pods' services begin with
    #[arg(long, value_name = "PREFIX", default_value = "pod")]
    pub pod_prefix: String,
    /// Units that these need
    #[arg(long, value_name = "UNIT")]
    pub requires: Vec<String>,
    /// When systemd starts the services anew; the default is on-failure
    #[arg(long, value_name = "POLICY")]
    pub restart_policy: Option<String>,
    /// Seconds until a service is started anew
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    pub restart_sec: u64,
    /// What stands between prefix and name
    #[arg(long, value_name = "TEXT", default_value = "-")]
    pub separator: String,
    /// Seconds that a container's start may take
    #[arg(long, value_name = "SECONDS")]
    pub start_timeout: Option<u64>,
    /// Seconds until a container that does not stop is killed
    #[arg(short = 't', long, value_name = "SECONDS", alias = "time")]
    pub stop_timeout: Option<u32>,
    /// A service that stands for many containers, by %i; with --new
    #[arg(long)]
    pub template: bool,
    /// Units that are started with these
    #[arg(long, value_name = "UNIT")]
    pub wants: Vec<String>,
}

/// `generate quadlet`
#[derive(Debug, Args)]
pub struct GenerateQuadletArgs {
    /// Write files into the current directory and print their names
    #[arg(short, long, conflicts_with = "output")]
    pub files: bool,
    /// `json`
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<GenerateFormat>,
    /// Write files into this directory and print their names
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Services of a compose file that belong to this profile, too
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// Name of a compose file's project; the default is its directory's
    #[arg(short, long, value_name = "NAME")]
    pub project_name: Option<String>,
    /// Take the place of files that are there
    #[arg(long)]
    pub replace: bool,
    /// What a compose file says and a unit file nearly says is an error
    #[arg(long)]
    pub strict: bool,
    // One list, so that nothing of a command line is taken for an option of ours.
    /// Containers, pods, volumes and networks by name, a compose file, or a command line that makes one
    #[arg(value_name = "NAME...|COMPOSE-FILE|COMMAND", required = true, num_args = 1.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

/// `--format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GenerateFormat {
    /// An object: names and texts.
    Json,
}
