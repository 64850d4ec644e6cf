//! Commands for unit files.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Whose unit files.
#[derive(Debug, Clone, Copy, Args)]
pub struct WhoseArgs {
    /// For the user's service manager; the default for ordinary users
    #[arg(long, conflicts_with = "system")]
    pub user: bool,
    /// For the system's service manager; the default for root
    #[arg(long)]
    pub system: bool,
}

/// How faults are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FaultFormat {
    /// For people: the line with a mark below it, and what to do.
    Text,
    /// A list of objects.
    Json,
}

/// `quadlet check`
#[derive(Debug, Args)]
pub struct QuadletCheckArgs {
    /// Unit files, or directories of them; without any, all that the manager reads
    #[arg(value_name = "FILE|DIRECTORY")]
    pub paths: Vec<PathBuf>,
    /// `text` or `json`
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub format: FaultFormat,
    /// A warning is as bad as an error
    #[arg(long)]
    pub strict: bool,
    /// Whose.
    #[command(flatten)]
    pub whose: WhoseArgs,
}

/// `quadlet convert`
#[derive(Debug, Args)]
pub struct QuadletConvertArgs {
    /// Unit files, or directories of them
    #[arg(value_name = "FILE|DIRECTORY", required = true)]
    pub paths: Vec<PathBuf>,
    /// Whose.
    #[command(flatten)]
    pub whose: WhoseArgs,
}

/// `quadlet explain`
#[derive(Debug, Args)]
pub struct QuadletExplainArgs {
    /// Keys (`Image`, `Pod.Network`) or sections (`Container`); without any, all sections
    #[arg(value_name = "KEY|SECTION")]
    pub words: Vec<String>,
    /// `text` or `json`
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub format: FaultFormat,
}

/// `quadlet list`
#[derive(Debug, Args)]
pub struct QuadletListArgs {
    /// Show only files that match KEY=VALUE
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// No headings
    #[arg(short, long)]
    pub noheading: bool,
    /// Whose.
    #[command(flatten)]
    pub whose: WhoseArgs,
}

/// `quadlet print`
#[derive(Debug, Args)]
pub struct QuadletPrintArgs {
    /// Name of a unit file, as `web.container`
    #[arg(value_name = "FILE", required = true)]
    pub name: String,
    /// Whose.
    #[command(flatten)]
    pub whose: WhoseArgs,
}

/// `quadlet install`
#[derive(Debug, Args)]
pub struct QuadletInstallArgs {
    /// Unit files, one directory of them, `.quadlets` files, or addresses of such files
    #[arg(value_name = "PATH|URL", required = true)]
    pub sources: Vec<String>,
    /// Reload the manager's unit files afterwards
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "true",
        default_missing_value = "true", value_name = "BOOL")]
    pub reload_systemd: bool,
    /// Take the place of files that are there
    #[arg(short, long)]
    pub replace: bool,
    /// Whose.
    #[command(flatten)]
    pub whose: WhoseArgs,
}

/// `quadlet rm`
#[derive(Debug, Args)]
pub struct QuadletRmArgs {
    /// Names of unit files or of applications, as `web.container` or `.shop.app`
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub names: Vec<String>,
    /// Remove all files of yours
    #[arg(short, long, conflicts_with = "names")]
    pub all: bool,
    /// Stop services that run
    #[arg(short, long)]
    pub force: bool,
    /// A name that is not there is no error
    #[arg(short, long)]
    pub ignore: bool,
    /// Reload the manager's unit files afterwards
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "true",
        default_missing_value = "true", value_name = "BOOL")]
    pub reload_systemd: bool,
    /// Whose.
    #[command(flatten)]
    pub whose: WhoseArgs,
}

/// `quadlet plan`
#[derive(Debug, Args)]
pub struct QuadletPlanArgs {
    /// `text` or `json`
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub format: FaultFormat,
    /// Whose.
    #[command(flatten)]
    pub whose: WhoseArgs,
}

/// `quadlet apply`
#[derive(Debug, Args)]
pub struct QuadletApplyArgs {
    /// Whose.
    #[command(flatten)]
    pub whose: WhoseArgs,
}

/// `quadlet adopt`, `quadlet release`
#[derive(Debug, Args)]
pub struct QuadletAdoptArgs {
    /// Do not reload the system manager's unit files afterwards
    #[arg(long)]
    pub no_reload: bool,
}

/// `quadlet wait-network`
#[derive(Debug, Args)]
pub struct QuadletWaitNetworkArgs {
    /// The most seconds to wait; 0 not to wait at all
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u32,
}
