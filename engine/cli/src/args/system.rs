//! Commands about the host and the program: unshare, info, version, and the group `system`.

use clap::{ArgAction, Args};

/// `unshare`
#[derive(Debug, Args)]
pub struct UnshareArgs {
    /// Also in the network namespace of the user's networks with names
    #[arg(long)]
    pub rootless_netns: bool,
    /// Command; none is the user's shell
    #[arg(value_name = "COMMAND", num_args = 0.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

/// `events`
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Show only events that match KEY=VALUE: container, event, image, label, pod, secret, type, volume
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show whole ids; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_trunc: Option<bool>,
    /// Show events from a time, or from a duration ago, on
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Wait for events to come; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub stream: Option<bool>,
    /// Show events until a time, or for a duration from now on
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// `info`
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// `tree`
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// `version`
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// `system df`
#[derive(Debug, Args)]
pub struct SystemDfArgs {
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT", conflicts_with = "verbose")]
    pub format: Option<String>,
    /// Show each image, container and volume
    #[arg(short, long)]
    pub verbose: bool,
}

/// `system prune`
#[derive(Debug, Args)]
pub struct SystemPruneArgs {
    /// Remove all images that no container uses, not only those without a name
    #[arg(short, long)]
    pub all: bool,
    /// Remove what was left in the store by commands that were killed, and nothing else
    #[arg(long, conflicts_with_all = ["all", "volumes", "filter"])]
    pub external: bool,
    /// Remove only what matches KEY=VALUE: label, label!, until
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub force: bool,
    /// Remove volumes that no container uses, too, with what is in them
    #[arg(long)]
    pub volumes: bool,
}

/// `system reset`
#[derive(Debug, Args)]
pub struct SystemResetArgs {
    /// Do not ask
    #[arg(short, long)]
    pub force: bool,
}

/// `system check`
#[derive(Debug, Args)]
pub struct SystemCheckArgs {
    /// Look at records and names only, not into layers
    #[arg(short, long)]
    pub quick: bool,
    /// Remove what is left over, names that lead nowhere, and damaged images
    #[arg(short, long)]
    pub repair: bool,
    /// With what --repair does, remove damaged containers, too
    #[arg(short, long)]
    pub force: bool,
    /// Age from which layers that no image needs are told of; the default is 24h
    #[arg(short, long, value_name = "DURATION")]
    pub max: Option<String>,
}

/// `system renumber`, `system migrate`
#[derive(Debug, Args)]
pub struct NoArgs {}
